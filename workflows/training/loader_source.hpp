#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "data/pipeline/loader.hpp"
#include "workflows/training/batch_source.hpp"

namespace eddyline {

/// Batches of a data set on disk.
class LoaderSource final : public BatchSource {
 public:
  LoaderSource(Dataset& data,
               Statistics const& statistics,
               LoaderOptions const& options,
               Communicator const& ranks);

  int64_t batches() const override { return loader_.batches(); }
  int64_t samples(int64_t batch) const override;
  void start(int64_t epoch, int64_t first_batch) override { loader_.start(epoch, first_batch); }
  std::optional<Batch> next() override;
  BatchSpec const& spec() const override { return *spec_; }
  double wait_seconds() const override { return loader_.wait_seconds(); }
  Normaliser const& normaliser() const { return loader_.normaliser(); }

 private:
  int64_t windows_;
  int64_t batch_;
  std::shared_ptr<BatchSpec const> spec_;
  Loader loader_;
};

}  // namespace eddyline
