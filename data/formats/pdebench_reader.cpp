#include "data/formats/pdebench_reader.hpp"

#include "core/error.hpp"
#include "data/formats/pdebench_header.hpp"
#include "data/formats/stored_reader.hpp"

namespace eddyline {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_of(fs::path const& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) {
    return {path};
  }
  std::vector<fs::path> files;
  for (auto const& entry : fs::directory_iterator(path, ignored)) {
    if (entry.path().extension() == ".hdf5" || entry.path().extension() == ".h5") {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

bool recognises_pdebench(fs::path const& path) {
  auto const files = files_of(path);
  if (files.empty() || !is_hdf5_file(files.front())) {
    return false;
  }
  try {
    return looks_like_pdebench(Hdf5File::open(files.front()));
  } catch (Exception const&) {
    return false;  // to be told apart is the question; opening it says what is wrong
  }
}

std::vector<std::string> pdebench_splits(OpenRequest const& /*request*/) {
  return {"train", "test"};
}

/// Numbers that every trajectory has: the scalars of the data set.
std::vector<std::string> common_parameters(std::vector<TrajectorySpec> const& trajectories) {
  std::vector<std::string> names;
  for (auto const& [name, value] : trajectories.front().parameters) {
    if (std::all_of(trajectories.begin(), trajectories.end(), [&](auto const& one) {
          return one.parameters.contains(name);
        })) {
      names.push_back(name);
    }
  }
  return names;
}

void add_file(StoredPlan& plan, PdebenchHeader const& header, fs::path const& path) {
  plan.spec.files.push_back(path.string());
  for (auto const& one : header.trajectories) {
    auto const where =
        one.group.empty() ? concat("sample ", one.sample) : concat("group '", one.group, "'");
    plan.spec.trajectories.push_back({.times = one.times,
                                      .source = concat("'", path.string(), "', ", where),
                                      .parameters = one.parameters});
    plan.sources.push_back({.file = plan.spec.files.size() - 1,
                            .group = one.group,
                            .sample = one.sample,
                            .samples = header.samples});
  }
}

template <class T>
void keep(std::vector<T>& list, std::array<int64_t, 2> test, std::string const& split) {
  std::vector<T> kept;
  for (size_t i = 0; i < list.size(); ++i) {
    auto const at = static_cast<int64_t>(i);
    if ((at >= test[0] && at < test[1]) == (split == "test")) {
      kept.push_back(std::move(list[i]));
    }
  }
  list = std::move(kept);
}

void choose_split(StoredPlan& plan, PdebenchLayout layout, OpenRequest const& request) {
  if (request.split == "all") {
    return;
  }
  require(request.split == "train" || request.split == "test",
          "PDEBench divides '",
          request.path.string(),
          "' into train and test only, not '",
          request.split,
          "'; set data.splits.by to trajectories or frames for three parts");
  auto const count = static_cast<int64_t>(plan.sources.size());
  auto const test = pdebench_test_part(count, layout);
  require(test[1] > test[0],
          "'",
          request.path.string(),
          "' has ",
          count,
          " samples, and a tenth of them, which PDEBench tests on, is none; set data.splits.by to "
          "trajectories or frames");
  keep(plan.spec.trajectories, test, request.split);
  keep(plan.sources, test, request.split);
}

std::unique_ptr<Reader> open_pdebench(OpenRequest const& request) {
  auto const files = files_of(request.path);
  require(!files.empty(), "'", request.path.string(), "' holds no files *.hdf5 or *.h5");
  StoredPlan plan;
  std::optional<PdebenchHeader> first;
  for (auto const& path : files) {
    auto header = with_context([&] { return read_pdebench_header(Hdf5File::open(path)); },
                               "reading '",
                               path.string(),
                               "' as PDEBench");
    if (first) {
      require(header.fields == first->fields && header.constants == first->constants &&
                  header.grid == first->grid,
              "'",
              path.string(),
              "' holds other fields or another grid than the files before; keep data sets apart");
    }
    add_file(plan, header, path);
    first = first ? first : std::move(header);
  }
  plan.spec.name = files.front().stem().string();
  plan.spec.format = "pdebench";
  plan.spec.fields = first->fields;
  plan.spec.constants = first->constants;
  plan.spec.grid = first->grid;
  plan.spec.remarks = first->remarks;
  plan.fields = first->field_arrays;
  plan.constants = first->constant_arrays;
  choose_split(plan, first->layout, request);
  plan.spec.scalars = common_parameters(plan.spec.trajectories);
  for (auto const& trajectory : plan.spec.trajectories) {
    auto& table = plan.scalars.emplace_back();
    for (auto const& name : plan.spec.scalars) {
      table.push_back({trajectory.parameters.at(name)});
    }
  }
  return std::make_unique<StoredReader>(std::move(plan), request.fields);
}

}  // namespace

FormatEntry pdebench_format() {
  return {.name = "pdebench",
          .summary = "PDEBench: HDF5 with one array a variable or one group a seed",
          .recognises = recognises_pdebench,
          .open = open_pdebench,
          .own_splits = pdebench_splits};
}

std::array<int64_t, 2> pdebench_test_part(int64_t samples, PdebenchLayout layout, double share) {
  auto const count = static_cast<double>(samples);
  if (layout == PdebenchLayout::arrays) {
    return {0, static_cast<int64_t>(count * share)};
  }
  return {static_cast<int64_t>(count * (1 - share)), samples};
}

}  // namespace eddyline
