#include "workflows/reporting/rollout_numbers.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "data/formats/rollout_reader.hpp"
#include "data/sinks/rollout_folder.hpp"
#include "data/sinks/scene.hpp"
#include "workflows/metrics/cells.hpp"
#include "workflows/metrics/spectrum.hpp"

namespace eddyline {
namespace {

constexpr int64_t kMostSums = 400;         // points of a curve
constexpr int64_t kMostPlanePoints = 512;  // along an axis: more than a panel has pixels
constexpr int64_t kUsualSteps = 5;

/// A channel that is drawn.
struct DrawnChannel {
  std::string field, name, unit;
  int64_t predicted;
  int64_t truth;  ///< channel of the truth; -1: there is none
};

/// Index of the field of that name; none if there is no such field.
std::optional<size_t> index_of(FieldSet const& fields, std::string const& name) {
  for (size_t f = 0; f < fields.fields().size(); ++f) {
    if (fields.fields()[f].name == name) {
      return f;
    }
  }
  return {};
}

/// True for `u_truth` and `u_error` beside `u`.
bool belongs_to_another(FieldSet const& fields, std::string const& name) {
  return std::ranges::any_of(std::array{"_truth", "_error"}, [&](std::string const& suffix) {
    return name.ends_with(suffix) &&
           index_of(fields, name.substr(0, name.size() - suffix.size())).has_value();
  });
}

std::vector<DrawnChannel> drawn_channels(FieldSet const& fields,
                                         std::vector<std::string> const& wanted) {
  auto const names = fields.channel_names();
  auto const is_wanted = [&](std::string const& name) {
    return std::find(wanted.begin(), wanted.end(), name) != wanted.end();
  };
  std::vector<DrawnChannel> drawn;
  for (size_t f = 0; f < fields.fields().size(); ++f) {
    auto const& field = fields.fields()[f];
    if (belongs_to_another(fields, field.name)) {
      continue;
    }
    auto const truth = index_of(fields, field.name + "_truth");
    for (int64_t k = 0; k < field.count(); ++k) {
      auto const channel = fields.first_channel(f) + k;
      auto const& name = names[static_cast<size_t>(channel)];
      if (wanted.empty() || is_wanted(name) || is_wanted(field.name)) {
        drawn.push_back({field.name,
                         name,
                         field.units,
                         channel,
                         truth ? fields.first_channel(*truth) + k : -1});
      }
    }
  }
  return drawn;
}

/// At most `most` of 0 … count - 1, evenly spread, the first and the last among them.
std::vector<int64_t> evenly(int64_t count, int64_t most) {
  std::vector<int64_t> chosen;
  auto const points = std::min(count, std::max<int64_t>(most, 2));
  for (int64_t i = 0; i < points; ++i) {
    auto const share = points == 1 ? 0.0 : static_cast<double>(i) / static_cast<double>(points - 1);
    chosen.push_back(std::llround(share * static_cast<double>(count - 1)));
  }
  return chosen;
}

/// Frames of the steps asked for that are there.
std::vector<int64_t> shown_frames(std::vector<XdmfFrame> const& frames,
                                  std::vector<int64_t> const& steps) {
  if (steps.empty()) {
    return evenly(static_cast<int64_t>(frames.size()), kUsualSteps);
  }
  std::vector<int64_t> shown;
  for (size_t t = 0; t < frames.size(); ++t) {
    if (std::find(steps.begin(), steps.end(), frames[t].step) != steps.end()) {
      shown.push_back(static_cast<int64_t>(t));
    }
  }
  require(!shown.empty(),
          "steps ",
          steps,
          " are not among those that were written, ",
          frames.front().step,
          " to ",
          frames.back().step);
  return shown;
}

/// Positions in the sorted `all` of the numbers `some`.
std::vector<int64_t> positions(std::vector<int64_t> const& some, std::vector<int64_t> const& all) {
  std::vector<int64_t> found;
  for (auto const number : some) {
    found.push_back(std::lower_bound(all.begin(), all.end(), number) - all.begin());
  }
  return found;
}

/// The numbers of one trajectory, taken frame by frame so that one frame is in memory at a time.
class NumberTaker {
 public:
  NumberTaker(DatasetSpec const& spec, std::vector<DrawnChannel> channels)
      : channels_(std::move(channels)), scene_(spec.fields, spec.grid), cells_(spec.grid) {
    auto const of_scene = scene_.shape();
    middle_ = of_scene[0] / 2;
    for (size_t a = 0; a < 2; ++a) {
      stride_[a] = (of_scene[a + 1] + kMostPlanePoints - 1) / kMostPlanePoints;
    }
  }

  /// Means by volume of the chosen channels of values (C, D, H, W): (2, C).
  at::Tensor sums(at::Tensor const& values) const {
    auto const volumes = cells_.volumes();
    return each(values, [&](at::Tensor const& channel) {
      auto const weight = volumes * at::isfinite(channel);
      return (at::nan_to_num(channel, 0, 0, 0) * weight).sum() / weight.sum();
    });
  }
  /// (2, C, K); what is missing counts as zero, as in the metrics.
  at::Tensor spectra(at::Tensor const& values) {
    return each(values, [&](at::Tensor const& channel) {
      auto const spectrum = radial_power_spectrum(at::nan_to_num(channel, 0, 0, 0), cells_.grid);
      wavenumbers_ = spectrum.wavenumbers;
      return spectrum.power;
    });
  }
  /// (2, C, Y, X) float32.
  at::Tensor planes(at::Tensor const& values) const {
    return each(values, [&](at::Tensor const& channel) {
      auto const whole = scene_.to_scene(channel.unsqueeze(0), {"", {0}, ""});
      return whole[middle_].slice(0, 0, {}, stride_[0]).slice(1, 0, {}, stride_[1]).to(at::kFloat);
    });
  }
  std::vector<double> const& wavenumbers() const { return wavenumbers_; }

  at::Tensor coordinates(int slot) const {
    auto const all = at::tensor(scene_.coordinates(slot), at::kDouble);
    return all.slice(0, 0, {}, stride_[static_cast<size_t>(slot - 1)]).contiguous();
  }
  nlohmann::json axis(int slot) const {
    auto const& axis = cells_.grid.axis(scene_.order()[static_cast<size_t>(slot)]);
    return {{"name", axis.name}, {"unit", axis.units}};
  }
  /// "z = 0.5" where planes are cut out of three dimensions, else "".
  std::string plane() const {
    auto const along = scene_.coordinates(0);
    auto const name = axis(0)["name"].get<std::string>();
    return along.size() == 1
               ? ""
               : concat(name.empty() ? "z" : name, " = ", along[static_cast<size_t>(middle_)]);
  }

 private:
  /// `of` each channel's prediction and truth, stacked: (2, C, …).
  template <class Of>
  at::Tensor each(at::Tensor const& values, Of of) const {
    std::vector<at::Tensor> predicted, truth;
    for (auto const& channel : channels_) {
      predicted.push_back(of(values[channel.predicted]));
      truth.push_back(channel.truth < 0 ? at::full_like(predicted.back(),
                                                        std::numeric_limits<double>::quiet_NaN())
                                        : of(values[channel.truth]));
    }
    return at::stack({at::stack(predicted), at::stack(truth)});
  }

  std::vector<DrawnChannel> channels_;
  Scene scene_;
  Cells cells_;
  int64_t middle_ = 0;
  std::array<int64_t, 2> stride_{};
  std::vector<double> wavenumbers_;
};

/// Which frames are read, and what for.
struct FramePlan {
  std::vector<int64_t> sums, shown, animated;
  std::vector<int64_t> planes;  ///< shown or animated, ascending
  std::set<int64_t> all;
};

FramePlan plan_frames(std::vector<XdmfFrame> const& frames, RolloutChoice const& choice) {
  auto const count = static_cast<int64_t>(frames.size());
  FramePlan plan{.sums = evenly(count, kMostSums),
                 .shown = shown_frames(frames, choice.steps),
                 .animated = evenly(count, choice.frames)};
  std::set<int64_t> planes(plan.shown.begin(), plan.shown.end());
  planes.insert(plan.animated.begin(), plan.animated.end());
  plan.planes = {planes.begin(), planes.end()};
  plan.all = planes;
  plan.all.insert(plan.sums.begin(), plan.sums.end());
  return plan;
}

/// The data sets that are taken from frames.
void write_numbers(Reader& reader,
                   int64_t trajectory,
                   FramePlan const& plan,
                   NumberTaker& taker,
                   Hdf5Group const& out) {
  auto const& spec = reader.spec();
  auto const shape = spec.grid.shape();
  auto const has = [](std::vector<int64_t> const& some, int64_t frame) {
    return std::find(some.begin(), some.end(), frame) != some.end();
  };
  auto const values =
      at::empty({1, spec.fields.channels(), shape[0], shape[1], shape[2]}, at::kDouble);
  std::vector<at::Tensor> sums, spectra, planes;
  for (auto const frame : plan.all) {
    reader.read({trajectory, frame, 1, 1}, {{0, 0, 0}, shape}, values);
    if (has(plan.sums, frame)) {
      sums.push_back(taker.sums(values[0]));
    }
    if (has(plan.shown, frame)) {
      spectra.push_back(taker.spectra(values[0]));
    }
    if (has(plan.planes, frame)) {
      planes.push_back(taker.planes(values[0]));
    }
  }
  out.write_tensor("sums", at::stack(sums, -1).contiguous());
  out.write_tensor("spectra", at::stack(spectra, 2).contiguous());
  out.write_tensor("planes", at::stack(planes).contiguous());
  out.write_tensor("wavenumbers", at::tensor(taker.wavenumbers(), at::kDouble));
}

at::Tensor times_of(std::vector<XdmfFrame> const& frames, std::vector<int64_t> const& chosen) {
  std::vector<double> times;
  for (auto const frame : chosen) {
    times.push_back(frames[static_cast<size_t>(frame)].time);
  }
  return at::tensor(times, at::kDouble);
}

at::Tensor steps_of(std::vector<XdmfFrame> const& frames, std::vector<int64_t> const& chosen) {
  std::vector<int64_t> steps;
  for (auto const frame : chosen) {
    steps.push_back(frames[static_cast<size_t>(frame)].step);
  }
  return at::tensor(steps, at::kLong);
}

}  // namespace

std::vector<std::string> drawable_fields(std::filesystem::path const& rollout) {
  std::vector<std::string> names;
  for (auto const& channel : drawn_channels(RolloutFolder(rollout).description().fields, {})) {
    names.push_back(channel.field);
    names.push_back(channel.name);
  }
  return names;
}

int64_t trajectories_of(std::filesystem::path const& rollout) {
  return static_cast<int64_t>(RolloutFolder(rollout).description().trajectories.size());
}

nlohmann::json write_rollout_numbers(std::filesystem::path const& rollout,
                                     RolloutChoice const& choice,
                                     Hdf5Group const& out) {
  RolloutFolder const folder(rollout);
  auto const description = folder.description();
  auto const frames = folder.frames(choice.trajectory);
  require(!frames.empty(),
          "trajectory ",
          choice.trajectory,
          " has no frame in a closed segment yet; go on with 'eddyline rollout … --resume'");
  auto const reader = open_rollout({.path = rollout});
  auto const channels = drawn_channels(description.fields, choice.fields);
  NumberTaker taker(reader->spec(), channels);
  auto const plan = plan_frames(frames, choice);
  if (!channels.empty()) {
    write_numbers(*reader, choice.trajectory, plan, taker, out);
  }
  out.write_tensor("sum_times", times_of(frames, plan.sums));
  out.write_tensor("times", times_of(frames, plan.planes));
  out.write_tensor("steps", steps_of(frames, plan.planes));
  out.write_tensor("x", taker.coordinates(2));
  out.write_tensor("y", taker.coordinates(1));
  auto named = nlohmann::json::array();
  for (auto const& channel : channels) {
    named.push_back({{"name", channel.name}, {"unit", channel.unit}});
  }
  return {{"trajectory", choice.trajectory},
          {"source", description.trajectories[static_cast<size_t>(choice.trajectory)].source},
          {"name", description.name},
          {"made_by", description.made_by},
          {"time_unit", description.time_unit},
          {"has_truth", std::ranges::any_of(channels, [](auto const& c) { return c.truth >= 0; })},
          {"channels", named},
          {"x", taker.axis(2)},
          {"y", taker.axis(1)},
          {"plane", taker.plane()},
          {"transforms", describe_transforms(description.grid)},
          {"shown", positions(plan.shown, plan.planes)},
          {"animated", positions(plan.animated, plan.planes)}};
}

}  // namespace eddyline
