#include "core/launch.hpp"

#include <array>
#include <cstdlib>
#include <optional>

#include "core/error.hpp"

namespace eddyline {
namespace {

struct LauncherCount {
  char const* variable;
  int tasks;
};

/// Variables that a launcher sets for each task it starts, most specific first.
constexpr std::array kTaskVariables = {
    "OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS", "PMI_SIZE", "PMIX_SIZE"};

std::optional<LauncherCount> launcher_count() {
  for (auto const* variable : kTaskVariables) {
    if (auto const* text = std::getenv(variable)) {
      char* end = nullptr;
      auto const tasks = std::strtol(text, &end, 10);
      if (end != text && tasks > 0) {
        return LauncherCount{variable, static_cast<int>(tasks)};
      }
    }
  }
  return std::nullopt;
}

}  // namespace

void check_launch(int mpi_size) {
  auto const launcher = launcher_count();
  if (!launcher || launcher->tasks == mpi_size) {
    return;
  }
  throw Error(concat("the launcher started ",
                     launcher->tasks,
                     " tasks (",
                     launcher->variable,
                     ") but MPI sees ",
                     mpi_size,
                     "; the ranks do not know each other: use 'srun --mpi=pmix' (see 'srun "
                     "--mpi=list') or the mpirun "
                     "that belongs to this MPI"));
}

std::string describe_launcher() {
  auto const launcher = launcher_count();
  return launcher ? concat(launcher->tasks, " tasks by ", launcher->variable)
                  : std::string("none (started directly)");
}

}  // namespace eddyline
