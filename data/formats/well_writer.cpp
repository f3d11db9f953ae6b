#include "data/formats/well_writer.hpp"

#include <set>

#include <ATen/ATen.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "data/formats/well_layout.hpp"
#include "data/hdf5/library.hpp"

namespace eddyline {
namespace {

/// Names of the root that a parameter must not take.
std::set<std::string> const kTaken = {
    "dataset_name", "grid_type", "n_spatial_dims", "n_trajectories", "simulation_parameters"};

void check_names(WellFileSpec const& spec) {
  auto scalars = kTaken;
  for (auto const& [name, value] : spec.parameters) {
    require(scalars.insert(name).second,
            "a parameter is named '",
            name,
            "', a name that the format needs; rename it");
  }
  for (auto const& [name, values] : spec.per_trajectory) {
    require(scalars.insert(name).second,
            "a scalar is named '",
            name,
            "', which is used already; rename it");
    require(static_cast<int64_t>(values.size()) == spec.trajectories,
            "scalar '",
            name,
            "' has ",
            values.size(),
            " values for ",
            spec.trajectories,
            " trajectories");
  }
  std::set<std::string> fields;
  for (auto const* set : {&spec.state->fields, &spec.constants}) {
    for (auto const& one : well_fields(*set, spec.state->grid.dimensions())) {
      require(fields.insert(one.field.name).second,
              "field '",
              one.field.name,
              "' is named twice; give each its own name");
      require(one.field.name.find('/') == std::string::npos,
              "field '",
              one.field.name,
              "' has a '/' in its name; rename it");
    }
  }
}

void check(WellFileSpec const& spec) {
  EDDYLINE_ENSURE(spec.state != nullptr, "the spec of a file needs a StateSpec");
  require(spec.state->grid.dimensions() >= 1,
          "the grid has no named axis: The Well's layout needs 1 to 3");
  require(spec.trajectories >= 1 && !spec.times.empty(),
          "a file of ",
          spec.trajectories,
          " trajectories of ",
          spec.times.size(),
          " frames cannot be written; at least 1 of each is needed");
  require(spec.gzip >= 0 && spec.gzip <= 9, "gzip is ", spec.gzip, "; allowed: 0 (none) to 9");
  check_names(spec);
}

}  // namespace

struct WellWriter::Parts {
  std::filesystem::path path;
  WellFileSpec spec;
  Communicator ranks;
  std::unique_ptr<AtomicFile> atomic;  // on the root rank
  std::optional<Hdf5File> file;
  std::vector<WellTarget> fields;
  std::vector<WellTarget> constants;
  bool is_damaged = false;  // a write failed, or the other ranks hang in it

  void create();
  /// One collective call of HDF5. \throw Failure  on all ranks, or alone if the others hang in it
  void collectively(std::function<void()> const& call);
  /// Leaves a damaged file open for good: closing is collective, and HDF5 cannot do it.
  static void abandon(std::unique_ptr<Parts>& parts);
  /// Writes (B, K, D, H, W) of the block to a field; `leading` is (first trajectory, frame) or
  /// empty.
  void write(WellTarget const& target,
             at::Tensor const& values,
             std::vector<int64_t> const& leading) const;
};

void WellWriter::Parts::collectively(std::function<void()> const& call) {
  try {
    ranks.collectively(call);
  } catch (Exception const& error) {
    is_damaged = error.code() == ExitCode::failed ||
                 (ranks.size() > 1 && error.spread() == Spread::one_rank);
    throw;
  }
}

void WellWriter::Parts::abandon(std::unique_ptr<Parts>& parts) {
  parts->atomic.reset();
  note_hdf5_damage();
  static_cast<void>(parts.release());
}

void WellWriter::Parts::create() {
  ranks.together([&] {
    check(spec);
    if (ranks.is_root()) {
      if (path.has_parent_path()) {
        std::error_code error;
        std::filesystem::create_directories(path.parent_path(), error);
        expect_machine(!error,
                       "cannot create the folder '",
                       path.parent_path().string(),
                       "': ",
                       error.message());
      }
      atomic = std::make_unique<AtomicFile>(path);
    }
  });
  auto const temporary = AtomicFile::temporary_name(path);
  file = ranks.size() == 1 ? Hdf5File::create(temporary) : Hdf5File::create(temporary, ranks);
  collectively([&] { fields = write_well_layout(*file, spec, ranks, constants); });
}

void WellWriter::Parts::write(WellTarget const& target,
                              at::Tensor const& values,
                              std::vector<int64_t> const& leading) const {
  auto const& box = spec.state->block.box;
  auto const dimensions = spec.state->grid.dimensions();
  bool const empty = values.numel() == 0;
  Hyperslab part{.first = leading, .count = {}, .stride = {}};
  if (!leading.empty()) {
    part.count = {values.size(0), 1};
  }
  for (auto a = static_cast<size_t>(3 - dimensions); a < 3; ++a) {
    part.first.push_back(box.first[a]);
    part.count.push_back(box.size[a]);
  }
  for (int k = 0; k < target.field.order; ++k) {
    part.first.push_back(0);
    part.count.push_back(dimensions);
  }
  if (empty) {
    part.first.assign(part.first.size(), 0);
    part.count.assign(part.count.size(), 0);
  }
  // (B, K, D, H, W) → (B, D, H, W, K): components are the file's fastest axis.
  auto const ordered = values.permute({0, 2, 3, 4, 1}).to(at::kCPU, at::kFloat).contiguous();
  target.data.write(
      part, ordered, ranks.size() == 1 ? Transfer::independent : Transfer::collective);
}

WellWriter::WellWriter(std::filesystem::path path, WellFileSpec spec, Communicator const& ranks)
    : parts_(new Parts{
          std::move(path), std::move(spec), ranks.duplicate(), nullptr, std::nullopt, {}, {}}) {
  try {
    with_context([&] { parts_->create(); }, "creating '", parts_->path.string(), "'");
  } catch (...) {
    if (parts_->is_damaged) {
      Parts::abandon(parts_);
    }
    throw;
  }
}

WellWriter::WellWriter(WellWriter&&) noexcept = default;

WellWriter::~WellWriter() {
  // A rank that is missing failed alone, and the launcher ends us all.
  constexpr auto kPatience = std::chrono::seconds(5);
  if (parts_ && parts_->file && (parts_->is_damaged || !parts_->ranks.all_arrive(kPatience))) {
    Parts::abandon(parts_);
  }
}

void WellWriter::write(int64_t first_trajectory, int64_t frame, State const& state) {
  auto const& spec = parts_->spec;
  parts_->ranks.together([&] {
    auto const& box = spec.state->block.box.size;
    auto const trajectories = state.values.size(0);
    std::vector<int64_t> const wanted = {
        trajectories, spec.state->fields.channels(), box[0], box[1], box[2]};
    require(state.values.sizes().vec() == wanted,
            "a state of shape (",
            state.values.sizes().vec(),
            ") was to be written where (",
            wanted,
            ") is expected");
    auto const frames = static_cast<int64_t>(spec.times.size());
    require(trajectories == 0 ||
                (first_trajectory >= 0 && first_trajectory + trajectories <= spec.trajectories &&
                 frame >= 0 && frame < frames),
            "frame ",
            frame,
            " of trajectories ",
            first_trajectory,
            " to ",
            first_trajectory + trajectories - 1,
            " was to be written; the file has ",
            frames,
            " frames of ",
            spec.trajectories);
  });
  for (auto const& target : parts_->fields) {
    parts_->collectively([&] {
      parts_->write(target,
                    state.values.narrow(1, target.first_channel, target.field.count()),
                    {first_trajectory, frame});
    });
  }
}

void WellWriter::write_constants(at::Tensor const& values) {
  auto const& spec = parts_->spec;
  parts_->ranks.together([&] {
    auto const& box = spec.state->block.box.size;
    std::vector<int64_t> const wanted = {spec.constants.channels(), box[0], box[1], box[2]};
    require(values.sizes().vec() == wanted,
            "constants of shape (",
            values.sizes().vec(),
            ") were to be written where (",
            wanted,
            ") is expected");
  });
  for (auto const& target : parts_->constants) {
    parts_->collectively([&] {
      parts_->write(
          target, values.narrow(0, target.first_channel, target.field.count()).unsqueeze(0), {});
    });
  }
}

void WellWriter::finish() {
  auto& parts = *parts_;
  with_context(
      [&] {
        parts.fields.clear();
        parts.constants.clear();
        parts.collectively([&] { parts.file->close(); });
        parts.file.reset();
        parts.ranks.together([&] {
          if (parts.atomic) {
            parts.atomic->commit();
            parts.atomic.reset();
          }
        });
      },
      "finishing '",
      parts.path.string(),
      "'");
}

}  // namespace eddyline
