#include "workflows/truth_and_error.hpp"

#include <utility>

#include <ATen/ATen.h>

namespace eddyline {

FieldSet with_truth(FieldSet const& fields) {
  auto all = fields.fields();
  for (auto const* suffix : {"_truth", "_error"}) {
    for (auto field : fields.fields()) {
      field.name += suffix;
      all.push_back(std::move(field));
    }
  }
  return FieldSet(std::move(all));
}

at::Tensor with_truth(at::Tensor const& forecast, at::Tensor const& truth) {
  return at::cat({forecast, truth, forecast - truth}, 1);
}

}  // namespace eddyline
