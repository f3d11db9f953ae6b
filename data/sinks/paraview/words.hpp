#pragma once

#include <vtkOutputWindow.h>

#include <string>

namespace eddyline_paraview {

/// What an error text of a Python script begins with (script_rules.hpp).
constexpr char const* kScriptError = "SCRIPT: ";

/// Keeps the errors of ParaView and of scripts instead of printing them. What scripts print goes to
/// standard output; other words are dropped.
class Words final : public vtkOutputWindow {
 public:
  static Words* New();
  vtkTypeMacro(Words, vtkOutputWindow);

  void DisplayText(char const* text) override;
  void DisplayErrorText(char const* text) override;
  void DisplayWarningText(char const*) override {}
  void DisplayGenericWarningText(char const*) override {}
  void DisplayDebugText(char const*) override {}

  /// The first errors since the last call, one after the other; "" if there were none.
  std::string take();

 private:
  std::string errors_;
  int count_ = 0;
};

}  // namespace eddyline_paraview
