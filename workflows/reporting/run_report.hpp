#pragma once

#include <filesystem>

#include "core/communicator.hpp"
#include "workflows/reporting/report_config.hpp"
#include "workflows/run_folder.hpp"

namespace eddyline {

/// Writes report.html, the same pictures as PNG and GIF files, and the numbers that were drawn
/// (report.json, report.h5) into a folder. The page holds all it shows: it needs no network and no
/// other file. What a run lacks is said on the page, with the command that makes it. Collective;
/// rank 0 works.
/// \return  path of the page
/// \throw Error    if a path is no run, a field or trajectory does not exist, the page is there
///                 already, or Python cannot draw
std::filesystem::path run_report(ReportConfig const& config,
                                 Existing existing,
                                 Communicator const& world);

}  // namespace eddyline
