#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "workflows/training/batch_source.hpp"

namespace eddyline {

/// The same batch again and again: for steps that are measured and not learned from.
class OneBatch final : public BatchSource {
 public:
  OneBatch(Batch batch, int64_t samples) : batch_(std::move(batch)), samples_(samples) {}
  int64_t batches() const override { return 1; }
  int64_t samples(int64_t /*batch*/) const override { return samples_; }
  void start(int64_t /*epoch*/, int64_t /*first_batch*/) override {}
  std::optional<Batch> next() override { return batch_; }
  BatchSpec const& spec() const override { return *batch_.spec; }
  double wait_seconds() const override { return 0; }
  int64_t bytes() const {
    int64_t bytes = 0;
    for (auto const* part : {&batch_.input, &batch_.target, &batch_.forcing, &batch_.constants}) {
      bytes += part->defined() ? static_cast<int64_t>(part->nbytes()) : 0;
    }
    return bytes;
  }

 private:
  Batch batch_;
  int64_t samples_;
};

}  // namespace eddyline
