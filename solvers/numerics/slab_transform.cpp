#include "solvers/numerics/slab_transform.hpp"

#include <ATen/ATen.h>
#include <c10/util/accumulate.h>

namespace eddyline {
namespace {

constexpr int64_t kPieceBytes = int64_t{1} << 30;
constexpr auto kAmplitudes = "forward";  // the whole factor 1/n on the way to the spectrum

/// Number of the first axis of more than one cell.
size_t slab_axis(std::array<int64_t, 3> const& cells) {
  return cells[0] > 1 ? 0 : 1;
}

std::array<int64_t, 3> modes_of(std::array<int64_t, 3> cells) {
  cells[2] = cells[2] / 2 + 1;
  return cells;
}

std::vector<int64_t> sizes_along(size_t axis, Decomposition const& decomposition) {
  std::vector<int64_t> sizes;
  for (int rank = 0; rank < decomposition.ranks(); ++rank) {
    sizes.push_back(decomposition.block(rank).box.size[axis]);
  }
  return sizes;
}

Decomposition split_along(size_t axis, std::array<int64_t, 3> const& shape, int ranks) {
  std::array<int, 3> parts = {1, 1, 1};
  parts[axis] = ranks;
  return {shape, parts};
}

}  // namespace

SlabTransform::SlabTransform(std::array<int64_t, 3> cells, Communicator const& ranks)
    : collectives_(ranks.duplicate(), kPieceBytes) {
  auto const axis = slab_axis(cells);
  auto const of_values = split_along(axis, cells, ranks.size());
  auto const of_modes = split_along(axis + 1, modes_of(cells), ranks.size());
  values_ = of_values.block(ranks.rank());
  modes_ = of_modes.block(ranks.rank());
  auto const from_last = static_cast<int64_t>(axis) - 3;
  split_values_ = {from_last, sizes_along(axis, of_values)};
  split_modes_ = {from_last + 1, sizes_along(axis + 1, of_modes)};
}

at::Tensor SlabTransform::forward(at::Tensor const& values) const {
  auto part = at::fft_rfft(values, std::nullopt, -1, kAmplitudes);
  for (int64_t axis = -2; axis > split_values_.axis; --axis) {
    part = at::fft_fft(part, std::nullopt, axis, kAmplitudes);
  }
  part = exchange(part, split_modes_, split_values_);
  return at::fft_fft(part, std::nullopt, split_values_.axis, kAmplitudes);
}

at::Tensor SlabTransform::backward(at::Tensor const& spectrum) const {
  auto part = at::fft_ifft(spectrum, std::nullopt, split_values_.axis, kAmplitudes);
  part = exchange(part, split_values_, split_modes_);
  for (int64_t axis = split_values_.axis + 1; axis < -1; ++axis) {
    part = at::fft_ifft(part, std::nullopt, axis, kAmplitudes);
  }
  return at::fft_irfft(part, values_.global[2], -1, kAmplitudes);
}

/// Cuts the axis `cut`, which this rank holds whole, among the ranks, and joins what they hold of
/// the axis `joined`.
at::Tensor SlabTransform::exchange(at::Tensor const& part,
                                   Split const& cut,
                                   Split const& joined) const {
  if (ranks().size() == 1) {
    return part;
  }
  std::vector<at::Tensor> pieces;
  std::vector<int64_t> sent_counts;
  for (auto const& piece : part.split_with_sizes(cut.sizes, cut.axis)) {
    pieces.push_back(piece.reshape(-1));
    sent_counts.push_back(piece.numel());
  }
  auto const axis_index = [&](int64_t axis) { return static_cast<size_t>(part.dim() + axis); };
  auto shape = part.sizes().vec();
  shape[axis_index(cut.axis)] = cut.sizes[static_cast<size_t>(ranks().rank())];
  std::vector<std::vector<int64_t>> shapes;
  std::vector<int64_t> received_counts;
  for (auto const size : joined.sizes) {
    shape[axis_index(joined.axis)] = size;
    shapes.push_back(shape);
    received_counts.push_back(c10::multiply_integers(shape));
  }
  auto const received = at::empty({c10::sum_integers(received_counts)}, part.options());
  collectives_.all_to_all(received, at::cat(pieces), received_counts, sent_counts);
  std::vector<at::Tensor> arrived;
  auto const flat = received.split_with_sizes(received_counts);
  for (size_t rank = 0; rank < flat.size(); ++rank) {
    arrived.push_back(flat[rank].view(shapes[rank]));
  }
  return at::cat(arrived, joined.axis);
}

}  // namespace eddyline
