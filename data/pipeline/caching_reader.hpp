#pragma once

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "core/page_heap.hpp"
#include "data/formats/reader.hpp"

namespace eddyline {

/// A reader that keeps the frames it has read in memory until the budget is used up; frames that
/// did not fit are read anew each time. Frames are kept for one box: another box empties the
/// memory.
class CachingReader final : public Reader {
 public:
  /// \param budget  bytes
  CachingReader(std::unique_ptr<Reader> reader, int64_t budget);

  DatasetSpec const& spec() const override { return reader_->spec(); }
  /// \throw Failure  if there is no memory for what is to be kept
  void read(FrameRange const& frames, Box const& box, at::Tensor const& out) override;
  at::Tensor read_constants(int64_t trajectory, Box const& box) override;
  at::Tensor read_scalars(FrameRange const& frames) override;
  int64_t bytes_read() const override { return reader_->bytes_read(); }
  int64_t bytes_kept() const { return bytes_; }

 private:
  void read_run(FrameRange const& run, at::Tensor const& out);
  at::Tensor place_for(at::Tensor const& frame);
  at::Tensor new_piece(std::vector<int64_t> const& shape, at::ScalarType type);

  std::unique_ptr<Reader> reader_;
  int64_t budget_;
  int64_t bytes_ = 0;
  Box box_;
  /// Of its own: what is kept for good must not lie between what the steps take and free, whose
  /// places it would keep from joining.
  PageHeap pages_{/*piece=*/1, FreePages::given_back};
  at::Tensor free_;  ///< (frames, C, D, H, W): of the last piece, what is not filled
  std::map<std::pair<int64_t, int64_t>, at::Tensor>
      frames_;  ///< by (trajectory, frame): (C, D, H, W)
};

}  // namespace eddyline
