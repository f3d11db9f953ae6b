#pragma once

#include <memory>
#include <string>
#include <vector>

#include "surrogates/gphyt/block.hpp"
#include "surrogates/gphyt/derivatives.hpp"
#include "surrogates/gphyt/tokens.hpp"
#include "surrogates/gphyt/window.hpp"
#include "surrogates/registry.hpp"
#include "surrogates/surrogate.hpp"

namespace eddyline {

/// Values inside the network, for tests against the reference.
struct GphytTrace {
  at::Tensor tokens;        ///< (B, n_t, n_h, n_w, C): before the table of positions
  at::Tensor after_block0;  ///< (B, n_t, n_h, n_w, C)
  at::Tensor after_blocks;  ///< (B, n_t, n_h, n_w, C)
};

/// GPhyT, the General Physics Transformer: a transformer over patches of a few frames of 2-D fields
/// gives the rate of change of the newest, an integrator the next frame. Every channel is a field.
/// Parameters have the names and the order of upstream's (they key its checkpoints and its
/// optimiser state). Source: Wiesner et al. 2025, "Towards a Physics Foundation Model", arXiv
/// 2509.13805; the forward passes of its repository at 4374116 (v1) and df1527c (head).
class Gphyt final : public Surrogate {
 public:
  /// Fresh weights drawn from `seed`: PyTorch's default distributions, the table 0.02 N(0, 1).
  /// \throw Error  if a key is wrong or the data do not fit the configuration
  Gphyt(GphytConfig const& config, SurrogateSpec const& spec, uint64_t seed);

  at::Tensor predict(Batch const& batch, Context const& context) override;
  std::unique_ptr<FrozenSurrogate const> freeze(Precision precision) const override;
  std::string config() const override;
  int64_t history() const override { return config_.history; }
  std::array<int64_t, 3> patch() const override { return config_.patch; }

  /// The next frame. Derivatives are taken anew in every stage of the integrator.
  /// \param x     (B, T, F, H, W)
  /// \param pass  its sharding is of the cells
  /// \return      (B, 1, F, H, W)
  /// \throw Error  if T, F, H or W does not fit
  at::Tensor forward(at::Tensor const& x, Pass const& pass) const;

  /// Rate of change of the frames.
  /// \param x           (B, T, F, H, W)
  /// \param derivatives (B, T, 3F, H, W): differences(x); undefined without them
  /// \return            (B, T, F, H, W), or of the last frame alone (B, 1, F, H, W)
  at::Tensor differentiate(at::Tensor const& x,
                           at::Tensor const& derivatives,
                           GphytFrames frames,
                           Pass const& pass,
                           GphytTrace* trace = nullptr) const;
  /// What `differentiate` takes beside x: undefined if the network has no derivatives.
  at::Tensor derivatives_of(at::Tensor const& x, Sharding const* cells = nullptr) const;

  GphytConfig const& settings() const { return config_; }

  /// Its parts, for the frozen form; `table` is null with rope.
  GphytWindow const& window() const { return window_; }
  GphytTokenizer const& tokenizer() const { return *tokenizer_; }
  GphytTable const* table() const { return init_pos_encodings_.get(); }
  std::vector<std::shared_ptr<GphytBlock>> const& blocks() const { return blocks_; }
  GphytDetokenizer const& detokenizer() const { return *detokenizer_; }

 private:
  void initialise(uint64_t seed);
  at::Tensor run_blocks(at::Tensor const& tokens,
                        int64_t rows,
                        Pass const& pass,
                        GphytTrace* trace) const;

  GphytConfig config_;
  GphytWindow window_;
  std::shared_ptr<GphytTokenizer> tokenizer_;
  std::shared_ptr<GphytTable> init_pos_encodings_;  ///< null with rope
  std::vector<std::shared_ptr<GphytBlock>> blocks_;
  std::shared_ptr<GphytDetokenizer> detokenizer_;
};

/// Line of the registry.
SurrogateEntry gphyt_entry();

}  // namespace eddyline
