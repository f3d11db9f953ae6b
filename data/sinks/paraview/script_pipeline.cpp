#include "data/sinks/paraview/script_pipeline.hpp"

#include <vtkCPPythonScriptV2Helper.h>
#include <vtkObjectFactory.h>
#include <vtkPython.h>  // first, as Python asks
#include <vtkSMPropertyHelper.h>
#include <vtkSMProxy.h>

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
  if (!settings_.live_host.empty()) {
    auto const url = settings_.live_host + ":" + std::to_string(settings_.live_port);
    vtkSMPropertyHelper(options, "EnableCatalystLive").Set(1);
    vtkSMPropertyHelper(options, "CatalystLiveURL").Set(url.c_str());
  }
  options->UpdateVTKObjects();
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
  return note(script_->CatalystExecute(step, time));
}

bool ScriptPipeline::Finalize() {
  return note(script_->CatalystFinalize());
}

}  // namespace eddyline_paraview
