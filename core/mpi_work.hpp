#pragma once

#include <exception>
#include <vector>

#include <ATen/core/ivalue.h>
#include <ATen/core/jit_type.h>
#include <torch/csrc/distributed/c10d/Work.hpp>

namespace eddyline {

/// The promise that an operation will be done.
class MpiWork final : public c10d::Work {
 public:
  MpiWork(int rank, c10d::OpType type, std::vector<at::Tensor> outputs)
      : Work(rank, type),
        outputs_(std::move(outputs)),
        future_(c10::make_intrusive<c10::ivalue::Future>(
            c10::ListType::create(c10::TensorType::get()), gpus_of(outputs_))) {}

  std::vector<at::Tensor> result() override { return outputs_; }
  c10::intrusive_ptr<c10::ivalue::Future> getFuture() override { return future_; }

  void complete(std::exception_ptr error) {
    finish(error);
    error ? future_->setError(error) : future_->markCompleted(c10::IValue(outputs_));
  }

 private:
  static std::vector<c10::Device> gpus_of(std::vector<at::Tensor> const& tensors) {
    std::vector<c10::Device> devices;
    for (auto const& tensor : tensors) {
      if (!tensor.is_cpu()) {
        devices.push_back(tensor.device());
      }
    }
    return devices;
  }

  std::vector<at::Tensor> outputs_;
  c10::intrusive_ptr<c10::ivalue::Future> future_;
};

}  // namespace eddyline
