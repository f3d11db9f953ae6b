#pragma once

#include <vtkLiveInsituLink.h>

namespace eddyline_paraview {

/// The connection to a ParaView that watches the run, made at any frame at which one listens.
/// Unlike the link inside ParaView's own scripts it says that the connection broke.
class LiveLink final : public vtkLiveInsituLink {
 public:
  static LiveLink* New();
  vtkTypeMacro(LiveLink, vtkLiveInsituLink);

  /// Gives the frame of `proxies` to a ParaView that listens, and waits as long as that pauses the
  /// run. Collective. \return false if a connection broke, on all ranks
  bool show(vtkSMSessionProxyManager& proxies, int step, double time);

 protected:
  LiveLink() = default;
  ~LiveLink() override = default;
};

}  // namespace eddyline_paraview
