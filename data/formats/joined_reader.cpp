#include "data/formats/joined_reader.hpp"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "data/formats/cf_time.hpp"
#include "data/formats/same_grid.hpp"
#include "data/formats/trajectory_slice.hpp"

namespace eddyline {
namespace {

constexpr double kSameTime = 1e-6;  // of a step

/// Units from time 0 of `first` to time 0 of `next`.
double shift_between(DatasetSpec const& first, DatasetSpec const& next) {
  require(first.time_unit == next.time_unit && first.calendar == next.calendar &&
              first.time_origin.empty() == next.time_origin.empty(),
          "its times are in '",
          next.time_unit,
          "' of the calendar '",
          next.calendar,
          "', those of the first in '",
          first.time_unit,
          "' of '",
          first.calendar,
          "'");
  if (first.time_origin == next.time_origin) {
    return 0;
  }
  auto const clock = parse_cf_time(first.time_unit + " since " + first.time_origin, first.calendar);
  auto const other = parse_cf_time(next.time_unit + " since " + next.time_origin, next.calendar);
  auto const unit =
      days_between(clock.calendar, cf_calendar_date(clock, 0), cf_calendar_date(clock, 1));
  return days_between(clock.calendar, clock.origin, other.origin) / unit;
}

int64_t first_at(std::vector<double> const& times, double time, double tolerance) {
  return std::distance(times.begin(),
                       std::lower_bound(times.begin(), times.end(), time - tolerance));
}

class JoinedReader final : public Reader {
 public:
  JoinedReader(std::vector<JoinedPart> parts,
               std::unique_ptr<Reader> constants,
               JoinedName const& name)
      : parts_(std::move(parts)), constants_(std::move(constants)) {
    spec_ = parts_.front().reader->spec();
    spec_.name = name.name;
    spec_.format = name.format;
    spec_.fields = FieldSet();
    spec_.constants = FieldSet();
    spec_.files.clear();
    std::vector<Field> fields;
    for (auto& part : parts_) {
      with_context([&] { add_part(part, fields); },
                   "joining variable '",
                   part.name,
                   "' to '",
                   parts_.front().name,
                   "'");
    }
    spec_.fields = FieldSet(std::move(fields));
    align();
    if (constants_ != nullptr) {
      auto const& held = constants_->spec();
      with_context([&] { check_same_grid(spec_.grid, held.grid); },
                   "reading the constant fields of '",
                   held.files.front(),
                   "'");
      spec_.constants = held.fields;
    }
  }

  DatasetSpec const& spec() const override { return spec_; }

  void read(FrameRange const& frames, Box const& box, at::Tensor const& out) override {
    check_frames(spec_, frames, box);
    int64_t channel = 0;
    for (size_t i = 0; i < parts_.size(); ++i) {
      auto const channels = parts_[i].reader->spec().fields.channels();
      auto const values =
          at::empty({frames.count, channels, box.size[0], box.size[1], box.size[2]}, at::kFloat);
      parts_[i].reader->read(shifted(frames, i), box, values);
      out.narrow(1, channel, channels).copy_(values);
      channel += channels;
    }
  }

  at::Tensor read_constants(int64_t trajectory, Box const& box) override {
    check_frames(spec_, {.trajectory = trajectory}, box);
    if (constants_ == nullptr) {
      return {};
    }
    auto const out = at::empty(
        {1, spec_.constants.channels(), box.size[0], box.size[1], box.size[2]}, at::kFloat);
    constants_->read({}, box, out);
    return out[0];
  }

  at::Tensor read_scalars(FrameRange const& frames) override {
    check_frames(spec_, frames, Box{});
    return parts_.front().reader->read_scalars(shifted(frames, 0));
  }

  int64_t bytes_read() const override {
    int64_t bytes = constants_ == nullptr ? 0 : constants_->bytes_read();
    for (auto const& part : parts_) {
      bytes += part.reader->bytes_read();
    }
    return bytes;
  }

 private:
  void add_part(JoinedPart const& part, std::vector<Field>& fields) {
    auto const& first = parts_.front().reader->spec();
    auto const& spec = part.reader->spec();
    check_same_grid(first.grid, spec.grid);
    require(spec.trajectories.size() == first.trajectories.size(),
            "its files make ",
            spec.trajectories.size(),
            " series, those of the first ",
            first.trajectories.size());
    EDDYLINE_ENSURE(static_cast<int64_t>(part.fields.size()) == spec.fields.channels(), part.name);
    auto const units = spec.fields.channel_units();
    for (size_t i = 0; i < part.fields.size(); ++i) {
      fields.push_back({.name = part.fields[i], .units = units[i]});
    }
    spec_.files.insert(spec_.files.end(), spec.files.begin(), spec.files.end());
  }

  /// Keeps of each trajectory the times that all parts have.
  void align() {
    offsets_.resize(parts_.size());
    auto const own = parts_.front().reader->spec().trajectories;
    for (size_t series = 0; series < own.size(); ++series) {
      std::vector<std::vector<double>> times;
      double begin = own[series].times.front();
      double end = own[series].times.back();
      for (auto const& part : parts_) {
        auto const& spec = part.reader->spec();
        auto const shift = shift_between(parts_.front().reader->spec(), spec);
        times.push_back(spec.trajectories[series].times);
        for (auto& time : times.back()) {
          time += shift;
        }
        begin = std::max(begin, times.back().front());
        end = std::min(end, times.back().back());
      }
      keep(series, times, {begin, end});
    }
  }

  void keep(size_t series,
            std::vector<std::vector<double>> const& times,
            std::pair<double, double> span) {
    auto const& own = times.front();
    auto const step = own.size() > 1 ? std::abs(own[1] - own[0]) : 1;
    auto const tolerance = kSameTime * step;
    auto const first = first_at(own, span.first, tolerance);
    auto const count = first_at(own, span.second, tolerance) - first + 1;
    for (size_t i = 0; i < parts_.size(); ++i) {
      auto const offset = first_at(times[i], span.first, tolerance);
      offsets_[i].push_back(offset);
      bool same = count > 0 && offset + count <= static_cast<int64_t>(times[i].size());
      for (int64_t k = 0; same && k < count; ++k) {
        same = std::abs(times[i][static_cast<size_t>(offset + k)] -
                        own[static_cast<size_t>(first + k)]) <= tolerance;
      }
      require(same,
              "variables '",
              parts_.front().name,
              "' and '",
              parts_[i].name,
              "' have different times in ",
              spec_.trajectories[series].source,
              "; choose fields of the same times with data.fields");
    }
    auto& kept = spec_.trajectories[series].times;
    kept = {own.begin() + first, own.begin() + first + count};
    if (count < static_cast<int64_t>(own.size())) {
      spec_.remarks.push_back(concat(own.size() - static_cast<size_t>(count),
                                     " frames of ",
                                     spec_.trajectories[series].source,
                                     " are left out: not every variable has them"));
    }
  }

  FrameRange shifted(FrameRange frames, size_t part) const {
    frames.first += offsets_[part][static_cast<size_t>(frames.trajectory)];
    return frames;
  }

  std::vector<JoinedPart> parts_;
  std::unique_ptr<Reader> constants_;
  DatasetSpec spec_;
  std::vector<std::vector<int64_t>> offsets_;  ///< by part and trajectory: its first frame
};

}  // namespace

std::unique_ptr<Reader> join_readers(std::vector<JoinedPart> parts,
                                     std::unique_ptr<Reader> constants,
                                     JoinedName const& name) {
  return std::make_unique<JoinedReader>(std::move(parts), std::move(constants), name);
}

}  // namespace eddyline
