#include "workflows/mesh_config.hpp"

#include <algorithm>
#include <limits>

#include "core/error.hpp"
#include "surrogates/registry.hpp"

namespace eddyline {
namespace {

/// Names of the networks that work on a part of a sample.
std::vector<std::string> splitting_surrogates() {
  std::vector<std::string> names;
  for (auto const& entry : surrogate_registry()) {
    if (entry.splits_samples) {
      names.push_back(entry.name);
    }
  }
  return names;
}

}  // namespace

std::shared_ptr<Mesh const> make_mesh(MeshConfig const& config, Communicator const& world) {
  std::array<int, 3> parts{};
  for (size_t a = 0; a < 3; ++a) {
    parts[a] =
        static_cast<int>(std::clamp<int64_t>(config.domain[a], 0, std::numeric_limits<int>::max()));
  }
  return std::make_shared<Mesh const>(world, parts, config.in_flight);
}

void check_splits(std::string const& surrogate, Mesh const& mesh) {
  require(!mesh.is_split() || surrogate_entry(surrogate).splits_samples,
          "parallel.domain splits samples, which the network '",
          surrogate,
          "' cannot work on; those that can are ",
          splitting_surrogates());
}

}  // namespace eddyline
