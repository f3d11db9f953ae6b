#include "data/pipeline/caching_reader.hpp"

#include <algorithm>

#include <ATen/ATen.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

/// Least and most bytes of a piece, in which frames lie side by side.
constexpr int64_t kLeastPiece = int64_t{64} << 10;
constexpr int64_t kMostPiece = int64_t{16} << 20;

}  // namespace

CachingReader::CachingReader(std::unique_ptr<Reader> reader, int64_t budget)
    : reader_(std::move(reader)), budget_(budget) {}

void CachingReader::read(FrameRange const& frames, Box const& box, at::Tensor const& out) {
  if (box != box_) {
    frames_.clear();
    free_ = at::Tensor();
    bytes_ = 0;
    box_ = box;
  }
  int64_t missed = 0;  // length of the run of frames before `i` that are to be read
  for (int64_t i = 0; i <= frames.count; ++i) {
    auto const kept = i < frames.count
                          ? frames_.find({frames.trajectory, frames.first + i * frames.stride})
                          : frames_.end();
    if (kept == frames_.end() && i < frames.count) {
      ++missed;
      continue;
    }
    if (missed > 0) {
      auto const first = i - missed;
      read_run({frames.trajectory, frames.first + first * frames.stride, missed, frames.stride},
               out.narrow(0, first, missed));
      missed = 0;
    }
    if (kept != frames_.end()) {
      out.select(0, i).copy_(kept->second);
    }
  }
}

void CachingReader::read_run(FrameRange const& run, at::Tensor const& out) {
  reader_->read(run, box_, out);
  for (int64_t i = 0; i < run.count; ++i) {
    auto const frame = out.select(0, i);
    auto const bytes = static_cast<int64_t>(frame.nbytes());
    if (bytes_ + bytes > budget_) {
      return;
    }
    auto const room = place_for(frame);
    room.copy_(frame);
    bytes_ += bytes;
    frames_[{run.trajectory, run.first + i * run.stride}] = room;
  }
}

/// The next free place, of a new piece where the last is full.
at::Tensor CachingReader::place_for(at::Tensor const& frame) {
  if (!free_.defined() || free_.size(0) == 0) {
    auto const bytes = std::max<int64_t>(1, static_cast<int64_t>(frame.nbytes()));
    auto shape = frame.sizes().vec();
    // A quarter of what is kept: a small data set takes little more than its frames.
    auto const piece = std::min(std::clamp(bytes_ / 4, kLeastPiece, kMostPiece), budget_ - bytes_);
    shape.insert(shape.begin(), std::max<int64_t>(1, piece / bytes));
    free_ = new_piece(shape, frame.scalar_type());
  }
  auto const place = free_.select(0, 0);
  free_ = free_.narrow(0, 1, free_.size(0) - 1);
  return place;
}

at::Tensor CachingReader::new_piece(std::vector<int64_t> const& shape, at::ScalarType type) {
  auto const bytes = static_cast<size_t>(c10::multiply_integers(shape)) * c10::elementSize(type);
  auto* const place = pages_.take(bytes);
  expect_machine(place != nullptr,
                 "there is no memory for ",
                 bytes,
                 " bytes of frames that are kept; give data.cache fewer MiB");
  return at::from_blob(
      place, shape, [this](void* begin) { pages_.free(begin); }, at::TensorOptions(type));
}

at::Tensor CachingReader::read_constants(int64_t trajectory, Box const& box) {
  return reader_->read_constants(trajectory, box);
}

at::Tensor CachingReader::read_scalars(FrameRange const& frames) {
  return reader_->read_scalars(frames);
}

}  // namespace eddyline
