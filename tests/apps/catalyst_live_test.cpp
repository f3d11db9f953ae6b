// `catalyst.live`: a ParaView that watches runs of the built program, pauses them and goes, and
// what only listens in the place of one.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "tests/apps/shown_run.hpp"
#include "tests/data/sinks/paraview/listener.hpp"
#include "tests/python.hpp"

namespace eddyline {
namespace {

using namespace testing_shown;
using testing::AllOf;
using testing::HasSubstr;

/// The line of `text` that begins with "seen".
std::string seen_in(std::string const& text) {
  auto const begin = text.find("seen ");
  return begin == text.npos ? "" : text.substr(begin, text.find('\n', begin) - begin);
}

/// A shell command that waits until there is a file, 30 s at most.
std::string wait_for(std::string const& file) {
  return concat("for i in $(seq 600); do test -e ", file, " && break; sleep 0.05; done; ");
}

/// A ParaView that runs connect to, the first through a pvserver: holds them where they are, says
/// the range of the frame that it sees of that one, waits until one of the others has ended, and
/// goes.
constexpr char const* kClient = R"(
import os, sys, time
from paraview.simple import *
from paraview import live
folder, server, port, *direct = sys.argv[1:]
links = [live.ConnectToCatalyst('localhost', int(other)) for other in direct]
said = folder + '/pvserver.txt'
while 'Waiting for client' not in open(said).read():
    time.sleep(0.05)
Connect('localhost', int(server))
links.insert(0, live.ConnectToCatalyst('localhost', int(port)))
for link in links:
    live.PauseCatalyst(link)
open(folder + '/ready', 'w').close()
data, end = None, time.time() + 60
while time.time() < end:
    live.ProcessServerNotifications()
    if data is None:
        there = [link.GetInsituProxyManager() for link in links]
        if all(one and one.GetProxy('sources', 'input') for one in there):
            data = live.ExtractCatalystData(links[0], 'input')
    elif not os.path.exists(folder + '/seen'):
        data.UpdatePipeline()
        of_points = data.GetDataInformation().DataInformation.GetPointDataInformation()
        array = of_points.GetArrayInformation('u')
        if array:
            print('seen', *array.GetComponentRange(0), flush=True)
            open(folder + '/seen', 'w').close()
    elif os.path.exists(folder + '/ended'):
        print('one has ended meanwhile', flush=True)
        break
    time.sleep(0.05)
)";

/// A shell line that starts a pvserver of two processes and kClient, and waits until that listens
/// at all ports.
std::string watch_runs(Scratch const& scratch, std::vector<int> const& ports) {
  auto const server_port = free_port();
  auto line = concat(mpirun(2),
                     "pvserver --server-port=",
                     server_port,
                     " > ",
                     scratch / "pvserver.txt",
                     " & server=$!; timeout 90 pvpython ",
                     write_script(scratch / "client.py", kClient),
                     " ",
                     scratch / "",
                     " ",
                     server_port);
  for (auto const port : ports) {
    line += concat(" ", port);
  }
  return line + " & client=$!; " + wait_for(scratch / "ready");
}

/// Asks for a ParaView by itself, as ParaView exports that.
constexpr char const* kLive = R"(# script-version: 2.0
from paraview.simple import *
from paraview import catalyst
source = TrivialProducer(registrationName='input')
options = catalyst.Options()
options.EnableCatalystLive = 1
options.CatalystLiveURL = 'localhost:)";

/// A rollout on two ranks of which the second is told to stop when the client has seen a frame. It
/// could stop after any step.
std::string run_that_is_told(Scratch const& scratch,
                             std::filesystem::path const& folder,
                             int port) {
  // Each rank writes its process number and becomes the program.
  auto const rank = write_script(scratch / "rank.sh",
                                 concat("echo $$ > ",
                                        scratch / "pid.$OMPI_COMM_WORLD_RANK",
                                        "; exec ",
                                        shown_rollout(folder, "told"),
                                        "segment=1 'parallel.domain=[1, 1, 2]' "
                                        "catalyst.live=localhost:",
                                        port,
                                        "\n"));
  return concat(kNoDisplay + mpirun(2), "sh ", rank, " > ", scratch / "told.txt", " 2>&1");
}

TEST(CatalystProgram, IsSeenLiveByAParaViewIsStoppedInAPauseAndSaysOnceThatItHasGone) {
  Scratch const scratch;
  auto const folder = prepare_shown(
      "live", Grid({shown_axis("y", evenly(8, 1)), shown_axis("x", evenly(12, 1))}), "[1, 4, 4]");
  auto const gone = free_port(), stopped = free_port(), told = free_port();
  auto const live =
      outcome_of(concat(watch_runs(scratch, {gone, stopped, told}),
                        run_that_is_told(scratch, folder, told),
                        " & told=$!; ",
                        kNoDisplay + shown_rollout(folder, "stopped"),
                        "catalyst.on_error=stop catalyst.script=",
                        write_script(scratch / "live.py", concat(kLive, stopped, "'\n")),
                        " > ",
                        scratch / "stopped.txt",
                        " 2>&1 & stopped=$!; ",
                        kNoDisplay + mpirun(2) + shown_rollout(folder, "gone"),
                        "'parallel.domain=[1, 1, 2]' catalyst.live=localhost:",
                        gone,
                        " & gone=$!; ",
                        wait_for(scratch / "seen"),
                        "kill -USR1 $(cat ",
                        scratch / "pid.1",
                        "); wait $told; echo told by $?; grep stopped ",
                        scratch / "told.txt",
                        "; touch ",
                        scratch / "ended",
                        "; wait $gone; echo code $?; wait $stopped; echo stopped by $?; cat ",
                        scratch / "stopped.txt",
                        "; wait $client; kill $server 2> /dev/null; true"));
  auto const words = [](int at) {
    return concat(
        "ParaView could not show the run: the live connection to the ParaView at localhost:",
        at,
        " has ended (it was closed, lost, or took longer than catalyst.patience to answer)");
  };
  EXPECT_THAT(live.text,
              AllOf(HasSubstr("told by 75\n"),
                    HasSubstr("stopped by SIGUSR1; go on with"),
                    HasSubstr("one has ended meanwhile\n")));
  EXPECT_THAT(
      live.text,
      AllOf(HasSubstr("warning: " + words(gone) + "; the run goes on, and this is said once"),
            HasSubstr("code 0\n")));
  EXPECT_EQ(live.text.find("warning"), live.text.rfind("warning")) << live.text;
  EXPECT_THAT(live.text,
              AllOf(HasSubstr("stopped by 1\n"),
                    HasSubstr("error: " + words(stopped) + "; catalyst.on_error is stop")));
  EXPECT_EQ(python(write_script(scratch / "compare.py", R"(
import sys
import h5py
text = sys.argv[2].split()
assert 'seen' in text, 'the client saw nothing'
seen = [float(word) for word in text[text.index('seen') + 1:][:2]]
frames = h5py.File(sys.argv[1])['fields/u'][:]
print(len(frames), 'frames, the first seen', seen == [frames[0].min(), frames[0].max()] or seen)
)") + " " + (folder / "gone/rollout.h5").string() +
                   " '" + seen_in(live.text) + "'"),
            "3 frames, the first seen True\n")
      << live.text;
}

TEST(CatalystProgram, GoesOnAndSaysOnceWhereWhatListensIsNoParaView) {
  Scratch const scratch;
  auto const listener = scratch / "listener.txt";
  auto const run = outcome_of(concat(listen_as("close be_silent", listener),
                                     "timeout 60 ",
                                     kNoDisplay,
                                     kProgram,
                                     " simulate out=",
                                     scratch / "run",
                                     " 'settings={cells: [24, 32], frames: 101, final_time: 5}' "
                                     "train.trajectories=1 valid.trajectories=0 "
                                     "test.trajectories=0 save.frames=5 catalyst.patience=1 "
                                     "catalyst.live=localhost:$(head -n 1 ",
                                     listener,
                                     "); code=$?; kill $listener; exit $code"));
  EXPECT_EQ(run.code, 0) << run.text;
  EXPECT_THAT(
      run.text,
      AllOf(HasSubstr("warning: ParaView could not show the run: the ParaView at localhost:"),
            HasSubstr(" cannot be shown the run: what listens there closed the connection"),
            HasSubstr(": 5 frames in ")));
  EXPECT_EQ(run.text.find("warning"), run.text.rfind("warning"));
  EXPECT_EQ(connections_in(listener), 2) << "none after the one that was not answered";
}

}  // namespace
}  // namespace eddyline
