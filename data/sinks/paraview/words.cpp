#include "data/sinks/paraview/words.hpp"

#include <vtkObjectFactory.h>

#include <cstdio>
#include <string_view>
#include <utility>

namespace eddyline_paraview {
namespace {

constexpr int kMostErrors = 2;         // a pipeline may complain in every filter
constexpr size_t kLongestError = 500;  // bytes

constexpr std::string_view kVtkError = "ERROR: In ";

/// "vtkXMLWriter (0x55ce): it failed" of "ERROR: In vtkXMLWriter.cxx, line 651\nvtkXMLWriter …".
std::string_view first_line_after(std::string_view text, std::string_view mark) {
  auto const begin = mark == kVtkError ? text.find('\n') + 1 : mark.size();
  auto const line = text.substr(std::min(begin, text.size()));
  return line.substr(0, std::min(line.find('\n'), kLongestError));
}

}  // namespace

vtkStandardNewMacro(Words);

void Words::DisplayText(char const* text) {
  std::fputs(text, stdout);
  std::fflush(stdout);
}

void Words::DisplayErrorText(char const* text) {
  std::string_view const whole = text == nullptr ? "" : text;
  auto const mark = whole.starts_with(kVtkError) ? kVtkError : std::string_view(kScriptError);
  // Python's standard error comes here too. Debian's build lacks steering and says so at each step.
  if (!whole.starts_with(mark) || whole.find("IOCatalystConduit") != whole.npos ||
      count_ == kMostErrors) {
    return;
  }
  errors_ += (errors_.empty() ? "" : "; ") + std::string(first_line_after(whole, mark));
  ++count_;
}

std::string Words::take() {
  count_ = 0;
  return std::exchange(errors_, {});
}

}  // namespace eddyline_paraview
