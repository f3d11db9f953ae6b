#include "workflows/planning/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "core/error.hpp"
#include "core/memory_room.hpp"
#include "core/progress.hpp"
#include "workflows/rehearsal/memory_check.hpp"
#include "workflows/rehearsal/ways_to_share.hpp"
#include "workflows/rollout/rollout_source.hpp"
#include "workflows/training/training_rehearsal.hpp"

namespace eddyline {
namespace {

/// Of what is free, so that other programs go on.
constexpr double kUsableShare = 0.8;

void check(PlanConfig const& config) {
  require(config.ranks >= 1, "plan.ranks is ", config.ranks, "; it is >= 1");
  require(config.memory >= 0, "plan.memory is ", config.memory, "; it is >= 0");
}

/// Bytes of this process that are no tensors: what it holds before it opens anything, and the
/// libraries' code, of which a step touches more than a start.
class OwnMemory {
 public:
  double bytes() const { return anonymous_ + proc_bytes(kStatus, "RssFile", 0) + shared(); }

 private:
  static double shared() { return proc_bytes(kStatus, "RssShmem", 0); }
  static constexpr char const* kStatus = "/proc/self/status";
  double anonymous_ = proc_bytes(kStatus, "RssAnon", 0);
};

/// Tries a step, or steps on fewer cells where it does not fit.
void take_needs(PlanRow& row, Rehearsal const& rehearsal, double obtainable) {
  row.needs = quick_needs(rehearsal, row.sharing).value_or(RankNeeds{});
  bool const is_known = row.needs.samples > 0;
  if (is_known && row.needs.is_scaled && static_cast<double>(row.needs.bytes()) >= obtainable) {
    return;
  }
  forget_peak_resident_memory();
  auto const before = peak_resident_memory();
  row.needs = rehearsal.needs(row.sharing).value();
  row.scratch = static_cast<double>(
      std::max<int64_t>(0, peak_resident_memory() - before - row.needs.tried_bytes));
}

std::vector<PlanRow> plan_of(Rehearsal const& rehearsal,
                             OwnMemory const& own,
                             PlanConfig const& config,
                             std::optional<double> obtainable) {
  auto const total =
      proc_bytes("/proc/meminfo", "MemTotal", std::numeric_limits<double>::infinity());
  std::vector<PlanRow> rows;
  for (auto const& way : ways_to_share(rehearsal, config.ranks)) {
    rows.push_back({.sharing = way});
  }
  // The smallest blocks first: what they take stays with this process.
  std::vector<PlanRow*> order;
  for (auto& row : rows) {
    order.push_back(&row);
  }
  std::ranges::stable_sort(
      order, {}, [&](auto const* row) { return rehearsal.cells_and_samples(row->sharing); });
  auto const usable = obtainable.value_or(kUsableShare * memory_room(1).left);
  Progress progress("plan", 0);
  for (size_t i = 0; i < order.size(); ++i) {
    take_needs(*order[i], rehearsal, usable);
    progress.update(
        {.step = static_cast<int64_t>(i) + 1, .steps = static_cast<int64_t>(order.size())});
  }
  for (auto& row : rows) {
    row.process = own.bytes();
    row.memory = row.process + row.scratch + static_cast<double>(row.needs.bytes());
    row.fits =
        row.memory <= (config.memory > 0 ? config.memory * 0x1p30 : total / row.sharing.ranks);
  }
  return rows;
}

std::string sent_text(RankNeeds const& needs) {
  std::string text;
  for (auto const& [kind, bytes] : needs.sent) {
    text += fmt::format(
        "{}{}{} {}", text.empty() ? "" : ", ", needs.is_scaled ? "~ " : "", kind, bytes);
  }
  return text.empty() ? "nothing" : text;
}

/// "0.201 process, 0.010 weights, …, 0.120 activations"
std::string parts_text(PlanRow const& row) {
  auto text = fmt::format("{:.3f} process", row.process / 0x1p30);
  auto rest = static_cast<double>(row.needs.bytes());
  for (auto const* name : {"weights", "gradients", "moments", "messages", "data", "frames"}) {
    if (auto const found = row.needs.parts.find(name); found != row.needs.parts.end()) {
      auto const bytes = static_cast<double>(found->second);
      text += fmt::format(", {:.3f} {}", bytes / 0x1p30, name);
      rest -= bytes;
    }
  }
  return text + fmt::format(", {:.3f} activations, {:.3f} scratch",
                            std::max(0.0, rest) / 0x1p30,
                            row.scratch / 0x1p30);
}

}  // namespace

std::vector<PlanRow> plan(PlanJobConfig const& config, std::optional<double> obtainable) {
  check(config.plan);
  OwnMemory const own;
  return plan_of(TrainingRehearsal(config), own, config.plan, obtainable);
}

std::vector<PlanRow> plan(RolloutPlanConfig const& config, std::optional<double> obtainable) {
  check(config.plan);
  require(config.solver.empty(),
          "plan is of rollouts of a network: name it in model; a solver's ranks send nothing");
  require(!config.model.empty(), "model is empty; name the checkpoint that is rolled out");
  OwnMemory const own;
  RolloutConfig alone = config;
  alone.device = DeviceKind::cpu;
  alone.check_memory = false;
  auto const source = make_model_source(
      alone, std::make_shared<Mesh const>(Communicator::self(), std::array<int, 3>{1, 1, 1}));
  return plan_of(*source->rehearsal(), own, config.plan, obtainable);
}

std::string plan_table(std::vector<PlanRow> const& rows) {
  auto text = fmt::format("{:>5}  {:<10} {:>7}  {:<14} {:<5} {}\n",
                          "ranks",
                          "domain",
                          "samples",
                          "memory/rank",
                          "fits",
                          "bytes that a rank sends in a step, and what its memory is for [GiB]");
  for (auto const& row : rows) {
    auto const& domain = row.sharing.domain;
    text += fmt::format(
        "{:>5}  {:<10} {:>7}  {:<14} {:<5} {}; {}\n",
        row.sharing.ranks,
        fmt::format("[{}, {}, {}]", domain[0], domain[1], domain[2]),
        row.needs.samples,
        fmt::format("{}{:.3f} GiB", row.needs.is_scaled ? "~ " : "", row.memory / 0x1p30),
        row.fits ? "yes" : "no",
        sent_text(row.needs),
        parts_text(row));
  }
  return text;
}

}  // namespace eddyline
