#include "apps/command_line.hpp"
#include "apps/trust_flag.hpp"
#include "apps/verbs.hpp"
#include "surrogates/trust.hpp"
#include "workflows/evaluation/run_evaluate.hpp"

namespace eddyline {
namespace {

VerbUsage evaluate_usage() {
  return {.name = "evaluate",
          .description =
              "Scores a trained network against data it has not seen, beside forecasts that cost "
              "nothing (persistence, linear "
              "extrapolation, training mean, climatology), on the same windows and cells: one step "
              "from every window, then "
              "rollouts. Prints a table of one metric and writes all of them to evaluation.json.",
          .flags = {kTrustFlag},
          .example =
              "mpirun -np 2 eddyline evaluate model=runs/quickstart/checkpoints/best.h5 horizon=30",
          .modes = {RunMode::overwrite}};
}

}  // namespace

int run_evaluate(std::vector<std::string> const& arguments, Communicator const& world) {
  if (auto const line = parse_command_line<EvaluateConfig>(arguments, evaluate_usage(), world)) {
    set_trust(line->has(kTrustFlag.first) ? Trust::given : Trust::refused);
    run_evaluate(line->config,
                 line->mode == RunMode::fresh ? Existing::refuse : Existing::overwrite,
                 world,
                 arguments);
  }
  return 0;
}

}  // namespace eddyline
