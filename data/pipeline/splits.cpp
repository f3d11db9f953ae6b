#include "data/pipeline/splits.hpp"

#include <array>
#include <cmath>
#include <numeric>

#include "core/error.hpp"
#include "core/random.hpp"

namespace eddyline {
namespace {

constexpr std::array kParts = {Split::train, Split::valid, Split::test};
constexpr uint64_t kSplitStream = 0x73706c6974;  // "split": apart from all other random streams
constexpr double kShareTolerance = 1e-9;

FrameSpan const& span_of(SplitConfig const& config, Split split) {
  return split == Split::train ? config.train : split == Split::valid ? config.valid : config.test;
}

bool is_named(FrameSpan const& span) {
  return span.first || span.last;
}

bool names_any(SplitConfig const& config) {
  return is_named(config.train) || is_named(config.valid) || is_named(config.test);
}

void check_fractions(std::vector<double> const& fractions) {
  auto const sum = std::accumulate(fractions.begin(), fractions.end(), 0.0);
  bool const positive =
      std::all_of(fractions.begin(), fractions.end(), [](double f) { return f >= 0; });
  require(fractions.size() == 3 && positive && sum <= 1 + kShareTolerance && fractions[0] > 0,
          "data.splits.fractions is ",
          fractions,
          "; give three shares (train, valid, test), train above 0 and together at most 1");
}

/// Units of each part: valid and test rounded but at least one where their share is above 0.
std::array<int64_t, 3> shares(int64_t units, std::vector<double> const& fractions) {
  auto const total = static_cast<double>(units);
  std::array<int64_t, 3> count{};
  for (size_t i = 1; i < 3; ++i) {
    count[i] = fractions[i] > 0 ? std::max<int64_t>(1, std::llround(fractions[i] * total)) : 0;
  }
  auto const rest = units - count[1] - count[2];
  auto const all = fractions[0] + fractions[1] + fractions[2];
  count[0] = all > 1 - kShareTolerance
                 ? rest
                 : std::min<int64_t>(rest, std::llround(fractions[0] * total));
  return count;
}

SplitPart whole(DatasetSpec const& data, int64_t series) {
  return {.series = series,
          .first = 0,
          .last = data.trajectories[static_cast<size_t>(series)].frames() - 1};
}

std::vector<SplitPart> all_series(DatasetSpec const& data) {
  std::vector<SplitPart> parts;
  for (int64_t i = 0; i < static_cast<int64_t>(data.trajectories.size()); ++i) {
    parts.push_back(whole(data, i));
  }
  return parts;
}

std::vector<SplitPart> whole_series(DatasetSpec const& data,
                                    SplitConfig const& config,
                                    size_t which) {
  check_fractions(config.fractions);
  auto const series = static_cast<int64_t>(data.trajectories.size());
  auto const count = shares(series, config.fractions);
  require(count[0] >= 1,
          "data.splits.by is trajectories, but ",
          series,
          " series of '",
          data.name,
          "' cannot be shared out as ",
          config.fractions,
          "; use more series, other data.splits.fractions or data.splits.by=frames");
  std::vector<int64_t> order(static_cast<size_t>(series));
  std::iota(order.begin(), order.end(), 0);
  if (config.order == SplitOrder::shuffled) {
    order = permutation(
        series, {.seed = static_cast<uint64_t>(config.seed), .step = 0, .layer = kSplitStream});
  }
  auto const first =
      std::accumulate(count.begin(), count.begin() + static_cast<int64_t>(which), int64_t{0});
  std::vector<SplitPart> parts;
  for (int64_t i = first; i < first + count[which]; ++i) {
    parts.push_back(whole(data, order[static_cast<size_t>(i)]));
  }
  return parts;
}

/// Ends filled in and checked against a series.
SplitPart named_part(DatasetSpec const& data, int64_t series, FrameSpan const& span, Split split) {
  auto part = whole(data, series);
  auto const frames = part.frames();
  part.first = span.first.value_or(0);
  part.last = span.last.value_or(frames - 1);
  part.targets_first = span.targets_first.value_or(part.first);
  auto const key = concat("data.splits.", to_string(split));
  require(part.first >= 0 && part.first <= part.last && part.last < frames,
          key,
          " is frames ",
          part.first,
          " to ",
          part.last,
          ", but ",
          data.trajectories[static_cast<size_t>(series)].source,
          " has frames 0 to ",
          frames - 1);
  require(part.targets_first >= part.first && part.targets_first <= part.last,
          key,
          ".targets_first is ",
          part.targets_first,
          ", outside its frames ",
          part.first,
          " to ",
          part.last);
  return part;
}

void check_overlap(DatasetSpec const& data, int64_t series, SplitConfig const& config) {
  for (size_t i = 0; i < kParts.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (!is_named(span_of(config, kParts[i])) || !is_named(span_of(config, kParts[j]))) {
        continue;
      }
      auto const a = named_part(data, series, span_of(config, kParts[j]), kParts[j]);
      auto const b = named_part(data, series, span_of(config, kParts[i]), kParts[i]);
      require(a.last < b.first || b.last < a.first,
              "data.splits.",
              to_string(kParts[j]),
              " (frames ",
              a.first,
              " to ",
              a.last,
              ") and data.splits.",
              to_string(kParts[i]),
              " (frames ",
              b.first,
              " to ",
              b.last,
              ") overlap; a frame belongs to one part only");
    }
  }
}

std::vector<SplitPart> named_spans(DatasetSpec const& data,
                                   SplitConfig const& config,
                                   Split split) {
  auto const& span = span_of(config, split);
  require(is_named(span),
          "data.splits names frames, but none for ",
          to_string(split),
          "; set data.splits.",
          to_string(split),
          ".first and .last");
  std::vector<SplitPart> parts;
  for (int64_t i = 0; i < static_cast<int64_t>(data.trajectories.size()); ++i) {
    check_overlap(data, i, config);
    parts.push_back(named_part(data, i, span, split));
  }
  return parts;
}

/// Contiguous parts of one series with a gap between neighbours.
SplitPart cut_series(DatasetSpec const& data,
                     int64_t series,
                     DataConfig const& config,
                     size_t which) {
  auto const& fractions = config.splits.fractions;
  auto const shapes = strided(window_shape(config), config);
  auto const shape = *std::max_element(shapes.begin(), shapes.end(), [](auto& a, auto& b) {
    return a.span() + a.lead < b.span() + b.lead;
  });
  auto const gap = shape.span() + shape.lead;
  auto part = whole(data, series);
  auto const frames = part.frames();
  auto const pieces =
      std::count_if(fractions.begin(), fractions.end(), [](double f) { return f > 0; });
  auto const usable = frames - gap * (pieces - 1);
  auto const count = shares(std::max<int64_t>(usable, 0), fractions);
  for (size_t i = 0; i < 3; ++i) {
    require(fractions[i] == 0 || count[i] >= shape.span(),
            data.trajectories[static_cast<size_t>(series)].source,
            " has ",
            frames,
            " frames: too few to cut by data.splits.fractions ",
            fractions,
            " with gaps of ",
            gap,
            " frames (window and lead) and windows of ",
            shape.span(),
            "; use fewer parts, shorter windows or data.splits.by=trajectories");
  }
  for (size_t i = 0; i < which; ++i) {
    part.first += count[i] + (count[i] > 0 ? gap : 0);
  }
  part.last = part.first + count[which] - 1;
  part.targets_first = part.first;
  return part;
}

std::vector<SplitPart> cut_in_time(DatasetSpec const& data,
                                   DataConfig const& config,
                                   Split split,
                                   size_t which) {
  if (names_any(config.splits)) {
    return named_spans(data, config.splits, split);
  }
  check_fractions(config.splits.fractions);
  std::vector<SplitPart> parts;
  for (int64_t i = 0;
       config.splits.fractions[which] > 0 && i < static_cast<int64_t>(data.trajectories.size());
       ++i) {
    parts.push_back(cut_series(data, i, config, which));
  }
  return parts;
}

}  // namespace

std::string to_string(Split split) {
  return enum_name(split);
}

bool gives_part(SplitConfig const& config, Split split) {
  if (split == Split::all || config.by == SplitBy::given) {
    return true;
  }
  if (config.by == SplitBy::frames && names_any(config)) {
    return is_named(span_of(config, split));
  }
  check_fractions(config.fractions);
  return config.fractions[static_cast<size_t>(split)] > 0;
}

std::vector<SplitPart> split_series(DatasetSpec const& data,
                                    DataConfig const& config,
                                    Split split) {
  if (split == Split::all || config.splits.by == SplitBy::given) {
    require(split == Split::all || !names_any(config.splits),
            "data.splits names frames but data.splits.by is given, so they would not be used; ",
            "set data.splits.by=frames");
    return all_series(data);
  }
  auto const which = static_cast<size_t>(split);
  return config.splits.by == SplitBy::frames ? cut_in_time(data, config, split, which)
                                             : whole_series(data, config.splits, which);
}

}  // namespace eddyline
