#include <vtkAutoInit.h>
#include <vtkInSituInitializationHelper.h>
#include <vtkLogger.h>
#include <vtkNew.h>
#include <vtkPVTrivialProducer.h>
#include <vtkPython.h>  // first, as Python asks
#include <vtkPythonInterpreter.h>
#include <vtkSMProxyManager.h>
#include <vtkSMSessionProxyManager.h>
#include <vtkSMSourceProxy.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <memory>

#include <mpi.h>

#include "data/sinks/paraview/catalyst_interface.h"
#include "data/sinks/paraview/frame_data.hpp"
#include "data/sinks/paraview/rank_agreement.hpp"
#include "data/sinks/paraview/script_pipeline.hpp"
#include "data/sinks/paraview/script_rules.hpp"
#include "data/sinks/paraview/words.hpp"

VTK_MODULE_INIT(vtkRenderingOpenGL2)

namespace eddyline_paraview {
namespace {

/// The program's own handlers, which Python and ParaView replace by theirs. Meanwhile a client that
/// has gone is an error of write(), not the end of the process.
class KeepSignals {
 public:
  KeepSignals() {
    for (size_t i = 0; i < kSignals.size(); ++i) {
      sigaction(kSignals[i], nullptr, &handlers_[i]);
    }
    std::signal(SIGPIPE, SIG_IGN);
  }
  KeepSignals(KeepSignals const&) = delete;
  KeepSignals& operator=(KeepSignals const&) = delete;
  ~KeepSignals() {
    for (size_t i = 0; i < kSignals.size(); ++i) {
      sigaction(kSignals[i], &handlers_[i], nullptr);
    }
  }

 private:
  static constexpr std::array kSignals = {SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGPIPE, SIGXFSZ};
  std::array<struct sigaction, kSignals.size()> handlers_{};
};

struct Session {
  explicit Session(EddylineCatalystSession const& asked)
      : ranks(MPI_Comm_f2c(asked.communicator), asked.patience) {}

  RankAgreement ranks;
  vtkNew<Words> words;
  std::vector<vtkSmartPointer<vtkSMSourceProxy>> producers;
  vtkNew<ScriptPipeline> pipeline;
  std::string last_words;
};

/// One a process: ParaView's own engine is.
std::unique_ptr<Session> session;

int ending() {
  if (session->ranks.is_stuck()) {
    return EDDYLINE_CATALYST_STUCK;
  }
  if (session->pipeline->has_failed()) {
    return EDDYLINE_CATALYST_FAILED;
  }
  if (!session->pipeline->live_problem().empty()) {
    return EDDYLINE_CATALYST_LEFT;
  }
  return session->last_words.empty() ? EDDYLINE_CATALYST_DONE : EDDYLINE_CATALYST_COMPLAINED;
}

EddylineCatalystResult result() {
  session->last_words = session->words->take();
  auto const end = ending();
  if (end == EDDYLINE_CATALYST_LEFT) {  // in place of what VTK says of a socket
    session->last_words = session->pipeline->live_problem();
  }
  return {end, session->last_words.c_str()};
}

void add_producer(char const* channel) {
  auto* const manager = vtkSMProxyManager::GetProxyManager()->GetActiveSessionProxyManager();
  auto const producer = vtkSmartPointer<vtkSMSourceProxy>::Take(
      vtkSMSourceProxy::SafeDownCast(manager->NewProxy("sources", "PVTrivialProducer")));
  producer->UpdateVTKObjects();
  vtkInSituInitializationHelper::SetProducer(channel, producer);
  session->producers.push_back(producer);
}

void give_data(EddylineCatalystFrame const& frame) {
  auto const data = make_data(frame);
  for (auto const& producer : session->producers) {
    auto* const source = vtkPVTrivialProducer::SafeDownCast(producer->GetClientSideObject());
    source->SetOutput(data, frame.time);
    source->SetWholeExtent(0,
                           static_cast<int>(frame.axes[0].whole - 1),
                           0,
                           static_cast<int>(frame.axes[1].whole - 1),
                           0,
                           static_cast<int>(frame.axes[2].whole - 1));
    vtkInSituInitializationHelper::MarkProducerModified(producer);
  }
}

ScriptSettings settings_of(EddylineCatalystSession const& asked) {
  ScriptSettings settings;
  settings.path = asked.script;
  settings.output_folder = asked.output_folder;
  settings.arguments.assign(asked.arguments, asked.arguments + asked.argument_count);
  if (asked.live_host != nullptr) {
    settings.live.address = {asked.live_host, asked.live_port};
  }
  settings.live.patience = asked.patience;
  settings.live.stop_asked = [is_asked = asked.stop_asked, of = asked.stop_asked_of] {
    return is_asked != nullptr && is_asked(of) != 0;
  };
  return settings;
}

/// Where one rank has no display, none draws: they do it together.
bool all_have_display(int communicator) {
  int have = has_display() ? 1 : 0;
  MPI_Allreduce(MPI_IN_PLACE, &have, 1, MPI_INT, MPI_MIN, MPI_Comm_f2c(communicator));
  return have != 0;
}

}  // namespace
}  // namespace eddyline_paraview

using namespace eddyline_paraview;

EddylineCatalystResult eddyline_catalyst_open(EddylineCatalystSession const* asked) {
  KeepSignals const keep;
  unsetenv("PYTHONHOME");  // of a virtual environment: ParaView's modules are not there
  session = std::make_unique<Session>(*asked);
  vtkLogger::SetStderrVerbosity(vtkLogger::VERBOSITY_OFF);  // Words has the errors
  vtkInSituInitializationHelper::Initialize(static_cast<vtkTypeUInt64>(asked->communicator));
  vtkOutputWindow::SetInstance(session->words);  // ParaView has set its own
  vtkPythonInterpreter::Initialize(/*initsigs=*/0);
  keep_script_errors();
  share_script_errors(session->ranks);
  for (int i = 0; i < asked->channel_count; ++i) {
    add_producer(asked->channels[i]);
  }
  if (!all_have_display(asked->communicator)) {
    refuse_views();
  }
  session->pipeline->set(settings_of(*asked));
  vtkInSituInitializationHelper::AddPipeline(session->pipeline);
  return result();
}

EddylineCatalystResult eddyline_catalyst_show(EddylineCatalystFrame const* frame) {
  KeepSignals const keep;
  give_data(*frame);
  vtkInSituInitializationHelper::ExecutePipelines(static_cast<int>(frame->step), frame->time);
  return result();
}

EddylineCatalystResult eddyline_catalyst_close() {
  KeepSignals const keep;
  vtkInSituInitializationHelper::Finalize();
  auto const ending = result();
  auto const words = session->last_words;
  vtkOutputWindow::SetInstance(nullptr);
  session.reset();
  static std::string last;
  last = words;
  return {ending.ending, last.c_str()};
}

int eddyline_catalyst_interface() {
  return EDDYLINE_CATALYST_INTERFACE;
}
