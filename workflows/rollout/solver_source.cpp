#include "core/error.hpp"
#include "solvers/registry.hpp"
#include "workflows/rollout/rollout_source.hpp"
#include "workflows/rollout/solver_division.hpp"

namespace eddyline {
namespace {

/// The ranks of a domain solve trajectories together, each a block of them.
class SolverSource final : public RolloutSource {
 public:
  SolverSource(RolloutConfig const& config, std::shared_ptr<Mesh const> const& mesh)
      : config_(config), mesh_(mesh), example_(make()) {
    require(!config_.seeds.empty(), "seeds is empty; name one for each trajectory");
    announce_division(*example_, *mesh_);
  }

  RolloutDescription description() const override {
    auto const spec = example_->spec();
    RolloutDescription description{.name = example_->name(),
                                   .made_by = example_->name(),
                                   .fields = spec->fields,
                                   .grid = spec->grid,
                                   .time_unit = spec->time_unit};
    for (auto const& [name, value] : example_->parameters()) {
      description.scalars.push_back(name);
    }
    description.scalars.emplace_back("seed");  // as 'eddyline simulate' has it
    for (auto const seed : config_.seeds) {
      auto parameters = example_->parameters();
      parameters["seed"] = static_cast<double>(seed);
      description.trajectories.push_back({concat("seed ", seed), std::move(parameters)});
    }
    return description;
  }

  Block block() const override { return example_->spec()->block; }
  int64_t history() const override { return example_->history(); }

  RolloutStart start(TrajectoryShare const& share) override {
    auto solver = make();
    std::vector<uint64_t> seeds;
    for (int64_t i = 0; i < share.count(); ++i) {
      seeds.push_back(static_cast<uint64_t>(config_.seeds[static_cast<size_t>(share[i])]));
    }
    auto const first = solver->initial(seeds);
    History history(solver->history(), solver->spec());
    history.push(first.values, first.time);
    return {std::move(solver), std::move(history), {}};
  }

 private:
  std::unique_ptr<Solver> make() const {
    auto const& entry = solver_entry(config_.solver);
    return with_context([&] { return entry.make(config_.equation.text, mesh_->domain()); },
                        "reading 'equation' of solver '",
                        entry.name,
                        "'");
  }

  RolloutConfig config_;
  std::shared_ptr<Mesh const> mesh_;
  std::unique_ptr<Solver> example_;
};

}  // namespace

std::unique_ptr<RolloutSource> make_solver_source(RolloutConfig const& config,
                                                  std::shared_ptr<Mesh const> const& mesh) {
  return std::make_unique<SolverSource>(config, mesh);
}

}  // namespace eddyline
