#include "data/sinks/paraview/script_rules.hpp"

#include <dlfcn.h>
#include <vtkPythonInterpreter.h>
#include <vtkRenderWindow.h>
#include <vtkSmartPointer.h>

#include <string_view>

namespace eddyline_paraview {
namespace {

/// The deepest line that is not ParaView's or Python's own is the script's.
constexpr char const* kErrors = R"(
import builtins, logging, sys, traceback

def _eddyline_keep(kind, error, trace):
    from vtkmodules.vtkCommonCore import vtkOutputWindow
    own = [step for step in traceback.extract_tb(trace)
           if 'dist-packages' not in step.filename and 'site-packages' not in step.filename
           and 'importlib' not in step.filename and not step.filename.startswith('<')]
    if isinstance(error, SyntaxError):
        place = ' (line %s of %s)' % (error.lineno, error.filename)
        error = error.msg
    else:
        place = ' (line %d of %s)' % (own[-1].lineno, own[-1].filename) if own else ''
    vtkOutputWindow.GetInstance().DisplayErrorText('SCRIPT: %s: %s%s' % (kind.__name__, error, place))

def _eddyline_stay(*status):
    raise RuntimeError('the script asks Python to exit%s' % (' with %r' % status if status else ''))

sys.excepthook = _eddyline_keep
logging.raiseExceptions = False  # ParaView's own log handler fails where stderr is silent
sys.exit = builtins.exit = builtins.quit = _eddyline_stay
)";

/// In place of paraview.simple's: all of ParaView's ways to a view go through it.
constexpr char const* kViews = R"(
import paraview.simple

def _eddyline_no_view(*words, **more):
    raise RuntimeError('the script draws, which needs a display, and there is none (DISPLAY is not set, or no X '
                       'server answers there); start the run under \'xvfb-run -a -s "-screen 0 1280x1024x24 '
                       '-noreset"\', or take a script that only writes extracts')

paraview.simple.CreateView = _eddyline_no_view
)";

}  // namespace

bool has_display() {
  auto const window = vtkSmartPointer<vtkRenderWindow>::New();
  if (std::string_view(window->GetClassName()) != "vtkXOpenGLRenderWindow") {
    return true;
  }
  // VTK is linked to X already; its headers are not needed for two calls.
  using Open = void* (*)(char const*);
  using Close = int (*)(void*);
  auto const open = reinterpret_cast<Open>(dlsym(RTLD_DEFAULT, "XOpenDisplay"));
  auto const close = reinterpret_cast<Close>(dlsym(RTLD_DEFAULT, "XCloseDisplay"));
  if (open == nullptr || close == nullptr) {
    return false;
  }
  auto* const display = open(nullptr);
  if (display == nullptr) {
    return false;
  }
  close(display);
  return true;
}

void keep_script_errors() {
  vtkPythonInterpreter::RunSimpleString(kErrors);
}

void refuse_views() {
  vtkPythonInterpreter::RunSimpleString(kViews);
}

}  // namespace eddyline_paraview
