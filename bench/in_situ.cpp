// What showing frames in ParaView while a run goes costs, against writing the same frames as files
// (one segment of a rollout) by the same ranks in turn. The first frame starts ParaView and is
// counted apart.
//   xvfb-run -a -s "-screen 0 1280x1024x24 -noreset" mpirun -np 2 bench_in_situ [SCRIPT [CELLS
//   [FRAMES]]]
// SCRIPT is a ready one or a path, by default extract, which needs no display.
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/error.hpp"
#include "data/sinks/catalyst.hpp"
#include "data/sinks/in_situ_sink.hpp"
#include "data/sinks/rollout_sink.hpp"

namespace eddyline::bench {
namespace {

struct Asked {
  std::string script = "extract";
  int64_t cells = 64;   ///< along each of three axes
  int64_t frames = 10;  ///< after the first
};

struct Cost {
  double seconds = 0;
  int64_t bytes = 0;  ///< of files
};

/// A scalar and a flow in a periodic box.
std::shared_ptr<StateSpec> box_spec(int64_t cells, Communicator const& world) {
  auto spec = std::make_shared<StateSpec>();
  spec->fields = FieldSet(std::vector<Field>{
      {.name = "p", .units = "Pa"},
      {.name = "velocity", .components = {"x", "y", "z"}, .units = "m/s", .order = 1}});
  std::vector<Axis> axes;
  for (auto const* const name : {"z", "y", "x"}) {
    Axis axis{.name = name, .boundaries = {Boundary::periodic, Boundary::periodic}};
    axis.coordinates.clear();
    for (int64_t i = 0; i < cells; ++i) {
      axis.coordinates.push_back(static_cast<double>(i) / static_cast<double>(cells));
    }
    axes.push_back(axis);
  }
  spec->grid = Grid(axes);
  auto const shape = spec->grid.shape();
  spec->block =
      Decomposition(shape, Decomposition::balanced_parts(shape, world.size())).block(world.rank());
  spec->time_unit = "s";
  return spec;
}

/// Vortices that move, in this rank's block.
State vortices(std::shared_ptr<StateSpec const> const& spec, int64_t step) {
  auto const along = [&](size_t axis, std::vector<int64_t> const& shape) {
    auto const& box = spec->block.box;
    auto const i = at::arange(box.first[axis], box.first[axis] + box.size[axis], at::kFloat);
    return i.view(shape) * (6.2832 / static_cast<double>(spec->grid.shape()[axis]));
  };
  auto const t = 0.1 * static_cast<double>(step);
  auto const z = along(0, {-1, 1, 1}), y = along(1, {1, -1, 1}), x = along(2, {1, 1, -1}) + t;
  auto const u = at::sin(x) * at::cos(y) * at::cos(z), v = -at::cos(x) * at::sin(y) * at::cos(z);
  auto const p = (at::cos(2 * x) + at::cos(2 * y)) * (at::cos(2 * z) + 2) / 16;
  return {at::stack({p, u, v, at::zeros_like(u)}).unsqueeze(0), t, spec};
}

int64_t bytes_in(std::filesystem::path const& folder) {
  int64_t bytes = 0;
  if (std::filesystem::exists(folder)) {
    for (auto const& entry : std::filesystem::recursive_directory_iterator(folder)) {
      bytes += entry.is_regular_file() ? static_cast<int64_t>(entry.file_size()) : 0;
    }
  }
  return bytes;
}

template <class Work>
double seconds_of(Work const& work, Communicator const& world) {
  world.barrier();
  auto const start = std::chrono::steady_clock::now();
  work();
  world.barrier();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

struct Pair {
  Cost files, shown;
};

void print(char const* what, Pair const& cost, int64_t frames) {
  auto const n = static_cast<double>(frames);
  auto const mebibytes = [&](Cost const& one) {
    return static_cast<double>(one.bytes) / 0x1p20 / n;
  };
  std::printf("%-12s %10.4f %10.4f %8.3f %10.3f %10.3f %8.4f\n",
              what,
              cost.files.seconds / n,
              cost.shown.seconds / n,
              cost.shown.seconds / cost.files.seconds,
              mebibytes(cost.files),
              mebibytes(cost.shown),
              mebibytes(cost.shown) / mebibytes(cost.files));
}

/// Frames [first, end), shown and written as one segment, which also keeps a frame to go on from.
class PairedFrames {
 public:
  PairedFrames(Asked const& asked, std::filesystem::path folder, Communicator const& world)
      : folder_(std::move(folder)), world_(world), spec_(box_spec(asked.cells, world)) {
    CatalystConfig const config{.script = asked.script};
    auto const open = [=, this](Communicator const& ranks) {
      return open_catalyst(config, {folder_ / "catalyst", {"input"}}, ranks);
    };
    view_.emplace(config, spec_, 0, open, world);
    RolloutDescription description{.name = "box", .made_by = "bench", .time_unit = "s"};
    description.fields = spec_->fields;
    description.grid = spec_->grid;
    description.trajectories.push_back({"vortices", {}, {}});
    RolloutFolder const files(folder_ / "files");
    world.together([&] {
      if (world.is_root()) {
        files.describe(description);
      }
    });
    files_.emplace(files, description, TrajectoryShare(0, 1), std::nullopt, &world_);
  }

  Pair run(int64_t first, int64_t end) {
    Pair cost{{0, -bytes_in(folder_ / "files")}, {0, -bytes_in(folder_ / "catalyst")}};
    for (auto step = first; step < end; ++step) {
      auto const state = vortices(spec_, step);
      cost.files.seconds += seconds_of([&] { files_->write(step, state); }, world_);
      cost.shown.seconds += seconds_of([&] { view_->write(step, state); }, world_);
    }
    auto const last = vortices(spec_, end - 1);
    Restart const restart{.step = end - 1,
                          .window = last.values.unsqueeze(1),
                          .times = {last.time},
                          .memory = {},
                          .block = spec_->block};
    cost.files.seconds += seconds_of([&] { files_->close_segment(restart); }, world_);
    cost.files.bytes += bytes_in(folder_ / "files");
    cost.shown.bytes += bytes_in(folder_ / "catalyst");
    require(view_->complaint().empty(), "nothing to compare: ", view_->complaint());
    return cost;
  }

 private:
  std::filesystem::path folder_;
  Communicator const& world_;
  std::shared_ptr<StateSpec const> spec_;
  std::optional<InSituSink> view_;
  std::optional<RolloutSink> files_;
};

void compare(Asked const& asked, Communicator const& world) {
  auto const folder = std::filesystem::temp_directory_path() / "eddyline_bench_in_situ";
  world.together([&] {
    if (world.is_root()) {
      std::filesystem::remove_all(folder);
      std::filesystem::create_directories(folder);
    }
  });
  PairedFrames frames(asked, folder, world);
  auto const first = frames.run(0, 1);
  auto const others = frames.run(1, 1 + asked.frames);
  if (world.is_root()) {
    std::printf("%s, %lld^3 points of 4 numbers, %d ranks; a frame in seconds and MiB of files\n",
                asked.script.c_str(),
                static_cast<long long>(asked.cells),
                world.size());
    std::puts("               written      shown    ratio    written      shown    ratio");
    print("first", first, 1);
    print("others", others, asked.frames);
  }
}

}  // namespace
}  // namespace eddyline::bench

int main(int argc, char** argv) {
  eddyline::MpiSession const session(argc, argv);
  auto const world = eddyline::Communicator::world();
  at::set_num_threads(1);
  eddyline::bench::Asked asked;
  if (argc > 1 && argv[1][0] == '-') {
    std::puts("usage: bench_in_situ [SCRIPT [CELLS [FRAMES]]], by default extract 64 10");
    return 0;
  }
  if (argc > 1) {
    asked.script = argv[1];
  }
  if (argc > 2) {
    asked.cells = std::stoll(argv[2]);
  }
  if (argc > 3) {
    asked.frames = std::stoll(argv[3]);
  }
  eddyline::bench::compare(asked, world);
  return 0;
}
