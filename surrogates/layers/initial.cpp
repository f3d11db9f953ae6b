#include "surrogates/layers/initial.hpp"

#include <ATen/ATen.h>

namespace eddyline {

double fan_in(at::Tensor const& weight) {
  return static_cast<double>(weight.numel() / weight.size(0));
}

void fill_symmetric(at::Tensor const& parameter, double bound, RandomKey const& key) {
  at::NoGradGuard const no_grad;
  auto flat = at::empty({1, parameter.numel()}, at::dtype(at::kFloat));
  fill_uniform(flat, key, {0});
  parameter.copy_(flat.mul_(2 * bound).sub_(bound).view(parameter.sizes()));
}

void fill_gaussian(at::Tensor const& parameter, double deviation, RandomKey const& key) {
  at::NoGradGuard const no_grad;
  auto flat = at::empty({1, parameter.numel()}, at::dtype(at::kFloat));
  fill_normal(flat, key, {0});
  parameter.copy_(flat.mul_(deviation).view(parameter.sizes()));
}

}  // namespace eddyline
