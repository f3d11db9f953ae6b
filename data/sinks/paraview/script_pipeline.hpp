#pragma once

#include <vtkInSituPipeline.h>
#include <vtkNew.h>

#include <string>
#include <vector>

class vtkCPPythonScriptV2Helper;

namespace eddyline_paraview {

/// What the run asks of a script beyond what it says itself.
struct ScriptSettings {
  std::string path;
  std::vector<std::string> arguments;
  std::string output_folder;  ///< of what it names by relative paths
  std::string live_host;      ///< empty: as the script says
  int live_port = 0;
};

/// A Python script that ParaView exported for Catalyst, or one like it. Unlike ParaView's own
/// pipeline it says whether the script failed.
class ScriptPipeline final : public vtkInSituPipeline {
 public:
  static ScriptPipeline* New();
  vtkTypeMacro(ScriptPipeline, vtkInSituPipeline);

  void set(ScriptSettings settings) { settings_ = std::move(settings); }
  bool has_failed() const { return failed_; }

  bool Initialize() override;
  bool Execute(int step, double time) override;
  bool Finalize() override;

 protected:
  ScriptPipeline();
  ~ScriptPipeline() override;

 private:
  bool note(bool is_well);
  void override_options();

  vtkNew<vtkCPPythonScriptV2Helper> script_;
  ScriptSettings settings_;
  bool failed_ = false;
};

}  // namespace eddyline_paraview
