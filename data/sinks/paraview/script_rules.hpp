#pragma once

namespace eddyline_paraview {

/// Whether this process can open a window of the X display that ParaView draws with; true where its
/// build draws without one (EGL, OSMesa).
bool has_display();

// Both after Python was started and before a script is read.

/// Python errors of a script go to vtkOutputWindow as one line, with the script's own line; what
/// would end the process (sys.exit) is such an error too.
void keep_script_errors();

/// A script that makes a view gets a Python error that says what to do; without it ParaView would
/// abort the program.
void refuse_views();

}  // namespace eddyline_paraview
