#pragma once

#include <string>

namespace eddyline {

/// Refuses N silent singletons: where the launcher (Slurm, PMI, OpenMPI) says by its environment
/// that it started several tasks while MPI sees only `mpi_size`, the ranks do not know each other.
/// \throw Error  naming both counts, the variable it was read from and how to launch instead
void check_launch(int mpi_size);

/// The text `doctor` prints: which launcher started this process and how many tasks it says.
std::string describe_launcher();

}  // namespace eddyline
