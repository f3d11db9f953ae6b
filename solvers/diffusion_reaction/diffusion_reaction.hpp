#pragma once

#include <memory>
#include <string>
#include <vector>

#include "solvers/diffusion_reaction/config.hpp"
#include "solvers/diffusion_reaction/rate.hpp"
#include "solvers/numerics/runge_kutta.hpp"
#include "solvers/registry.hpp"

namespace eddyline {

/// PDEBench's 2-D diffusion-reaction (FitzHugh-Nagumo): fields activator u and inhibitor v on a
/// (y, x) grid without flux through its edges, integrated by RK45 to PDEBench's tolerances, each
/// trajectory with steps of its own. Frames are those of scipy's `solve_ivp` with evenly spaced
/// `t_eval`, the same bits on any number of ranks.
///
/// Its memory is the integration (time, state, slopes of the last step), since frames lie between
/// steps. advance() goes on with it as long as the newest frame of the history is the one it made
/// last; given any other, it starts anew from that one.
/// Source: Takamoto et al. 2022, PDEBench, NeurIPS 35, appendix D.
class DiffusionReaction final : public Solver {
 public:
  /// \param ranks  share each trajectory by blocks; a duplicate is kept. Collective.
  /// \throw Error  naming the key of a value that is not allowed
  DiffusionReaction(DiffusionReactionConfig const& config, Communicator const& ranks);

  DiffusionReaction(DiffusionReaction const&) = delete;
  DiffusionReaction& operator=(DiffusionReaction const&) = delete;

  std::string name() const override { return "diffusion_reaction"; }
  int64_t history() const override { return 1; }
  double interval() const override { return interval_; }
  /// \throw Diverged  naming trajectory, step and time
  State advance(History& history) override;
  std::map<std::string, at::Tensor> save() const override;
  void load(std::map<std::string, at::Tensor> const& memory) override;

  std::shared_ptr<StateSpec const> spec() const override { return spec_; }
  /// u, then v, row by row in (y, x): standard normals of numpy's `default_rng(seed)`; float64.
  State initial(std::vector<uint64_t> const& seeds) override;
  std::map<std::string, double> parameters() const override;

 private:
  bool continues(State const& newest) const;
  void begin(State const& newest);
  std::unique_ptr<RungeKutta45> make_integration();
  double next_frame_time() const;

  DiffusionReactionConfig config_;
  Communicator ranks_;
  std::shared_ptr<StateSpec const> spec_;
  DiffusionReactionRate rate_;
  double interval_;
  double start_ = 0;   ///< time of the frame the run began with
  double bound_ = 0;   ///< time that no step goes beyond
  int64_t frame_ = 0;  ///< made since then
  double last_time_ = 0;
  at::Tensor last_;                                          ///< (B, 2, 1, H, W) frame made last
  std::vector<std::unique_ptr<RungeKutta45>> integrations_;  ///< one a trajectory
};

/// For the registry.
std::unique_ptr<Solver> make_diffusion_reaction(std::string const& yaml, Communicator const& ranks);
std::string default_diffusion_reaction();

}  // namespace eddyline
