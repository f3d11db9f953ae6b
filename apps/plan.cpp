#include "workflows/planning/plan.hpp"

#include <iostream>

#include "apps/command_line.hpp"
#include "apps/trust_flag.hpp"
#include "apps/verbs.hpp"
#include "core/yaml.hpp"
#include "surrogates/trust.hpp"

namespace eddyline {
namespace {

VerbUsage plan_usage() {
  return {.name = "plan",
          .description =
              "Says before a training or a rollout what a rank will need: the most memory and what "
              "it is for, and the bytes that it sends in a step by what they are for, for every "
              "number of ranks up to plan.ranks and every parallel.domain that the grid and the "
              "network's patch allow. It takes the configuration of the run (of a rollout where "
              "model names a checkpoint), opens the data, and tries steps of one rank on this "
              "processor with made-up numbers while nothing is sent; what is too big to try here "
              "is marked ~ and goes on from steps on fewer cells.",
          .flags = {kTrustFlag},
          .example = "eddyline plan train.yaml plan.ranks=8"};
}

/// A training's model is a section, a rollout's the path of a checkpoint.
bool names_a_checkpoint(YamlNode const* model) {
  return model != nullptr && model->kind == YamlNode::Kind::scalar && !model->text.empty();
}

/// True if the configuration is that of a rollout.
bool is_rollout(std::vector<std::string> const& arguments, Communicator const& world) {
  auto const words = sort_words(arguments, plan_usage());
  for (auto const& word : words.overrides) {
    constexpr std::string_view kModel = "model=";
    if (word.starts_with(kModel)) {
      auto const model = parse_yaml(word.substr(kModel.size()), "override '" + word + "'");
      return names_a_checkpoint(&model);
    }
  }
  if (!words.config_file) {
    return false;
  }
  auto const text = read_config_file(*words.config_file, world);
  return names_a_checkpoint(parse_yaml(text, *words.config_file).find("model"));
}

template <class C>
int print_plan(std::vector<std::string> const& arguments, Communicator const& world) {
  auto const line = parse_command_line<C>(arguments, plan_usage(), world);
  if (!line) {
    return 0;
  }
  world.together([&] {
    require(world.size() == 1, "plan tries the ranks one by one; run it without mpirun");
  });
  set_trust(line->has(kTrustFlag.first) ? Trust::given : Trust::refused);
  std::cout << plan_table(plan(line->config));
  return 0;
}

}  // namespace

int run_plan(std::vector<std::string> const& arguments, Communicator const& world) {
  return is_rollout(arguments, world) ? print_plan<RolloutPlanConfig>(arguments, world)
                                      : print_plan<PlanJobConfig>(arguments, world);
}

}  // namespace eddyline
