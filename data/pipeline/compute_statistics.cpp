#include <cmath>
#include <numeric>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "data/pipeline/moments.hpp"
#include "data/pipeline/statistics.hpp"

namespace eddyline {
namespace {

// Moments are kept for each of at most this many segments of the data and merged in their order,
// whoever made them: so the result has the same bits for any number of ranks up to it.
constexpr int64_t kSegments = 256;
constexpr int64_t kReadBytes = int64_t{64} << 20;  // asked of the file system at once
constexpr int64_t kNumbers = 3;                    // a Moments as float64

/// `units` things in order, cut into segments; a rank owns neighbouring segments.
struct Share {
  int64_t units;
  int64_t segments;
  int64_t first_segment;
  int64_t last_segment;  ///< not included

  Share(int64_t all, Communicator const& ranks) : units(all), segments(std::min(all, kSegments)) {
    first_segment = segments * ranks.rank() / ranks.size();
    last_segment = segments * (ranks.rank() + 1) / ranks.size();
  }
  int64_t start(int64_t segment) const { return segment * units / segments; }
};

/// Frames of one trajectory in order, each read once, with `ahead` frames more at hand.
class FrameStream {
 public:
  FrameStream(Dataset& data, int64_t ahead) : data_(data), ahead_(ahead) {
    auto const& shape = data.block().box.size;
    auto const bytes = data.state_spec()->fields.channels() * shape[0] * shape[1] * shape[2] *
                       static_cast<int64_t>(sizeof(float));
    chunk_ = std::max<int64_t>(1, kReadBytes / std::max<int64_t>(bytes, 1));
  }

  /// Goes to `frame`, of which nothing before is wanted; reads no further than `end` and what lies
  /// ahead of it.
  void seek(int64_t trajectory, int64_t frame, int64_t end) {
    if (trajectory != trajectory_ || frame < first_) {
      trajectory_ = trajectory;
      first_ = frame;
      held_ = at::Tensor();
    }
    auto const limit = std::min(end + ahead_, data_.frames(trajectory));
    auto const wanted = std::min(frame + ahead_ + 1, limit);
    auto const last = first_ + (held_.defined() ? held_.size(0) : 0);
    if (wanted <= last) {
      return;
    }
    auto const count = std::min(limit - last, std::max(wanted - last, chunk_));
    auto const values = data_.file_cells(data_.read({trajectory, last, count, 1}).values);
    auto const kept = std::min(frame, last);
    held_ = held_.defined() && kept < last
                ? at::cat({held_.narrow(0, kept - first_, last - kept), values})
                : values.contiguous();
    first_ = kept;
  }
  /// Channel c of a frame that is held.
  float const* channel(int64_t frame, int64_t c) const {
    return held_[frame - first_][c].const_data_ptr<float>();
  }

 private:
  Dataset& data_;
  int64_t ahead_;
  int64_t chunk_;
  int64_t trajectory_ = -1;
  int64_t first_ = 0;
  at::Tensor held_;  ///< (frames, C, D, H, W) from first_ on
};

/// Weights of the cells of the file that are used, their mean 1; empty for equal ones.
std::vector<double> weights_of(Dataset const& data, CellWeights kind) {
  if (kind == CellWeights::equal) {
    return {};
  }
  auto const axes = data.fit().source_grid().cell_weights();
  double mean = 1;
  for (auto const& lengths : axes) {
    mean *=
        std::accumulate(lengths.begin(), lengths.end(), 0.0) / static_cast<double>(lengths.size());
  }
  auto const& sharding = data.fit().source_sharding();
  auto const own = sharding ? sharding->block().box : Box{.size = data.fit().source().size};
  auto const length = [&](size_t axis, int64_t i) {
    return axes[axis][static_cast<size_t>(own.first[axis] + i)];
  };
  std::vector<double> weights;
  for (int64_t d = 0; d < own.size[0]; ++d) {
    for (int64_t h = 0; h < own.size[1]; ++h) {
      for (int64_t w = 0; w < own.size[2]; ++w) {
        weights.push_back(length(0, d) * length(1, h) * length(2, w) / mean);
      }
    }
  }
  return weights;
}

/// Who makes the moments of a segment: one rank, or the ranks that share its samples, each those of
/// its cells.
struct Makers {
  int64_t count = 1, own = 0;

  explicit Makers(Dataset const& data) {
    if (auto const& group = data.loading_group()) {
      count = group->getSize();
      own = group->getRank();
    }
  }
  /// Of a segment, in a table that has a row for each maker.
  int64_t row(int64_t segment) const { return segment * count + own; }
};

/// Sums the segments' moments over the ranks (each is 0 but on one rank, so no bit is lost), then
/// merges. \param table  segments and their makers × columns
std::vector<Moments> merge_segments(std::vector<Moments> const& table,
                                    int64_t columns,
                                    Communicator const& ranks) {
  std::vector<double> numbers;
  for (auto const& moments : table) {
    numbers.insert(numbers.end(), {moments.count, moments.mean, moments.m2});
  }
  ranks.all_reduce(std::span<double>(numbers));
  std::vector<Moments> merged(static_cast<size_t>(columns));
  for (size_t i = 0; i * kNumbers < numbers.size(); ++i) {
    merged[i % merged.size()].merge(
        {numbers[kNumbers * i], numbers[kNumbers * i + 1], numbers[kNumbers * i + 2]});
  }
  return merged;
}

/// Columns: C channels, then C deltas.
std::vector<Moments> state_moments(Dataset& data,
                                   Communicator const& ranks,
                                   CellWeights kind,
                                   int64_t delta) {
  std::vector<int64_t> starts = {0};
  for (int64_t i = 0; i < data.trajectories(); ++i) {
    starts.push_back(starts.back() + data.frames(i));
  }
  Share const share(starts.back(), data.sharing_out(ranks));
  Makers const makers(data);
  auto const channels = data.state_spec()->fields.channels();
  std::vector<Moments> table(static_cast<size_t>(share.segments * makers.count * 2 * channels));
  ranks.together([&] {
    auto const weights = weights_of(data, kind);
    auto const* const w = weights.empty() ? nullptr : weights.data();
    auto const cells = data.file_cells(at::empty(data.block().box.size)).numel();
    FrameStream stream(data, delta);
    for (auto segment = share.first_segment; segment < share.last_segment; ++segment) {
      for (auto unit = share.start(segment); unit < share.start(segment + 1); ++unit) {
        auto const trajectory =
            std::distance(starts.begin(), std::upper_bound(starts.begin(), starts.end(), unit)) - 1;
        auto const frame = unit - starts[static_cast<size_t>(trajectory)];
        auto const mine = share.start(share.last_segment) - starts[static_cast<size_t>(trajectory)];
        stream.seek(trajectory, frame, std::min(mine, data.frames(trajectory)));
        auto* const row = &table[static_cast<size_t>(makers.row(segment) * 2 * channels)];
        for (int64_t c = 0; c < channels; ++c) {
          row[c].merge(moments_of(stream.channel(frame, c), w, cells));
          if (frame + delta < data.frames(trajectory)) {
            row[channels + c].merge(moments_of_difference(
                stream.channel(frame, c), stream.channel(frame + delta, c), w, cells));
          }
        }
      }
    }
  });
  return merge_segments(table, 2 * channels, ranks);
}

std::vector<Moments> constant_moments(Dataset& data, Communicator const& ranks, CellWeights kind) {
  auto const channels = data.batch_spec()->constant_fields.channels();
  Share const share(data.trajectories(), data.sharing_out(ranks));
  Makers const makers(data);
  std::vector<Moments> table(static_cast<size_t>(share.segments * makers.count * channels));
  ranks.together([&] {
    auto const weights = weights_of(data, kind);
    for (auto segment = share.first_segment; segment < share.last_segment; ++segment) {
      for (auto trajectory = share.start(segment); trajectory < share.start(segment + 1);
           ++trajectory) {
        auto const values = data.file_cells(data.constants(trajectory)).contiguous();
        for (int64_t c = 0; c < channels; ++c) {
          table[static_cast<size_t>(makers.row(segment) * channels + c)].merge(
              moments_of(values[c].const_data_ptr<float>(),
                         weights.empty() ? nullptr : weights.data(),
                         values[c].numel()));
        }
      }
    }
  });
  return merge_segments(table, channels, ranks);
}

void append(Moments const& moments,
            std::vector<double>& mean,
            std::vector<double>& std,
            std::vector<double>& rms) {
  mean.push_back(moments.mean);
  std.push_back(std::sqrt(moments.variance()));
  rms.push_back(std::sqrt(moments.variance() + moments.mean * moments.mean));
}

}  // namespace

Statistics compute_statistics(Dataset& data,
                              Communicator const& ranks,
                              StatisticsOptions const& options) {
  Statistics statistics{.dataset = data.name(),
                        .channels = data.state_spec()->fields.channel_names()};
  statistics.delta_frames = options.delta_frames > 0
                                ? options.delta_frames
                                : std::max<int64_t>(data.window_shape().lead, 1);
  require(data.trajectories() > 0,
          "the ",
          to_string(data.split()),
          " part of '",
          data.name(),
          "' is empty: it has no statistics");
  auto const state = state_moments(data, ranks, options.weights, statistics.delta_frames);
  auto const channels = statistics.channels.size();
  for (size_t c = 0; c < channels; ++c) {
    append(state[c], statistics.mean, statistics.std, statistics.rms);
    append(state[channels + c], statistics.mean_delta, statistics.std_delta, statistics.rms_delta);
    statistics.count.push_back(state[c].count);
    statistics.count_delta.push_back(state[channels + c].count);
    require(state[c].count > 0,
            "channel '",
            statistics.channels[c],
            "' of '",
            data.name(),
            "' has no value in the training part, only missing ones; leave the field out of "
            "data.fields");
  }
  if (!data.batch_spec()->constant_fields.empty()) {
    statistics.constant_channels = data.batch_spec()->constant_fields.channel_names();
    for (auto const& moments : constant_moments(data, ranks, options.weights)) {
      append(moments, statistics.constant_mean, statistics.constant_std, statistics.constant_rms);
    }
  }
  return statistics;
}

}  // namespace eddyline
