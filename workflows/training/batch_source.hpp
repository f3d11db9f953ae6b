#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "data/batch.hpp"

namespace eddyline {

/// Where a trainer's batches come from, in an order that depends on the epoch only. Batches are
/// normalised and on the device; each rank gets its own share of a global batch.
class BatchSource {
 public:
  virtual ~BatchSource() = default;

  /// Global batches of an epoch.
  virtual int64_t batches() const = 0;
  /// Samples of a global batch over all ranks.
  virtual int64_t samples(int64_t batch) const = 0;
  /// Goes to batch `first_batch` of `epoch`.
  virtual void start(int64_t epoch, int64_t first_batch) = 0;
  /// This rank's share of the next global batch; empty (size 0 or none) if it has none of it.
  virtual std::optional<Batch> next() = 0;
  /// What the batches mean; of several data sets the first one's.
  virtual BatchSpec const& spec() const = 0;
  /// Of all data sets that batches come from.
  virtual std::vector<BatchSpec const*> specs() const { return {&spec()}; }
  /// Seconds waited for data so far.
  virtual double wait_seconds() const = 0;
};

}  // namespace eddyline
