#pragma once

#include <memory>
#include <string>
#include <vector>

#include "surrogates/layers/linear.hpp"
#include "surrogates/morph/block.hpp"
#include "surrogates/morph/config.hpp"
#include "surrogates/morph/embedding.hpp"
#include "surrogates/morph/field_map.hpp"
#include "surrogates/registry.hpp"
#include "surrogates/surrogate.hpp"

namespace eddyline {

/// What the network gives for a window; n patches in the order gD, gH, gW.
struct MorphOutput {
  at::Tensor enc;   ///< (B, t, n, E): after the attention between fields, before the positions
  at::Tensor z;     ///< (B, t, n, E): after the last block
  at::Tensor pred;  ///< (B, F, C, D, H, W): the next frame
};

/// Values inside the network, for tests against the reference.
struct MorphTrace {
  at::Tensor conv_features;    ///< (B·t·F, filters, D, H, W)
  at::Tensor pos_encoding;     ///< (1, t, n, E)
  at::Tensor first_attention;  ///< (B, t, n, E): of the first block, before the residual sum
  at::Tensor first_block;      ///< (B, t, n, E)
};

/// LayerNorm and the linear map to the cells of a patch.
class MorphDecoder final : public torch::nn::Module {
 public:
  explicit MorphDecoder(MorphConfig const& config);
  /// \param z  (B, n, E) of one frame
  /// \return   (B, n, outputs): the first rows of the weight only
  at::Tensor forward(at::Tensor const& z, int64_t outputs, Pass const& pass) const;

  std::shared_ptr<LayerNorm> norm;
  std::shared_ptr<Linear> linear;
};

/// MORPH: axial-attention transformer over UPTF-7 volumes of 1 to 3 dimensions. Parameters have the
/// names and the order of upstream's (they key its checkpoints and its optimiser state).
/// Source: Rautela et al. 2025, "MORPH: PDE foundation models with arbitrary data modality", arXiv
/// 2509.21670; repository lanl/MORPH at a16d5c4.
class Morph final : public Surrogate {
 public:
  /// Fresh weights drawn from `seed`: PyTorch's default distributions (spec 2.1).
  /// \throw Error  if a key is wrong or the data do not fit the configuration
  Morph(MorphConfig const& config, SurrogateSpec const& spec, uint64_t seed);

  at::Tensor predict(Batch const& batch, Context const& context) override;
  std::vector<ParameterGroup> parameter_groups() const override;
  std::unique_ptr<FrozenSurrogate const> freeze(Precision precision) const override;
  std::string config() const override;
  int64_t history() const override { return config_.history; }
  std::array<int64_t, 3> patch() const override { return config_.patch; }

  /// The network alone.
  /// \param volume          (B, t, F, C, D, H, W), t at most max_ar
  /// \param decoded_fields  fields of `pred`; 0: F
  /// \throw Error  if t, F, C or the volume does not fit
  MorphOutput forward(at::Tensor const& volume,
                      Pass const& pass,
                      int64_t decoded_fields = 0,
                      MorphTrace* trace = nullptr) const;

  MorphConfig const& settings() const { return config_; }

 private:
  friend class FrozenMorph;
  /// Of the batch's own fields, which need not be those of the spec.
  FieldMap fields_of(Batch const& batch) const;
  void initialise(uint64_t seed);

  MorphConfig config_;
  SurrogateSpec spec_;
  FieldMap fields_;
  std::shared_ptr<PatchEmbedding> patch_embedding_;
  std::shared_ptr<PositionTable> pos_encoding_;
  std::vector<std::shared_ptr<MorphBlock>> blocks_;
  std::shared_ptr<MorphDecoder> decoder_;
};

/// Whether a parameter of that name is one of LoraLinear's two factors.
bool is_lora(std::string const& name);
/// Optimiser groups of a fine-tuning stage over the named parameters, in upstream's order.
std::vector<ParameterGroup> fine_tune_groups(FineTune stage,
                                             std::vector<std::string> const& names,
                                             int64_t depth);

/// Line of the registry.
SurrogateEntry morph_entry();

}  // namespace eddyline
