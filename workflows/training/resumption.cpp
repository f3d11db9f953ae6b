#include "workflows/training/resumption.hpp"

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "workflows/compatibility.hpp"
#include "workflows/training/config_differences.hpp"
#include "workflows/training/train_job.hpp"

namespace eddyline {
namespace {

constexpr char const* kStartAnew = "start a new run from its weights with train.from";

/// What a resumed run may have changed.
std::vector<std::string> const& free_keys() {
  static std::vector<std::string> const keys = {"train.epochs",
                                                "train.steps",
                                                "train.time_limit",
                                                "train.log_every",
                                                "train.validate.every_steps",
                                                "train.checkpoint",
                                                "train.validate.patience",
                                                "train.allow",
                                                "run",
                                                "parallel",
                                                "catalyst",
                                                "data.cache",
                                                "data.path"};
  return keys;
}

}  // namespace

std::optional<NativeCheckpoint> last_checkpoint(RunFolder const& folder,
                                                Communicator const& ranks) {
  auto const path = folder.checkpoints() / "last.h5";
  // One rank looks, so that all do the same on a file system that shows a new file late.
  auto const is_there = static_cast<int64_t>(ranks.is_root() && std::filesystem::exists(path));
  if (ranks.all_reduce(is_there, Reduction::max) == 0) {
    return std::nullopt;
  }
  std::optional<NativeCheckpoint> checkpoint;
  ranks.together([&] { checkpoint = read_native(path); });
  return checkpoint;
}

void check_same_settings(NativeCheckpoint const& checkpoint, std::string const& config) {
  auto const& facts = checkpoint.facts;
  require(facts.contains("run") && facts["run"].contains("config"),
          "the checkpoint was not written by a training run");
  // A setting that the run did not know yet has its default, which changes nothing.
  auto const before = print_config(parse_config<TrainJobConfig>(
      facts["run"]["config"].get<std::string>(), "the run's configuration"));
  std::string list;
  for (auto const& difference : config_differences(config, before, free_keys())) {
    list += "\n  " + difference;
  }
  require(list.empty(),
          "a resumed run keeps its settings, but these differ:",
          list,
          "\n  take them back, or ",
          kStartAnew);
}

void check_same_data(nlohmann::json const& before,
                     Dataset const& training,
                     std::vector<std::string> const& allow,
                     std::string const& where) {
  check_compatible(data_facts_from_json(before), data_facts(*training.batch_spec()), allow, where);
  auto const windows = before.value("windows", training.windows());
  require(windows == training.windows(),
          "the training part of ",
          where,
          " has ",
          training.windows(),
          " samples, but the run began with ",
          windows,
          ": its place in the epoch means nothing there; resume on the same data, or ",
          kStartAnew);
}

}  // namespace eddyline
