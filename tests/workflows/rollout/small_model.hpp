// A small untrained MORPH in a checkpoint, and a small data set to use it on.
#pragma once

#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include <ATen/ATen.h>

#include "core/config.hpp"
#include "core/error.hpp"
#include "data/pipeline/dataset.hpp"
#include "data/pipeline/statistics.hpp"
#include "data/sinks/rollout_sink.hpp"
#include "surrogates/checkpoints/native.hpp"
#include "surrogates/stored_model.hpp"
#include "workflows/compatibility.hpp"

namespace eddyline::testing_rollout {

constexpr int64_t kTrajectories = 3;
constexpr int64_t kFrames = 12;

inline FieldSet model_fields() {
  return FieldSet(std::vector<Field>{{.name = "u", .units = "K"}, {.name = "w", .units = "K"}});
}

/// Waves that move; trajectory b, frame t: (2, 1, 8, 8).
inline at::Tensor wave(int64_t b, int64_t t) {
  auto const x = at::arange(8, at::kFloat).view({1, 1, 8, 1});
  auto const y = at::arange(8, at::kFloat).view({1, 1, 1, 8});
  auto const c = at::arange(2, at::kFloat).view({2, 1, 1, 1});
  return at::sin(0.785 * x + 0.1 * static_cast<double>(t) + c) +
         at::cos(0.785 * y + static_cast<double>(b));
}

/// A data set in the format of a rollout; `bad_frame` of the first trajectory is Inf, values are
/// missing in all frames where `land` (8, 8) is true. One rank writes.
inline std::filesystem::path write_data(std::filesystem::path const& folder,
                                        double interval = 0.5,
                                        int64_t bad_frame = -1,
                                        int64_t frames = kFrames,
                                        at::Tensor const& land = {}) {
  RolloutDescription description{
      .name = "waves", .made_by = "test", .fields = model_fields(), .time_unit = "s"};
  description.time_origin = "2019-03-01 06:00:00";
  description.calendar = "noleap";
  description.scalars = {"speed", "depth"};
  description.constants = FieldSet({Field{.name = "land"}});
  auto const axis = [](char const* name) {
    return Axis{.name = name,
                .coordinates = {0, 1, 2, 3, 4, 5, 6, 7},
                .boundaries = {Boundary::periodic, Boundary::periodic}};
  };
  description.grid = Grid({axis("x"), axis("y")});
  for (int64_t b = 0; b < kTrajectories; ++b) {
    description.trajectories.push_back({"wave",
                                        {{"speed", 0.5 * static_cast<double>(b)}, {"depth", 4}},
                                        at::full({1, 1, 8, 8}, b, at::kFloat)});
  }
  RolloutFolder const files(folder);
  files.describe(description);
  RolloutSink sink(files, description, {0, kTrajectories});
  for (int64_t t = 0; t < frames; ++t) {
    std::vector<at::Tensor> values;
    for (int64_t b = 0; b < kTrajectories; ++b) {
      values.push_back(wave(b, t));
    }
    if (t == bad_frame) {
      values[0] = values[0] * std::numeric_limits<float>::infinity();
    }
    auto frame = at::stack(values);
    if (land.defined()) {
      frame.masked_fill_(land, std::numeric_limits<double>::quiet_NaN());
    }
    sink.write(t, {frame, interval * static_cast<double>(t), nullptr});
  }
  sink.close_segment({frames - 1, at::zeros({kTrajectories, 1, 2, 1, 8, 8}), {0.0}, {}});
  return folder;
}

/// Windows of two neighbouring frames and the next one.
inline DataConfig two_frames() {
  DataConfig config;
  config.history = 2;
  return config;
}

/// checkpoints/best.h5 in the run's folder, of an untrained network for samples of `set`.
inline std::filesystem::path store_model_of(std::filesystem::path const& run,
                                            Dataset const& set,
                                            DataConfig const& config,
                                            std::array<std::string, 2> const& name_and_yaml) {
  StoredModel const model{.surrogate = name_and_yaml[0],
                          .config = name_and_yaml[1],
                          .spec = surrogate_spec(*set.batch_spec())};
  auto const network = surrogate_entry(model.surrogate).make(model.config, model.spec, /*seed=*/3);
  NativeCheckpoint checkpoint{.tensors = model_tensors(*network)};
  store_model(checkpoint.facts, model);
  auto const channels = set.state_spec()->fields.channel_names();
  auto const each = [&](double value) { return std::vector<double>(channels.size(), value); };
  Statistics statistics{.dataset = set.name(),
                        .channels = channels,
                        .mean = each(0.1),
                        .std = each(1),
                        .rms = each(1)};
  statistics.mean_delta = each(0);
  statistics.std_delta = statistics.rms_delta = each(0.1);
  statistics.count = statistics.count_delta = each(1);
  checkpoint.facts["statistics"] = statistics.to_json();
  checkpoint.facts["data"] = to_json(data_facts(*set.batch_spec()));
  checkpoint.facts["data"]["config"] = print_config(config);
  std::filesystem::create_directories(run / "checkpoints");
  write_native(run / "checkpoints" / "best.h5", checkpoint);
  return run / "checkpoints" / "best.h5";
}

/// The same of a network that was made for the data of write_data(). One rank writes.
inline std::filesystem::path write_model(std::filesystem::path const& run,
                                         std::filesystem::path const& data,
                                         DataConfig config = two_frames()) {
  config.path = data.string();
  Dataset const set(config, Split::all, window_shape(config), {1, 8, 8}, Communicator::self());
  return store_model_of(run,
                        set,
                        config,
                        {"morph",
                         concat("filters: 8\ndim: 16\nheads: 2\ndepth: 1\nmlp_dim: 16\n"
                                "heads_xa: 4\npatch: [1, 8, 8]\nhistory: ",
                                config.history,
                                "\nmax_ar: 2\nmax_patches: 4\nmax_components: 1\n")});
}

/// A folder of its own, the same on all ranks, with `data` and a run's model in it.
inline std::filesystem::path prepare(std::string const& name) {
  auto const world = Communicator::world();
  auto const folder = std::filesystem::temp_directory_path() / "eddyline_rollout_test" /
                      (name + ".np" + std::to_string(world.size()));
  world.barrier();
  world.together([&] {
    if (world.is_root()) {
      std::filesystem::remove_all(folder);
      std::filesystem::create_directories(folder);
      write_model(folder / "run", write_data(folder / "data"));
    }
  });
  return folder;
}

}  // namespace eddyline::testing_rollout
