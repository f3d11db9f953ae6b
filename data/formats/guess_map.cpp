#include "data/formats/guess_map.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <set>

#include "core/error.hpp"
#include "core/text.hpp"

namespace eddyline {
namespace {

constexpr int64_t kMostComponents = 6;

/// "/0003/grid/x-coordinate" → "x"; "u_*.npy" → "u".
std::string short_name(std::string const& data) {
  auto name = data.substr(data.find_last_of('/') + 1);
  if (name.ends_with(".npy")) {
    name.resize(name.size() - 4);
  }
  if (name.ends_with("-coordinate")) {
    name.resize(name.size() - 11);
  }
  while (!name.empty() && (name.back() == '*' || name.back() == '_' || name.back() == '-')) {
    name.pop_back();
  }
  return name.empty() ? "field" : name;
}

bool is_place(ArrayFacts const& array) {
  static std::set<std::string> const names = {
      "x",  "y",  "z",  "r",  "theta", "phi", "lat",   "latitude", "lon",    "longitude",
      "xc", "yc", "zc", "x1", "x2",    "x3",  "log_r", "depth",    "height", "level"};
  return array.shape.size() == 1 && names.contains(lower_case(short_name(array.data)));
}

/// The guess of the main arrays' axes.
struct Guess {
  std::vector<std::string> axes;  ///< with "" for what is not known yet
  std::map<std::string, ArrayFacts> places;
  std::optional<ArrayFacts> time;
};

bool has(std::vector<std::string> const& axes, std::string const& name) {
  return std::count(axes.begin(), axes.end(), name) > 0;
}

/// The array that most others are like: the largest shape, the first of equals.
ArrayFacts const& main_array(std::vector<ArrayFacts> const& arrays) {
  ArrayFacts const* main = nullptr;
  auto const elements = [](ArrayFacts const& a) {
    double n = 1;
    for (auto const size : a.shape) {
      n *= static_cast<double>(size);
    }
    return n;
  };
  for (auto const& array : arrays) {
    bool const longer = array.shape.size() >= 2 && !is_time(array) &&
                        (main == nullptr || elements(array) > elements(*main));
    main = longer ? &array : main;
  }
  require(main != nullptr, "there is no array with two axes or more; a field needs time and space");
  return *main;
}

void place_axes(std::vector<ArrayFacts> const& arrays,
                std::vector<int64_t> const& shape,
                Guess& guess) {
  std::vector<ArrayFacts> places;
  std::copy_if(arrays.begin(), arrays.end(), std::back_inserter(places), is_place);
  // From the back, since sample and time come first; equal sides take x, y, z in the order of their
  // names.
  std::sort(places.begin(), places.end(), [](auto const& a, auto const& b) {
    return short_name(a.data) > short_name(b.data);
  });
  for (int64_t const edges : {0, 1}) {  // arrays of the cells' edges are one longer
    for (size_t i = shape.size(); i-- > 0;) {
      auto const found = std::find_if(places.begin(), places.end(), [&](auto const& place) {
        return place.shape[0] == shape[i] + edges;
      });
      if (guess.axes[i].empty() && found != places.end()) {
        guess.axes[i] = lower_case(short_name(found->data));
        guess.places[guess.axes[i]] = *found;
        places.erase(found);
      }
    }
  }
}

void place_time(std::vector<ArrayFacts> const& arrays,
                std::vector<int64_t> const& shape,
                Guess& guess) {
  for (auto const& array : arrays) {
    if (!is_time(array) || array.shape.empty() || array.shape.size() > 2 || guess.time) {
      continue;
    }
    for (int64_t const more : {0, 1}) {  // PDEBench's times have one entry too many
      for (size_t i = 0; i < std::min<size_t>(2, shape.size()) && !guess.time; ++i) {
        if (array.shape.back() == shape[i] + more) {
          guess.axes[i] = "time";
          guess.time = array;
        }
      }
    }
  }
}

/// Names what the arrays of coordinates left open.
void place_rest(std::vector<int64_t> const& shape, std::string const& per_file, Guess& guess) {
  auto const open = [&] { return std::count(guess.axes.begin(), guess.axes.end(), std::string()); };
  bool const wants_time = per_file == "trajectories" && !has(guess.axes, "time");
  auto const named = static_cast<int64_t>(guess.places.size());
  // Without names of axes: (time, x), (time, x, y), (sample, time, x, y), (sample, time, x, y, z).
  auto const free = open();
  int64_t leading = named > 0 ? free : wants_time ? (free >= 4 ? 2 : 1) : free >= 4 ? 1 : 0;
  bool const timed_second = guess.axes.size() > 1 && guess.axes[1] == "time";
  leading = timed_second ? 1 : leading;
  size_t next_space = 0;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (!guess.axes[i].empty()) {
      continue;
    }
    if (leading > 0 && !has(guess.axes, "sample") &&
        (leading == 2 || !wants_time || has(guess.axes, "time"))) {
      guess.axes[i] = "sample";
      --leading;
    } else if (leading > 0 && wants_time && !has(guess.axes, "time")) {
      guess.axes[i] = "time";
      --leading;
    } else {
      std::vector<std::string> const names = {"x", "y", "z", "axis4", "axis5", "axis6"};
      while (next_space + 1 < names.size() && has(guess.axes, names[next_space])) {
        ++next_space;
      }
      guess.axes[i] = names[next_space];
    }
  }
}

Guess guess_axes(std::vector<ArrayFacts> const& arrays,
                 std::vector<int64_t> const& shape,
                 std::string const& per_file) {
  Guess guess;
  guess.axes.resize(shape.size());
  if (per_file == "trajectories") {
    place_time(arrays, shape, guess);
  }
  auto const last = shape.size() - 1;
  bool const is_place_long = std::any_of(arrays.begin(), arrays.end(), [&](auto const& array) {
    return is_place(array) && (array.shape[0] == shape[last] || array.shape[0] == shape[last] + 1);
  });
  if (shape.size() >= 3 && shape[last] <= kMostComponents && !is_place_long &&
      guess.axes[last].empty()) {
    guess.axes[last] = "component";
  }
  place_axes(arrays, shape, guess);
  place_rest(shape, per_file, guess);
  return guess;
}

std::string list(std::vector<std::string> const& words) {
  std::string text;
  for (auto const& word : words) {
    text += (text.empty() ? "" : ", ") + word;
  }
  return "[" + text + "]";
}

std::string quoted(std::string const& text) {
  std::string result = "\"";
  for (char const c : text) {
    result += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  }
  return result + "\"";
}

/// Sizes that an array must have on the main axes, without those in `less`.
std::vector<int64_t> sizes_without(Guess const& guess,
                                   std::vector<int64_t> const& shape,
                                   std::set<std::string> const& less) {
  std::vector<int64_t> sizes;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (!less.contains(guess.axes[i])) {
      sizes.push_back(shape[i]);
    }
  }
  return sizes;
}

std::vector<std::string> axes_without(Guess const& guess, std::set<std::string> const& less) {
  std::vector<std::string> axes;
  for (auto const& axis : guess.axes) {
    if (!less.contains(axis)) {
      axes.push_back(axis);
    }
  }
  return axes;
}

std::string component_list(Guess const& guess, int64_t count) {
  std::vector<std::string> space = axes_without(guess, {"sample", "time", "component"});
  std::vector<std::string> names;
  for (int64_t i = 0; i < count; ++i) {
    names.push_back(static_cast<int64_t>(space.size()) == count ? space[static_cast<size_t>(i)]
                                                                : std::to_string(i));
  }
  return list(names);
}

/// One entry of fields or constants.
std::string entry_text(ArrayFacts const& array,
                       std::vector<std::string> const& axes,
                       Guess const& guess) {
  auto text = concat(
      "  - name: ", quoted(short_name(array.data)), "\n    data: ", quoted(array.data), "\n");
  text += axes == guess.axes ? "" : concat("    axes: ", list(axes), "\n");
  if (!axes.empty() && has(axes, "component")) {
    auto const count = array.shape.back();
    text += count == 1 ? "    index: 0\n"
                       : concat("    components: ",
                                component_list(guess, count),
                                "  # a vector if named as the axes are\n");
  }
  text +=
      array.units.empty() ? "    units: \"\"\n" : concat("    units: ", quoted(array.units), "\n");
  return text;
}

std::string coordinates_text(Guess const& guess) {
  std::string text = "coordinates:  # boundaries: periodic, wall or open; or [low, high]\n";
  for (auto const& axis : axes_without(guess, {"sample", "time", "component"})) {
    auto const found = guess.places.find(axis);
    auto const place =
        found == guess.places.end()
            ? std::string("start: 0, step: 1")
            : "data: " + quoted(found->second.data) +
                  (found->second.units.empty() ? "" : ", units: " + quoted(found->second.units));
    text += concat("  ", axis, ": {", place, ", boundaries: [open]}\n");
  }
  return text;
}

}  // namespace

bool is_time(ArrayFacts const& array) {
  static std::set<std::string> const names = {
      "t", "time", "times", "time_s", "snapshots", "t_grid"};
  return names.contains(lower_case(short_name(array.data)));
}

std::string guess_map(std::vector<ArrayFacts> const& arrays, std::string const& per_file) {
  auto const& main = main_array(arrays);
  auto const guess = guess_axes(arrays, main.shape, per_file);
  std::string fields = "fields:\n";
  std::string constants;
  std::string left_out;
  for (auto const& array : arrays) {
    if (is_time(array) || is_place(array)) {
      continue;
    }
    auto shape = array.shape;
    auto const last = has(guess.axes, "component") && !shape.empty() ? shape.back() : 0;
    auto const fits = [&](std::set<std::string> const& less) {
      auto expected = sizes_without(guess, main.shape, less);
      if (!less.contains("component") && has(guess.axes, "component") && last <= kMostComponents) {
        expected.back() = last;  // another number of components
      }
      return shape == expected;
    };
    bool found = false;
    for (auto const& less : std::vector<std::set<std::string>>{{},
                                                               {"component"},
                                                               {"time"},
                                                               {"time", "component"},
                                                               {"time", "sample"},
                                                               {"time", "sample", "component"}}) {
      auto const axes = axes_without(guess, less);
      bool const new_axes = less.empty() || axes.size() < guess.axes.size();
      if (!found && new_axes && fits(less)) {
        bool const changes = has(axes, "time") || per_file == "frame";
        (changes ? fields : constants) += entry_text(array, axes, guess);
        found = true;
      }
    }
    left_out += found ? "" : concat("# left out: ", array.data, " (", array.shape, ")\n");
  }
  auto text = concat("# guessed from names and shapes: check every line (main array ",
                     main.data,
                     ": ",
                     main.shape,
                     ")\n",
                     "file_holds: ",
                     per_file,
                     "\n",
                     "axes: ",
                     list(guess.axes),
                     "\n",
                     fields);
  text += constants.empty() ? "" : "constants:\n" + constants;
  text += guess.time ? concat("time: {data: ",
                              quoted(guess.time->data),
                              ", unit: ",
                              quoted(guess.time->units),
                              "}\n")
                     : "time: {start: 0, step: 1, unit: \"\"}  # step: time between frames\n";
  return text + coordinates_text(guess) + left_out;
}

}  // namespace eddyline
