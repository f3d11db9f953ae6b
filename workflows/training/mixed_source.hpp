#pragma once

#include <cstdint>
#include <vector>

#include "workflows/training/batch_source.hpp"

namespace eddyline {

/// Several data sets in one training; every batch is of one of them, so that its shapes agree.
///
/// An epoch has round(weight × batches) batches of each set, at least one, in an order drawn from
/// (seed, epoch); a set goes through its own epochs one after another, whatever the mix's. All of
/// it follows from the place (epoch, batch): ranks agree without a message, and a resumed run needs
/// no other state.
class MixedSource final : public BatchSource {
 public:
  struct Part {
    BatchSource* source = nullptr;  ///< outlives this
    double weight = 1;              ///< passes through the set in an epoch, > 0
  };
  MixedSource(std::vector<Part> parts, uint64_t seed);

  int64_t batches() const override;
  int64_t samples(int64_t batch) const override;
  void start(int64_t epoch, int64_t first_batch) override;
  std::optional<Batch> next() override;
  BatchSpec const& spec() const override { return parts_.front().source->spec(); }
  std::vector<BatchSpec const*> specs() const override;
  double wait_seconds() const override;
  /// Batches of each part in an epoch.
  std::vector<int64_t> const& shares() const { return shares_; }
  /// Which part the batches of this epoch are of.
  std::vector<int64_t> const& order() const { return order_; }

 private:
  void lay_out(int64_t epoch);
  /// Number of a batch of this epoch among all that its part ever gives.
  int64_t place(int64_t batch) const;
  BatchSource& source_of(int64_t batch) const;

  std::vector<Part> parts_;
  uint64_t seed_;
  std::vector<int64_t> shares_;
  int64_t epoch_ = -1;
  int64_t next_ = 0;
  std::vector<int64_t> order_;
  std::vector<int64_t> rank_;  ///< of each batch among those of its part in this epoch
};

}  // namespace eddyline
