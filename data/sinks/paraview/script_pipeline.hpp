#pragma once

#include <vtkInSituPipeline.h>
#include <vtkNew.h>
#include <vtkSMExtractsController.h>

#include <string>
#include <vector>

#include "data/sinks/paraview/live_link.hpp"

class vtkCPPythonScriptV2Helper;
class vtkSMProxy;

namespace eddyline_paraview {

/// What the run asks of a script beyond what it says itself.
struct ScriptSettings {
  std::string path;
  std::vector<std::string> arguments;
  std::string output_folder;  ///< of what it names by relative paths
  LiveSettings live;          ///< no host: at the address that the script says
};

/// A Python script that ParaView exported for Catalyst, or one like it. Unlike ParaView's own
/// pipeline it says whether the script failed, and what became of a ParaView that watches.
class ScriptPipeline final : public vtkInSituPipeline {
 public:
  static ScriptPipeline* New();
  vtkTypeMacro(ScriptPipeline, vtkInSituPipeline);

  void set(ScriptSettings settings) { settings_ = std::move(settings); }
  bool has_failed() const { return failed_; }
  /// What is wrong with the ParaView that watches, or is to, since the last frame; on all ranks.
  std::string const& live_problem() const { return live_problem_; }

  bool Initialize() override;
  bool Execute(int step, double time) override;
  bool Finalize() override;

 protected:
  ScriptPipeline();
  ~ScriptPipeline() override;

 private:
  bool note(bool is_well);
  void override_options();
  void take_over_live(vtkSMProxy& options);
  bool is_due(char const* trigger, bool is_without) const;
  void show_live(int step, double time);

  vtkNew<vtkCPPythonScriptV2Helper> script_;
  vtkNew<LiveLink> live_;
  vtkNew<vtkSMExtractsController> moment_;  ///< what triggers of frames ask
  ScriptSettings settings_;
  std::string live_problem_;
  bool failed_ = false;
};

}  // namespace eddyline_paraview
