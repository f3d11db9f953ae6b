#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "core/communicator.hpp"
#include "data/field/state.hpp"
#include "data/sinks/in_situ.hpp"
#include "data/sinks/in_situ_config.hpp"
#include "data/sinks/scene.hpp"
#include "data/sinks/sink.hpp"

namespace eddyline {

/// \throw Error  if catalyst.fields names one that is not among `fields`, naming those
void check_shown_fields(CatalystConfig const& config, FieldSet const& fields);

/// What showing cost a run.
struct InSituCost {
  double seconds = 0;
  int64_t frames = 0;
  int64_t bytes = 0;  ///< that this rank handed over
};

/// Shows one trajectory of a run while it goes, on any split: each rank hands over its block and
/// the layer of points that it shares with the next block, so that no gap is drawn between them,
/// and ghost layers if asked. An error of each kind is said once; it ends the showing or the run.
class InSituSink final : public Sink {
 public:
  using Opening = std::function<std::unique_ptr<InSitu>(Communicator const&)>;

  /// Opens at the first frame. \param index  of the trajectory among those of a state
  /// \param ranks  share the trajectory, numbered as Decomposition does; a duplicate is kept
  /// \throw Error  if a field of the configuration is not among `spec`'s, naming those. Collective.
  InSituSink(CatalystConfig config,
             std::shared_ptr<StateSpec const> spec,
             int64_t index,
             Opening open,
             Communicator const& ranks);

  /// Shows the frame if it is due. Collective over the ranks.
  /// \throw Failure  if it cannot and `on_error` is stop; on one rank alone, naming it, if it
  /// failed
  ///                  and the others did not come out of ParaView within `patience`
  void write(int64_t step, State const& state) override;
  void discard_after(int64_t /*step*/) override {}
  void close_segment(Restart const& /*restart*/) override {}

  InSituCost const& cost() const { return cost_; }
  /// What was said of errors, "" without one.
  std::string const& complaint() const { return complaint_; }

 private:
  void show(int64_t step, State const& state);
  InSituFrame frame_of(int64_t step, State const& state) const;
  at::Tensor chosen_channels(State const& state) const;
  InSitu::Result shown_by_view(InSituFrame const& frame);
  void refuse_waiting(std::string const& words);
  void report(std::string const& words, InSitu::Ending ending);

  CatalystConfig config_;
  std::shared_ptr<StateSpec const> spec_;
  int64_t index_;
  Opening open_;
  Communicator ranks_;
  std::vector<int64_t> channels_;  ///< of the state, those that are shown
  Scene scene_;
  InSituFrame shown_;  ///< its arrays are in use until the next, or the end of `view_`
  std::unique_ptr<InSitu> view_;
  std::string complaint_;
  std::set<InSitu::Ending> said_;
  bool is_over_ = false;
  InSituCost cost_;
};

}  // namespace eddyline
