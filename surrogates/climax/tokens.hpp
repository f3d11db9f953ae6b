#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include <torch/nn/module.h>

#include "surrogates/climax/config.hpp"
#include "surrogates/layers/query_pool.hpp"

namespace eddyline {

/// The cells of each patch and a 1, by which biases are added: (M, V, H, W) → (M·n, V, q), patches
/// and cells row-major, q = ph·pw + 1. The patch divides H and W.
at::Tensor cut_patches(at::Tensor const& images, std::array<int64_t, 2> patch);
/// The head's values as images: (M, n, ph·pw·V), V fastest → (M, V, H, W).
at::Tensor join_patches(at::Tensor const& tokens,
                        std::array<int64_t, 2> patches,
                        std::array<int64_t, 2> patch);
/// Rows of the head's last layer, weight or bias, that belong to the outputs: it holds ph·pw·V, V
/// fastest.
at::Tensor rows_of_outputs(at::Tensor const& parameter,
                           std::vector<int64_t> const& outputs,
                           int64_t variables);

/// Linear maps from the cells of a patch to a token, one a variable. Keys of the layouts:
/// `N.proj.weight` (D, 1, ph, pw) and `N.proj.bias` (D), or `proj_weights` (V, D, 1, ph, pw) and
/// `proj_biases` (V, D). Unused variables get no gradient in the first layout and zeros in the
/// second, as upstream's.
class TokenEmbedding final : public torch::nn::Module {
 public:
  explicit TokenEmbedding(ClimaxConfig const& config);
  /// The maps of some variables as matrices over the cells and a 1: (D, Vi, q).
  /// \param var_embed  (1, V, D): added to the biases
  at::Tensor maps(std::vector<int64_t> const& variables, at::Tensor const& var_embed) const;
  /// Normal weights, biases uniform on ±1/√(ph·pw), from streams 0 and 1 of the key: variable v has
  /// the same in both layouts.
  void initialise(double deviation, RandomKey const& key);

 private:
  TokenLayout layout_;
  std::vector<std::pair<at::Tensor, at::Tensor>> serial_;  ///< weight, bias
  at::Tensor proj_weights_, proj_biases_;
};

/// The attention of one query over variables, folded with the maps of their tokens.
struct VariableAttention {
  at::Tensor score_maps;  ///< (Vi, q, heads)
  at::Tensor value_maps;  ///< (heads, Vi·q, D/heads)
  at::Tensor value_bias;  ///< (D)
};
/// \param maps  (D, Vi, q) of TokenEmbedding
VariableAttention fold_variables(QueryPool const& by, at::Tensor const& maps);
/// The attention's output before its last layer.
/// \param cells  (N, Vi, q) of cut_patches
/// \return       (N, D)
at::Tensor attend_to_variables(VariableAttention const& by,
                               at::Tensor const& cells,
                               Precision precision);

/// Attention of one query over the variables of each patch, without making the tokens. Query and
/// maps are the same for all patches, so scores and values are linear in the cells x of a patch:
/// with tokens e_v = A_v x_v (x_v ends with 1) and u = W_Kᵀ q of a head, the scores are (uᵀA_v) x_v
/// and the output is Σ_v α_v (W_V A_v) x_v: one product with a matrix that depends on weights
/// alone, in place of 2·V·2·D² operations and V tokens a patch.
/// Source: Nguyen et al. 2023, "ClimaX", arXiv 2301.10343, section 3.1 (the attention itself).
///
/// \param maps   (D, Vi, q) of TokenEmbedding
/// \param cells  (N, Vi, q) of cut_patches
/// \return       (N, D)
at::Tensor aggregate_variables(QueryPool const& by,
                               at::Tensor const& maps,
                               at::Tensor const& cells,
                               Pass const& pass);

}  // namespace eddyline
