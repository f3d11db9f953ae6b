#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/config.hpp"

namespace eddyline {

/// What an error in a picture does to the run that it is of.
enum class InSituError { goes_on, stops };
template <>
struct EnumNames<InSituError> {
  static constexpr auto names = std::to_array<std::pair<InSituError, char const*>>(
      {{InSituError::goes_on, "continue"}, {InSituError::stops, "stop"}});
};

/// `catalyst:` what ParaView shows of a run while it goes.
struct CatalystConfig {
  std::filesystem::path script;
  std::vector<std::string> arguments;
  int64_t every = 1;
  std::vector<std::string> fields;
  int64_t trajectory = 0;
  int64_t ghosts = 0;
  std::string live;
  InSituError on_error = InSituError::goes_on;
  double patience = 30;

  bool is_on() const { return !script.empty() || !live.empty(); }

  template <class Visitor>
  void visit(Visitor&& v) {
    v("script",
      script,
      "ParaView's Catalyst script, exported or one's own, or a ready one by its name: slice, "
      "contour, q_criterion, line, panel, extract, several; empty: nothing is shown, unless "
      "live is set");
    v("arguments", arguments, "for the script, as '--field' and 'u': paraview.catalyst.get_args()");
    v("every", every, "steps between frames that are shown; of a training, optimiser steps");
    v("fields", fields, "to hand over, each with its truth and error; empty: all");
    v("trajectory", trajectory, "number of the one that is shown");
    v("ghosts",
      ghosts,
      "layers of neighbours' points beyond the shared one, for filters of one's own script; ready "
      "ones see to theirs");
    v("live",
      live,
      "host:port of a ParaView, or a pvserver, that was connected to Catalyst; the run does not "
      "wait for it to come, only while it pauses the run");
    v("on_error",
      on_error,
      "of script, disk, display or a live client that goes or is none: continue: said once, the "
      "run "
      "goes on; stop: it ends");
    v("patience",
      patience,
      "seconds that a rank whose script failed waits for the others, which may be inside ParaView, "
      "before it ends the run; and that a live ParaView may take to answer");
  }
};

/// \throw Error  naming the key that is wrong
void check(CatalystConfig const& config);

}  // namespace eddyline
