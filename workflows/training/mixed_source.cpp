#include "workflows/training/mixed_source.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/error.hpp"
#include "core/random.hpp"

namespace eddyline {
namespace {

constexpr uint64_t kMixStream = 0x6d6978;  // "mix": apart from all other random streams

}  // namespace

MixedSource::MixedSource(std::vector<Part> parts, uint64_t seed)
    : parts_(std::move(parts)), seed_(seed) {
  EDDYLINE_ENSURE(!parts_.empty(), "a mix of nothing");
  for (auto const& part : parts_) {
    auto const share = part.weight * static_cast<double>(part.source->batches());
    shares_.push_back(std::max<int64_t>(1, std::llround(share)));
  }
  lay_out(0);
}

void MixedSource::lay_out(int64_t epoch) {
  if (epoch == epoch_) {
    return;
  }
  epoch_ = epoch;
  std::vector<int64_t> dealt;  // part of each batch, one part after another
  for (size_t part = 0; part < shares_.size(); ++part) {
    dealt.insert(dealt.end(), static_cast<size_t>(shares_[part]), static_cast<int64_t>(part));
  }
  order_.clear();
  rank_.clear();
  std::vector<int64_t> count(parts_.size());
  RandomKey const key{.seed = seed_, .step = static_cast<uint64_t>(epoch), .layer = kMixStream};
  for (auto const place : permutation(static_cast<int64_t>(dealt.size()), key)) {
    order_.push_back(dealt[static_cast<size_t>(place)]);
    rank_.push_back(count[static_cast<size_t>(order_.back())]++);
  }
}

int64_t MixedSource::batches() const {
  return std::accumulate(shares_.begin(), shares_.end(), int64_t{0});
}

BatchSource& MixedSource::source_of(int64_t batch) const {
  return *parts_[static_cast<size_t>(order_[static_cast<size_t>(batch)])].source;
}

int64_t MixedSource::place(int64_t batch) const {
  auto const at = static_cast<size_t>(batch);
  return epoch_ * shares_[static_cast<size_t>(order_[at])] + rank_[at];
}

int64_t MixedSource::samples(int64_t batch) const {
  auto const& source = source_of(batch);
  return source.samples(place(batch) % source.batches());
}

void MixedSource::start(int64_t epoch, int64_t first_batch) {
  lay_out(epoch);
  next_ = first_batch;
  for (size_t part = 0; part < parts_.size(); ++part) {
    auto const done =
        std::count(order_.begin(), order_.begin() + first_batch, static_cast<int64_t>(part));
    auto const place = epoch * shares_[part] + done;
    auto& source = *parts_[part].source;
    source.start(place / source.batches(), place % source.batches());
  }
}

std::optional<Batch> MixedSource::next() {
  if (next_ >= batches()) {
    return std::nullopt;
  }
  auto& source = source_of(next_);
  auto const at = place(next_);
  if (at % source.batches() == 0) {
    source.start(at / source.batches(), 0);  // its own next epoch
  }
  ++next_;
  return source.next();
}

std::vector<BatchSpec const*> MixedSource::specs() const {
  std::vector<BatchSpec const*> specs;
  for (auto const& part : parts_) {
    specs.push_back(&part.source->spec());
  }
  return specs;
}

double MixedSource::wait_seconds() const {
  double seconds = 0;
  for (auto const& part : parts_) {
    seconds += part.source->wait_seconds();
  }
  return seconds;
}

}  // namespace eddyline
