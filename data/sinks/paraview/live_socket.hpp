#pragma once

#include <vtkSmartPointer.h>
#include <vtkSocketController.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace eddyline_paraview {

struct LiveAddress {
  std::string host;
  int port = 0;
};

/// What came of connecting to a process of ParaView's.
struct LiveAttempt {
  vtkSmartPointer<vtkSocketController> controller;  ///< null: not connected
  std::string problem = {};  ///< why not; "" where nothing listens, which is none
  bool is_hopeless = false;  ///< it took all the time that it may: not worth another try
};

/// Connects and makes sure that VTK of this version speaks, within twice `patience` seconds.
LiveAttempt connect_to(LiveAddress const& address, double patience);

/// Cuts a connection that is still in use after some seconds. VTK waits for ever for the other
/// side, and where a socket has a time limit of its own it asks again.
class Deadline {
 public:
  /// \param connection  outlives this; null: there is none to cut
  Deadline(vtkSocketController* connection, double seconds);
  Deadline(Deadline const&) = delete;
  Deadline& operator=(Deadline const&) = delete;
  ~Deadline() { end(); }

  /// What went wrong in a talk that has failed: too little time, or as `early` says.
  LiveAttempt failed(std::string const& early);

 private:
  void end();

  double seconds_;
  std::mutex mutex_;
  std::condition_variable change_;
  bool is_over_ = false, has_passed_ = false;
  std::thread watch_;
};

/// Whether there is something to receive, or the connection has ended. Looks for `seconds` at most.
bool has_message(vtkSocketController& connection, double seconds);
/// Whether the other side has ended the connection, or a deadline has.
bool has_ended(vtkSocketController& connection);

}  // namespace eddyline_paraview
