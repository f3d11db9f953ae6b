// How fast the loader makes batches, against reading the same file without looking at it, and how
// long a training step of MORPH waits for its data, of which less than 5 % are wanted. Usage:
// bench_loader [FILE_OR_FOLDER] (without: a file of 256 MiB is made).
#include "data/pipeline/loader.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <iostream>
#include <numeric>

#include <ATen/ATen.h>

#include "core/communicator.hpp"
#include "core/error.hpp"
#include "data/formats/well_writer.hpp"
#include "surrogates/registry.hpp"
#include "surrogates/stored_model.hpp"
#include "workflows/training/learning_step.hpp"
#include "workflows/training/loader_source.hpp"

namespace {

using namespace eddyline;
namespace fs = std::filesystem;

constexpr int64_t kSide = 256;
constexpr int64_t kFrames = 86;  // × 4 channels × 256² × 4 bytes × 3 trajectories = 258 MiB
constexpr int64_t kTrajectories = 3;
constexpr size_t kBlock = size_t{8} << 20;  // what dd bs=8M asks for
constexpr double kMega = 1e6;
constexpr int64_t kSteps = 8;          // of training
constexpr double kMostWaiting = 0.05;  // share of a step that may be spent waiting for data

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

Axis side(std::string const& name) {
  Axis axis{.name = name, .coordinates = std::vector<double>(kSide)};
  std::iota(axis.coordinates.begin(), axis.coordinates.end(), 0.0);
  return axis;
}

/// A data set of one file in the Well's layout, as `simulate` writes it.
fs::path make_data(Communicator const& world) {
  auto const folder = fs::temp_directory_path() / fmt::format("eddyline-bench-loader-{}", getpid());
  fs::create_directories(folder / "data" / "train");
  auto const grid = Grid({side("x"), side("y")});
  FieldSet const fields({{.name = "density"},
                         {.name = "pressure"},
                         {.name = "velocity", .components = {"x", "y"}, .order = 1}});
  auto const state =
      std::make_shared<StateSpec>(StateSpec{fields, grid, whole_block(grid.shape()), "s"});
  std::vector<double> times(kFrames);
  std::iota(times.begin(), times.end(), 0.0);
  WellWriter writer(
      folder / "data" / "train" / "bench.hdf5",
      {.dataset_name = "bench", .state = state, .trajectories = kTrajectories, .times = times},
      world);
  for (int64_t i = 0; i < kTrajectories; ++i) {
    for (int64_t t = 0; t < kFrames; ++t) {
      writer.write(i, t, {at::randn({1, 4, 1, kSide, kSide}), static_cast<double>(t), state});
    }
  }
  writer.finish();
  return folder;
}

/// MB/s of reading whole files in blocks, as dd does.
double raw_rate(std::vector<std::string> const& files) {
  std::vector<char> block(kBlock);
  auto const begin = std::chrono::steady_clock::now();
  double bytes = 0;
  for (auto const& file : files) {
    int const handle = open(file.c_str(), O_RDONLY);
    expect_machine(handle >= 0, "cannot open '", file, "'");
    for (ssize_t got = 0; (got = read(handle, block.data(), block.size())) > 0;) {
      bytes += static_cast<double>(got);
    }
    close(handle);
  }
  return bytes / kMega / seconds_since(begin);
}

/// MB/s of the frames in the batches of one epoch that nobody computes with.
double loader_rate(Dataset& data, Statistics const& statistics, Communicator const& world) {
  Loader loader(
      data, statistics, {.batch = 8, .order = Order::shuffled, .last = LastBatch::drop}, world);
  auto const before = data.bytes_read();
  auto const begin = std::chrono::steady_clock::now();
  loader.start(0);
  while (loader.next()) {
  }
  return static_cast<double>(data.bytes_read() - before) / kMega / seconds_since(begin);
}

/// A network that trains on the data: the smaller, the less time the loader has.
struct Network {
  char const* name;
  char const* config;
  int64_t batch;
};

/// Trains for a few steps and says how long they waited.
void train(Network const& one,
           Dataset& data,
           Statistics const& statistics,
           Communicator const& world) {
  LoaderSource source(data,
                      statistics,
                      {.batch = one.batch, .order = Order::shuffled, .last = LastBatch::drop},
                      world);
  auto const spec = surrogate_spec(*data.batch_spec());
  TrainConfig const config;
  LearningStep learner(surrogate_entry("morph").make(one.config, spec, /*seed=*/1),
                       {},
                       Loss({}, spec.grid, at::kCPU),
                       config,
                       world);
  source.start(0, 0);
  auto const begin = std::chrono::steady_clock::now();
  for (int64_t step = 0; step < kSteps; ++step) {
    learner.take(source, {.step = step, .samples = one.batch, .learning_rate = 1e-4});
  }
  auto const total = seconds_since(begin);
  auto const share = source.wait_seconds() / total;
  std::cout << fmt::format("{:<22} step of {:8.1f} ms waits for data {:5.1f} % of it: {}\n",
                           one.name,
                           1e3 * total / static_cast<double>(kSteps),
                           100 * share,
                           share < kMostWaiting ? "good" : "too long");
}

void measure(fs::path const& path, Communicator const& world) {
  DataConfig config;
  config.path = path.string();
  config.cache = 0;
  config.splits.by = SplitBy::trajectories;
  config.splits.fractions = {1, 0, 0};
  Dataset data(config, Split::train, {}, {1, 1, 1}, world);
  auto const statistics = compute_statistics(data, world);
  raw_rate(data.source().files);  // so that all passes below find the file in the page cache
  auto const raw = raw_rate(data.source().files);
  auto const bare = loader_rate(data, statistics, world);
  std::cout << fmt::format("raw read of the same files      {:8.0f} MB/s\n", raw);
  std::cout << fmt::format(
      "loader, nothing computed        {:8.0f} MB/s  ({:.0f} % of raw)\n", bare, 100 * bare / raw);
  for (auto const& one :
       {Network{"MORPH, dim 32, depth 1",
                "dim: 32\nheads: 2\ndepth: 1\nmlp_dim: 32\nheads_xa: 4\npatch: [1, 8, 8]\n",
                2},
        Network{"MORPH Ti", "patch: [1, 8, 8]\n", 1}}) {
    train(one, data, statistics, world);
  }
}

}  // namespace

int main(int argc, char** argv) {
  MpiSession const mpi(argc, argv);
  auto const world = Communicator::self();
  try {
    auto const made = argc < 2;
    auto const path = made ? make_data(world) : fs::path(argv[1]);
    measure(path, world);
    if (made) {
      fs::remove_all(path);
    }
  } catch (Exception const& error) {
    std::cerr << "error: " << error.what() << "\n";
    return static_cast<int>(error.code());
  }
  return 0;
}
