#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "surrogates/ifactformer/window.hpp"
#include "surrogates/layers/packed_linear.hpp"

namespace eddyline {

class IFactFormer;

/// IFactFormer for forecasts. What depends on the grid alone, the features of positions and the
/// angles of rotations, is computed once for the grid of the last batch, as are the products of
/// linear maps with each other; the iterations of a block, whose weights are the same, share them.
/// The step 1/n_layer is in the block's last weights.
class FrozenIFactFormer final : public FrozenSurrogate {
 public:
  FrozenIFactFormer(IFactFormer const& network, Precision precision);

  at::Tensor predict(Batch const& batch) const override;

 private:
  struct Layer {
    at::Tensor directions;    ///< (3, d/2)
    at::Tensor weight, bias;  ///< of the features of positions
    std::shared_ptr<IFactBlock const> block;
    PackedLinear last;  ///< over n_layer
  };
  /// What a layer makes of a grid.
  struct Place {
    at::Tensor position;  ///< (N, d) of this rank
    BlockPlan plan;
  };
  /// What all layers make of it.
  struct Places {
    Grid grid;
    Box box;  ///< of this rank
    std::vector<Place> layers;
  };

  std::shared_ptr<Places const> places_for(Batch const& batch) const;
  std::vector<Place> make_places(Grid const& grid, Box const& box) const;

  IFactFormerConfig config_;
  Precision precision_;
  IFactWindow window_;
  std::shared_ptr<IFactMap const> lift_;
  PackedLinear gather_, narrow_, out_;
  std::vector<Layer> layers_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<Places const> places_;  ///< of the last batch
};

}  // namespace eddyline
