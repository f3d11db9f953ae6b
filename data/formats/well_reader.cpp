#include "data/formats/well_reader.hpp"

#include "core/error.hpp"
#include "data/formats/stored_reader.hpp"
#include "data/formats/well_header.hpp"

namespace eddyline {
namespace {

namespace fs = std::filesystem;

constexpr std::array<char const*, 3> kSplits = {"train", "valid", "test"};

/// The folder that holds the folders of the splits; "" if there is none.
fs::path split_root(fs::path const& path) {
  std::error_code ignored;
  for (auto const& root : {path / "data", path}) {
    for (auto const* split : kSplits) {
      if (fs::is_directory(root / split, ignored)) {
        return root;
      }
    }
  }
  return {};
}

/// The HDF5 files of a folder, sorted; of a file, itself.
std::vector<fs::path> files_of(fs::path const& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) {
    return {path};
  }
  std::vector<fs::path> files;
  for (auto const& entry : fs::directory_iterator(path, ignored)) {
    auto const extension = entry.path().extension();
    if ((extension == ".hdf5" || extension == ".h5") && entry.is_regular_file(ignored)) {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<std::string> well_splits(fs::path const& path) {
  std::vector<std::string> splits;
  auto const root = split_root(path);
  for (auto const* split : kSplits) {
    if (!root.empty() && !files_of(root / split).empty() && fs::is_directory(root / split)) {
      splits.emplace_back(split);
    }
  }
  return splits;
}

std::vector<fs::path> files_of_split(OpenRequest const& request) {
  auto const splits = well_splits(request.path);
  auto const& wanted = request.split;
  require(wanted == "all" || !splits.empty(),
          "'",
          request.path.string(),
          "' has no folders train, valid and test, so there is no part '",
          wanted,
          "'; set data.splits.by to frames or trajectories to divide it");
  require(wanted == "all" || std::find(splits.begin(), splits.end(), wanted) != splits.end(),
          "'",
          request.path.string(),
          "' has no part '",
          wanted,
          "'; it has ",
          splits);
  std::vector<fs::path> files;
  for (auto const& split : splits) {
    if (wanted == "all" || wanted == split) {
      auto const more = files_of(split_root(request.path) / split);
      files.insert(files.end(), more.begin(), more.end());
    }
  }
  files = splits.empty() ? files_of(request.path) : files;
  require(!files.empty(), "'", request.path.string(), "' holds no files *.hdf5 or *.h5");
  return files;
}

bool is_well_file(fs::path const& path) {
  if (!is_hdf5_file(path)) {
    return false;
  }
  try {
    auto const file = Hdf5File::open(path);
    return file.has_group("dimensions") && file.has_group("t0_fields");
  } catch (Exception const&) {
    return false;  // to be told apart is the question; opening it says what is wrong
  }
}

bool recognises_well(fs::path const& path) {
  auto const splits = well_splits(path);
  auto const files = files_of(splits.empty() ? path : split_root(path) / splits.front());
  return !files.empty() && is_well_file(files.front());
}

/// What files of one data set must have in common.
void check_agreement(WellHeader const& first, WellHeader const& other, fs::path const& path) {
  auto const differs = [&](auto const& what, auto const& a, auto const& b) {
    require(a == b,
            what,
            " of '",
            path.string(),
            "' is ",
            b,
            ", that of the files before is ",
            a,
            "; keep data sets apart");
  };
  auto const shape = [](Grid const& grid) {
    auto const s = grid.shape();
    return concat(grid.axis(0).name,
                  " ",
                  s[0],
                  ", ",
                  grid.axis(1).name,
                  " ",
                  s[1],
                  ", ",
                  grid.axis(2).name,
                  " ",
                  s[2]);
  };
  auto const scalars = [](WellHeader const& header) {
    std::string names;
    for (auto const& scalar : header.scalars) {
      names += (names.empty() ? "" : ", ") + scalar.name;
    }
    return names;
  };
  differs("dataset_name", first.dataset_name, other.dataset_name);
  differs("the grid", shape(first.grid), shape(other.grid));
  differs("the list of fields", first.fields.describe(), other.fields.describe());
  differs("the list of constant fields", first.constants.describe(), other.constants.describe());
  differs("the list of scalars", scalars(first), scalars(other));
}

void add_file(StoredPlan& plan, WellHeader const& header, fs::path const& path) {
  plan.spec.files.push_back(path.string());
  for (int64_t sample = 0; sample < header.trajectories; ++sample) {
    auto const& times = header.times_of(sample);
    TrajectorySpec trajectory{.times = times,
                              .source = concat("'", path.string(), "', sample ", sample),
                              .parameters = {}};
    std::vector<std::vector<double>> scalars;
    for (auto const& scalar : header.scalars) {
      scalars.push_back(scalar.of_sample(sample, static_cast<int64_t>(times.size())));
      if (scalar.time_varying == Flag::no) {
        trajectory.parameters[scalar.name] = scalars.back().front();
      }
    }
    plan.spec.trajectories.push_back(std::move(trajectory));
    plan.sources.push_back({.file = plan.spec.files.size() - 1,
                            .group = "",
                            .sample = sample,
                            .samples = header.trajectories});
    plan.scalars.push_back(std::move(scalars));
  }
}

std::unique_ptr<Reader> open_well(OpenRequest const& request) {
  StoredPlan plan;
  std::optional<WellHeader> first;
  for (auto const& path : files_of_split(request)) {
    auto const header = with_context([&] { return read_well_header(Hdf5File::open(path)); },
                                     "reading '",
                                     path.string(),
                                     "' as The Well");
    if (first) {
      check_agreement(*first, header, path);
      // How a field is stored may differ from file to file only in what one plan can say.
      for (size_t i = 0; i < header.field_arrays.size(); ++i) {
        require(header.field_arrays[i].axes.size() == first->field_arrays[i].axes.size(),
                "field '",
                header.field_arrays[i].data_set,
                "' of '",
                path.string(),
                "' varies along other axes than in the files before");
      }
    } else {
      first = header;
    }
    add_file(plan, header, path);
  }
  plan.spec.name = first->dataset_name;
  plan.spec.format = "well";
  plan.spec.fields = first->fields;
  plan.spec.constants = first->constants;
  for (auto const& scalar : first->scalars) {
    plan.spec.scalars.push_back(scalar.name);
  }
  plan.spec.grid = first->grid;
  plan.spec.time_unit = first->time_unit;
  plan.spec.remarks = first->remarks;
  for (auto const& array : first->field_arrays) {
    plan.fields.push_back({array});
  }
  for (auto const& array : first->constant_arrays) {
    plan.constants.push_back({array});
  }
  return std::make_unique<StoredReader>(std::move(plan), request.fields);
}

}  // namespace

FormatEntry well_format() {
  return {.name = "well",
          .summary = "The Well: HDF5 files of trajectories, in folders train, valid, test",
          .recognises = recognises_well,
          .open = open_well,
          .own_splits = [](OpenRequest const& request) { return well_splits(request.path); }};
}

fs::path find_well_statistics(fs::path const& path) {
  std::error_code ignored;
  auto folder = fs::absolute(path, ignored);
  for (int up = 0; up < 4 && !folder.empty(); ++up) {
    if (fs::is_regular_file(folder / "stats.yaml", ignored)) {
      return folder / "stats.yaml";
    }
    folder = folder.parent_path();
  }
  return {};
}

}  // namespace eddyline
