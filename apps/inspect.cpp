#include <algorithm>
#include <filesystem>
#include <sstream>

#include "apps/command_line.hpp"
#include "apps/verbs.hpp"
#include "core/error.hpp"
#include "data/formats/netcdf_reader.hpp"
#include "data/formats/registry.hpp"
#include "data/formats/suggest.hpp"
#include "surrogates/checkpoints/describe.hpp"

namespace eddyline {
namespace {

constexpr char const* kSuggest = "--suggest";

std::string print_description() {
  std::string text =
      "Says in words what files or folders hold: data sets (fields, grid, boundaries, times, "
      "trajectories, statistics, and the data: section that trains on them) and checkpoints "
      "(.h5 of this program, .pth or .pt of PyTorch; nothing in them is run).\n\nformats, as "
      "data.format names them:\n";
  for (auto const& entry : format_registry()) {
    text += "  " + entry.name + ": " + entry.summary + "\n";
  }
  return text;
}

VerbUsage inspect_usage(size_t paths) {
  return {.name = "inspect",
          .description = print_description(),
          .operands = std::vector<std::string>(std::max<size_t>(1, paths), "FILE_OR_FOLDER"),
          .flags =
              {{kSuggest,
                "print a configuration to start from, for arrays of your own (HDF5, npy): save it, "
                "check it, and train on it"}},
          .example = "eddyline inspect --suggest my_data.h5 > my_data.yaml"};
}

/// A configuration for `eddyline train` on arrays of one's own, with the guessed map in it.
std::string suggest_config(std::filesystem::path const& path) {
  auto const map = suggest_map(path);
  std::string indented;
  std::istringstream lines(map);
  for (std::string line; std::getline(lines, line);) {
    indented += line.empty() ? "\n" : "    " + line + "\n";
  }
  auto const name = path.stem().empty() ? path.parent_path().stem() : path.stem();
  bool const has_samples = map.find("sample") != std::string::npos;
  return concat(
      "data:\n  path: ",
      path.string(),
      "\n  format: ",
      format_entry("auto", path).name,
      "\n  splits: {by: ",
      has_samples ? "trajectories" : "frames",
      ", fractions: [0.8, 0.1, 0.1]}  # train, valid, test",
      "\n  fit: crop  # leaves outer cells out where the grid is no multiple of the patch",
      "\n  map:\n",
      indented,
      "model: {surrogate: morph}\ntrain: {target: increment}\nrun: {name: ",
      name.string(),
      "}\n");
}

/// A netCDF file is told even where its grid cannot be trained on; then with the reason.
std::string inspect_netcdf(std::filesystem::path const& path) {
  auto text = std::filesystem::is_directory(path) ? std::string() : describe_netcdf(path) + "\n";
  try {
    return text + describe(path);
  } catch (Error const& reason) {
    if (text.empty()) {
      throw;
    }
    return text + "it cannot be trained on: " + reason.message() + "\n";
  }
}

std::string inspect(std::filesystem::path const& path) {
  std::error_code ignored;
  if (std::filesystem::is_regular_file(path, ignored)) {
    if (auto const checkpoint = describe_checkpoint(path)) {
      return path.string() + ":\n" + *checkpoint;
    }
  }
  auto const& format = format_entry("auto", path);
  if (format.name == "netcdf") {
    return inspect_netcdf(path);
  }
  if (format.name == "hdf5" || format.name == "npy") {
    return path.string() + ": " + format.summary +
           "; a configuration to start from ('eddyline inspect --suggest' prints it alone):\n\n" +
           suggest_config(path);
  }
  return describe(path);
}

}  // namespace

int run_inspect(std::vector<std::string> const& arguments, Communicator const& world) {
  auto const paths = std::count_if(arguments.begin(), arguments.end(), [](std::string const& word) {
    return !word.starts_with('-');
  });
  Words words;
  auto const shown = inspect_usage(static_cast<size_t>(paths));
  world.together([&] { words = sort_words(arguments, shown); });
  if (words.wish != Words::Wish::run) {
    print_usage(inspect_usage(1), "", world);
    return 0;
  }
  // A data set's own .yaml, or a name with '=' in it, is not a configuration here.
  auto operands = words.operands;
  if (words.config_file) {
    operands.push_back(*words.config_file);
  }
  operands.insert(operands.end(), words.overrides.begin(), words.overrides.end());
  world.together([&] {
    require(!operands.empty(), "inspect takes files or folders; see 'eddyline inspect --help'");
    if (world.is_root()) {
      for (auto const& path : operands) {
        print_once(world, words.has(kSuggest) ? suggest_config(path) : inspect(path));
      }
    }
  });
  return 0;
}

}  // namespace eddyline
