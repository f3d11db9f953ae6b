#include "data/formats/array_reader.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/ATen.h>

#include "core/error.hpp"
#include "data/formats/trajectory_slice.hpp"

namespace eddyline {
namespace {

/// Frames of a trajectory in the store.
struct Series {
  std::vector<int64_t> pieces;  ///< one, or one a frame
  int64_t sample = 0;
};

/// What a part of an array is asked for.
struct Part {
  int64_t piece = 0;
  int64_t sample = 0;
  int64_t first = 0;  ///< frames
  int64_t count = 1;
  int64_t stride = 1;
};

struct Channels {
  ArrayFieldMap entry;
  Varies in_time = Varies::yes;
  int64_t count() const {
    return entry.components.empty() ? 1 : static_cast<int64_t>(entry.components.size());
  }
};

bool is_plain(ArrayFieldMap const& entry) {
  return entry.scale == 1 && entry.offset == 0 && !entry.missing;
}

/// float32 holds every float32, float16 and integer of two bytes.
at::ScalarType working_type(ArrayFieldMap const& entry, ArraySource const& source) {
  bool const exact = source.type_name().starts_with("float") || source.element_bytes() <= 2;
  return is_plain(entry) && exact ? at::kFloat : at::kDouble;
}

class ArrayReader final : public Reader {
 public:
  ArrayReader(ArrayMap map, std::unique_ptr<ArrayStore> store, std::string const& format)
      : map_(std::move(map)), store_(std::move(store)) {
    spec_.format = format;
    spec_.files = store_->files();
    spec_.name =
        map_.name.empty() ? std::filesystem::path(spec_.files.front()).stem().string() : map_.name;
    spec_.time_unit = map_.time.unit;
    spec_.fields = collect(map_.fields, Varies::yes, channels_);
    spec_.constants = collect(map_.constants, Varies::no, constants_);
    set_grid();
    set_series();
  }

  DatasetSpec const& spec() const override { return spec_; }

  void read(FrameRange const& frames, Box const& box, at::Tensor const& out) override {
    check_frames(spec_, frames, box);
    auto const& series = series_[static_cast<size_t>(frames.trajectory)];
    int64_t channel = 0;
    for (auto const& field : channels_) {
      auto const to = out.narrow(1, channel, field.count());
      channel += field.count();
      if (map_.file_holds == FileHolds::trajectories) {
        copy_part(field,
                  {series.pieces[0], series.sample, frames.first, frames.count, frames.stride},
                  box,
                  to);
        continue;
      }
      for (int64_t i = 0; i < frames.count; ++i) {
        auto const piece = series.pieces[static_cast<size_t>(frames.first + i * frames.stride)];
        copy_part(field, {.piece = piece, .sample = series.sample}, box, to.narrow(0, i, 1));
      }
    }
  }

  at::Tensor read_constants(int64_t trajectory, Box const& box) override {
    check_frames(spec_, {.trajectory = trajectory}, box);
    if (constants_.empty()) {
      return {};
    }
    auto const& series = series_[static_cast<size_t>(trajectory)];
    auto const out = at::empty(
        {1, spec_.constants.channels(), box.size[0], box.size[1], box.size[2]}, at::kFloat);
    int64_t channel = 0;
    for (auto const& field : constants_) {
      copy_part(field,
                {.piece = series.pieces[0], .sample = series.sample},
                box,
                out.narrow(1, channel, field.count()));
      channel += field.count();
    }
    return out[0];
  }

  at::Tensor read_scalars(FrameRange const& /*frames*/) override { return {}; }
  int64_t bytes_read() const override { return bytes_; }

 private:
  FieldSet collect(std::vector<ArrayFieldMap> const& entries,
                   Varies in_time,
                   std::vector<Channels>& channels) {
    std::vector<Field> fields;
    for (auto const& entry : entries) {
      auto const made = fields_of(map_, entry);
      fields.insert(fields.end(), made.begin(), made.end());
      channels.push_back({entry, in_time});
    }
    return FieldSet(std::move(fields));
  }

  /// Size of the array's axes of space, after checks of the others.
  std::vector<int64_t> space_of(Channels const& field, ArraySource const& source) const {
    return with_context(
        [&] {
          auto const& shape = source.shape();
          auto const axes =
              axes_of(map_, field.entry, field.in_time, static_cast<int64_t>(shape.size()));
          if (axes.component >= 0) {
            auto const size = shape[static_cast<size_t>(axes.component)];
            require(field.entry.index ? *field.entry.index < size : field.count() == size,
                    "its axis component has ",
                    size,
                    " entries, data.map names ",
                    field.entry.components.size(),
                    " (",
                    field.entry.components,
                    ") or takes number ",
                    field.entry.index.value_or(0));
          }
          std::vector<int64_t> sizes;
          for (auto const position : axes.space) {
            sizes.push_back(shape[static_cast<size_t>(position)]);
          }
          return sizes;
        },
        "fitting ",
        source.describe(),
        " of shape (",
        source.shape(),
        ") to data.map");
  }

  void set_grid() {
    auto const names = space_axes(map_.axes);
    std::vector<int64_t> first;
    for (auto const* list : {&channels_, &constants_}) {
      for (auto const& field : *list) {
        auto const source = store_->open(field.entry.data, 0);
        auto const sizes = space_of(field, *source);
        first = first.empty() ? sizes : first;
        require(sizes == first,
                source->describe(),
                " has ",
                sizes,
                " cells along ",
                names,
                ", '",
                channels_.front().entry.name,
                "' has ",
                first);
      }
    }
    std::vector<Axis> axes;
    for (size_t i = 0; i < names.size(); ++i) {
      auto const found = map_.coordinates.find(names[i]);
      auto const entry = found == map_.coordinates.end() ? ArrayAxisMap{} : found->second;
      std::vector<double> given;
      if (!entry.data.empty()) {
        auto const source = store_->open(entry.data, 0);
        given = read_whole(*source);
        // Coordinates of each sample, (B, n): the first one's stand for all.
        given.resize(source->shape().size() == 2 ? static_cast<size_t>(source->shape()[1])
                                                 : given.size());
      }
      require(first[i] > 0,
              "axis '",
              names[i],
              "' of '",
              channels_.front().entry.name,
              "' has no cells");
      axes.push_back(make_axis(names[i], entry, first[i], given));
    }
    spec_.grid = Grid(std::move(axes), parse_geometry(map_.geometry));
  }

  struct Extents {
    int64_t samples = 1;
    int64_t frames = 1;
  };

  Extents extents_of(int64_t piece) const {
    auto const source = store_->open(channels_.front().entry.data, piece);
    auto const& shape = source->shape();
    auto const axes =
        axes_of(map_, channels_.front().entry, Varies::yes, static_cast<int64_t>(shape.size()));
    auto const size = [&](int axis) { return axis < 0 ? 1 : shape[static_cast<size_t>(axis)]; };
    return {size(axes.sample), size(axes.time)};
  }

  void set_series() {
    if (map_.file_holds == FileHolds::trajectories) {
      for (int64_t piece = 0; piece < store_->pieces(); ++piece) {
        auto const extents = extents_of(piece);
        for (int64_t sample = 0; sample < extents.samples; ++sample) {
          add_series({{piece}, sample}, extents);
        }
      }
    } else {
      for (int64_t piece = 0; piece < store_->pieces();) {
        std::vector<int64_t> pieces = {piece++};
        while (piece < store_->pieces() && store_->folder(piece) == store_->folder(pieces[0])) {
          pieces.push_back(piece++);
        }
        auto const extents = extents_of(pieces[0]);
        require(extents.frames == 1,
                store_->piece_name(pieces[0]),
                " holds ",
                extents.frames,
                " frames, but data.map says file_holds: frame");
        for (int64_t sample = 0; sample < extents.samples; ++sample) {
          add_series({pieces, sample}, {extents.samples, static_cast<int64_t>(pieces.size())});
        }
      }
    }
    require(!series_.empty(), "'", spec_.name, "' has no trajectories");
  }

  void add_series(Series series, Extents const& extents) {
    require(extents.frames > 0, store_->piece_name(series.pieces[0]), " has no frames");
    TrajectorySpec trajectory;
    trajectory.source = store_->piece_name(series.pieces[0]);
    trajectory.source +=
        series.pieces.size() > 1 ? concat(" and ", series.pieces.size() - 1, " more") : "";
    trajectory.source += extents.samples > 1 ? concat(", sample ", series.sample) : "";
    trajectory.times = times_of(series, extents);
    series_.push_back(std::move(series));
    spec_.trajectories.push_back(std::move(trajectory));
  }

  std::vector<double> times_of(Series const& series, Extents const& extents) {
    auto const frames = static_cast<size_t>(extents.frames);
    std::vector<double> times;
    if (map_.time.data.empty()) {
      for (size_t i = 0; i < frames; ++i) {
        times.push_back(map_.time.start + map_.time.step * static_cast<double>(i));
      }
      return times;
    }
    for (auto const piece : series.pieces) {
      auto const source = store_->open(map_.time.data, piece);
      auto values = piece_times(*source, series.sample);
      bool const is_frame = map_.file_holds == FileHolds::frame;
      auto const expected = is_frame ? 1 : frames;
      bool const one_more = !is_frame && values.size() == frames + 1;
      require(values.size() == expected || one_more,
              "times ",
              source->describe(),
              " have ",
              values.size(),
              " entries, the fields have ",
              expected,
              " frames");
      times.insert(times.end(), values.begin(), values.begin() + static_cast<int64_t>(expected));
      if (one_more && spec_.remarks.empty()) {
        spec_.remarks.push_back(
            concat("times ", map_.time.data, " have one entry too many; the last is left out"));
      }
    }
    for (auto const time : times) {
      require(std::isfinite(time),
              "times '",
              map_.time.data,
              "' of ",
              store_->piece_name(series.pieces[0]),
              " hold a number that is not finite");
    }
    return times;
  }

  /// Times (T), or the sample's of (B, T).
  static std::vector<double> piece_times(ArraySource& source, int64_t sample) {
    auto const values = read_whole(source);
    if (source.shape().size() < 2) {
      return values;
    }
    auto const& shape = source.shape();
    require(shape.size() == 2 && sample < shape[0],
            "times ",
            source.describe(),
            " have the shape (",
            shape,
            "); (frames) or (samples, frames) is expected");
    return {values.begin() + sample * shape[1], values.begin() + (sample + 1) * shape[1]};
  }

  /// Reads a part in the file's order of axes and puts it into `out` (frames, components, D, H, W).
  void copy_part(Channels const& field, Part const& part, Box const& box, at::Tensor const& out) {
    auto const source = store_->open(field.entry.data, part.piece);
    auto const sizes = space_of(field, *source);
    auto const& shape = source->shape();
    auto const rank = shape.size();
    auto const axes = axes_of(map_, field.entry, field.in_time, static_cast<int64_t>(rank));
    Hyperslab slab{std::vector<int64_t>(rank, 0),
                   std::vector<int64_t>(rank, 1),
                   std::vector<int64_t>(rank, 1)};
    auto const set = [&](int axis, int64_t first, int64_t count) {
      if (axis >= 0) {
        slab.first[static_cast<size_t>(axis)] = first;
        slab.count[static_cast<size_t>(axis)] = count;
      }
    };
    set(axes.sample, part.sample, 1);
    set(axes.time, part.first, part.count);
    if (axes.time >= 0) {
      slab.stride[static_cast<size_t>(axes.time)] = part.stride;
    }
    set(axes.component, field.entry.index.value_or(0), field.count());
    auto const skipped = 3 - axes.space.size();
    for (size_t i = 0; i < axes.space.size(); ++i) {
      require(sizes[i] == spec_.grid.shape()[skipped + i],
              source->describe(),
              " has ",
              sizes[i],
              " cells along '",
              spec_.grid.axis(static_cast<int>(skipped + i)).name,
              "', the first file has ",
              spec_.grid.shape()[skipped + i]);
      set(axes.space[i], box.first[skipped + i], box.size[skipped + i]);
    }
    auto const values = at::empty(slab.count, working_type(field.entry, *source));
    bytes_ += source->read(slab, values);
    out.copy_(in_order(scaled(field.entry, values), axes).reshape(out.sizes()));
  }

  /// Permutes to sample, time, component, space.
  static at::Tensor in_order(at::Tensor const& values, ArrayAxes const& axes) {
    std::vector<int64_t> order;
    for (auto const axis : {axes.sample, axes.time, axes.component}) {
      if (axis >= 0) {
        order.push_back(axis);
      }
    }
    order.insert(order.end(), axes.space.begin(), axes.space.end());
    return values.permute(order);
  }

  static at::Tensor scaled(ArrayFieldMap const& entry, at::Tensor const& stored) {
    if (is_plain(entry)) {
      return stored;
    }
    auto const values = stored * entry.scale + entry.offset;
    return entry.missing ? values.masked_fill(stored == *entry.missing,
                                              std::numeric_limits<double>::quiet_NaN())
                         : values;
  }

  ArrayMap map_;
  std::unique_ptr<ArrayStore> store_;
  DatasetSpec spec_;
  std::vector<Channels> channels_, constants_;
  std::vector<Series> series_;
  int64_t bytes_ = 0;
};

}  // namespace

std::unique_ptr<Reader> make_array_reader(ArrayMap map,
                                          std::unique_ptr<ArrayStore> store,
                                          std::string const& format) {
  return std::make_unique<ArrayReader>(std::move(map), std::move(store), format);
}

}  // namespace eddyline
