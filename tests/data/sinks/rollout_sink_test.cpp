#include "data/sinks/rollout_sink.hpp"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "data/formats/rollout_reader.hpp"
#include "data/hdf5/file.hpp"
#include "tests/data/sinks/rollout_files.hpp"
#include "tests/places.hpp"

namespace eddyline {
namespace {

using namespace testing_sinks;
using testing::HasSubstr;

constexpr Box kWhole{{0, 0, 0}, {1, 4, 6}};

TEST(RolloutSink, GivesBackEveryFrameBitForBit) {
  auto const folder = write_rollout(fresh_folder("bits"));
  auto const reader = open_rollout({.path = folder.path()});
  ASSERT_EQ(reader->spec().trajectories.size(), 4);
  auto const out = at::empty({8, 3, 1, 4, 6});
  for (int64_t b = 0; b < 4; ++b) {
    reader->read({b, 0, 8, 1}, kWhole, out);
    for (int64_t step = 0; step < 8; ++step) {
      EXPECT_TRUE(at::equal(out[step], frame_of(step, b, 1)[0]))
          << "trajectory " << b << ", step " << step;
    }
  }
  EXPECT_EQ(reader->bytes_read(), 4 * 8 * 24 * 4 * 4) << "u, and v with its third component";
}

TEST(RolloutSink, GivesBackFloat64BitForBit) {
  auto const path = fresh_folder("float64");
  if (!Communicator::world().is_root()) {
    return;
  }
  RolloutFolder const folder(path);
  folder.describe(description_of(1));
  auto const frame = at::sin(at::arange(72, at::kDouble)).view({1, 3, 1, 4, 6});
  ASSERT_FALSE(at::equal(frame, frame.to(at::kFloat).to(at::kDouble)));
  {
    RolloutSink sink(folder, description_of(1), {0, 1});
    sink.write(0, {frame, 0.0, nullptr});
    sink.close_segment({0, frame.unsqueeze(1), {0.0}, {}});
  }
  folder.link_frames();
  auto const out = at::empty({1, 3, 1, 4, 6}, at::kDouble);
  open_rollout({.path = path})->read({0, 0, 1, 1}, kWhole, out);
  EXPECT_TRUE(at::equal(out, frame));
  auto const view = Hdf5File::open(folder.master()).open_data_set("fields/u").read_all(at::kDouble);
  auto const sorted = [](at::Tensor const& values) { return std::get<0>(values.flatten().sort()); };
  EXPECT_TRUE(at::equal(sorted(view), sorted(frame.select(1, 2)))) << "the view in rollout.h5";
  EXPECT_THAT(read_text(folder.xdmf(0), 10000), HasSubstr("Precision=\"8\""));
  auto const single = at::empty({1, 3, 1, 4, 6});
  open_rollout({.path = path})->read({0, 0, 1, 1}, kWhole, single);
  EXPECT_TRUE(at::equal(single, frame.to(at::kFloat))) << "readers that take float32";
}

/// What the XDMF file would be if it were written at once.
std::string whole_xdmf(RolloutFolder const& folder, int64_t trajectory) {
  auto const description = folder.description();
  return xdmf_head(description) +
         xdmf_frames(description, folder.frames(trajectory), "rollout.h5") + kXdmfTail;
}

TEST(RolloutSink, LetsTheXdmfFileGrowInPlace) {
  auto const folder = write_rollout(fresh_folder("grows"));
  auto const world = Communicator::world();
  EXPECT_EQ(read_text(folder.xdmf(1), 1 << 20), whole_xdmf(folder, 1));
  world.barrier();
  auto const share = share_of(world, 4);
  RolloutSink sink(folder, description_of(4), share, 7);
  std::filesystem::create_hard_link(folder.xdmf(share[0]),
                                    folder.xdmf(share[0]).string() + ".same");
  write_steps(sink, share, 8, 12);
  EXPECT_EQ(std::filesystem::hard_link_count(folder.xdmf(share[0])), 2)
      << "it was written anew: time would grow with the square of the steps";
  EXPECT_EQ(read_text(folder.xdmf(share[0]), 1 << 20), whole_xdmf(folder, share[0]));
}

TEST(RolloutSink, MendsAnXdmfFileThatIsNotWhole) {
  auto const folder = write_rollout(fresh_folder("mends"));
  auto const world = Communicator::world();
  auto const share = share_of(world, 4);
  world.barrier();
  RolloutSink sink(folder, description_of(4), share, 7);
  std::ofstream(folder.xdmf(share[0])) << "<Xdmf";
  write_steps(sink, share, 8, 9);
  EXPECT_EQ(read_text(folder.xdmf(share[0]), 1 << 20), whole_xdmf(folder, share[0]));
}

TEST(RolloutSink, GivesBackWhatTheNumbersMean) {
  auto const folder = write_rollout(fresh_folder("meaning"));
  auto const reader = open_rollout({.path = folder.xdmf(2)});
  auto const& spec = reader->spec();
  auto const expected = description_of(4);
  EXPECT_EQ(spec.grid, expected.grid);
  EXPECT_EQ(spec.fields, expected.fields);
  EXPECT_EQ(spec.name, expected.name);
  EXPECT_EQ(spec.time_unit, "s");
  EXPECT_EQ(spec.format, "rollout");
  EXPECT_DOUBLE_EQ(spec.trajectories[3].times[7], 3.5);
  EXPECT_DOUBLE_EQ(spec.trajectories[3].parameters.at("nu"), 0.3);
  EXPECT_EQ(spec.time_origin, "2019-03-01 00:00:00");
  EXPECT_EQ(spec.calendar, "noleap");
}

TEST(RolloutSink, GivesBackConstantsAndScalarsOfEachTrajectory) {
  auto const folder = write_rollout(fresh_folder("constants"));
  auto const reader = open_rollout({.path = folder.path()});
  EXPECT_EQ(reader->spec().constants, description_of(4).constants);
  EXPECT_EQ(reader->spec().scalars, (std::vector<std::string>{"nu", "gamma"}));
  EXPECT_TRUE(at::allclose(reader->read_scalars({3, 5, 2, 1}),
                           at::tensor({0.3F, 1.4F, 0.3F, 1.4F}).view({2, 2})));
  Box const box{{0, 1, 2}, {1, 2, 3}};
  for (int64_t trajectory = 0; trajectory < 4; ++trajectory) {
    EXPECT_TRUE(at::equal(reader->read_constants(trajectory, box),
                          at::full({1, 1, 2, 3}, trajectory == 2 ? 2.0F : 1.0F)));
  }
}

TEST(RolloutSink, WithoutAFrameIsRefusedAsData) {
  auto const path = fresh_folder("no_frame");
  if (!Communicator::world().is_root()) {
    return;
  }
  RolloutFolder(path).describe(description_of(2));
  try {
    open_rollout({.path = path});
    FAIL() << "no error";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(), HasSubstr("has no frame yet: its first segment is not closed"));
  }
}

TEST(RolloutSink, LetsABoxBeRead) {
  auto const folder = write_rollout(fresh_folder("box"));
  auto const reader = open_rollout({.path = folder.master()});
  auto const out = at::empty({2, 3, 1, 2, 3});
  reader->read({1, 2, 2, 3}, {{0, 1, 2}, {1, 2, 3}}, out);
  EXPECT_TRUE(at::equal(out[1], frame_of(5, 1, 1)[0].slice(2, 1, 3).slice(3, 2, 5)));
}

TEST(RolloutSink, KeepsWhatARunNeedsToGoOn) {
  auto const folder = write_rollout(fresh_folder("restart"));
  EXPECT_EQ(folder.last_step(3), 7);
  EXPECT_EQ(folder.restart_steps(3, 2), (std::vector<int64_t>{7, 5}));
  auto const restart = folder.restart(3, 5);
  EXPECT_TRUE(at::equal(restart.window, restart_of(5, 3, 1).window));
  EXPECT_EQ(restart.times, restart_of(5, 3, 1).times);
  for (int64_t b = 0; b < 4; ++b) {
    EXPECT_EQ(folder.restart(b, 7).memory.at("clock/dt").item<double>(), b)
        << "not of trajectory " << b;
  }
  try {
    folder.restart(0, 4);
    FAIL() << "no error";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(), HasSubstr("ends at step 4; run again with --overwrite"));
  }
}

TEST(RolloutSink, GoesOnAfterTheStepItIsTold) {
  auto const path = fresh_folder("goes_on");
  auto const folder = write_rollout(path);
  auto const world = Communicator::world();
  auto const share = share_of(world, 4);
  world.barrier();
  RolloutSink sink(folder, description_of(4), share, 5);
  if (share.count() > 0) {
    EXPECT_EQ(folder.last_step(share[0]), 5);
  }
  write_steps(sink, share, 6, 10);
  world.barrier();
  auto const reader = open_rollout({.path = path});
  ASSERT_EQ(reader->spec().trajectories[0].frames(), 11);
  auto const out = at::empty({1, 3, 1, 4, 6});
  reader->read({3, 9, 1, 1}, kWhole, out);
  EXPECT_TRUE(at::equal(out, frame_of(9, 3, 1)));
}

TEST(RolloutSink, ForgetsFramesThatAreNotGood) {
  auto const path = fresh_folder("forgets");
  if (!Communicator::world().is_root()) {
    return;
  }
  RolloutFolder const folder(path);
  folder.describe(description_of(1));
  RolloutSink sink(folder, description_of(1), {0, 1});
  for (int64_t step = 0; step < 5; ++step) {
    sink.write(step, {frame_of(step, 0, 1), 0.0, nullptr});
  }
  sink.discard_after(2);
  sink.close_segment(restart_of(0, 0, 1));
  EXPECT_EQ(folder.frames(0).size(), 3);
  RolloutSink const again(folder, description_of(1), {0, 1}, 0);
  EXPECT_EQ(folder.frames(0).size(), 0)
      << "the segment goes beyond its restart: it is written anew";
}

TEST(RolloutSink, KilledLosesAtMostTheOpenSegmentOnOneRank) {
  auto const path = fresh_folder("killed");
  auto const child = fork();
  if (child == 0) {
    RolloutFolder const folder(path);
    folder.describe(description_of(1));
    RolloutSink sink(folder, description_of(1), {0, 1});
    write_steps(sink, {0, 1}, 0, 5);
    sink.write(6, {frame_of(6, 0, 1), 3.0, nullptr});
    std::ofstream(folder.trajectory(0) / "segment-00000006.h5.tmp") << "half a segment";
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  RolloutFolder const folder(path);
  EXPECT_EQ(folder.last_step(0), 5);
  auto const reader = open_rollout({.path = path});
  EXPECT_EQ(reader->spec().trajectories[0].frames(), 6);
  RolloutSink const again(folder, description_of(1), {0, 1}, 5);
  EXPECT_FALSE(std::filesystem::exists(folder.trajectory(0) / "segment-00000006.h5.tmp"));
}

TEST(RolloutSink, FailsCleanlyWhenTheDiskIsFullOnOneRank) {
  auto const path = fresh_folder("full");
  RolloutFolder const folder(path);
  auto description = description_of(1);
  Axis const long_axis{.name = "x", .coordinates = std::vector<double>(100000, 0.0)};
  description.grid = Grid({long_axis});
  description.fields = FieldSet({Field{.name = "u"}});
  folder.describe(description);
  RolloutSink sink(folder, description, {0, 1});
  sink.write(0, {at::rand({1, 1, 1, 1, 100000}), 0.0, nullptr});
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  rlimit const tight{.rlim_cur = 65536, .rlim_max = old.rlim_max};
  auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &tight);
  std::string message;
  try {
    sink.close_segment({0, at::zeros({1, 1, 1, 1, 1, 100000}), {0.0}, {}});
  } catch (Failure const& failure) {
    message = failure.what();
    EXPECT_EQ(failure.code(), ExitCode::failed);
  }
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(message, HasSubstr("while writing steps 0 to 0 of the rollout in"));
  EXPECT_TRUE(std::filesystem::is_empty(folder.trajectory(0))) << "a corrupt file was left";
}

TEST(RolloutReader, RecognisesItsFilesOnly) {
  auto const folder = write_rollout(fresh_folder("recognises"));
  EXPECT_TRUE(is_rollout(folder.path()));
  EXPECT_TRUE(is_rollout(folder.master()));
  EXPECT_TRUE(is_rollout(folder.xdmf(1)));
  EXPECT_FALSE(is_rollout(folder.path().parent_path()));
  EXPECT_FALSE(is_rollout(source_file("tests/fixtures/formats/pdebench/2D_rdb_NA_NA.h5")));
}

TEST(RolloutReader, NamesADamagedSegment) {
  auto const path = fresh_folder("damaged");
  if (!Communicator::world().is_root()) {
    return;
  }
  RolloutFolder const folder(path);
  folder.describe(description_of(1));
  std::ofstream(folder.segment(0, 0)) << "not HDF5 at all";
  try {
    open_rollout({.path = folder.path()});
    FAIL() << "no error";
  } catch (Error const& error) {
    EXPECT_THAT(error.what(), HasSubstr("segment-00000000.h5"));
  }
}

}  // namespace
}  // namespace eddyline
