#include <algorithm>

#include "apps/command_line.hpp"
#include "apps/verbs.hpp"
#include "workflows/reporting/run_report.hpp"

namespace eddyline {
namespace {

VerbUsage report_usage(size_t paths) {
  return {.name = "report",
          .description =
              "Writes one HTML page about runs, which needs no network and no other file, and its "
              "pictures as PNG files: configuration and provenance, losses, error against lead "
              "time beside the baselines and the other runs, spectra and conserved sums of truth "
              "and prediction, pictures of truth, prediction and error, an animation, the scores "
              "and the time that each part took. RUN is a run's folder, the folder of a rollout, "
              "or an evaluation.json; what it lacks the page says.",
          .operands = std::vector<std::string>(std::max<size_t>(1, paths), "RUN…"),
          .example = "eddyline report runs/quickstart runs/other out=comparison",
          .modes = {RunMode::overwrite}};
}

}  // namespace

int run_report(std::vector<std::string> const& arguments, Communicator const& world) {
  auto const wants_help = std::count(arguments.begin(), arguments.end(), "--help") > 0;
  auto const line = parse_command_line<ReportConfig>(
      arguments, report_usage(wants_help ? 1 : arguments.size()), world);
  if (!line) {
    return 0;
  }
  auto config = line->config;
  config.runs.insert(config.runs.end(), line->operands.begin(), line->operands.end());
  run_report(config, line->mode == RunMode::fresh ? Existing::refuse : Existing::overwrite, world);
  return 0;
}

}  // namespace eddyline
