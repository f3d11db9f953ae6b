#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "surrogates/climax/block.hpp"
#include "surrogates/climax/config.hpp"
#include "surrogates/climax/domain.hpp"
#include "surrogates/climax/tokens.hpp"
#include "surrogates/partial_surrogate.hpp"

namespace eddyline {

/// Values inside the network, for tests against the reference. M = B·T frames of n patches.
struct ClimaxTrace {
  at::Tensor aggregated;   ///< (M, n, D): of the attention over variables
  at::Tensor first_block;  ///< (M, n, D)
  at::Tensor encoded;      ///< (M, n, D): after the last norm
};

/// ClimaX: a vision transformer over patches of a latitude-longitude grid that takes any subset of
/// its variables, told apart by name, and predicts any other at the lead time that it is told.
/// Parameters have the names and the order of upstream's (they key its checkpoints).
/// Source: Nguyen et al. 2023, "ClimaX: a foundation model for weather and climate", arXiv
/// 2301.10343; repository microsoft/ClimaX at 6d5d354.
class Climax final : public Surrogate, public PartialSurrogate {
 public:
  /// Fresh weights drawn from `seed` with upstream's distributions; both layouts of tokens begin
  /// equal.
  /// \throw Error  if a key is wrong, a field of the data is no variable of the model, or the
  ///               region holds no patch of the grid
  Climax(ClimaxConfig const& config, SurrogateSpec const& spec, uint64_t seed);

  at::Tensor predict(Batch const& batch, Context const& context) override;
  /// Tables of positions and variables are not decayed.
  std::vector<ParameterGroup> parameter_groups() const override;
  std::unique_ptr<FrozenSurrogate const> freeze(Precision precision) const override;
  std::string config() const override;
  int64_t history() const override { return config_.history; }
  std::array<int64_t, 3> patch() const override { return config_.patch; }
  std::optional<GridPart> predicted_part() const override;

  /// The network alone.
  /// \param frames     (B, T, Vi, H, W), the channels those of the data
  /// \param lead_time  (B) [lead_hours h]
  /// \param pass       its sharding is of patches; of a region's, whose cells the frames have then
  /// \return           (B, Vo, H', W')
  /// \throw Error      if the frames do not fit
  at::Tensor forward(at::Tensor const& frames,
                     at::Tensor const& lead_time,
                     Pass const& pass,
                     ClimaxTrace* trace = nullptr) const;
  /// Its first part, which does not depend on the lead time: tokens with positions (B·T, n, D).
  at::Tensor embed(at::Tensor const& frames, Pass const& pass, ClimaxTrace* trace = nullptr) const;
  /// The rest. \param shape  {T, H, W} of the frames
  at::Tensor forecast(at::Tensor const& embedded,
                      at::Tensor const& lead_time,
                      std::array<int64_t, 3> shape,
                      Pass const& pass,
                      ClimaxTrace* trace = nullptr) const;

  ClimaxConfig const& settings() const { return config_; }
  /// The part of the grid that a regional model predicts.
  std::optional<Region> const& region() const { return domain_.region(); }

 private:
  friend class FrozenClimax;
  void make_modules();
  void initialise(uint64_t seed);
  at::Tensor decode(at::Tensor const& x, std::array<int64_t, 3> shape, Pass const& pass) const;

  ClimaxConfig config_;
  ClimaxDomain domain_;
  at::Tensor var_embed_, var_query_, pos_embed_, time_pos_embed_, time_query_;
  std::shared_ptr<TokenEmbedding> token_embeds_;
  std::shared_ptr<PackedAttention> var_agg_, time_agg_;
  std::shared_ptr<Linear> lead_time_embed_;
  std::vector<std::shared_ptr<ClimaxBlock>> blocks_;
  std::shared_ptr<LayerNorm> norm_;
  std::vector<std::shared_ptr<Linear>> head_;
};

/// Line of the registry.
SurrogateEntry climax_entry();

}  // namespace eddyline
