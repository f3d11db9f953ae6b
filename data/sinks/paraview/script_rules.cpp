#include "data/sinks/paraview/script_rules.hpp"

#include <dlfcn.h>
#include <vtkPython.h>  // first, as Python asks
#include <vtkPythonInterpreter.h>
#include <vtkRenderWindow.h>
#include <vtkSmartPointer.h>

#include <string_view>

namespace eddyline_paraview {
namespace {

/// The deepest line that is not ParaView's or Python's own is the script's.
constexpr char const* kErrors = R"(
import builtins, logging, sys, traceback

class _EddylineAgreed(BaseException):
    """An error that all ranks have agreed on; no script catches it."""

def _eddyline_words(error, trace):
    if isinstance(error, _EddylineAgreed):
        return str(error)
    own = [step for step in traceback.extract_tb(trace)
           if 'dist-packages' not in step.filename and 'site-packages' not in step.filename
           and 'importlib' not in step.filename and not step.filename.startswith('<')]
    kind = type(error).__name__
    if isinstance(error, SyntaxError):
        return '%s: %s (line %s of %s)' % (kind, error.msg, error.lineno, error.filename)
    return '%s: %s' % (kind, error) + (' (line %d of %s)' % (own[-1].lineno, own[-1].filename) if own else '')

def _eddyline_keep(kind, error, trace):
    from vtkmodules.vtkCommonCore import vtkOutputWindow
    vtkOutputWindow.GetInstance().DisplayErrorText('SCRIPT: ' + _eddyline_words(error, trace))

def _eddyline_stay(*status):
    raise RuntimeError('the script asks Python to exit%s' % (' with %r' % status if status else ''))

sys.excepthook = _eddyline_keep
logging.raiseExceptions = False  # ParaView's own log handler fails where stderr is silent
sys.exit = builtins.exit = builtins.quit = _eddyline_stay
)";

/// ParaView calls the first three by their names, and a script the others.
constexpr char const* kTogether = R"(
import paraview.catalyst.v2_internals, paraview.simple

def _eddyline_agree(words):
    import _eddyline_ranks
    words = _eddyline_ranks.agree(words)
    if words:
        raise _EddylineAgreed(words)

def _eddyline_before_others(call):
    def together(*given):
        try:
            result, words = call(*given), ''
        except _EddylineAgreed:
            raise
        except BaseException as error:
            result, words = None, _eddyline_words(error, error.__traceback__)
        _eddyline_agree(words)
        return result
    return together

def _eddyline_with_others(call):
    def together(*given, **named):
        _eddyline_agree('')
        return call(*given, **named)
    return together

for _eddyline_place, _eddyline_rule, _eddyline_names in (
        (paraview.catalyst.v2_internals, _eddyline_before_others,
         ('import_and_validate', 'do_catalyst_initialize', 'do_catalyst_execute')),
        (paraview.simple, _eddyline_with_others, ('Render', 'RenderAllViews', 'SaveScreenshot'))):
    for _eddyline_name in _eddyline_names:
        setattr(_eddyline_place, _eddyline_name, _eddyline_rule(getattr(_eddyline_place, _eddyline_name)))
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

RankAgreement* agreement = nullptr;  ///< of the one session

PyObject* agree(PyObject* /*self*/, PyObject* words) {
  auto const* const own = PyUnicode_AsUTF8(words);
  if (own == nullptr) {
    return nullptr;
  }
  auto const text = agreement->agreed(own);
  return PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace");
}

PyMethodDef agree_method = {"agree", agree, METH_O, nullptr};

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

void share_script_errors(RankAgreement& ranks) {
  agreement = &ranks;
  {
    vtkPythonScopeGilEnsurer const lock;
    auto* const module = PyImport_AddModule("_eddyline_ranks");
    PyModule_AddObject(module, agree_method.ml_name, PyCFunction_New(&agree_method, nullptr));
  }
  vtkPythonInterpreter::RunSimpleString(kTogether);
}

void refuse_views() {
  vtkPythonInterpreter::RunSimpleString(kViews);
}

}  // namespace eddyline_paraview
