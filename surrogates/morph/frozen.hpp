#pragma once

#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "surrogates/layers/packed_linear.hpp"
#include "surrogates/morph/embedding.hpp"
#include "surrogates/morph/field_map.hpp"
#include "surrogates/morph/frozen_block.hpp"
#include "surrogates/surrogate.hpp"

namespace eddyline {

class Morph;
class MorphDecoder;

/// Convolutions, projection and attention between fields for forecasts: the 1×1×1 composed with the
/// first 3×3×3, projection and values one product. The query is constant, so that product also
/// gives the scores; with one field the softmax is 1 and all is one linear map.
class FrozenPatchEmbedding {
 public:
  /// \param images  sizes (M, C, D, H, W) of the whole fields
  FrozenPatchEmbedding(PatchEmbedding const& embedding,
                       MorphConfig const& config,
                       FieldMap const& fields,
                       at::IntArrayRef images,
                       Precision precision);
  /// \param volume  (B, t, F, C, D, H, W)
  /// \return        (B, t, n, E)
  at::Tensor forward(at::Tensor const& volume,
                     PatchGrid const& grid,
                     Sharding const* cells = nullptr) const;

 private:
  int64_t dim_, heads_;
  std::vector<at::Tensor> kernels_;
  PackedLinear tokens_;  ///< V·f → E, or E + heads: values and scores of a field
  PackedLinear out_;     ///< E → E; undefined for one field
};

/// MORPH for forecasts (specification, section 16). Weights are copied when it is made and folded
/// for the grid's axes when a grid first comes, so one object serves grids of 1 to 3 dimensions.
/// Safe to call from several threads.
class FrozenMorph final : public FrozenSurrogate {
 public:
  FrozenMorph(Morph const& morph, Precision precision);
  /// \throw Error  as Morph::predict
  at::Tensor predict(Batch const& batch) const override;

 private:
  /// How D, H and W are folded.
  enum class Extent { cell, patch, patches, divided_patches };
  struct Fold {
    FrozenPatchEmbedding embedding;
    std::vector<FrozenMorphBlock> blocks;
    PackedLinear cells;  ///< E → cells of the output channels
  };
  using Extents = std::array<Extent, 3>;
  Fold make_fold(at::Tensor const& volume, PatchGrid const& grid, Extents const& extents) const;
  /// The rows of the decoder that the output channels need; copies of a scalar are averaged here.
  PackedLinear output_rows(int64_t cells) const;
  std::shared_ptr<Fold const> fold(at::Tensor const& volume,
                                   PatchGrid const& grid,
                                   Sharding const* patches) const;
  /// The table for the patches of a grid, (1, t, n, E), of this rank's where they are divided.
  at::Tensor positions(PatchGrid const& grid, Sharding const* patches) const;

  MorphConfig config_;
  FieldMap fields_;
  Precision precision_;
  std::shared_ptr<PatchEmbedding const> embedding_;
  std::shared_ptr<PositionTable const> table_;
  std::vector<std::shared_ptr<MorphBlock const>> blocks_;
  std::shared_ptr<MorphDecoder const> decoder_;

  mutable std::mutex mutex_;  ///< of what is remembered:
  mutable std::map<Extents, std::shared_ptr<Fold const>> folds_;
  mutable std::pair<Block, at::Tensor> positions_;  ///< of the newest block of patches
};

}  // namespace eddyline
