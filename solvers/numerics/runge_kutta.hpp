#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <string>

#include <ATen/core/Tensor.h>

#include "core/communicator.hpp"

namespace eddyline {

/// dy/dt: writes the rate of `state` at `time` into `rate`; float64, contiguous, of one shape. All
/// ranks that share the state call it together.
using Rate = std::function<void(double time, at::Tensor const& state, at::Tensor const& rate)>;

struct RungeKuttaOptions {
  double relative_tolerance = 1e-3;
  double absolute_tolerance = 1e-6;
  double largest_step = std::numeric_limits<double>::infinity();
};

/// What an integration has done so far.
struct RungeKuttaCounts {
  int64_t accepted = 0;
  int64_t rejected = 0;
  int64_t evaluations = 0;  ///< of the rate
};

/// Integrates dy/dt = f(t, y) forwards with the embedded pair 5(4) of Dormand & Prince, its own
/// step control and dense output: the decisions of scipy's `solve_ivp(method='RK45')`, so that both
/// take the same steps and agree to round-off. One trajectory; its state may be spread over ranks
/// (the error norm is that of the whole state, summed so that steps do not depend on the rank
/// count).
///
/// Source: Dormand & Prince 1980, J. Comput. Appl. Math. 6; interpolant: Shampine 1986, Math. Comp.
/// 46; control and first step: Hairer, Norsett & Wanner, Solving ODEs I, II.4.
class RungeKutta45 {
 public:
  /// \param ranks  those that share the state; must outlive this object
  RungeKutta45(Rate rate, RungeKuttaOptions options, Communicator const& ranks);

  /// Begins at `state` (copied) and chooses the first step (two evaluations). Collective.
  /// \param bound  no step goes beyond it
  /// \throw Error  if bound <= time
  void start(at::Tensor const& state, double time, double bound);
  /// Moves the bound further out.
  void extend(double bound);

  /// One accepted step. Collective.
  /// \throw Diverged  if the step becomes too small for the time's digits (also where the state is
  ///                  not finite); the message names step and time. The state stays that before the
  ///                  step.
  void step();
  /// One step of this length whatever its error is, for studies of the order. Collective.
  void fixed_step(double length);
  /// Steps until `time` is reached, then writes the interpolated state there. Collective.
  /// \throw Error  if `time` lies before the last step or beyond the bound
  void reach(double time, at::Tensor const& out);
  /// The state at a time within the last step, of order 4.
  void interpolate(double time, at::Tensor const& out) const;

  /// Where the integration stands: the end of the last accepted step.
  double time() const { return time_; }
  double bound() const { return bound_; }
  at::Tensor const& state() const { return state_; }
  RungeKuttaCounts const& counts() const { return counts_; }

  /// All that the future depends on, for going on bit for bit: "clock" (time, time before the last
  /// step, next step's length, bound, counts), "state", "previous", "slopes".
  std::map<std::string, at::Tensor> save() const;
  /// \throw Error  if parts are missing or do not fit each other
  void load(std::map<std::string, at::Tensor> const& memory);

 private:
  void allocate(at::Tensor const& like);
  void evaluate(double time, at::Tensor const& state, at::Tensor const& rate);
  double first_step_length();
  double attempt(double length);
  void accept(double time, double length);
  double norm(at::Tensor const& difference, double const* minus) const;

  Rate rate_;
  RungeKuttaOptions options_;
  Communicator const* ranks_;
  RungeKuttaCounts counts_;
  double time_ = 0;
  double previous_time_ = 0;
  double length_ = 0;  ///< of the next step
  double bound_ = 0;
  double unknowns_ = 0;  ///< of all ranks
  at::Tensor state_;     ///< at time_
  at::Tensor previous_;  ///< at previous_time_
  at::Tensor trial_;     ///< state at the end of the step being tried
  at::Tensor stage_;     ///< argument of an inner stage
  at::Tensor slopes_;  ///< (7, …) rates at the stages of the last step; the last is that at time_
  std::array<at::Tensor, 7> slope_;  ///< views of slopes_
};

}  // namespace eddyline
