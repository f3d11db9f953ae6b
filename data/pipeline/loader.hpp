#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <c10/core/Device.h>

#include "core/communicator.hpp"
#include "data/batch.hpp"
#include "data/pipeline/dataset.hpp"
#include "data/pipeline/normaliser.hpp"

namespace eddyline {

enum class Order { sequential, shuffled };

/// What happens to the samples that do not fill the last batch of an epoch.
enum class LastBatch {
  drop,  ///< left out of this epoch (another shuffle leaves out others): for training
  keep,  ///< a shorter batch: for validation. A rank may get a share of 0 samples
};

struct LoaderOptions {
  int64_t batch = 1;  ///< samples of a global batch, over all data ranks
  Order order = Order::sequential;
  LastBatch last = LastBatch::keep;
  uint64_t seed = 0;                    ///< of the shuffle, with the epoch
  std::vector<std::string> flips = {};  ///< axes along which samples are mirrored (Mirror)
  at::Device device = at::kCPU;
  int64_t prefetch = 2;  ///< batches made ahead, on the device
};

/// Makes batches on a thread of its own, ahead of their use.
///
/// The samples of global batch b of an epoch depend on (seed, epoch, b) only, never on the number
/// of ranks; each rank reads a contiguous share of it (sizes differ by at most one). Batch.input
/// and target are physical, finite (missing values are filled) and come with input_norm,
/// target_norm and mask; normalised(batch) applies them. Batch.global_size is the number of samples
/// over all ranks, to weigh a loss.
class Loader {
 public:
  /// \throw Error  if the part has no window, or with LastBatch::drop fewer than one batch; if an
  ///               axis cannot be mirrored
  Loader(Dataset& data,
         Statistics const& statistics,
         LoaderOptions options,
         Communicator const& data_ranks);
  ~Loader();
  Loader(Loader const&) = delete;
  Loader& operator=(Loader const&) = delete;

  /// Goes to batch `first_batch` of `epoch` and begins to read: position in the data = (epoch,
  /// batch).
  void start(int64_t epoch, int64_t first_batch = 0);
  /// This rank's share of the next global batch; nothing after the epoch's last.
  /// \throw Error  that happened on the loader's thread, with "while preparing batch 17 on rank 5"
  std::optional<Batch> next();
  /// Global batches in an epoch.
  int64_t batches() const;
  int64_t epoch() const { return epoch_; }
  /// Batch that next() returns next: what a checkpoint keeps.
  int64_t position() const;
  /// Seconds that next() waited for data since the loader was made.
  double wait_seconds() const;
  Normaliser const& normaliser() const;

 private:
  class Worker;
  std::unique_ptr<Worker> worker_;
  int64_t epoch_ = 0;
};

/// Samples of global batch `batch` in their order: the same for any number of ranks.
std::vector<int64_t> batch_samples(int64_t windows,
                                   LoaderOptions const& options,
                                   int64_t epoch,
                                   int64_t batch);

}  // namespace eddyline
