#pragma once

/* What the program and its ParaView part say to each other, in plain C: VTK's and LibTorch's
 * headers never meet, and the part is opened at run time. All calls are collective over the ranks
 * of `communicator`. Axes are x, y, z. */

#ifdef __cplusplus
extern "C" {
#endif

enum { EDDYLINE_CATALYST_INTERFACE = 4 }; /* grows with every change of what follows */

enum EddylineCatalystEnding {
  EDDYLINE_CATALYST_DONE = 0,
  EDDYLINE_CATALYST_COMPLAINED =
      1,                        /* done, but something was not (a file that cannot be written) */
  EDDYLINE_CATALYST_FAILED = 2, /* the script or its pipeline ended with an error, on all ranks */
  EDDYLINE_CATALYST_STUCK = 3,  /* it did on this rank, for which others wait inside ParaView */
  EDDYLINE_CATALYST_LEFT = 4    /* done, but the ParaView that watches has gone, or is none that
                                   can be shown the run, on all ranks */
};

struct EddylineCatalystSession {
  int communicator;             /* MPI_Comm_c2f of the ranks that share a frame */
  char const* script;           /* absolute path */
  char const* const* arguments; /* for the script, `argument_count` */
  int argument_count;
  char const* const* channels; /* names under which scripts find the frame */
  int channel_count;
  char const* output_folder; /* absolute: where relative outputs of the script go */
  char const* live_host;     /* of a pvserver with a waiting client; null: not live */
  int live_port;
  double patience; /* seconds that a rank whose script failed waits for the others, and a live
                      ParaView may take to answer */
  int (*stop_asked)(void* of); /* whether this rank was told to end the run, asked while a ParaView
                                  pauses it; null: none is */
  void* stop_asked_of;
};

struct EddylineCatalystArray {
  char const* name;
  char const* units; /* may be empty */
  void const*
      values;     /* (z, y, x[, 3]) of the held points; stays valid until the next frame is shown */
  int components; /* 1 or 3 */
  int bytes;      /* of a number: 4 or 8 */
};

struct EddylineCatalystAxis {
  long long whole;                /* points of the whole grid */
  long long first, count;         /* points that this rank holds */
  long long own_first, own_count; /* of these, without ghost layers */
  double const* coordinates;      /* count, ascending */
  double origin, spacing;         /* of the whole grid, where it is uniform */
};

struct EddylineCatalystFrame {
  long long step;
  double time;
  char const* time_unit;
  struct EddylineCatalystAxis axes[3];
  int uniform; /* image data if not 0, else rectilinear */
  struct EddylineCatalystArray const* arrays;
  int array_count;
};

struct EddylineCatalystResult {
  int ending;        /* EddylineCatalystEnding */
  char const* words; /* what ParaView and Python said of errors; valid until the next call */
};

/* Once a process. */
struct EddylineCatalystResult eddyline_catalyst_open(struct EddylineCatalystSession const* session);
struct EddylineCatalystResult eddyline_catalyst_show(struct EddylineCatalystFrame const* frame);
/* Before MPI ends. */
struct EddylineCatalystResult eddyline_catalyst_close(void);
int eddyline_catalyst_interface(void);

#ifdef __cplusplus
}
#endif
