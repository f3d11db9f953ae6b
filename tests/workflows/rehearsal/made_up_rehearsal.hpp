// A run whose needs are a formula.
#pragma once

#include <cmath>
#include <limits>
#include <string>

#include "core/error.hpp"
#include "workflows/rehearsal/rehearsal.hpp"

namespace eddyline {

/// Needs some bytes a cell and some for its weights, on 32 x 64 x 64 cells of patch 8.
class MadeUpRehearsal final : public Rehearsal {
 public:
  explicit MadeUpRehearsal(double bytes_a_cell) : bytes_a_cell_(bytes_a_cell) {}
  bool splits_samples() const override { return true; }
  void check(Sharing const& sharing) const override { (void)division(sharing); }
  int64_t cells_and_samples(Sharing const& sharing) const override {
    auto const parts = division(sharing);
    return parts.block(busiest(parts)).box.cells();
  }
  std::optional<RankNeeds> needs(Sharing const& sharing, int64_t most_work) const override {
    ++trials_;
    if (!refusal_.empty()) {
      throw Error(refusal_);
    }
    if (most_work < takes_) {
      return std::nullopt;
    }
    auto const work = cells_and_samples(sharing);
    return RankNeeds{
        .cells = work,
        .samples = 1,
        .tensor_bytes = kWeights + std::llround(static_cast<double>(work) * bytes_a_cell_),
        .is_scaled = true};
  }
  double ample_bytes(Sharing const& /*sharing*/) const override { return ample_; }
  int64_t present_bytes() const override { return kWeights; }
  void take_only(int64_t most_work) { takes_ = most_work; }
  void need_at_most(double bytes) { ample_ = bytes; }
  int trials() const { return trials_; }
  void refuse(std::string text) { refusal_ = std::move(text); }

  static constexpr int64_t kWeights = int64_t{5} << 30;

 private:
  static Decomposition division(Sharing const& sharing) {
    return {{32, 64, 64}, sharing.domain, {8, 8, 8}};
  }
  double bytes_a_cell_;
  int64_t takes_ = 0;
  double ample_ = std::numeric_limits<double>::infinity();
  std::string refusal_;
  mutable int trials_ = 0;
};

}  // namespace eddyline
