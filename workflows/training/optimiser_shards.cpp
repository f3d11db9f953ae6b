#include "workflows/training/optimiser_shards.hpp"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/error.hpp"
#include "core/process_group.hpp"

namespace eddyline {

OptimiserShards::OptimiserShards(std::vector<at::Tensor> const& values, Communicator const& ranks)
    : begins_({0}), rank_(ranks.rank()), ranks_(ranks.size()), group_(make_process_group(ranks)) {
  at::NoGradGuard const no_grad;
  EDDYLINE_ENSURE(!values.empty(), "nothing to share out");
  for (auto const& value : values) {
    EDDYLINE_ENSURE(
        value.scalar_type() == values[0].scalar_type() && value.device() == values[0].device(),
        "parameters of several types or devices in one row");
    shapes_.push_back(value.sizes().vec());
    begins_.push_back(begins_.back() + value.numel());
  }
  share_ = (begins_.back() + ranks_ - 1) / ranks_;
  row_ = at::zeros({share_ * ranks_}, values[0].options().requires_grad(false));
  for (size_t i = 0; i < values.size(); ++i) {
    auto const place = row_.narrow(0, begins_[i], values[i].numel()).view(shapes_[i]);
    place.copy_(values[i]);
    values[i].set_data(place);
  }
}

at::Tensor OptimiserShards::own(size_t i, at::Tensor const& whole) const {
  auto const first = std::clamp(rank_ * share_, begins_[i], begins_[i + 1]);
  auto const end = std::clamp((rank_ + 1) * share_, begins_[i], begins_[i + 1]);
  return whole.detach().reshape({-1}).narrow(0, first - begins_[i], end - first);
}

void OptimiserShards::exchange() const {
  at::NoGradGuard const no_grad;
  TrafficKind const kind("parameters");
  auto all = row_;
  auto part = row_.narrow(0, rank_ * share_, share_).clone();
  group_->_allgather_base(all, part, {})->wait();
}

std::vector<at::Tensor> OptimiserShards::collect(std::vector<at::Tensor> const& parts) const {
  at::NoGradGuard const no_grad;
  EDDYLINE_ENSURE(parts.size() == shapes_.size(), "parts of other values");
  TrafficKind const kind("checkpoint");
  auto const host = at::dtype(parts[0].scalar_type());
  auto mine = at::zeros({share_}, host);
  auto filled = mine.narrow(0, 0, std::clamp(begins_.back() - rank_ * share_, int64_t{0}, share_));
  filled.copy_(at::cat(parts));
  if (rank_ != 0) {
    std::vector<at::Tensor> message = {mine};
    group_->send(message, 0, 0)->wait();
    return {};
  }
  auto const row = at::empty({share_ * ranks_}, host);
  row.narrow(0, 0, share_).copy_(mine);
  for (int rank = 1; rank < ranks_; ++rank) {
    std::vector<at::Tensor> message = {row.narrow(0, rank * share_, share_)};
    group_->recv(message, rank, 0)->wait();
  }
  std::vector<at::Tensor> whole;
  for (size_t i = 0; i < shapes_.size(); ++i) {
    whole.push_back(row.narrow(0, begins_[i], begins_[i + 1] - begins_[i]).view(shapes_[i]));
  }
  return whole;
}

}  // namespace eddyline
