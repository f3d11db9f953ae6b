#include "surrogates/layers/live_axes.hpp"

#include "core/error.hpp"

namespace eddyline {

LiveAxes::LiveAxes(Grid const& grid) {
  auto const shape = grid.shape();
  for (size_t a = 0; a < shape.size(); ++a) {
    if (shape[a] > 1) {
      axes_.push_back(a);
    }
  }
  require(!axes_.empty(),
          "every axis of the data has one cell; the network needs one with more: choose other data "
          "or a larger data.crop");
}

at::Tensor LiveAxes::squeeze(at::Tensor const& x, Sharding const* sharding) const {
  std::vector<int64_t> shape = {x.size(0), x.size(1)};
  size_t next = 0;
  for (size_t a = 0; a < 3; ++a) {
    auto const own = x.size(static_cast<int64_t>(a) + 2);
    auto const cells = sharding ? sharding->axis(a).total() : own;
    bool const was_live = next < axes_.size() && axes_[next] == a;
    require((cells > 1) == was_live,
            "axis ",
            "DHW"[a],
            " has ",
            cells,
            cells == 1 ? " point" : " points",
            ", the model was made for data with ",
            was_live ? "more" : "1",
            " there; train one on data like these");
    if (was_live) {
      shape.push_back(own);
      ++next;
    }
  }
  return x.view(shape);
}

at::Tensor LiveAxes::restore(at::Tensor const& y) const {
  std::vector<int64_t> shape = {y.size(0), y.size(1), 1, 1, 1};
  for (size_t i = 0; i < axes_.size(); ++i) {
    shape[axes_[i] + 2] = y.size(static_cast<int64_t>(i) + 2);
  }
  return y.reshape(shape);
}

}  // namespace eddyline
