#include "data/pipeline/dataset.hpp"

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "core/process_group.hpp"
#include "data/formats/registry.hpp"
#include "data/pipeline/caching_reader.hpp"

namespace eddyline {
namespace {

constexpr int64_t kMebibyte = int64_t{1} << 20;

bool is_in_order(std::vector<int64_t> const& channels, int64_t all) {
  for (size_t i = 0; i < channels.size(); ++i) {
    if (channels[i] != static_cast<int64_t>(i)) {
      return false;
    }
  }
  return static_cast<int64_t>(channels.size()) == all;
}

std::unique_ptr<Reader> with_cache(std::unique_ptr<Reader> reader, int64_t mebibytes) {
  require(mebibytes >= 0, "data.cache is ", mebibytes, " MiB; give 0 or more");
  return mebibytes == 0 ? std::move(reader)
                        : std::make_unique<CachingReader>(std::move(reader), mebibytes * kMebibyte);
}

/// Names of parameters that every series has and that are not among its scalars.
std::vector<std::string> shared_parameters(DatasetSpec const& data) {
  std::vector<std::string> names;
  if (data.trajectories.empty()) {
    return names;
  }
  for (auto const& [name, value] : data.trajectories[0].parameters) {
    bool const everywhere =
        std::all_of(data.trajectories.begin(), data.trajectories.end(), [&](auto const& series) {
          return series.parameters.contains(name);
        });
    bool const is_scalar =
        std::find(data.scalars.begin(), data.scalars.end(), name) != data.scalars.end();
    if (everywhere && !is_scalar) {
      names.push_back(name);
    }
  }
  return names;
}

/// The parts that the data set itself has.
std::vector<std::string> own_splits(DataConfig const& config) {
  return format_entry(config.format, config.path)
      .own_splits({.path = config.path, .map = config.map.text});
}

/// The part to open: the data set's own, or all where we divide it ourselves.
std::string split_to_open(DataConfig const& config, Split split) {
  if (split == Split::all || config.splits.by != SplitBy::given) {
    return to_string(Split::all);
  }
  auto const own = own_splits(config);
  auto const name = to_string(split);
  require(std::find(own.begin(), own.end(), name) != own.end(),
          "'",
          config.path,
          "' has no ",
          name,
          " part of its own",
          own.empty() ? std::string() : concat(" (only ", own, ")"),
          "; set data.splits.by=trajectories to divide its series, or data.splits.by=frames to "
          "divide them in time");
  return name;
}

std::unique_ptr<Reader> open_part(DataConfig const& config, Split split) {
  require(!config.path.empty(), "data.path is empty; give the file or folder of the data set");
  return open_reader(config.format,
                     {.path = config.path,
                      .split = split_to_open(config, split),
                      .fields = config.fields,
                      .map = config.map.text});
}

/// Opened on every rank; all throw if one does.
std::unique_ptr<Reader> open_on_all(DataConfig const& config,
                                    Split split,
                                    Communicator const& ranks) {
  std::unique_ptr<Reader> reader;
  ranks.together([&] { reader = open_part(config, split); });
  return reader;
}

}  // namespace

bool has_split(DataConfig const& config, Split split) {
  if (split == Split::all || config.splits.by != SplitBy::given) {
    return gives_part(config.splits, split);
  }
  auto const own = own_splits(config);
  return std::find(own.begin(), own.end(), to_string(split)) != own.end();
}

// What follows the opening is computed from the same file by every rank, so that it fails on all or
// none.
Dataset::Dataset(DataConfig const& config,
                 Split split,
                 WindowShape shape,
                 std::array<int64_t, 3> patch,
                 Communicator const& ranks)
    : Dataset(Cut{patch}, open_on_all(config, split, ranks), config, split, shape) {}

Dataset::Dataset(DataConfig const& config,
                 Split split,
                 WindowShape shape,
                 std::array<int64_t, 3> patch,
                 std::shared_ptr<Mesh const> const& mesh)
    : Dataset(Cut{patch, mesh}, open_on_all(config, split, mesh->world()), config, split, shape) {}

Dataset::Dataset(std::unique_ptr<Reader> reader,
                 DataConfig const& config,
                 Split split,
                 WindowShape shape,
                 std::array<int64_t, 3> patch)
    : Dataset(Cut{patch}, std::move(reader), config, split, shape) {}

Dataset::Dataset(Cut const& cut,
                 std::unique_ptr<Reader> reader,
                 DataConfig const& config,
                 Split split,
                 WindowShape shape)
    : reader_(with_cache(std::move(reader), config.cache)),
      config_(config),
      split_(split),
      shapes_(strided(shape, config)) {
  with_context(
      [&] {
        fit_ = Fit(source().grid, cut.patch, config.fit);
        divide(cut);
        parts_ = split_series(source(), config, split);
        choose_fields();
        known_ = KnownFields(config, source(), fit_.grid());
        parameters_ = shared_parameters(source());
        make_specs();
        count_windows();
      },
      "preparing the ",
      to_string(split),
      " part of '",
      name(),
      "'");
}

std::string const& Dataset::name() const {
  return source().name;
}

void Dataset::divide(Cut const& cut) {
  auto const& mesh = cut.mesh;
  auto const cells = fit_.grid().shape();
  patch_ = cut.patch;
  for (size_t a = 0; a < 3; ++a) {
    patch_[a] = cells[a] == 1 ? 1 : patch_[a];
  }
  if (!mesh || !mesh->is_split()) {
    return;
  }
  sharding_ = with_context([&] { return std::make_shared<Sharding const>(mesh, cells, patch_); },
                           "dividing samples by parallel.domain");
  fit_ = fit_.divided(sharding_);
  loading_group_ = make_process_group(mesh->domain());
}

void Dataset::choose_fields() {
  fields_ = config_.fields.empty()
                ? source().fields
                : with_context([&] { return source().fields.select(config_.fields); },
                               "reading data.fields");
  std::vector<std::string> names;
  for (auto const& field : fields_.fields()) {
    names.push_back(field.name);
  }
  channels_ = source().fields.channels_of(names);
  if (is_in_order(channels_, source().fields.channels())) {
    channels_.clear();
  }
}

void Dataset::make_specs() {
  auto const [inputs, outputs] = sample_fields(fields_, config_);
  inputs_.channels = channels_in(fields_, inputs);
  outputs_.channels = channels_in(fields_, outputs);
  auto const interval = frame_interval(source());
  std::vector<double> steps;
  for (size_t i = 0; interval && i < shapes_.size(); ++i) {
    steps.push_back(*interval * static_cast<double>(shapes_[i].lead));
  }
  std::optional<double> step;
  if (!steps.empty()) {
    step = steps.front();
    steps.erase(steps.begin());
  }
  auto scalars = source().scalars;
  scalars.insert(scalars.end(), parameters_.begin(), parameters_.end());
  auto const block = sharding_ ? sharding_->block() : whole_block(fit_.grid().shape());
  batch_spec_ =
      std::make_shared<BatchSpec>(BatchSpec{.dataset = name(),
                                            .input_fields = joined(inputs, known_.fields()),
                                            .known_fields = known_.fields(),
                                            .output_fields = outputs,
                                            .constant_fields = source().constants,
                                            .scalars = std::move(scalars),
                                            .input_grid = fit_.grid(),
                                            .output_grid = fit_.grid(),
                                            .sharding = sharding_,
                                            .time_unit = source().time_unit,
                                            .step = step,
                                            .fit = std::make_shared<Fit const>(fit_),
                                            .more_steps = steps});
  state_spec_ =
      std::make_shared<StateSpec>(StateSpec{fields_, fit_.grid(), block, source().time_unit});
}

void Dataset::predict_part(GridPart const& part) {
  with_context(
      [&] {
        check_part(part, fit_);
        outputs_.cells = sharding_ ? std::make_shared<PredictedPart const>(part, *sharding_, patch_)
                                   : std::make_shared<PredictedPart const>(part);
      },
      "predicting a part of '",
      name(),
      "'");
  auto spec = *batch_spec_;
  spec.output_grid = part.crop(fit_.grid());
  spec.part = outputs_.cells;
  batch_spec_ = std::make_shared<BatchSpec const>(std::move(spec));
}

void Dataset::count_windows() {
  first_window_ = {0};
  for (auto const& shape : shapes_) {
    for (auto const& part : parts_) {
      auto const first =
          std::max<int64_t>(0, part.targets_first - part.first - shape.target_offset());
      auto const count = std::max<int64_t>(0, part.frames() - shape.span() - first + 1);
      first_frame_.push_back(first);
      first_window_.push_back(first_window_.back() + count);
    }
  }
}

SplitPart const& Dataset::part(int64_t trajectory) const {
  require(trajectory >= 0 && trajectory < trajectories(),
          "there is no trajectory ",
          trajectory,
          " in the ",
          to_string(split_),
          " part of '",
          name(),
          "'; it has ",
          trajectories(),
          ", counted from 0");
  return parts_[static_cast<size_t>(trajectory)];
}

std::vector<double> Dataset::times(int64_t trajectory) const {
  auto const& piece = part(trajectory);
  auto const& all = source().trajectories[static_cast<size_t>(piece.series)].times;
  return {all.begin() + piece.first, all.begin() + piece.last + 1};
}

std::vector<double> Dataset::times(FrameRange const& frames) const {
  auto const range = in_file(frames);
  auto const& all = source().trajectories[static_cast<size_t>(range.trajectory)].times;
  std::vector<double> times;
  for (int64_t i = 0; i < range.count; ++i) {
    times.push_back(all[static_cast<size_t>(range.first + i * range.stride)]);
  }
  return times;
}

std::string const& Dataset::describe(int64_t trajectory) const {
  return source().trajectories[static_cast<size_t>(part(trajectory).series)].source;
}

WindowAddress Dataset::window(int64_t index) const {
  EDDYLINE_ENSURE(index >= 0 && index < windows(), "window ", index, " of ", windows());
  auto const after = std::upper_bound(first_window_.begin(), first_window_.end(), index);
  auto const entry = std::distance(first_window_.begin(), after) - 1;
  auto const at = static_cast<size_t>(entry);
  return {
      entry % trajectories(), first_frame_[at] + index - first_window_[at], entry / trajectories()};
}

FrameRange Dataset::in_file(FrameRange const& frames) const {
  auto const& piece = part(frames.trajectory);
  auto const last = frames.first + (frames.count - 1) * frames.stride;
  require(frames.first >= 0 && frames.count >= 1 && frames.stride >= 1 && last < piece.frames(),
          "frames ",
          frames.first,
          " to ",
          last,
          " of ",
          describe(frames.trajectory),
          " were asked for; its ",
          to_string(split_),
          " part has ",
          piece.frames());
  return {piece.series, piece.first + frames.first, frames.count, frames.stride};
}

}  // namespace eddyline
