#pragma once

#include <string>
#include <vector>

#include "apps/verb.hpp"

namespace eddyline {

// One file a verb: apps/<verb>.cpp.
int run_simulate(std::vector<std::string> const& arguments, Communicator const& world);
int run_train(std::vector<std::string> const& arguments, Communicator const& world);
int run_plan(std::vector<std::string> const& arguments, Communicator const& world);
int run_rollout(std::vector<std::string> const& arguments, Communicator const& world);
int run_evaluate(std::vector<std::string> const& arguments, Communicator const& world);
int run_report(std::vector<std::string> const& arguments, Communicator const& world);
int run_inspect(std::vector<std::string> const& arguments, Communicator const& world);
int run_convert(std::vector<std::string> const& arguments, Communicator const& world);
int run_doctor(std::vector<std::string> const& arguments, Communicator const& world);
int run_stats(std::vector<std::string> const& arguments, Communicator const& world);

/// All verbs, in the order of the help.
std::vector<Verb> const& verbs();
/// \throw Error  naming the nearest verb
Verb const& verb_named(std::string const& name);

}  // namespace eddyline
