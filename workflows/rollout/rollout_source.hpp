#pragma once

#include <memory>
#include <vector>

#include "data/sinks/rollout_description.hpp"
#include "data/sinks/rollout_sink.hpp"
#include "workflows/rehearsal/rehearsal.hpp"
#include "workflows/rollout/rollout.hpp"
#include "workflows/rollout/rollout_config.hpp"

namespace eddyline {

/// One group of trajectories ready to go: the stepper, its first frames and how frames are written.
struct RolloutStart {
  std::unique_ptr<Stepper> stepper;
  History history;
  Rollout::View view;
};

/// Where the trajectories of a rollout begin: data for a model, seeds for a solver.
class RolloutSource {
 public:
  virtual ~RolloutSource() = default;
  virtual RolloutDescription description() const = 0;
  /// Those trajectories, at least one.
  virtual RolloutStart start(TrajectoryShare const& share) = 0;
  /// The cells of the description's grid that this rank holds.
  virtual Block block() const = 0;
  /// Steps of it to try; the source outlives them. Null: of a solver.
  virtual std::unique_ptr<Rehearsal> rehearsal() const { return nullptr; }
  /// Frames that the steppers need.
  virtual int64_t history() const = 0;
};

/// Where the mesh splits samples, all frames are this rank's block. Collective.
/// \throw Error  naming the key that is wrong
std::unique_ptr<RolloutSource> make_model_source(RolloutConfig const& config,
                                                 std::shared_ptr<Mesh const> const& mesh);
/// The same, though the blocks are as the solver divides its grid.
std::unique_ptr<RolloutSource> make_solver_source(RolloutConfig const& config,
                                                  std::shared_ptr<Mesh const> const& mesh);

}  // namespace eddyline
