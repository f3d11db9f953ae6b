#include "apps/verbs.hpp"

#include "core/error.hpp"
#include "core/nearest.hpp"

namespace eddyline {

std::vector<Verb> const& verbs() {
  static std::vector<Verb> const table = {
      {"simulate", "makes a data set with a built-in solver, in The Well's layout", run_simulate},
      {"stats", "prints mean, deviation and changes of every channel of a data set", run_stats},
      {"train", "trains a surrogate on trajectories, on any number of ranks", run_train},
      {"plan", "says what memory and traffic a training will need, for every split", run_plan},
      {"rollout", "lets a model or a solver step on, and writes every frame", run_rollout},
      {"evaluate", "scores a model beside persistence and other free forecasts", run_evaluate},
      {"report",
       "writes a page about runs: losses, errors, spectra, pictures, timings",
       run_report},
      {"inspect", "says in words what a data set or a checkpoint holds", run_inspect},
      {"convert", "makes a checkpoint of a published MORPH's PyTorch file", run_convert},
      {"doctor", "says what this machine has, and what to do about what is missing", run_doctor},
  };
  return table;
}

Verb const& verb_named(std::string const& name) {
  std::vector<std::string> known;
  for (auto const& verb : verbs()) {
    if (verb.name == name) {
      return verb;
    }
    known.push_back(verb.name);
  }
  throw Error(concat(
      "there is no verb '", name, "'", did_you_mean(name, known), "; see 'eddyline --help'"));
}

}  // namespace eddyline
