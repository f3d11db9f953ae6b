// `eddyline train` as a user runs it: a process of its own in a folder of its own.
#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <thread>

#include <gtest/gtest.h>

#include "core/communicator.hpp"
#include "surrogates/checkpoints/native.hpp"
#include "tests/places.hpp"
#include "tests/workflows/tiny_data.hpp"

namespace eddyline {

inline std::string read(std::filesystem::path const& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The program in a folder of its own. Its environment is bare, so that it is not taken for a rank
/// of this test.
class TrainProgram : public testing::Test {
 protected:
  TrainProgram() : self_(Communicator::self()), folder_(self_) {
    std::ofstream(folder_ / "train.yaml")
        << "data:\n"
           "  path: "
        << source_file("tests/fixtures/formats/well/active_matter_mini")
        << "\n"
           "  fields: [concentration]\n"
           "  splits: {by: trajectories, fractions: [0.67, 0.33, 0.0]}\n"
           "model:\n"
           "  surrogate: morph\n"
           "  dim: 32\n  heads: 2\n  depth: 1\n  mlp_dim: 32\n  heads_xa: 4\n"
           "  patch: [1, 8, 8]\n  max_patches: 12\n"
           "train:\n"
           "  batch: 8\n  steps: 120\n  log_every: 5\n"
           "  schedule: {kind: constant, peak: 1e-3}\n"
           "  validate: {every_epochs: 5}\n"
           "  checkpoint: {every_epochs: 4}\n"  // an epoch is one step, quicker than a checkpoint
           "run:\n"
           "  folder: " +
               folder_.path().string() + "/runs\n";
  }

  pid_t start(std::string const& arguments, int ranks = 1) {
    auto const launch = ranks == 1 ? std::string()
                                   : EDDYLINE_MPIRUN " -np " + std::to_string(ranks) +
                                         " --bind-to none --oversubscribe " + launch_options_ + " ";
    auto const command =
        before_ +
        "exec env -i HOME=/tmp PATH=\"$PATH\" OMP_NUM_THREADS=1 OMPI_ALLOW_RUN_AS_ROOT=1 "
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_mpi_yield_when_idle=1 " +
        environment_ + launch + EDDYLINE_PROGRAM " " + verb_ + " " +
        (verb_ == "train" ? (folder_ / "train.yaml").string() : "") + " " + arguments + " > " +
        output().string() + " 2>&1";
    auto const pid = fork();
    if (pid == 0) {
      execl("/bin/sh", "sh", "-c", command.c_str(), static_cast<char*>(nullptr));
      _exit(127);
    }
    return pid;
  }
  static int wait_for(pid_t pid) {
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }
  int run(std::string const& arguments, int ranks = 1) { return wait_for(start(arguments, ranks)); }

  /// Waits until the run has written a row of a step after `step`, so that it is in the middle.
  void wait_for_steps(std::string const& name, int64_t step = 0) const {
    for (int i = 0; i < 600; ++i) {
      auto const table = read(folder_ / ("runs/" + name + "/metrics.csv"));
      auto const row = table.rfind('\n', table.size() - 2);
      if (row != std::string::npos && std::atoll(table.c_str() + row + 1) > step) {
        return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    ADD_FAILURE() << "no step within 30 s: " << read(output());
  }

  NativeCheckpoint last(std::string const& name) const {
    return read_native(folder_ / ("runs/" + name + "/checkpoints/last.h5"));
  }
  std::filesystem::path output() const { return folder_ / "output.txt"; }

  std::string verb_ = "train";  ///< of others all settings are arguments
  Communicator self_;
  tiny::Folder folder_;
  std::string before_;          ///< shell commands that come first: "ulimit -f 64; "
  std::string environment_;     ///< more of it: "A=b C=d "
  std::string launch_options_;  ///< of mpirun
};

}  // namespace eddyline
