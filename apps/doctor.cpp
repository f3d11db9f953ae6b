#include <fmt/format.h>
#include <netcdf.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <hdf5.h>

#include "apps/command_line.hpp"
#include "apps/machine.hpp"
#include "apps/verbs.hpp"
#include "core/device.hpp"
#include "core/launch.hpp"
#include "core/version.hpp"
#include "data/hdf5/library.hpp"
#include "data/hdf5/lzf.hpp"

namespace eddyline {
namespace {

/// What was found of one thing, and what to do about it if it is not well.
struct Finding {
  enum class State { ok, warn } state;
  std::string what;
  std::string found;
  std::string advice = {};
};

Finding ok(std::string what, std::string found) {
  return {Finding::State::ok, std::move(what), std::move(found)};
}
Finding warn(std::string what, std::string found, std::string advice) {
  return {Finding::State::warn, std::move(what), std::move(found), std::move(advice)};
}

std::string gib(int64_t bytes) {
  return fmt::format("{:.1f} GiB",
                     static_cast<double>(bytes) / static_cast<double>(int64_t{1} << 30));
}

/// "node1 x 2, node2 x 2" from one host name a rank.
std::string hosts(Communicator const& world) {
  std::map<std::string, int> ranks;
  for (auto const& host : world.all_gather(host_name())) {
    ++ranks[host];
  }
  std::string text;
  for (auto const& [host, count] : ranks) {
    text += fmt::format("{}{} x {}", text.empty() ? "" : ", ", host, count);
  }
  return text;
}

std::vector<Finding> ranks_and_cores(Communicator const& world) {
  auto const node = ranks_on_node(world);
  auto const cores = usable_cores();
  auto const threads = at::get_num_threads();
  auto const quota = cpu_quota();
  std::vector<Finding> findings = {
      ok("ranks",
         fmt::format("{} on {}; launcher: {}", world.size(), hosts(world), describe_launcher()))};
  auto const text = fmt::format(
      "{} cores for {} ranks of this node, {} threads each", cores, node.size(), threads);
  if (node.size() * threads > std::max(cores, 1) && cores < node.size()) {
    findings.push_back(
        warn("cores", text, "start fewer ranks, or let them spread with mpirun --bind-to none"));
  } else if (quota > 0 && quota < cores) {
    findings.push_back(warn("cores",
                            text,
                            fmt::format("this container may use {:.1f} cores only; set "
                                        "OMP_NUM_THREADS so that ranks x threads fit",
                                        quota)));
  } else {
    findings.push_back(ok("cores", text));
  }
  auto const memory = available_memory();
  auto const found = gib(memory) + " free";
  findings.push_back(
      memory < int64_t{2} << 30
          ? warn("memory", found, "training wants some GiB a rank; end other programs")
          : ok("memory", found));
  return findings;
}

Finding gpus() {
  auto const count = gpu_count();
  if (count > 0) {
    return ok("GPUs", fmt::format("{} usable; device=auto takes them", count));
  }
  return ok("GPUs", "none: " + cuda_state() + "; device=auto takes the CPU");
}

std::string thread_level() {
  int level = 0;
  MPI_Query_thread(&level);
  return level == MPI_THREAD_MULTIPLE ? "threads: multiple"
                                      : fmt::format("threads: level {}", level);
}

std::string hdf5_filters() {
  static std::vector<std::pair<char const*, int>> const kFilters = {{"gzip", H5Z_FILTER_DEFLATE},
                                                                    {"shuffle", H5Z_FILTER_SHUFFLE},
                                                                    {"szip", H5Z_FILTER_SZIP},
                                                                    {"LZF", kLzfFilter}};
  prepare_hdf5();
  std::string text;
  for (auto const& [name, filter] : kFilters) {
    if (H5Zfilter_avail(static_cast<H5Z_filter_t>(filter)) > 0) {
      text += std::string(text.empty() ? "" : ", ") + name;
    }
  }
  return text;
}

std::vector<Finding> libraries() {
  auto const& build = version();
  unsigned major = 0;
  unsigned minor = 0;
  unsigned release = 0;
  H5get_libversion(&major, &minor, &release);
#ifdef H5_HAVE_PARALLEL
  bool const is_parallel = true;
#else
  bool const is_parallel = false;
#endif
  auto const hdf5 = fmt::format("{}.{}.{}; {}; filters: {}",
                                major,
                                minor,
                                release,
                                is_parallel ? "parallel" : "serial",
                                hdf5_filters());
  return {ok("eddyline",
             fmt::format("{} (commit {}, {}, {})",
                         build.number,
                         build.commit,
                         build.compiler,
                         build.build_type)),
          ok("MPI", build.mpi + "; " + thread_level()),
          ok("LibTorch",
             fmt::format("{}; CPU kernels for {}; oneDNN {}",
                         build.torch,
                         at::get_cpu_capability(),
                         at::hasMKLDNN() ? "yes" : "no")),
          is_parallel ? ok("HDF5", hdf5)
                      : warn("HDF5", hdf5, "install libhdf5-openmpi-dev and build again"),
          ok("netCDF", nc_inq_libvers())};
}

std::vector<Finding> pictures() {
  auto const answer = output_of("pvbatch --version");
  auto const found = first_version(answer);
  if (!program_exists("pvbatch") || found.empty()) {
    return {
        warn("ParaView",
             "no pvbatch",
             "install paraview and python3-paraview for pictures; everything else works without")};
  }
  auto const series = found.substr(0, found.rfind('.'));
  std::vector<Finding> findings = {
      ok("ParaView",
         fmt::format("{}{}; connect with a ParaView {}.x client (same major and minor version)",
                     found,
                     program_exists("pvserver") ? " with pvserver" : " without pvserver",
                     series))};
  bool const has_screen = std::getenv("DISPLAY") != nullptr || program_exists("xvfb-run");
  findings.push_back(has_screen ? ok("screen", program_exists("xvfb-run") ? "xvfb-run" : "DISPLAY")
                                : warn("screen",
                                       "no DISPLAY and no xvfb-run",
                                       "install xvfb and xauth, or pictures cannot be drawn"));
  return findings;
}

/// A client that finds no cluster answers with an error instead of "slurm 23.11.4"
/// ("slurm-wlm 22.05.8" on Debian).
Finding scheduler() {
  if (!program_exists("sbatch")) {
    return ok("Slurm", "not here; start ranks with mpirun");
  }
  auto const version = first_line(output_of("sbatch --version"));
  if (!version.starts_with("slurm ") && !version.starts_with("slurm-")) {
    return warn("Slurm",
                "sbatch is here, but no cluster answers it",
                "start ranks with mpirun, or see that slurm.conf names this cluster");
  }
  auto const* job = std::getenv("SLURM_JOB_ID");
  return ok("Slurm",
            version + (job != nullptr ? std::string(", in job ") + job : ", not in a job"));
}

Finding disk() {
  std::error_code code;
  auto const space = std::filesystem::space(".", code);
  auto const found = code ? std::string("unknown")
                          : gib(static_cast<int64_t>(space.available)) + " free in this folder";
  bool const is_low = code || space.available < (uintmax_t{5} << 30);
  return is_low ? warn("disk",
                       found,
                       "runs write checkpoints and rollouts; choose a folder with more space")
                : ok("disk", found);
}

std::string table(std::vector<Finding> const& findings) {
  std::string text;
  for (auto const& finding : findings) {
    bool const is_well = finding.state == Finding::State::ok;
    text += fmt::format("{:<5} {:<9} {}{}{}\n",
                        is_well ? "ok" : "warn",
                        finding.what,
                        finding.found,
                        is_well ? "" : "; ",
                        finding.advice);
  }
  return text;
}

}  // namespace

int run_doctor(std::vector<std::string> const& arguments, Communicator const& world) {
  VerbUsage const usage = {.name = "doctor",
                           .description =
                               "Says what this machine has: ranks, cores, memory, GPUs, libraries, "
                               "ParaView, Slurm and disk.",
                           .example = "mpirun -np 2 eddyline doctor"};
  Words words;
  world.together([&] { words = sort_words(arguments, usage); });
  if (words.wish != Words::Wish::run) {
    print_usage(usage, "", world);
    return 0;
  }
  auto findings = ranks_and_cores(world);
  if (world.is_root()) {
    auto const add = [&](std::vector<Finding> const& more) {
      findings.insert(findings.end(), more.begin(), more.end());
    };
    add({gpus()});
    add(libraries());
    add(pictures());
    add({scheduler(), disk()});
    print_once(world, table(findings));
  }
  world.barrier();
  return 0;
}

}  // namespace eddyline
