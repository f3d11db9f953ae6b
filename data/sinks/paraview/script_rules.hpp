#pragma once

#include "data/sinks/paraview/rank_agreement.hpp"

namespace eddyline_paraview {

/// Whether this process can open a window of the X display that ParaView draws with; true where its
/// build draws without one (EGL, OSMesa).
bool has_display();

// All after Python was started and before a script is read.

/// Python errors of a script go to vtkOutputWindow as one line, with the script's own line; what
/// would end the process (sys.exit) is such an error too.
void keep_script_errors();

/// An error in a script on one rank is one on all, before they write or draw together: ranks agree
/// after the script was read, after its own functions and before it draws by itself.
void share_script_errors(RankAgreement& ranks);

/// A script that makes a view gets a Python error that says what to do; without it ParaView would
/// abort the program.
void refuse_views();

}  // namespace eddyline_paraview
