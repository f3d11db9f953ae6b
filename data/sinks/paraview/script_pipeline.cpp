#include "data/sinks/paraview/script_pipeline.hpp"

#include <vtkCPPythonScriptV2Helper.h>
#include <vtkObjectFactory.h>
#include <vtkPython.h>  // first, as Python asks
#include <vtkSMExtractTriggerProxy.h>
#include <vtkSMPropertyHelper.h>
#include <vtkSMProxy.h>
#include <vtkSMSessionProxyManager.h>

#include <cstdlib>
#include <filesystem>

namespace eddyline_paraview {

vtkStandardNewMacro(ScriptPipeline);

ScriptPipeline::ScriptPipeline() = default;
ScriptPipeline::~ScriptPipeline() = default;

bool ScriptPipeline::note(bool is_well) {
  failed_ = failed_ || !is_well;
  return is_well;
}

void ScriptPipeline::override_options() {
  auto* const options = script_->GetOptions();
  if (options == nullptr) {
    return;
  }
  vtkSMPropertyHelper folder(options, "ExtractsOutputDirectory");
  std::filesystem::path const asked = folder.GetAsString();
  folder.Set((settings_.output_folder / asked).lexically_normal().c_str());
  take_over_live(*options);
  options->UpdateVTKObjects();
}

/// ParaView's own link, of a script that asks for one, would not say that its client has gone.
void ScriptPipeline::take_over_live(vtkSMProxy& options) {
  vtkSMPropertyHelper is_live(&options, "EnableCatalystLive");
  auto url = settings_.live_host + ":" + std::to_string(settings_.live_port);
  if (settings_.live_host.empty()) {
    if (is_live.GetAsInt() == 0) {
      return;
    }
    url = vtkSMPropertyHelper(&options, "CatalystLiveURL").GetAsString();
  }
  is_live.Set(0);
  constexpr int kUsualPort = 22222;
  auto const colon = url.rfind(':');
  auto const port = colon == url.npos ? 0 : std::atoi(url.c_str() + colon + 1);
  live_->SetHostname(url.substr(0, colon).c_str());
  live_->SetInsituPort(port > 0 ? port : kUsualPort);
  live_url_ = url;
}

bool ScriptPipeline::is_due(char const* trigger, bool is_without) const {
  auto* const asked = vtkSMExtractTriggerProxy::SafeDownCast(
      vtkSMPropertyHelper(script_->GetOptions(), trigger).GetAsProxy());
  return asked == nullptr ? is_without : asked->IsActivated(moment_);
}

void ScriptPipeline::show_live(int step, double time) {
  moment_->SetTimeStep(step);
  moment_->SetTime(time);
  if (live_url_.empty() || !is_due("GlobalTrigger", true) ||
      !is_due("CatalystLiveTrigger", false)) {
    return;
  }
  if (!live_->show(*script_->GetOptions()->GetSessionProxyManager(), step, time)) {
    gone_ = live_url_;
  }
}

bool ScriptPipeline::Initialize() {
  if (!note(script_->PrepareFromScript(settings_.path)) ||
      !note(script_->Import(settings_.arguments))) {
    return false;
  }
  override_options();
  return note(script_->CatalystInitialize());
}

bool ScriptPipeline::Execute(int step, double time) {
  gone_.clear();
  if (!note(script_->CatalystExecute(step, time))) {
    return false;
  }
  show_live(step, time);
  return true;
}

bool ScriptPipeline::Finalize() {
  return note(script_->CatalystFinalize());
}

}  // namespace eddyline_paraview
