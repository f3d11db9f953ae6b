#include "data/formats/well_writer.hpp"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <limits>

#include <gtest/gtest.h>

#include "data/formats/registry.hpp"
#include "data/formats/well_layout.hpp"
#include "tests/core/shared_folder.hpp"
#include "tests/data/formats/upstream.hpp"
#include "tests/places.hpp"

namespace eddyline {
namespace {

constexpr int64_t kTrajectories = 3;
constexpr int64_t kFrames = 4;

Axis axis(std::string const& name, int64_t n, Boundary low, Boundary high) {
  Axis result{.name = name, .coordinates = {}, .units = "m", .boundaries = {low, high}};
  for (int64_t i = 0; i < n; ++i) {
    result.coordinates.push_back(static_cast<double>(i) * 0.5);
  }
  return result;
}

/// A set with a scalar, a vector, a tensor and a constant field, split over the ranks.
struct Sample {
  WellFileSpec spec;
  at::Tensor values;     // (trajectories, frames, C, D, H, W) of the whole grid
  at::Tensor constants;  // (1, D, H, W)

  Sample(int dimensions, Communicator const& ranks, int gzip) {
    std::vector<Axis> axes = {axis("x", 8, Boundary::periodic, Boundary::periodic),
                              axis("y", 6, Boundary::wall, Boundary::open)};
    std::vector<std::string> names = {"x", "y"};
    if (dimensions == 3) {
      axes.push_back(axis("z", 5, Boundary::open, Boundary::open));
      names.emplace_back("z");
    }
    auto state = std::make_shared<StateSpec>();
    state->grid = Grid(axes);
    state->time_unit = "s";
    state->fields = FieldSet(
        {{.name = "pressure", .units = "Pa"},
         {.name = "velocity", .components = component_names(1, names), .units = "m/s", .order = 1},
         {.name = "C", .components = component_names(2, names), .order = 2}});
    auto const parts = Decomposition::balanced_parts(state->grid.shape(), ranks.size());
    state->block = Decomposition(state->grid.shape(), parts).block(ranks.rank());
    auto const shape = state->grid.shape();
    values =
        at::arange(kTrajectories * kFrames * state->fields.channels() * state->grid.cells(),
                   at::kFloat)
            .view({kTrajectories, kFrames, state->fields.channels(), shape[0], shape[1], shape[2]});
    constants = at::arange(state->grid.cells(), at::kFloat).view({1, shape[0], shape[1], shape[2]});
    spec = {.dataset_name = "sample",
            .state = state,
            .constants = FieldSet({{.name = "mask"}}),
            .parameters = {{"nu", 0.25}, {"k", 5}},
            .per_trajectory = {{"seed", {7, 8, 9}}},
            .trajectories = kTrajectories,
            .times = {0, 0.5, 1, 1.5},
            .gzip = gzip};
  }

  at::Tensor block(at::Tensor const& whole) const {
    auto const& box = spec.state->block.box;
    auto part = whole;
    for (int64_t a = 0; a < 3; ++a) {
      part = part.narrow(
          part.dim() - 3 + a, box.first[static_cast<size_t>(a)], box.size[static_cast<size_t>(a)]);
    }
    return part;
  }

  void write(std::filesystem::path const& path, Communicator const& ranks) const {
    WellWriter writer(path, spec, ranks);
    writer.write_constants(block(constants));
    for (int64_t frame = 0; frame < kFrames; ++frame) {
      writer.write(
          0,
          frame,
          {.values = block(values.slice(0, 0, 2).select(1, frame)), .time = 0, .spec = spec.state});
      writer.write(
          2,
          frame,
          {.values = block(values.slice(0, 2, 3).select(1, frame)), .time = 0, .spec = spec.state});
    }
    writer.finish();
  }
};

void expect_reads_back(Sample const& sample, std::filesystem::path const& path) {
  auto const reader = open_reader("well", {.path = path});
  auto const& spec = reader->spec();
  EXPECT_EQ(spec.fields, sample.spec.state->fields);
  EXPECT_EQ(spec.constants, sample.spec.constants);
  EXPECT_EQ(spec.grid, sample.spec.state->grid);
  EXPECT_EQ(spec.time_unit, "s");
  EXPECT_EQ(spec.name, "sample");
  ASSERT_EQ(spec.trajectories.size(), 3U);
  for (int64_t i = 0; i < kTrajectories; ++i) {
    auto const& trajectory = spec.trajectories[static_cast<size_t>(i)];
    EXPECT_EQ(trajectory.times, sample.spec.times);
    EXPECT_EQ(trajectory.parameters,
              (std::map<std::string, double>{
                  {"k", 5}, {"nu", 0.25}, {"seed", static_cast<double>(7 + i)}}));
    EXPECT_TRUE(
        at::equal(read_frames(*reader, {.trajectory = i, .count = kFrames}), sample.values[i]));
  }
  EXPECT_TRUE(at::equal(reader->read_constants(1, {.first = {0, 0, 0}, .size = spec.grid.shape()}),
                        sample.constants));
}

TEST(WellWriter, WritesWhatTheReaderReadsBackBitForBit) {
  auto const world = Communicator::world();
  SharedFolder const folder(world);
  for (auto const dimensions : {2, 3}) {
    for (auto const gzip : {0, 4}) {
      auto const path = folder / concat("d", dimensions, "-", gzip, "/data/train/a.hdf5");
      Sample const sample(dimensions, world, gzip);
      sample.write(path, world);
      EXPECT_FALSE(std::filesystem::exists(path.string() + ".tmp"));
      expect_reads_back(sample, path);
    }
  }
}

TEST(WellWriter, LetsEachRankWriteItsOwnTrajectories) {
  auto const world = Communicator::world();
  SharedFolder const folder(world);
  auto const path = folder / "a.hdf5";
  auto const self = Communicator::self();
  Sample const sample(2, self, 0);  // every rank holds the whole grid
  {
    WellWriter writer(path, sample.spec, world);
    writer.write_constants(sample.constants);
    for (int64_t frame = 0; frame < kFrames; ++frame) {
      for (int64_t first = 0; first < kTrajectories; first += world.size()) {
        auto const mine = first + world.rank();
        int64_t const count = mine < kTrajectories ? 1 : 0;
        auto const from = count == 1 ? mine : 0;
        writer.write(mine,
                     frame,
                     {.values = sample.values.slice(0, from, from + count).select(1, frame),
                      .time = 0,
                      .spec = sample.spec.state});
      }
    }
    writer.finish();
  }
  expect_reads_back(sample, path);
}

TEST(WellWriter, LeavesNoFileUnlessItFinished) {
  auto const world = Communicator::world();
  SharedFolder const folder(world);
  Sample const sample(2, world, 0);
  { WellWriter const writer(folder / "a.hdf5", sample.spec, world); }
  world.barrier();
  EXPECT_FALSE(std::filesystem::exists(folder / "a.hdf5"));
  EXPECT_FALSE(std::filesystem::exists(folder / "a.hdf5.tmp"));
}

TEST(WellWriter, FailsOnAllRanksIfTheStateOfOneDoesNotFit) {
  auto const world = Communicator::world();
  SharedFolder const folder(world);
  Sample const sample(2, world, 0);
  WellWriter writer(folder / "a.hdf5", sample.spec, world);
  auto values = sample.block(sample.values.select(1, 0));
  if (world.rank() == world.size() - 1) {
    values = values.slice(1, 1);
  }
  auto const message = error_of(
      [&] { writer.write(0, 0, {.values = values, .time = 0, .spec = sample.spec.state}); });
  EXPECT_THAT(message, testing::HasSubstr("a state of shape (3, 6, "));
  EXPECT_THAT(error_of([&] {
                writer.write(1,
                             0,
                             {.values = sample.block(sample.values.select(1, 0)),
                              .time = 0,
                              .spec = sample.spec.state});
              }),
              testing::HasSubstr(
                  "frame 0 of trajectories 1 to 3 was to be written; the file has 4 frames of 3"));
}

TEST(WellWriter, RefusesNamesThatTheFormatNeeds) {
  auto const world = Communicator::world();
  SharedFolder const folder(world);
  Sample sample(2, world, 0);
  sample.spec.parameters["grid_type"] = 1;
  EXPECT_THAT(error_of([&] { WellWriter(folder / "a.hdf5", sample.spec, world); }),
              testing::HasSubstr("a parameter is named 'grid_type', a name that the format needs"));
  sample.spec.parameters = {{"seed", 1}};
  EXPECT_THAT(error_of([&] { WellWriter(folder / "a.hdf5", sample.spec, world); }),
              testing::HasSubstr("a scalar is named 'seed'"));
  sample.spec.parameters = {};
  sample.spec.gzip = 10;
  EXPECT_THAT(error_of([&] { WellWriter(folder / "a.hdf5", sample.spec, world); }),
              testing::HasSubstr("gzip is 10; allowed: 0 (none) to 9"));
}

/// While it lives a file of this process cannot grow beyond some bytes: a disk that is full.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : signal_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit const limit = {bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, signal_);
  }
  FileSizeLimit(FileSizeLimit const&) = delete;
  FileSizeLimit& operator=(FileSizeLimit const&) = delete;

 private:
  rlimit before_{};
  void (*signal_)(int);
};

/// What a child process returns that writes to a full disk: 0 if it got the Failure we promise.
int write_to_a_full_disk(Sample const& sample,
                         std::filesystem::path const& path,
                         Communicator const& self) {
  try {
    FileSizeLimit const limit(20000);
    sample.write(path, self);
  } catch (Failure const& failure) {
    return std::string(failure.what()).find("a.hdf5.tmp'") == std::string::npos ? 2 : 0;
  } catch (...) {
    return 3;
  }
  return 1;
}

// In a child that leaves by _exit: HDF5 1.10.8 crashes at its own end once a file could not be
// closed, so a program must leave by MPI_Abort or _exit after this failure.
TEST(WellWriter, FailsAndLeavesNoFileWhenTheDiskIsFullOnOneRank) {
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  Sample const sample(3, self, 0);
  auto const child = fork();
  if (child == 0) {
    _exit(write_to_a_full_disk(sample, folder / "a.hdf5", self));
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_FALSE(std::filesystem::exists(folder / "a.hdf5"));
  EXPECT_FALSE(std::filesystem::exists(folder / "a.hdf5.tmp"));
}

std::string const kPython = venv_python();

bool has_h5py() {
  return std::system((kPython + " -c 'import h5py' 2>/dev/null").c_str()) == 0;
}

/// What the checker of tests/data/formats returns: the rules of the format in Python, so that
/// h5py's view of types counts.
int check_format(std::filesystem::path const& path) {
  auto const status = std::system(
      (kPython + " " + source_file("tests/data/formats/check_well_format.py") + " " + path.string())
          .c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(WellWriter, WritesWhatAFormatCheckerAcceptsOnOneRank) {
  if (!has_h5py()) {
    GTEST_SKIP() << kPython << " has no h5py";
  }
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  for (auto const dimensions : {2, 3}) {
    auto const path = folder / concat(dimensions, ".hdf5");
    Sample const sample(dimensions, self, 1);
    sample.write(path, self);
    EXPECT_EQ(check_format(path), 0);
  }
}

TEST(WellWriter, IsCheckedForValuesThatAreMissingOnOneRank) {
  if (!has_h5py()) {
    GTEST_SKIP() << kPython << " has no h5py";
  }
  auto const self = Communicator::self();
  SharedFolder const folder(self);
  Sample sample(2, self, 0);
  sample.values.view(-1)[7] = std::numeric_limits<float>::quiet_NaN();
  sample.write(folder / "a.hdf5", self);
  EXPECT_EQ(check_format(folder / "a.hdf5"), 1) << "the checker lets NaN pass";
}

TEST(WellLayout, SplitsLargeFramesIntoSlabsOfAtMost8MiB) {
  EXPECT_EQ(well_chunk({5, 100, 256, 128, 256, 3}, 2),
            (std::vector<int64_t>{1, 1, 16, 128, 256, 3}));
  EXPECT_EQ(well_chunk({5, 100, 128, 128}, 2), (std::vector<int64_t>{1, 1, 128, 128}));
}

TEST(WellLayout, TakesVectorsApartThatHaveNotOneComponentAnAxis) {
  auto const fields = well_fields(
      FieldSet({{.name = "v", .components = {"x", "y", "z"}, .order = 1}, {.name = "p"}}), 2);
  ASSERT_EQ(fields.size(), 4U);
  EXPECT_EQ(fields[2].field.name, "v_z");
  EXPECT_EQ(fields[2].field.order, 0);
  EXPECT_EQ(fields[3].first_channel, 3);
}

}  // namespace
}  // namespace eddyline
