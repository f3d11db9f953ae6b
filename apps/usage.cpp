#include "apps/usage.hpp"

#include <fmt/format.h>
#include <netcdf.h>

#include <cstdio>

#include <hdf5.h>

#include "apps/verbs.hpp"
#include "core/version.hpp"

namespace eddyline {

std::string program_help() {
  std::string text =
      "eddyline makes and reads PDE, turbulence and climate trajectories, trains surrogates on "
      "them, rolls them out and\n"
      "measures them.\n\n"
      "  eddyline VERB [CONFIG.yaml] [key.sub=value …]      on this machine\n"
      "  mpirun -np 4 eddyline VERB …                       on four ranks (or srun --mpi=pmix)\n\n"
      "verbs:\n";
  for (auto const& verb : verbs()) {
    text += fmt::format("  {:<10} {}\n", verb.name, verb.summary);
  }
  return text +
         "\n  eddyline VERB --help          what it takes, with every key and its default\n"
         "  eddyline VERB --print-config  the same as a YAML file to start from\n"
         "  eddyline --version            this build\n\n"
         "exit codes: 0 done, 1 the machine failed, 2 you can fix it, 3 our bug, 4 diverged, 75 "
         "stopped and resumable\n";
}

std::string version_text() {
  auto const& build = version();
  unsigned major = 0;
  unsigned minor = 0;
  unsigned release = 0;
  H5get_libversion(&major, &minor, &release);
  return fmt::format(
      "eddyline {} (commit {}, {}, {})\n"
      "LibTorch {}\nHDF5 {}.{}.{}\nMPI {}\nnetCDF {}\n",
      build.number,
      build.commit,
      build.compiler,
      build.build_type,
      build.torch,
      major,
      minor,
      release,
      build.mpi,
      nc_inq_libvers());
}

void print_once(Communicator const& world, std::string const& text) {
  if (world.is_root()) {
    std::fputs(text.c_str(), stdout);
    std::fflush(stdout);
  }
}

}  // namespace eddyline
