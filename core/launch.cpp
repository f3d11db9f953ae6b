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

/// Variables that a launcher sets for each task it starts, most specific first. SLURM_NTASKS is not
/// among them: it is also set in the shell of an allocation, where a program started alone is one
/// process rightly.
constexpr std::array kTaskVariables = {
    "OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS", "PMI_SIZE", "PMIX_SIZE"};

std::optional<int> count_in(char const* variable) {
  auto const* text = std::getenv(variable);
  char* end = nullptr;
  auto const tasks = text != nullptr ? std::strtol(text, &end, 10) : 0;
  return text != nullptr && end != text && *end == '\0' && tasks > 0
             ? std::optional(static_cast<int>(tasks))
             : std::nullopt;
}

std::optional<LauncherCount> launcher_count() {
  for (auto const* variable : kTaskVariables) {
    // A step of several components counts only its own component's tasks; MPI spans all.
    bool const is_part =
        std::string_view(variable).starts_with("SLURM") && std::getenv("SLURM_HET_SIZE") != nullptr;
    if (auto const tasks = count_in(variable); tasks && !is_part) {
      return LauncherCount{variable, *tasks};
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
                     "--mpi=list') or the mpirun that "
                     "belongs to this MPI; if one process is what you want here, unset ",
                     launcher->variable));
}

std::string describe_launcher() {
  auto const launcher = launcher_count();
  return launcher ? concat(launcher->tasks, " tasks by ", launcher->variable)
                  : std::string("none (started directly)");
}

}  // namespace eddyline
