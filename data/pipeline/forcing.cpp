#include "data/pipeline/forcing.hpp"

#include <ATen/ATen.h>

namespace eddyline {

DatasetForcing::DatasetForcing(Dataset& data, std::vector<StartFrame> starts)
    : data_(data), starts_(std::move(starts)) {
  for (auto const& start : starts_) {
    offsets_.push_back(
        data_.times(start.trajectory)[static_cast<size_t>(start.frame)] -
        data_.times(starts_.front().trajectory)[static_cast<size_t>(starts_.front().frame)]);
  }
}

at::Tensor DatasetForcing::known(std::vector<double> const& times) {
  if (data_.known_fields().empty() || starts_.empty()) {
    return {};
  }
  std::vector<at::Tensor> samples;
  for (size_t i = 0; i < starts_.size(); ++i) {
    auto own = times;
    for (auto& time : own) {
      time += offsets_[i];
    }
    samples.push_back(data_.known_at(starts_[i].trajectory, own));
  }
  return at::stack(samples);
}

at::Tensor DatasetForcing::constants() {
  std::vector<at::Tensor> samples;
  for (auto const& start : starts_) {
    samples.push_back(data_.constants(start.trajectory));
  }
  return samples.empty() || !samples.front().defined() ? at::Tensor() : at::stack(samples);
}

at::Tensor DatasetForcing::scalars() {
  std::vector<at::Tensor> samples;
  for (auto const& start : starts_) {
    samples.push_back(data_.scalars({start.trajectory, start.frame, 1, 1}));
  }
  return samples.empty() || !samples.front().defined() ? at::Tensor() : at::cat(samples);
}

}  // namespace eddyline
