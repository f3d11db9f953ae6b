#pragma once

#include <map>
#include <string>

#include "data/field/history.hpp"
#include "data/field/state.hpp"

namespace eddyline {

/// Anything that makes the next frame: a classical solver or a learned surrogate. Rollout drives
/// it.
class Stepper {
 public:
  virtual ~Stepper() = default;

  /// Name for tables and messages: "morph", "diffusion_reaction".
  virtual std::string name() const = 0;
  /// Frames that advance() needs; the capacity of the History it is given.
  virtual int64_t history() const = 0;
  /// Time between frames, in the unit of the History's spec.
  virtual double interval() const = 0;
  /// Makes the frame that follows the newest of `history`, pushes it there (but see predicted())
  /// and returns it.
  /// \throw Error     if the history is shorter than history()
  /// \throw Diverged  if the new frame is not finite
  virtual State advance(History& history) = 0;
  /// What of a state's values (…, C, D, H, W) the frames of advance() hold: all of them, unless it
  /// makes some fields or a region only. Such frames are not pushed into the history.
  virtual at::Tensor predicted(at::Tensor const& values) const { return values; }
  /// Memory beyond the history, by name, for a run that goes on later (empty if none). The first
  /// axis of every tensor is the trajectories', so that they may go on in other company.
  virtual std::map<std::string, at::Tensor> save() const { return {}; }
  virtual void load(std::map<std::string, at::Tensor> const& /*memory*/) {}
};

}  // namespace eddyline
