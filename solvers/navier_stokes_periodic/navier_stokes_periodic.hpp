#pragma once

#include <memory>
#include <string>
#include <vector>

#include "solvers/navier_stokes_periodic/config.hpp"
#include "solvers/navier_stokes_periodic/rate.hpp"
#include "solvers/registry.hpp"

namespace eddyline {

/// Incompressible flow of constant density in a periodic box of two or three axes (x, y, z), fields
/// pressure (over density, mean zero) and velocity: a Taylor-Green vortex with a random solenoidal
/// motion on top that decays by viscosity. Fourier-Galerkin in space (NavierStokesRate); the
/// classical Runge-Kutta method of order 4 in time, with steps of one length and the viscous part
/// solved exactly.
///
/// It has no memory: a frame's velocity is all that the next one depends on, so it takes turns with
/// any other stepper. What a given frame holds beyond the 2/3 rule, and its divergence, are removed
/// first; its pressure is not read. The ranks split the first axis by slabs; how many they are
/// changes round-off only, and trajectories that step together change nothing for each other.
/// Source of the integrating factor: Rogallo 1981, NASA TM-81315.
class NavierStokesPeriodic final : public Solver {
 public:
  /// \param ranks  share each trajectory by slabs. Collective.
  /// \throw Error  naming the key of a value that is not allowed
  NavierStokesPeriodic(NavierStokesPeriodicConfig const& config, Communicator const& ranks);

  std::string name() const override { return "navier_stokes_periodic"; }
  int64_t history() const override { return 1; }
  double interval() const override { return config_.interval; }
  /// \throw Diverged  naming trajectory and time of a flow that is not finite
  /// \throw Error     if the flow is too fast for `steps`, naming how many are needed
  State advance(History& history) override;

  std::shared_ptr<StateSpec const> spec() const override { return spec_; }
  /// Of this rank's slab; float64. Every rank makes the whole random motion for itself.
  State initial(std::vector<uint64_t> const& seeds) override;
  std::map<std::string, double> parameters() const override;

 private:
  /// What viscosity leaves of each mode over half a step and a whole one.
  struct Damping {
    at::Tensor half, whole;
  };
  at::Tensor step(at::Tensor const& velocity, Damping const& damping) const;
  at::Tensor frame_of(at::Tensor const& velocity) const;
  std::vector<double> turning_rates(at::Tensor const& velocity, double time) const;
  void require_enough_steps(at::Tensor const& velocity, double time) const;

  NavierStokesPeriodicConfig config_;
  NavierStokesRate rate_;
  std::shared_ptr<StateSpec const> spec_;
};

/// For the registry.
std::unique_ptr<Solver> make_navier_stokes_periodic(std::string const& yaml,
                                                    Communicator const& ranks);
std::string default_navier_stokes_periodic();

}  // namespace eddyline
