#include <fmt/format.h>

#include <cmath>
#include <filesystem>

#include "core/error.hpp"
#include "data/formats/registry.hpp"
#include "data/formats/well_reader.hpp"
#include "data/formats/well_statistics.hpp"

// What a data set holds, in words.
namespace eddyline {
namespace {

constexpr double kUniformStep = 1e-4;  // float32 times keep this much of a step
constexpr size_t kShownScalars = 12;

/// One part of a data set, opened.
struct Part {
  std::string split;
  std::unique_ptr<Reader> reader;

  DatasetSpec const& spec() const { return reader->spec(); }
};

std::string line(std::string const& name, std::string const& text) {
  return fmt::format("  {:<14}{}\n", name, text);
}

std::string print_bytes(double bytes) {
  std::array<char const*, 5> const units = {"bytes", "kB", "MB", "GB", "TB"};
  size_t unit = 0;
  for (; bytes >= 1000 && unit + 1 < units.size(); ++unit) {
    bytes /= 1000;
  }
  return unit == 0 ? fmt::format("{:.0f} {}", bytes, units[0])
                   : fmt::format("{:.3g} {}", bytes, units[unit]);
}

std::string plural(int64_t count, std::string const& one, std::string const& many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

/// "3 in 2 files".
std::string print_count(DatasetSpec const& spec) {
  return fmt::format(
      "{} in {}",
      plural(static_cast<int64_t>(spec.trajectories.size()), "trajectory", "trajectories"),
      plural(static_cast<int64_t>(spec.files.size()), "file", "files"));
}

/// "6 frames, 0 … 1.25 s, every 0.25".
std::string print_times(std::vector<Part> const& parts) {
  int64_t fewest = std::numeric_limits<int64_t>::max();
  int64_t most = 0;
  for (auto const& part : parts) {
    for (auto const& one : part.spec().trajectories) {
      fewest = std::min(fewest, one.frames());
      most = std::max(most, one.frames());
    }
  }
  if (most == 0) {
    return "no frame";
  }
  auto const& spec = parts.front().spec();
  auto const first = std::find_if(spec.trajectories.begin(),
                                  spec.trajectories.end(),
                                  [](auto const& one) { return one.frames() > 0; });
  auto const& times = (first == spec.trajectories.end() ? spec.trajectories.begin() : first)->times;
  auto text = fewest == most ? plural(most, "frame", "frames")
                             : fmt::format("{} to {} frames", fewest, most);
  auto const unit = spec.time_unit.empty() ? "" : " " + spec.time_unit;
  text += fmt::format(", {:.6g} … {:.6g}{}", times.front(), times.back(), unit);
  if (times.size() > 1) {
    auto const step = (times.back() - times.front()) / static_cast<double>(times.size() - 1);
    bool uniform = true;
    for (size_t i = 1; i < times.size(); ++i) {
      uniform =
          uniform && std::abs(times[i] - times[i - 1] - step) <= kUniformStep * std::abs(step);
    }
    text += uniform ? fmt::format(", every {:.6g}", step)
                    : fmt::format(", unevenly, {:.6g} in the mean", step);
  }
  return text + (spec.time_unit.empty() ? " (the files name no unit)" : "");
}

/// "Du 0.001, seed 0 … 3, drive (varies in time)".
std::string print_scalars(std::vector<Part> const& parts) {
  std::string text;
  auto const& names = parts.front().spec().scalars;
  for (size_t i = 0; i < std::min(names.size(), kShownScalars); ++i) {
    auto low = std::numeric_limits<double>::infinity();
    auto high = -low;
    for (auto const& part : parts) {
      for (auto const& one : part.spec().trajectories) {
        auto const found = one.parameters.find(names[i]);
        low = found == one.parameters.end() ? low : std::min(low, found->second);
        high = found == one.parameters.end() ? high : std::max(high, found->second);
      }
    }
    text += (text.empty() ? "" : ", ") + names[i];
    text += low > high    ? " (varies in time)"
            : low == high ? fmt::format(" {:.6g}", low)
                          : fmt::format(" {:.6g} … {:.6g}", low, high);
  }
  return names.empty() ? "none" : names.size() > kShownScalars ? text + ", …" : text;
}

std::string print_size(std::vector<Part> const& parts) {
  double stored = 0;
  double frames = 0;
  for (auto const& part : parts) {
    for (auto const& file : part.spec().files) {
      std::error_code ignored;
      auto const bytes = std::filesystem::file_size(file, ignored);
      stored += ignored ? 0 : static_cast<double>(bytes);
    }
    for (auto const& one : part.spec().trajectories) {
      frames += static_cast<double>(one.frames());
    }
  }
  auto const& spec = parts.front().spec();
  auto const frame =
      static_cast<double>(spec.grid.cells() * spec.fields.channels()) * sizeof(float);
  return fmt::format("{} on disk; {} of values, {} a frame",
                     print_bytes(stored),
                     print_bytes(frame * frames),
                     print_bytes(frame));
}

std::string print_statistics(std::filesystem::path const& path) {
  auto const file = find_well_statistics(path);
  if (file.empty()) {
    return "none found (training computes them)";
  }
  auto const statistics = read_well_statistics(file);
  return fmt::format("{} ({})",
                     file.string(),
                     statistics.mean_delta.empty() ? "mean, std, rms; no deltas"
                                                   : "mean, std, rms and those of the deltas");
}

/// The section of a configuration that trains on it.
std::string suggest_section(FormatEntry const& format,
                            std::filesystem::path const& path,
                            std::vector<Part> const& parts) {
  std::string names;
  for (auto const& field : parts.front().spec().fields.fields()) {
    names += (names.empty() ? "" : ", ") + field.name;
  }
  bool const has_train = std::any_of(
      parts.begin(), parts.end(), [](Part const& part) { return part.split == "train"; });
  bool const one_series = parts.front().spec().trajectories.size() == 1;
  return fmt::format(
      "to train on it:\n\ndata:\n  path: {}\n  format: {}\n  fields: [{}]\n  splits:\n    by: {}\n",
      path.string(),
      format.name,
      names,
      has_train && parts.size() == 3 ? "given"
      : one_series                   ? "frames"
                                     : "trajectories");
}

std::vector<Part> open_parts(FormatEntry const& format, std::filesystem::path const& path) {
  std::vector<Part> parts;
  // PDEBench's parts are a rule, not something that the files hold: shown as one.
  auto splits =
      format.name == "pdebench" ? std::vector<std::string>{} : format.own_splits({.path = path});
  if (splits.empty()) {
    splits = {"all"};
  }
  for (auto const& split : splits) {
    parts.push_back({split, format.open({.path = path, .split = split, .fields = {}, .map = ""})});
  }
  return parts;
}

}  // namespace

std::string describe(std::filesystem::path const& path) {
  auto const& format = format_entry("auto", path);
  return with_context(
      [&] {
        auto const parts = open_parts(format, path);
        auto const& spec = parts.front().spec();
        auto text = fmt::format("{}: {}\n", path.string(), format.summary);
        text += line("data set", spec.name);
        text += line("fields",
                     fmt::format("{}; {}",
                                 spec.fields.describe(),
                                 plural(spec.fields.channels(), "channel", "channels")));
        text += line("constants", spec.constants.describe());
        text += line("scalars", print_scalars(parts));
        text += line("grid", spec.grid.describe());
        text += line("times", print_times(parts));
        for (auto const& part : parts) {
          text += line(part.split == "all" ? "series" : part.split, print_count(part.spec()));
        }
        text += line("size", print_size(parts));
        text += line("statistics", print_statistics(path));
        for (auto const& remark : spec.remarks) {
          text += line("remark", remark);
        }
        return text + suggest_section(format, path, parts);
      },
      "inspecting '",
      path.string(),
      "'");
}

}  // namespace eddyline
