#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "core/config.hpp"
#include "core/mesh.hpp"

namespace eddyline {

/// `parallel`: how the ranks of a run share its samples. The same keys for every verb.
struct MeshConfig {
  std::array<int64_t, 3> domain = {1, 1, 1};
  Flight in_flight = Flight::as_computed;

  template <class Visitor>
  void visit(Visitor&& v) {
    v("domain",
      domain,
      "ranks on D, H, W that split every sample in space; what remains of the ranks works on other "
      "samples");
    v("in_flight",
      in_flight,
      "type of activations between the ranks of a sample: as_computed, or bf16 (half the bytes)");
  }
};

/// Collective. \throw Error  if the parts do not divide the ranks
std::shared_ptr<Mesh const> make_mesh(MeshConfig const& config, Communicator const& world);

/// \throw Error  if samples are split and the network cannot work on a block, naming those that can
void check_splits(std::string const& surrogate, Mesh const& mesh);

}  // namespace eddyline
