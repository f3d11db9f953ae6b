#pragma once

#include <vtkLiveInsituLink.h>

#include <functional>
#include <string>

#include "data/sinks/paraview/live_socket.hpp"

namespace eddyline_paraview {

/// What a run asks of the connection to a ParaView.
struct LiveSettings {
  LiveAddress address;
  double patience = 30;  ///< seconds that ParaView may take to answer
  std::function<bool()> stop_asked = [] {
    return false;
  };  ///< whether this rank was told to end the run
};

/// The connection to a ParaView that watches the run, made at any frame at which one listens.
/// Unlike the link inside ParaView's own scripts it says that the connection broke, and whoever
/// listens can neither end the run nor hold it for longer than `patience`: ParaView's own way of
/// connecting waits for ever, and aborts where the other side goes meanwhile.
class LiveLink final : public vtkLiveInsituLink {
 public:
  static LiveLink* New();
  vtkTypeMacro(LiveLink, vtkLiveInsituLink);

  void set(LiveSettings settings);
  /// host:port, "" before set()
  std::string where() const;

  /// Gives the frame of `proxies` to a ParaView that listens, and waits as long as that pauses the
  /// run, unless a rank was told to end it. Collective.
  /// \return what is wrong with the connection, on all ranks; "" if nothing, or if none listens
  std::string show(vtkSMSessionProxyManager& proxies, int step, double time);

 protected:
  LiveLink();
  ~LiveLink() override = default;

 private:
  bool is_connected() const { return ExtractsDeliveryHelper != nullptr; }
  std::string connect(vtkSMSessionProxyManager& proxies);
  void attach(int processes, vtkSocketController* own);
  void give(int step, double time);
  bool is_changed_by_user();
  void keep_early_message(vtkObject* sender, unsigned long event, void* message);

  LiveSettings settings_;
  vtkSmartPointer<vtkSocketController> own_;  ///< of this rank, if it has one
  bool is_hopeless_ = false;                  ///< to try again; the same on all ranks
};

}  // namespace eddyline_paraview
