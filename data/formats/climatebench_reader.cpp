#include "data/formats/climatebench_reader.hpp"

#include <algorithm>
#include <map>

#include <ATen/ATen.h>

#include "core/config.hpp"
#include "core/error.hpp"
#include "core/nearest.hpp"
#include "data/formats/climatebench_simulation.hpp"
#include "data/formats/same_grid.hpp"
#include "data/formats/trajectory_slice.hpp"

namespace eddyline {
namespace {

namespace fs = std::filesystem;

constexpr char const* kHistorical = "historical";

struct ClimatebenchMap {
  int64_t historical_years = 9;
  int64_t test_years = 21;
  std::vector<std::string> valid;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("historical_years",
      historical_years,
      "years of the historical run before each scenario: one less than the window's history");
    v("test_years", test_years, "last years of the test simulation that are scored; 0: all");
    v("valid", valid, "simulations to choose with; train has the others");
  }
};

ClimatebenchMap map_of(OpenRequest const& request) {
  auto const map =
      parse_config<ClimatebenchMap>(request.map.empty() ? "{}" : request.map, "data.map");
  require(map.historical_years >= 0 && map.test_years >= 0,
          "data.map.historical_years is ",
          map.historical_years,
          " and data.map.test_years ",
          map.test_years,
          "; both are at least 0");
  auto const known = climatebench_simulations(request.path / "train_val");
  for (auto const& name : map.valid) {
    require(std::find(known.begin(), known.end(), name) != known.end(),
            "data.map.valid names '",
            name,
            "', which '",
            request.path.string(),
            "' does not have",
            did_you_mean(name, known));
  }
  return map;
}

/// A simulation and where it lies.
struct Place {
  std::string folder;
  std::string name;
};

std::vector<Place> places_of(OpenRequest const& request, ClimatebenchMap const& map) {
  std::vector<Place> places;
  auto const add = [&](std::string const& folder, auto const& takes) {
    for (auto const& name : climatebench_simulations(request.path / folder)) {
      bool const is_copy = folder == "test" && name == kHistorical;
      if (!is_copy && takes(name)) {
        places.push_back({folder, name});
      }
    }
  };
  auto const is_valid = [&](std::string const& name) {
    return std::find(map.valid.begin(), map.valid.end(), name) != map.valid.end();
  };
  if (request.split == "train" || request.split == "valid") {
    add("train_val",
        [&](auto const& name) { return is_valid(name) == (request.split == "valid"); });
    return places;
  }
  if (request.split == "all") {
    add("train_val", [](auto const&) { return true; });
  }
  add("test", [](auto const&) { return true; });
  return places;
}

/// A run of years of one simulation.
struct Piece {
  size_t simulation;
  int64_t first;  ///< index of its years
  int64_t count;
};

class ClimatebenchReader final : public Reader {
 public:
  explicit ClimatebenchReader(OpenRequest const& request) : root_(request.path) {
    auto const map = map_of(request);
    auto const places = places_of(request, map);
    require(!places.empty(),
            "'",
            root_.string(),
            "' has no simulation for ",
            request.split,
            "; they are inputs_<name>.nc and outputs_<name>.nc in train_val and test",
            request.split == "valid" ? ", and data.map.valid names those of valid" : "");
    spec_.name = "climatebench";
    spec_.format = "climatebench";
    spec_.time_unit = "year";
    for (auto const& place : places) {
      add_series(place, map, request.split);
    }
    auto const& first = simulations_.front();
    spec_.grid = first.grid();
    spec_.fields = request.fields.empty() ? first.fields() : first.fields().select(request.fields);
    for (auto const& field : spec_.fields.fields()) {
      channels_.push_back(first.fields().channels_of({field.name}).front());
    }
    check_agreement();
  }

  DatasetSpec const& spec() const override { return spec_; }

  void read(FrameRange const& frames, Box const& box, at::Tensor const& out) override {
    check_frames(spec_, frames, box);
    auto* values = out.data_ptr<float>();
    for (int64_t i = 0; i < frames.count; ++i) {
      auto const [simulation, year] = find(frames.trajectory, frames.first + i * frames.stride);
      for (auto const channel : channels_) {
        bytes_ += simulations_[simulation].read(channel, year, box, values);
        values += box.cells();
      }
    }
  }

  at::Tensor read_constants(int64_t /*trajectory*/, Box const& /*box*/) override { return {}; }
  at::Tensor read_scalars(FrameRange const& /*frames*/) override { return {}; }
  int64_t bytes_read() const override { return bytes_; }

 private:
  /// Number of a simulation, opened once.
  size_t opened(std::string const& folder, std::string const& name) {
    auto const key = folder + "/" + name;
    if (!numbers_.contains(key)) {
      numbers_[key] = simulations_.size();
      simulations_.emplace_back(root_ / folder, name);
      for (auto const& file : simulations_.back().files()) {
        spec_.files.push_back(file.string());
      }
    }
    return numbers_[key];
  }

  /// The folder that has the historical run, its own first; "" if none.
  std::string historical_folder(std::string const& own) const {
    for (auto const& folder : {own, std::string("train_val"), std::string("test")}) {
      auto const names = climatebench_simulations(root_ / folder);
      if (std::find(names.begin(), names.end(), kHistorical) != names.end()) {
        return folder;
      }
    }
    return "";
  }

  void add_series(Place const& place, ClimatebenchMap const& map, std::string const& split) {
    auto const number = opened(place.folder, place.name);
    auto const years = simulations_[number].years();
    auto const count = static_cast<int64_t>(years.size());
    std::vector<Piece> pieces;
    bool const cut = split == "test" && map.test_years > 0;
    auto const first =
        cut ? std::max<int64_t>(0, count - map.test_years - map.historical_years) : 0;
    auto const folder = historical_folder(place.folder);
    if (place.name.starts_with("ssp") && first == 0 && !folder.empty()) {
      auto const before = opened(folder, kHistorical);
      auto const& past = simulations_[before].years();
      auto const kept = std::min<int64_t>(map.historical_years, static_cast<int64_t>(past.size()));
      require(past.back() + 1 == years.front(),
              "simulation '",
              place.name,
              "' begins in ",
              years.front(),
              ", which does not follow ",
              past.back(),
              ", the last year of '",
              kHistorical,
              "'; set data.map.historical_years=0 to do without it");
      if (kept > 0) {
        pieces.push_back({before, static_cast<int64_t>(past.size()) - kept, kept});
      }
    }
    pieces.push_back({number, first, count - first});
    TrajectorySpec series{.times = {}, .source = place.name, .parameters = {}};
    for (auto const& piece : pieces) {
      auto const& of = simulations_[piece.simulation].years();
      for (int64_t i = 0; i < piece.count; ++i) {
        series.times.push_back(static_cast<double>(of[static_cast<size_t>(piece.first + i)]));
      }
    }
    spec_.trajectories.push_back(std::move(series));
    pieces_.push_back(std::move(pieces));
  }

  void check_agreement() const {
    for (auto const& simulation : simulations_) {
      with_context(
          [&] {
            check_same_grid(spec_.grid, simulation.grid());
            require(simulation.fields().channel_names() ==
                        simulations_.front().fields().channel_names(),
                    "its variables are ",
                    simulation.fields().channel_names(),
                    ", those of '",
                    simulations_.front().name(),
                    "' are ",
                    simulations_.front().fields().channel_names());
          },
          "joining simulation '",
          simulation.name(),
          "' to '",
          simulations_.front().name(),
          "'");
    }
  }

  /// Simulation and index of its years.
  std::pair<size_t, int64_t> find(int64_t trajectory, int64_t frame) const {
    for (auto const& piece : pieces_[static_cast<size_t>(trajectory)]) {
      if (frame < piece.count) {
        return {piece.simulation, piece.first + frame};
      }
      frame -= piece.count;
    }
    EDDYLINE_ENSURE(false, "frame of trajectory ", trajectory);
    return {};
  }

  fs::path root_;
  DatasetSpec spec_;
  std::vector<ClimatebenchSimulation> simulations_;
  std::map<std::string, size_t> numbers_;
  std::vector<std::vector<Piece>> pieces_;  ///< by trajectory
  std::vector<int64_t> channels_;
  int64_t bytes_ = 0;
};

std::vector<std::string> splits(OpenRequest const& request) {
  auto const map = map_of(request);
  std::vector<std::string> found;
  for (auto const* split : {"train", "valid", "test"}) {
    if (!places_of({.path = request.path, .split = split}, map).empty()) {
      found.emplace_back(split);
    }
  }
  return found;
}

}  // namespace

FormatEntry climatebench_format() {
  return {.name = "climatebench",
          .summary = "ClimateBench: inputs_<simulation>.nc and outputs_<simulation>.nc by year",
          .recognises =
              [](fs::path const& path) {
                return !climatebench_simulations(path / "train_val").empty() ||
                       !climatebench_simulations(path / "test").empty();
              },
          .open = [](OpenRequest const& request) -> std::unique_ptr<Reader> {
            return std::make_unique<ClimatebenchReader>(request);
          },
          .own_splits = splits,
          .takes_map = true};
}

}  // namespace eddyline
