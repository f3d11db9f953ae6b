#pragma once

#include <memory>

#include <torch/nn/module.h>

#include "surrogates/gphyt/grouping.hpp"
#include "surrogates/gphyt/positions.hpp"
#include "surrogates/layers/linear.hpp"
#include "surrogates/layers/packed_attention.hpp"

namespace eddyline {

/// The last `rows` along axis 1, which is time or its tokens: a view.
at::Tensor newest(at::Tensor const& x, int64_t rows);

/// Multi-head attention whose queries, keys and values pass two linear maps, `to_qkv` without bias
/// and then the attention's own; the rotation of positions lies between the two.
class GphytAttention final : public torch::nn::Module {
 public:
  /// \param site  first number of its dropout masks; n_t + 1 are used
  GphytAttention(GphytConfig const& config, uint64_t site);
  /// \param z      (B, n_t, n, C), n = n_h·n_w
  /// \param rows   newest times that are wanted
  /// \param split  of samples that are split, n being this rank's tokens; null: whole
  /// \return       (B, rows, n, C)
  at::Tensor forward(at::Tensor const& z,
                     int64_t rows,
                     GphytRotation const& rotation,
                     Pass const& pass,
                     std::shared_ptr<SplitAttention const> const& split = nullptr) const;

  at::Tensor to_qkv;  ///< (3C, C): rows q, k, v
  std::shared_ptr<PackedAttention> attention;

 private:
  enum Part { query, key, value };
  at::Tensor project(Part part,
                     at::Tensor const& z,
                     GphytRotation const& rotation,
                     Pass const& pass) const;
  std::vector<at::Tensor> project_at_once(Part first,
                                          int64_t parts,
                                          at::Tensor const& z,
                                          Pass const& pass) const;
  std::array<at::Tensor, 3> project_all(at::Tensor const& z,
                                        int64_t rows,
                                        GphytRotation const& rotation,
                                        Pass const& pass) const;
  at::Tensor attend(at::Tensor const& q,
                    at::Tensor const& k,
                    at::Tensor const& v,
                    uint64_t site,
                    Pass const& pass) const;
  at::Tensor attend_split(std::array<at::Tensor, 3> const& qkv,
                          Pass const& pass,
                          std::shared_ptr<SplitAttention const> const& split) const;

  int64_t dim_;
  GphytGroups groups_;
  double dropout_;
  uint64_t site_;
};

/// One pre-norm block on h (B, n_t, n, C).
class GphytBlock final : public torch::nn::Module {
 public:
  GphytBlock(GphytConfig const& config, int64_t index);
  /// The newest `rows` times of the block's result: (B, rows, n, C).
  /// \param pass  its sharding is of the tokens
  at::Tensor forward(at::Tensor const& h,
                     int64_t rows,
                     GphytRotation const& rotation,
                     Pass const& pass,
                     std::shared_ptr<SplitAttention const> const& split = nullptr) const;

  std::shared_ptr<GphytAttention> attention;
  std::shared_ptr<LayerNorm> norm1, norm2;
  std::shared_ptr<Linear> widen, narrow;  ///< of the MLP

 private:
  at::Tensor skip(at::Tensor const& branch, uint64_t site, Pass const& pass) const;

  double dropout_, stochastic_depth_;
  uint64_t site_;
};

}  // namespace eddyline
