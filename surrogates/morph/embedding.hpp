#pragma once

#include <array>
#include <vector>

#include <torch/nn/module.h>

#include "data/sharding/sharding.hpp"
#include "surrogates/layers/linear.hpp"
#include "surrogates/layers/packed_attention.hpp"
#include "surrogates/morph/config.hpp"

namespace eddyline {

/// Cells of a patch, patches of a volume.
struct PatchGrid {
  std::array<int64_t, 3> patch;  ///< 1 on axes of length 1
  std::array<int64_t, 3> count;  ///< patches on D, H, W

  int64_t patches() const { return count[0] * count[1] * count[2]; }
  int64_t cells() const { return patch[0] * patch[1] * patch[2]; }
};

/// \throw Error  if an axis is neither 1 nor a multiple of its patch; the message names what fits
PatchGrid patch_grid(std::array<int64_t, 3> volume, std::array<int64_t, 3> patch);
/// The same of what the network is given.
/// \param volume          sizes (B, t, F, C, D, H, W)
/// \param decoded_fields  fields that are predicted
/// \throw Error  if t, F, C, an axis or the size of a patch is more than the network takes
PatchGrid patch_grid(MorphConfig const& config, at::IntArrayRef volume, int64_t decoded_fields);

/// (M, f, D, H, W) → (M, n, V·f): patches gD, gH, gW; inside a patch cells first, then filters,
/// which is how channels-last memory lies.
at::Tensor patchify(at::Tensor const& features, PatchGrid const& grid);
/// (B, n, F·C·V) → (B, F, C, D, H, W)
at::Tensor unpatchify(at::Tensor const& cells,
                      int64_t fields,
                      int64_t components,
                      PatchGrid const& grid);

/// Convolutions that keep the size, LeakyReLU(0.2) after each.
/// \param kernels   (out, in, kD, kH, kW) each
/// \param sharding  of the images' cells; null: they are whole
at::Tensor convolve(at::Tensor images,
                    std::vector<at::Tensor> const& kernels,
                    Sharding const* sharding = nullptr);

/// Cells of the largest patch: the cube of the W patch, whatever the others are, as upstream has
/// it.
inline int64_t most_cells(MorphConfig const& config) {
  return config.patch[2] * config.patch[2] * config.patch[2];
}

/// Sites of dropout masks; blocks follow, 64 each.
constexpr uint64_t kTableSite = 1;
constexpr uint64_t kPositionSite = 2;
constexpr uint64_t kFirstBlockSite = 64;

/// A bias-free convolution's weight under the key `weight`.
class ConvWeight final : public torch::nn::Module {
 public:
  explicit ConvWeight(std::vector<int64_t> const& shape) {
    weight = register_parameter("weight", at::zeros(shape));
  }
  at::Tensor weight;
};

/// Convolutions over the components of one field: 1×1×1 to 8 channels, then 3×3×3 with
/// LeakyReLU(0.2) up to `filters`, once more at the end. Zero padding, no biases.
class ConvFeatures final : public torch::nn::Module {
 public:
  ConvFeatures(int64_t components, int64_t filters);
  /// \param images    (M, C, D, H, W), C at most the components
  /// \param sharding  of their cells; null: they are whole
  /// \return          (M, filters, D, H, W)
  at::Tensor forward(at::Tensor const& images, Sharding const* sharding = nullptr) const;
  /// What images of these sizes meet: 1×1×1 and the first 3×3×3 are linear with nothing between, so
  /// their product is one kernel; padded components and, on axes of length 1, outer slices are
  /// gone. \param images  sizes (M, C, D, H, W) of whole images
  std::vector<at::Tensor> composed_kernels(at::IntArrayRef images) const;

  std::shared_ptr<ConvWeight> input_proj;
  std::shared_ptr<torch::nn::Module> conv_stack;
  int64_t filters() const { return convolutions_.back()->weight.size(0); }

 private:
  /// Components to the first width, (8, C): padded components would read zeros.
  at::Tensor mix_of(int64_t components) const;
  std::vector<at::Tensor> live_kernels(at::IntArrayRef images) const;

  std::vector<std::shared_ptr<ConvWeight>> convolutions_;
};

/// One learned query attends over the F field tokens of a patch. The query is constant, so keys
/// need only dim → heads: the query is folded into their projection.
class FieldAttention final : public torch::nn::Module {
 public:
  FieldAttention(int64_t dim, int64_t heads);
  /// \param tokens  (B, t, F, n, E)
  /// \return        (B, t, n, E)
  at::Tensor forward(at::Tensor const& tokens, Pass const& pass) const;

  at::Tensor q;  ///< (1, 1, E)
  std::shared_ptr<PackedAttention> attn;

 private:
  int64_t heads_;
};

/// Volume → one token a patch and frame.
class PatchEmbedding final : public torch::nn::Module {
 public:
  explicit PatchEmbedding(MorphConfig const& config);
  /// \param features  of ConvFeatures, (B·t·F, filters, D, H, W)
  /// \param fields    {B, t, F}
  /// \return          (B, t, n, E)
  at::Tensor forward(at::Tensor const& features,
                     std::array<int64_t, 3> fields,
                     Pass const& pass) const;
  /// Columns of the projection that patches meet, in the order of patchify: (E, V·f). Upstream pads
  /// the features with zeros to the width of the weight: only its first columns count.
  at::Tensor columns(int64_t cells) const;

  std::shared_ptr<ConvFeatures> conv_features;
  std::shared_ptr<Linear> projection;
  std::shared_ptr<FieldAttention> field_attn;

 private:
  std::array<int64_t, 3> patch_;
};

/// Learned table (1, max_ar, max_patches, E), resampled to t frames and n patches.
class PositionTable final : public torch::nn::Module {
 public:
  explicit PositionTable(MorphConfig const& config);
  /// \return (1, t, n, E). The patch axis is one sequence whatever the grid's dimensions.
  at::Tensor forward(int64_t frames, int64_t patches) const;
  /// The features are resampled in as many slices as ranks share a sample, so that none of these
  /// holds more than one slice of all patches.
  /// \param patches  how they lie on ranks
  /// \return         (1, t, n of this rank, E)
  at::Tensor forward(int64_t frames, Sharding const& patches) const;

  at::Tensor pos_embedding;

 private:
  /// \param features  all of the table or some of its last axis
  at::Tensor resampled(at::Tensor const& features, int64_t frames, int64_t patches) const;

  bool bilinear_;
};

}  // namespace eddyline
