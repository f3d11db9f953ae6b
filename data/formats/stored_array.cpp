#include "data/formats/stored_array.hpp"

#include <ATen/ATen.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

using Role = StoredAxis::Role;

Hyperslab hyperslab_of(StoredArray const& array, StoredPart const& part) {
  Hyperslab slab;
  for (auto const& axis : array.axes) {
    auto const a = static_cast<size_t>(axis.space);
    switch (axis.role) {
      case Role::sample:
        slab.first.push_back(part.sample);
        slab.count.push_back(1);
        break;
      case Role::time:
        slab.first.push_back(part.first);
        slab.count.push_back(part.count);
        break;
      case Role::space:
        slab.first.push_back(part.box.first[a]);
        slab.count.push_back(part.box.size[a]);
        break;
      case Role::component:
        slab.first.push_back(axis.first);
        slab.count.push_back(axis.count);
        break;
    }
    slab.stride.push_back(axis.role == Role::time ? part.stride : 1);
  }
  return slab;
}

/// Place of an axis in the order (time, components, D, H, W); samples, of length 1, come first.
int order_of(StoredAxis const& axis) {
  return axis.role == Role::sample      ? -1
         : axis.role == Role::time      ? 0
         : axis.role == Role::component ? 1
                                        : 2 + axis.space;
}

/// `values` in the file's order, as (time, components…, D, H, W) with length 1 where an axis is
/// missing.
at::Tensor in_our_order(StoredArray const& array, at::Tensor values) {
  std::vector<int64_t> order(array.axes.size());
  for (size_t i = 0; i < order.size(); ++i) {
    order[i] = static_cast<int64_t>(i);
  }
  auto const place = [&](int64_t i) { return order_of(array.axes[static_cast<size_t>(i)]); };
  std::stable_sort(
      order.begin(), order.end(), [&](int64_t a, int64_t b) { return place(a) < place(b); });
  values = values.permute(order);
  if (array.has(Role::sample)) {
    values = values.squeeze(0);
  }
  if (!array.has(Role::time)) {
    values = values.unsqueeze(0);
  }
  for (int space = 0; space < 3; ++space) {
    auto const is_it = [&](StoredAxis const& axis) {
      return axis.role == Role::space && axis.space == space;
    };
    if (std::none_of(array.axes.begin(), array.axes.end(), is_it)) {
      int64_t const later =
          std::count_if(array.axes.begin(), array.axes.end(), [&](StoredAxis const& axis) {
            return axis.role == Role::space && axis.space > space;
          });
      values = values.unsqueeze(values.dim() - later);
    }
  }
  return values;
}

/// True if a part of the data set lies in memory as `out` does.
bool is_in_our_order(StoredArray const& array, StoredPart const& part) {
  int last = -1;
  std::array<bool, 3> present{};
  bool const has_time = array.has(Role::time) || part.count == 1;
  for (auto const& axis : array.axes) {
    if (axis.role == Role::component && axis.count == 1) {
      continue;
    }
    if (order_of(axis) < last) {
      return false;
    }
    last = order_of(axis);
    present[static_cast<size_t>(axis.space)] |= axis.role == Role::space;
  }
  for (size_t a = 0; a < 3; ++a) {
    if (!present[a] && part.box.size[a] > 1) {
      return false;
    }
  }
  return has_time;
}

}  // namespace

int64_t StoredArray::channels() const {
  int64_t product = 1;
  for (auto const& axis : axes) {
    product *= axis.role == Role::component ? axis.count : 1;
  }
  return product;
}

bool StoredArray::has(StoredAxis::Role role) const {
  return std::any_of(
      axes.begin(), axes.end(), [&](StoredAxis const& axis) { return axis.role == role; });
}

void check_shape(StoredArray const& array, Hdf5DataSet const& data, StoredExtent const& extent) {
  std::string expected;
  bool fits = data.shape().size() == array.axes.size();
  for (size_t i = 0; i < array.axes.size(); ++i) {
    auto const& axis = array.axes[i];
    auto const found = fits ? data.shape()[i] : 0;
    expected += expected.empty() ? "" : ", ";
    if (axis.role == Role::time) {
      expected += concat(extent.frames, " frames");
      fits = fits && found >= extent.frames;
      continue;
    }
    auto const wanted = axis.role == Role::sample  ? extent.samples
                        : axis.role == Role::space ? extent.grid[static_cast<size_t>(axis.space)]
                                                   : axis.total;
    expected += concat(wanted,
                       axis.role == Role::sample      ? " samples"
                       : axis.role == Role::component ? " components"
                                                      : " cells");
    fits = fits && found == wanted;
  }
  require(fits,
          data.place().describe(),
          " has shape (",
          data.shape(),
          ") where (",
          expected,
          ") is expected");
}

int64_t read_stored(StoredArray const& array,
                    Hdf5DataSet const& data,
                    StoredPart const& part,
                    at::Tensor const& out) {
  auto const slab = hyperslab_of(array, part);
  if (out.is_contiguous() && is_in_our_order(array, part)) {
    return data.read(slab, out);
  }
  auto const values = at::empty(slab.count, at::TensorOptions(at::kFloat));
  auto const bytes = data.read(slab, values);
  std::vector<int64_t> components;
  for (auto const& axis : array.axes) {
    if (axis.role == Role::component) {
      components.push_back(axis.count);
    }
  }
  if (components.empty()) {
    out.select(1, 0).copy_(in_our_order(array, values));
  } else {
    out.unflatten(1, components).copy_(in_our_order(array, values));
  }
  return bytes;
}

std::vector<StoredArray> join_neighbours(std::vector<StoredArray> const& arrays) {
  std::vector<StoredArray> joined;
  for (auto const& array : arrays) {
    auto const components = [](StoredArray& a) {
      return std::find_if(a.axes.begin(), a.axes.end(), [](auto const& axis) {
        return axis.role == Role::component;
      });
    };
    auto next = array;
    auto const one = components(next);
    if (!joined.empty() && one != next.axes.end() && joined.back().data_set == array.data_set) {
      auto const before = components(joined.back());
      bool const follows =
          before->first + before->count == one->first && before->total == one->total &&
          joined.back().first_channel + before->count == next.first_channel &&
          joined.back().channels() == before->count && next.channels() == one->count;
      if (follows) {
        before->count += one->count;
        continue;
      }
    }
    joined.push_back(array);
  }
  return joined;
}

}  // namespace eddyline
