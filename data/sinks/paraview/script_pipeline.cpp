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
#include <utility>

namespace eddyline_paraview {
namespace {

LiveAddress address_of(std::string const& url) {
  constexpr int kUsualPort = 22222;
  auto const colon = url.rfind(':');
  auto const port = colon == url.npos ? 0 : std::atoi(url.c_str() + colon + 1);
  return {url.substr(0, colon), port > 0 ? port : kUsualPort};
}

}  // namespace

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
  auto live = settings_.live;
  if (live.address.host.empty()) {
    if (is_live.GetAsInt() == 0) {
      return;
    }
    live.address = address_of(vtkSMPropertyHelper(&options, "CatalystLiveURL").GetAsString());
  }
  is_live.Set(0);
  live_->set(std::move(live));
}

bool ScriptPipeline::is_due(char const* trigger, bool is_without) const {
  auto* const asked = vtkSMExtractTriggerProxy::SafeDownCast(
      vtkSMPropertyHelper(script_->GetOptions(), trigger).GetAsProxy());
  return asked == nullptr ? is_without : asked->IsActivated(moment_);
}

void ScriptPipeline::show_live(int step, double time) {
  moment_->SetTimeStep(step);
  moment_->SetTime(time);
  if (live_->where().empty() || !is_due("GlobalTrigger", true) ||
      !is_due("CatalystLiveTrigger", false)) {
    return;
  }
  live_problem_ = live_->show(*script_->GetOptions()->GetSessionProxyManager(), step, time);
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
  live_problem_.clear();
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
