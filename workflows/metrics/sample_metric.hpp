#pragma once

#include <functional>

#include "workflows/metrics/cells.hpp"

namespace eddyline {

/// Whether a metric has a value for each channel or one of all.
enum class Channels { each, pooled };

/// What a metric that treats every sample alike is made of.
struct SampleRule {
  std::vector<std::string> names;
  /// Numbers of every sample and channel: (B, C, K) float64.
  std::function<at::Tensor(MaskedPair const&, Cells const&)> measure;
  /// How the numbers of samples and ranks are joined: sum, or max.
  Reduction join = Reduction::sum;
  /// Columns from the joined numbers (C, K) and the sample counts (C, 1): (C, names).
  /// The default divides the sums by the counts.
  std::function<at::Tensor(at::Tensor const&, at::Tensor const&)> finish = {};
  /// pooled: the numbers of all channels are summed before `finish`.
  Channels channels = Channels::each;
  /// Where `measure` keeps a map of this rank's cells: the few numbers (C, k) that `finish` gets
  /// instead of the joined ones. Collective over the ranks that share samples.
  /// \param sharding  of the cells; null: samples are whole
  std::function<at::Tensor(
      at::Tensor const& joined, at::Tensor const& counts, Sharding const* sharding)>
      pool = {};
};

/// Measures samples by a rule. Samples without a cell that counts are left out, channel by channel.
class SampleMetric final : public Metric {
 public:
  SampleMetric(SampleRule rule, Grid const& grid);

  std::vector<std::string> names() const override { return rule_.names; }
  void update(Comparison const& comparison) override;
  std::map<std::string, MetricResult> result(Communicator const& communicator) const override;

 private:
  at::Tensor pooled(at::Tensor const& joined,
                    at::Tensor const& counts,
                    Communicator const& communicator) const;

  SampleRule rule_;
  Cells cells_;
  at::Tensor joined_;                         ///< (C, K); undefined before the first sample
  at::Tensor samples_;                        ///< (C, 1)
  std::shared_ptr<Sharding const> sharding_;  ///< of the samples
};

}  // namespace eddyline
