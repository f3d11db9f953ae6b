#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <utility>

#include "core/communicator.hpp"
#include "data/sinks/catalyst.hpp"
#include "data/sinks/in_situ_sink.hpp"

namespace eddyline {

/// Lets ParaView show one trajectory of a run while it goes, rollout, simulation or training, as
/// the section `catalyst` says; does nothing without one.
class InSituWatch {
 public:
  /// \param output  folder that relative outputs of the script go to
  /// \param ranks   share a trajectory; a duplicate is kept. Collective over them.
  InSituWatch(CatalystConfig config, std::filesystem::path output, Communicator const& ranks);

  /// What a run that cannot be shown would find out after its first steps: on every rank, since
  /// nodes may differ.
  /// \param count  trajectories of the run
  /// \throw Error  naming what of the section cannot be done with these
  void check(FieldSet const& fields, int64_t count) const;
  CatalystConfig const& config() const { return config_; }
  /// Before the first frame. \param asked  whether this rank was told to end the run, also while a
  /// live ParaView pauses it
  void stop_when(std::function<bool()> asked) { place_.stop_asked = std::move(asked); }
  /// Shows the trajectory at `index` of a state if its step is due. Collective over the ranks that
  /// share it. \throw Failure  if that cannot be and catalyst.on_error is stop
  void show(int64_t step, State const& state, int64_t index);
  /// Lets go of ParaView and says what it cost: "in situ 3.1 % of the run". Collective over
  /// `world`.
  void finish(Communicator const& world);

 private:
  CatalystConfig config_;
  CatalystPlace place_;
  Communicator ranks_;
  std::optional<InSituSink> sink_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace eddyline
