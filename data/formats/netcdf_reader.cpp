#include "data/formats/netcdf_reader.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <numeric>
#include <optional>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "data/formats/cf_time.hpp"
#include "data/formats/file_list.hpp"
#include "data/formats/netcdf_file.hpp"
#include "data/formats/netcdf_layout.hpp"
#include "data/formats/same_grid.hpp"
#include "data/formats/trajectory_slice.hpp"

namespace eddyline {
namespace {

constexpr double kStepTolerance = 1e-6;  // of a step
constexpr double kGap = 1.5;             // steps between files that do not follow each other

/// An open file and how it is read.
struct OpenFile {
  size_t number;
  std::unique_ptr<NetcdfFile> file;
  NetcdfLayout layout;
};

/// What is kept of each file.
struct FileTimes {
  std::filesystem::path path;
  std::vector<double> times;  ///< in the first file's unit, from its origin
};

/// Where a frame lies.
struct FrameSource {
  size_t file = 0;
  int64_t frame = 0;
};

struct Series {
  std::vector<FrameSource> frames;
  int64_t member = 0;
};

/// Times of `next` in the unit and from the origin of `first`.
std::vector<double> times_like(NetcdfLayout const& first, NetcdfLayout const& next) {
  require(first.calendar.has_value() == next.calendar.has_value(), "only one of them gives dates");
  auto times = next.times;
  if (!first.calendar || (first.calendar->unit == next.calendar->unit &&
                          first.calendar->origin == next.calendar->origin &&
                          first.calendar->calendar == next.calendar->calendar)) {
    return times;
  }
  auto const calendar = first.calendar->calendar;
  require(calendar == next.calendar->calendar,
          "its calendar is ",
          to_string(next.calendar->calendar),
          ", that of the first file ",
          to_string(calendar));
  // The unit's length follows from the calendar itself, so that months are months.
  auto const one = days_between(
      calendar, cf_calendar_date(*first.calendar, 0), cf_calendar_date(*first.calendar, 1));
  require(first.calendar->unit < TimeUnit::month,
          "its times count from another date, in months or years");
  for (auto& time : times) {
    time = days_between(calendar, first.calendar->origin, cf_calendar_date(*next.calendar, time)) /
           one;
  }
  return times;
}

class NetcdfReader final : public Reader {
 public:
  explicit NetcdfReader(NetcdfOptions options) : options_(std::move(options)) {
    for (auto const& path : options_.files.empty()
                                ? list_files(options_.path, {".nc", ".nc4", ".cdf", ".netcdf"})
                                : options_.files) {
      files_.push_back({path, {}});
    }
    auto const& first = opened(0).layout;
    calendar_ = first.calendar;
    spec_.name = files_.front().path.stem().string();
    spec_.format = "netcdf";
    spec_.fields = first.fields;
    spec_.constants = first.constants;
    spec_.grid = first.grid;
    spec_.time_unit = first.time_unit;
    spec_.remarks = first.remarks;
    if (calendar_) {
      spec_.calendar = to_string(calendar_->calendar);
      spec_.scalars = {"hour_of_day", "day_of_year"};
    }
    for (size_t i = 0; i < files_.size(); ++i) {
      add_file(i, first);
      spec_.files.push_back(files_[i].path.string());
    }
    make_series(first.members);
  }

  DatasetSpec const& spec() const override { return spec_; }

  void read(FrameRange const& frames, Box const& box, at::Tensor const& out) override {
    check_frames(spec_, frames, box);
    auto const channels = spec_.fields.channels();
    EDDYLINE_ENSURE(out.is_contiguous() && out.scalar_type() == at::kFloat &&
                        out.numel() == frames.count * channels * box.cells(),
                    "read() of '",
                    spec_.name,
                    "'");
    auto* values = out.data_ptr<float>();
    auto const& series = series_[static_cast<size_t>(frames.trajectory)];
    for (int64_t i = 0; i < frames.count; ++i) {
      auto const& source = series.frames[static_cast<size_t>(frames.first + i * frames.stride)];
      auto const& from = opened(source.file);
      for (auto const& channel : from.layout.channels) {
        read_channel(from, channel, {source.frame, series.member}, box, values);
        values += box.cells();
      }
    }
  }

  at::Tensor read_constants(int64_t trajectory, Box const& box) override {
    check_frames(spec_, {.trajectory = trajectory}, box);
    if (spec_.constants.empty()) {
      return {};
    }
    auto const out =
        at::empty({spec_.constants.channels(), box.size[0], box.size[1], box.size[2]}, at::kFloat);
    auto* values = out.data_ptr<float>();
    auto const& from = opened(series_[static_cast<size_t>(trajectory)].frames.front().file);
    for (auto const& channel : from.layout.constant_channels) {
      read_channel(from, channel, {0, 0}, box, values);
      values += box.cells();
    }
    return out;
  }

  at::Tensor read_scalars(FrameRange const& frames) override {
    check_frames(spec_, frames, Box{});
    if (!calendar_) {
      return {};
    }
    auto const out = at::empty({frames.count, 2}, at::kFloat);
    auto* values = out.data_ptr<float>();
    auto const& series = series_[static_cast<size_t>(frames.trajectory)];
    for (int64_t i = 0; i < frames.count; ++i) {
      auto const& source = series.frames[static_cast<size_t>(frames.first + i * frames.stride)];
      auto const date = cf_calendar_date(
          *calendar_, files_[source.file].times[static_cast<size_t>(source.frame)]);
      values[2 * i] = static_cast<float>(date.hour_of_day());
      values[2 * i + 1] = static_cast<float>(date.day_of_year);
    }
    return out;
  }

  int64_t bytes_read() const override { return bytes_; }

 private:
  /// Position along a variable's dimensions of time and member.
  struct Place {
    int64_t frame;
    int64_t member;
  };

  OpenFile const& opened(size_t number) {
    auto const found = std::find_if(
        open_.begin(), open_.end(), [&](auto const& f) { return f->number == number; });
    if (found != open_.end()) {
      return **found;
    }
    auto file = std::make_unique<NetcdfFile>(files_[number].path);
    auto layout = lay_out(*file, options_.fields, options_.levels);
    if (open_.size() >= std::max<size_t>(options_.open_files, 2)) {
      open_.erase(open_.begin() + 1);  // the first stays: it is the pattern for the others
    }
    open_.push_back(
        std::make_unique<OpenFile>(OpenFile{number, std::move(file), std::move(layout)}));
    return *open_.back();
  }

  void add_file(size_t number, NetcdfLayout const& first) {
    auto const& layout = opened(number).layout;
    with_context(
        [&] {
          check_same_grid(first.grid, layout.grid);
          require(layout.fields == first.fields,
                  "its fields are ",
                  layout.fields.describe(),
                  ", those of the first file ",
                  first.fields.describe());
          require(layout.members == first.members,
                  "it has ",
                  layout.members,
                  " members, the first file has ",
                  first.members);
          files_[number].times = times_like(first, layout);
        },
        "joining '",
        files_[number].path.string(),
        "' to '",
        files_.front().path.string(),
        "'");
  }

  /// One series if the files follow each other, else one of each; times the members.
  void make_series(int64_t members) {
    std::vector<size_t> order(files_.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return files_[a].times.front() < files_[b].times.front();
    });
    bool joined = true;
    for (size_t i = 1; i < order.size(); ++i) {
      joined = joined && files_[order[i]].times.front() > files_[order[i - 1]].times.back();
    }
    auto const chains = joined ? chains_of(order) : alone();
    for (int64_t member = 0; member < members; ++member) {
      for (auto const& chain : chains) {
        add_series(chain, member, members);
      }
    }
    if (files_.size() > 1) {
      spec_.remarks.push_back(
          !joined ? concat(files_.size(), " files overlap in time: a trajectory each")
          : chains.size() == 1
              ? concat(files_.size(), " files follow each other in time: one series")
              : concat(files_.size(), " files have gaps in time: ", chains.size(), " series"));
    }
    if (calendar_) {
      spec_.time_origin = cf_calendar_date(*calendar_, earliest()).describe();
    }
    add_time_remark();
  }

  std::vector<std::vector<size_t>> alone() const {
    std::vector<std::vector<size_t>> chains;
    for (size_t i = 0; i < files_.size(); ++i) {
      chains.push_back({i});
    }
    return chains;
  }

  /// Files in their order in time, cut where one is missing: no window may cross that.
  std::vector<std::vector<size_t>> chains_of(std::vector<size_t> const& order) const {
    double step = 0;
    for (auto const& file : files_) {
      for (size_t i = 1; i < file.times.size(); ++i) {
        step = std::max(step, file.times[i] - file.times[i - 1]);
      }
    }
    std::vector<std::vector<size_t>> chains;
    for (auto const file : order) {
      bool const follows =
          !chains.empty() &&
          (step == 0 ||
           files_[file].times.front() - files_[chains.back().back()].times.back() <= kGap * step);
      if (!follows) {
        chains.emplace_back();
      }
      chains.back().push_back(file);
    }
    return chains;
  }

  /// Time 0 of all series: the first frame of all files, so that times name dates.
  double earliest() const {
    double first = files_.front().times.front();
    for (auto const& file : files_) {
      first = std::min(first, file.times.front());
    }
    return first;
  }

  void add_series(std::vector<size_t> const& files, int64_t member, int64_t members) {
    Series series{.member = member};
    TrajectorySpec trajectory;
    auto const start = files_[files.front()].times.front();
    for (auto const file : files) {
      auto const& times = files_[file].times;
      for (size_t i = 0; i < times.size(); ++i) {
        series.frames.push_back({file, static_cast<int64_t>(i)});
        trajectory.times.push_back(times[i] - earliest());
      }
    }
    trajectory.source = files_[files.front()].path.filename().string();
    trajectory.source += files.size() > 1 ? concat(" and ", files.size() - 1, " more") : "";
    trajectory.source += members > 1 ? concat(", member ", member) : "";
    trajectory.source +=
        calendar_ ? concat(", from ", cf_calendar_date(*calendar_, start).describe()) : "";
    series_.push_back(std::move(series));
    spec_.trajectories.push_back(std::move(trajectory));
  }

  void add_time_remark() {
    auto const& times = spec_.trajectories.front().times;
    double shortest = times.size() > 1 ? times[1] - times[0] : 0;
    double longest = shortest;
    for (size_t i = 1; i < times.size(); ++i) {
      shortest = std::min(shortest, times[i] - times[i - 1]);
      longest = std::max(longest, times[i] - times[i - 1]);
    }
    if (calendar_) {
      auto const start = files_[series_.front().frames.front().file].times.front();
      spec_.remarks.push_back(
          concat("dates from ",
                 cf_calendar_date(*calendar_, start).describe(),
                 " to ",
                 cf_calendar_date(*calendar_, earliest() + times.back()).describe(),
                 " (",
                 to_string(calendar_->calendar),
                 " calendar)"));
    }
    if (shortest <= 0 && times.size() > 1) {
      spec_.remarks.emplace_back("times do not increase from frame to frame");
    } else if (longest - shortest > kStepTolerance * longest) {
      spec_.remarks.push_back(
          concat("steps of time differ: ", shortest, " to ", longest, " ", spec_.time_unit));
    }
  }

  void read_channel(OpenFile const& from,
                    NetcdfChannel const& channel,
                    Place const& place,
                    Box const& box,
                    float* out) {
    auto const& source = channel.source;
    auto const rank = static_cast<size_t>(source.variable->rank());
    std::vector<size_t> start(rank, 0);
    std::vector<size_t> count(rank, 1);
    auto const set = [&](int position, int64_t index) {
      if (position >= 0) {
        start[static_cast<size_t>(position)] = static_cast<size_t>(index);
      }
    };
    set(source.time, place.frame);
    set(source.member, place.member);
    set(source.level, channel.level);
    for (size_t i = 0; i < source.space.size(); ++i) {
      auto const axis = 3 - source.space.size() + i;
      set(source.space[i], box.first[axis]);
      count[static_cast<size_t>(source.space[i])] = static_cast<size_t>(box.size[axis]);
    }
    from.file->read(*source.variable, start, count, out);
    bytes_ += box.cells() * source.variable->item_bytes;
  }

  NetcdfOptions options_;
  DatasetSpec spec_;
  std::optional<CfTime> calendar_;  ///< of the first file; FileTimes are in it
  std::vector<FileTimes> files_;
  std::vector<Series> series_;
  std::deque<std::unique_ptr<OpenFile>> open_;
  int64_t bytes_ = 0;
};

}  // namespace

std::unique_ptr<Reader> open_netcdf(NetcdfOptions const& options) {
  return std::make_unique<NetcdfReader>(options);
}

std::string describe_netcdf(std::filesystem::path const& path) {
  NetcdfFile const file(path);
  std::string text = concat("'", path.string(), "': ", to_string(file.kind()));
  for (auto const& line : describe_variables(file)) {
    text += "\n  " + line;
  }
  return text;
}

}  // namespace eddyline
