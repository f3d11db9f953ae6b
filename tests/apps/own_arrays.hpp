// A small HDF5 file of one's own and a configuration that trains on it.
#pragma once

#include <fstream>
#include <limits>

#include <ATen/ATen.h>

#include "tests/apps/process.hpp"
#include "tests/data/formats/array_fixture.hpp"

namespace eddyline {

/// Waves u of 4 trajectories, 8 frames, 8 × 8 cells.
inline at::Tensor own_waves() {
  auto const along = [](int64_t size, int dim) {
    std::vector<int64_t> shape(4, 1);
    shape[static_cast<size_t>(dim)] = size;
    return at::arange(size, at::kFloat).view(shape);
  };
  return at::sin(0.785 * along(8, 2) + 0.3 * along(8, 1) + along(4, 0)) +
         at::cos(0.785 * along(8, 3));
}

/// own.h5, nan.h5 (a cell of a training frame and one of a validation frame are NaN) and
/// train.yaml, whose map says which trajectories are train, valid and test.
class OwnArrays {
 public:
  explicit OwnArrays(std::string const& splits = "{train: [0, 2], valid: [2, 3], test: [3, 4]}") {
    auto values = own_waves();
    add_array(Hdf5File::create(scratch_ / "own.h5"), "u", values);
    values[1][3][2][5] = std::numeric_limits<float>::quiet_NaN();
    values[2][0][7][7] = std::numeric_limits<float>::quiet_NaN();
    add_array(Hdf5File::create(scratch_ / "nan.h5"), "u", values);
    std::ofstream(scratch_ / "train.yaml")
        << "data:\n"
           "  path: " +
               scratch_ / "own.h5" +
               "\n"
               "  format: hdf5\n"
               "  map:\n"
               "    axes: [sample, time, x, y]\n"
               "    fields: [{name: u, data: /u}]\n"
               "    splits: " +
               splits +
               "\n"
               "model:\n"
               "  surrogate: morph\n"
               "  dim: 16\n  heads: 2\n  depth: 1\n  mlp_dim: 16\n  heads_xa: 4\n"
               "  patch: [1, 8, 8]\n  max_patches: 4\n"
               "train:\n"
               "  batch: 4\n  steps: 2\n  log_every: 1\n"
               "  schedule: {kind: constant, peak: 1e-3}\n"
               "run:\n"
               "  folder: " +
               scratch_ / "runs" + "\n";
  }

  std::string operator/(std::string const& name) const { return scratch_ / name; }
  /// `eddyline train` with those overrides, on some ranks. After an error they end together, and
  /// mpirun need not wait a second before it kills who is left.
  Outcome train(std::string const& overrides, int ranks = 1) const {
    return outcome_of(concat("timeout 60 ",
                             ranks > 1 ? mpirun(ranks) + "--mca odls_base_sigkill_timeout 0 " : "",
                             kProgram,
                             " train ",
                             scratch_ / "train.yaml",
                             " ",
                             overrides));
  }

 private:
  Scratch scratch_;
};

}  // namespace eddyline
