#pragma once

#include <string>

#include "surrogates/checkpoints/pytorch_file.hpp"
#include "tests/places.hpp"

namespace eddyline {

/// A checkpoint of the checkout's tests/fixtures: "morph/scalar2d_ar1.pt".
inline PytorchCheckpoint published_fixture(std::string const& name) {
  return read_pytorch(source_folder() / "tests/fixtures" / name);
}

}  // namespace eddyline
