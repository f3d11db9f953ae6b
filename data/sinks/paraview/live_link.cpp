#include "data/sinks/paraview/live_link.hpp"

#include <vtkCommand.h>
#include <vtkCommunicator.h>
#include <vtkExtractsDeliveryHelper.h>
#include <vtkMultiProcessController.h>
#include <vtkMultiProcessStream.h>
#include <vtkObjectFactory.h>
#include <vtkPVSessionBase.h>
#include <vtkPVVersion.h>
#include <vtkPVXMLElement.h>
#include <vtkSMSessionProxyManager.h>
#include <vtkSocketCommunicator.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <sstream>
#include <thread>
#include <utility>

namespace eddyline_paraview {
namespace {

constexpr int kNoPort = -1;
constexpr double kLook = 0.1;  // seconds between two looks at what may end a pause

// Tags of ParaView's messages (vtkTCPNetworkAccessManager, vtkLiveInsituLink).
constexpr int kGreeting = 99991, kWelcome = 99990;
constexpr int kStateSize = 8000, kState = 8001, kTheirProcesses = 8002, kOurProcesses = 8003;
constexpr int kOtherPlaces = 98211;

vtkMultiProcessController& ranks() {
  return *vtkMultiProcessController::GetGlobalController();
}

bool is_first() {
  return ranks().GetLocalProcessId() == 0;
}

/// The text of the lowest rank that has one, on all ranks. Collective.
std::string first_of(std::string text) {
  auto const size = ranks().GetNumberOfProcesses();
  int const own = text.empty() ? size : ranks().GetLocalProcessId();
  int lowest = own;
  ranks().AllReduce(&own, &lowest, 1, vtkCommunicator::MIN_OP);
  if (lowest == size) {
    return "";
  }
  vtkMultiProcessStream stream;
  stream << text;
  ranks().Broadcast(stream, lowest);
  stream >> text;
  return text;
}

/// ParaView says whether it waits for a run of this version.
bool is_welcome(vtkSocketController& to) {
  std::string const greeting = std::string("paraview.insitu.") + PARAVIEW_VERSION;
  auto const size = static_cast<int>(greeting.size() + 1);
  int refusal = 1;  // stays, where the connection ends
  to.Send(&size, 1, 1, kGreeting);
  to.Send(greeting.c_str(), size, 1, kGreeting);
  to.Receive(&refusal, 1, 1, kWelcome);
  return refusal == 0;
}

/// What the run shows, as ParaView writes its states.
std::string state_of(vtkSMSessionProxyManager& proxies) {
  auto const xml = vtkSmartPointer<vtkPVXMLElement>::Take(proxies.SaveXMLState());
  vtkLiveInsituLink::FilterXMLState(xml);
  std::ostringstream text;
  xml->PrintXML(text, vtkIndent());
  return text.str();
}

/// \return  nothing if the connection ended
std::vector<LiveAddress> receive_places(vtkSocketController& from, int count) {
  vtkMultiProcessStream all;
  from.Receive(all, 1, kOtherPlaces);
  std::vector<LiveAddress> places;
  while (!all.Empty() && static_cast<int>(places.size()) < count) {
    vtkMultiProcessStream one;
    all >> one;
    if (!one.Empty()) {  // that of its first process is
      int kind = 0;
      LiveAddress place;
      one >> kind >> place.host >> place.port;
      places.push_back(place);
    }
  }
  return places;
}

/// What the first rank found out about the ParaView that listens.
struct Meeting {
  LiveAttempt attempt;
  int processes = 0;                     ///< of that ParaView; 0: there is none
  std::vector<LiveAddress> others = {};  ///< those of its processes that ranks 1, 2, … connect to
};

/// Shows ParaView what there is to see and learns where its processes listen. \return whether it
/// answered
bool introduce(vtkSMSessionProxyManager& proxies, Meeting& meeting) {
  auto& to = *meeting.attempt.controller;
  auto const state = state_of(proxies);
  auto const size = static_cast<unsigned int>(state.size());
  to.Send(&size, 1, 1, kStateSize);
  to.Send(state.c_str(), static_cast<vtkIdType>(size), 1, kState);
  to.Receive(&meeting.processes, 1, 1, kTheirProcesses);
  auto const own = ranks().GetNumberOfProcesses();
  to.Send(&own, 1, 1, kOurProcesses);
  auto const pairs = std::min(own, meeting.processes);
  if (pairs > 1) {
    meeting.others = receive_places(to, pairs - 1);
  }
  return pairs >= 1 && static_cast<int>(meeting.others.size()) == pairs - 1;
}

/// The first rank's part, which no other rank waits in.
Meeting meet(LiveSettings const& settings, vtkSMSessionProxyManager& proxies) {
  Meeting meeting{.attempt = connect_to(settings.address, settings.patience)};
  if (meeting.attempt.controller == nullptr) {
    return meeting;
  }
  Deadline deadline(meeting.attempt.controller, settings.patience);
  if (is_welcome(*meeting.attempt.controller) && introduce(proxies, meeting)) {
    return meeting;
  }
  return {.attempt = deadline.failed("what listens there went, or is no ParaView " PARAVIEW_VERSION
                                     " that was connected to Catalyst")};
}

/// What the first rank found out, on all ranks; the connection is its own. Collective.
Meeting shared(Meeting meeting) {
  vtkMultiProcessStream stream;
  stream << meeting.attempt.problem << static_cast<int>(meeting.attempt.is_hopeless)
         << meeting.processes << static_cast<int>(meeting.others.size());
  for (auto const& [host, port] : meeting.others) {
    stream << host << port;
  }
  ranks().Broadcast(stream, 0);
  int is_hopeless = 0, others = 0;
  stream >> meeting.attempt.problem >> is_hopeless >> meeting.processes >> others;
  meeting.attempt.is_hopeless = is_hopeless != 0;
  meeting.others.resize(static_cast<size_t>(others));
  for (auto& [host, port] : meeting.others) {
    stream >> host >> port;
  }
  return meeting;
}

/// The connection of this rank: to the first process, to another, or none where there are fewer of
/// them than ranks. The problem names both ends.
LiveAttempt own_connection(Meeting const& meeting, double patience) {
  auto const rank = ranks().GetLocalProcessId();
  if (rank == 0 || static_cast<size_t>(rank) > meeting.others.size()) {
    return meeting.attempt;
  }
  auto const& place = meeting.others[static_cast<size_t>(rank) - 1];
  auto attempt = connect_to(place, patience);
  if (attempt.controller == nullptr) {
    attempt.problem = "its process at " + place.host + ":" + std::to_string(place.port) +
                      " is not reached from rank " + std::to_string(rank) + ": " +
                      (attempt.problem.empty() ? "nothing listens there" : attempt.problem);
  }
  return attempt;
}

/// A message that only wakes the run.
void wake(void* /*of*/, void* /*words*/, int /*length*/, int /*from*/) {}

}  // namespace

vtkStandardNewMacro(LiveLink);

LiveLink::LiveLink() {
  SetInsituPort(kNoPort);  // ParaView's own connecting finds nothing to connect to
}

void LiveLink::set(LiveSettings settings) {
  settings_ = std::move(settings);
}

std::string LiveLink::where() const {
  auto const& [host, port] = settings_.address;
  return host.empty() ? "" : host + ":" + std::to_string(port);
}

std::string LiveLink::show(vtkSMSessionProxyManager& proxies, int step, double time) {
  if (!is_connected()) {
    auto const problem = connect(proxies);
    if (!is_connected()) {
      return problem;
    }
  }
  do {
    give(step, time);
  } while (GetSimulationPaused() != 0 && is_changed_by_user());
  if (is_connected()) {
    return "";
  }
  own_ = nullptr;
  return "the live connection to the ParaView at " + where() +
         " has ended (it was closed, lost, or took longer than catalyst.patience to answer)";
}

/// VTK lets go of the connection where its first rank finds it broken; here, where any does.
void LiveLink::give(int step, double time) {
  {
    Deadline const deadline(own_, settings_.patience);
    InsituUpdate(time, step);
    InsituPostProcess(time, step);
  }
  int const own = own_ != nullptr && has_ended(*own_) ? 1 : 0;
  int any = own;
  ranks().AllReduce(&own, &any, 1, vtkCommunicator::MAX_OP);
  if (any != 0) {
    DropLiveInsituConnection();
  }
}

/// Waits as long as ParaView pauses the run. \return whether to give the frame once more
bool LiveLink::is_changed_by_user() {
  for (;;) {
    std::array<int, 2> own = {0, settings_.stop_asked() ? 1 : 0}, all = own;
    if (is_first()) {
      own[0] = has_message(*own_, kLook) ? 1 : 0;
    } else {
      std::this_thread::sleep_for(std::chrono::duration<double>(kLook));
    }
    ranks().AllReduce(own.data(), all.data(), 2, vtkCommunicator::MAX_OP);
    if (all[1] != 0) {
      return false;
    }
    if (all[0] != 0) {
      Deadline const deadline(own_, settings_.patience);
      return WaitForLiveChange() == 0;
    }
  }
}

std::string LiveLink::connect(vtkSMSessionProxyManager& proxies) {
  if (is_hopeless_) {
    return "";
  }
  Initialize(&proxies);  // only remembers them
  auto const meeting = shared(is_first() ? meet(settings_, proxies) : Meeting{});
  auto problem = meeting.attempt.problem;
  is_hopeless_ = meeting.attempt.is_hopeless;
  if (problem.empty() && meeting.processes > 0) {
    auto const own = own_connection(meeting, settings_.patience);
    problem = first_of(own.problem);
    is_hopeless_ = !problem.empty();
    if (problem.empty()) {
      attach(meeting.processes, own.controller);
    }
  }
  return problem.empty()
             ? ""
             : "the ParaView at " + where() + " cannot be shown the run: " + problem +
                   (is_hopeless_ ? "; it is not tried again" : "; it is tried again at each frame");
}

/// As vtkLiveInsituLink::InsituConnect does, which aborts where a connection fails.
void LiveLink::attach(int processes, vtkSocketController* own) {
  if (is_first()) {
    Proc0NodesController = own;
    own->AddRMICallback(&wake, nullptr, LIVE_CHANGED);
    own->GetCommunicator()->AddObserver(
        vtkCommand::WrongTagEvent, this, &LiveLink::keep_early_message);
  }
  ExtractsDeliveryHelper = vtkSmartPointer<vtkExtractsDeliveryHelper>::New();
  ExtractsDeliveryHelper->SetProcessIsProducer(true);
  ExtractsDeliveryHelper->SetNumberOfSimulationProcesses(ranks().GetNumberOfProcesses());
  ExtractsDeliveryHelper->SetNumberOfVisualizationProcesses(processes);
  ExtractsDeliveryHelper->SetSimulation2VisualizationController(own);
  own_ = own;
}

/// A user may ask for something before the run has heard that it is to pause: VTK would take the
/// message for the answer that the run waits for, and let go of the connection.
void LiveLink::keep_early_message(vtkObject* sender, unsigned long /*event*/, void* message) {
  int tag = 0;
  std::memcpy(&tag, message, sizeof(tag));
  if (tag == vtkMultiProcessController::GetRMITag()) {
    vtkSocketCommunicator::SafeDownCast(sender)->BufferCurrentMessage();
  }
}

}  // namespace eddyline_paraview
