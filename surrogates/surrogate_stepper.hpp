#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/config_type.hpp"
#include "data/field/stepper.hpp"
#include "data/pipeline/fit.hpp"
#include "data/pipeline/forcing.hpp"
#include "data/pipeline/normaliser.hpp"
#include "data/pipeline/state_part.hpp"
#include "surrogates/prediction.hpp"
#include "surrogates/surrogate.hpp"

namespace eddyline {

/// How a network reaches the second and later steps.
enum class Forecast {
  iterated,  ///< its own prediction is its next input
  direct,    ///< from the frames that it started from, told a lead time of as many steps
};
template <>
struct EnumNames<Forecast> {
  static constexpr auto names = std::to_array<std::pair<Forecast, char const*>>(
      {{Forecast::iterated, "iterated"}, {Forecast::direct, "direct"}});
};

/// What a network needs around it to step physical states.
struct SurrogateSetup {
  std::string name;                      ///< for tables and messages
  std::shared_ptr<Surrogate> surrogate;  ///< on the device of the histories; is put to evaluation
  std::shared_ptr<Normaliser const> normaliser;
  std::shared_ptr<BatchSpec const> spec;  ///< of the data it runs on
  TargetRule rule;                        ///< state or increment, as it was trained
  StatePart inputs, outputs;              ///< what of a state it reads and predicts
  Fit fit;                                ///< how the file's grid became the network's
  Missing missing = Missing::refuse;      ///< data.missing, as it was trained
  double interval = 1;                    ///< time from the newest input to the frame predicted
  Precision precision = Precision::fp32;
  Forecast forecast = Forecast::iterated;
};

/// A learned network as a Stepper: physical frames on the fitted grid in and out.
///
/// Each step normalises the history (NaN become the training mean), adds the known fields at the
/// history's times, predicts, restores units and renews added cells (data.fit: pad) from the
/// inside. With Missing::mask, cells that are NaN in all frames of the history, as on land, are NaN
/// in the new one too, so that the network reads the mean there as in training. Of a network that
/// predicts several frames the first is taken. A direct forecast keeps its first window instead of
/// the newest and counts the steps from it: only a network that was trained with several lead times
/// can do that. A network that predicts other fields than it reads, or a region, can only forecast
/// directly; its frames hold what it predicts. Where the spec says that samples are split, all
/// states are this rank's block and the ranks of the sample step together. Runs under
/// InferenceMode, in the network's frozen form where it has one.
class SurrogateStepper final : public Stepper {
 public:
  /// \throw Error  if the network's output cannot be its next input (other fields or another grid)
  ///               and the forecast is iterated
  SurrogateStepper(SurrogateSetup setup, std::unique_ptr<Forcing> forcing);

  std::string name() const override { return setup_.name; }
  int64_t history() const override { return setup_.surrogate->history(); }
  double interval() const override { return setup_.interval; }
  State advance(History& history) override;
  at::Tensor predicted(at::Tensor const& values) const override;
  /// Of a direct forecast: its first window and the steps made from it.
  std::map<std::string, at::Tensor> save() const override;
  void load(std::map<std::string, at::Tensor> const& memory) override;

 private:
  /// Frames that a prediction starts from.
  struct Start {
    at::Tensor window;          ///< (B, T, C, D, H, W)
    std::vector<double> times;  ///< T
    int64_t steps = 0;          ///< from there to the prediction
  };
  Start next_start(History const& history);
  Batch make_batch(Start const& start);

  SurrogateSetup setup_;
  std::shared_ptr<StateSpec const> open_;  ///< of frames that cannot be input; null: they can
  std::unique_ptr<FrozenSurrogate const> frozen_;
  std::unique_ptr<Forcing> forcing_;
  at::Tensor constants_;
  at::Tensor scalars_;
  Start first_;  ///< of a direct forecast
};

}  // namespace eddyline
