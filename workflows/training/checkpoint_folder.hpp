#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "core/communicator.hpp"
#include "surrogates/checkpoints/native.hpp"

namespace eddyline {

/// Whether a checkpoint is the best one so far.
enum class Standing { ordinary, best };

/// checkpoints/step-00001200.h5 …, with `last.h5` and `best.h5` as links that are replaced by
/// renaming, so that they always lead to a whole file. Rank 0 writes; a failure there is thrown on
/// all.
class CheckpointFolder {
 public:
  /// \param keep  newest files that stay, besides the best one
  CheckpointFolder(std::filesystem::path folder, int64_t keep);

  /// Writes the checkpoint of `step`, moves the links and removes old files, and what a killed
  /// write left. Collective; only rank
  /// 0's `checkpoint` is looked at.
  void save(int64_t step,
            NativeCheckpoint const& checkpoint,
            Standing standing,
            Communicator const& ranks);

  std::filesystem::path const& path() const { return folder_; }
  std::filesystem::path file(int64_t step) const;
  std::filesystem::path last() const { return folder_ / "last.h5"; }
  std::filesystem::path best() const { return folder_ / "best.h5"; }
  /// Steps that there are files of, ascending.
  std::vector<int64_t> steps() const;

 private:
  void write(int64_t step, NativeCheckpoint const& checkpoint, Standing standing) const;
  void remove_old() const;

  std::filesystem::path folder_;
  int64_t keep_;
};

}  // namespace eddyline
