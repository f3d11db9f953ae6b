#pragma once

#include <array>
#include <utility>

#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

#include "core/communicator.hpp"
#include "core/config.hpp"

namespace eddyline {

/// Type of activations on their way between the ranks of a sample: as computed, or bfloat16 where
/// they are of a larger real type (half the bytes of float32, three digits).
enum class Flight { as_computed, bf16 };

template <>
struct EnumNames<Flight> {
  static constexpr auto names = std::to_array<std::pair<Flight, char const*>>(
      {{Flight::as_computed, "as_computed"}, {Flight::bf16, "bf16"}});
};

/// The ranks of a run as a mesh data × domain: the ranks of a domain share every sample, each with
/// a block of its cells; domains work on different samples. Ranks of one domain are neighbours in
/// the world's order, and among them those along W: they talk most.
class Mesh {
 public:
  /// Collective over `world`.
  /// \param parts  ranks on D, H, W of a sample (`parallel.domain`)
  /// \throw Error  if a part is < 1 or the product does not divide the ranks
  Mesh(Communicator const& world, std::array<int, 3> parts, Flight flight = Flight::as_computed);

  Communicator const& world() const { return world_; }
  /// The ranks that hold this block of other samples.
  Communicator const& data() const { return data_; }
  /// The ranks that share this rank's samples; rank numbers as Decomposition has them.
  Communicator const& domain() const { return domain_; }

  std::array<int, 3> parts() const { return parts_; }
  std::array<int, 3> position() const { return position_; }
  Flight flight() const { return flight_; }
  /// Samples are divided in space.
  bool is_split() const { return domain_.size() > 1; }

  using Group = c10::intrusive_ptr<c10d::ProcessGroup>;
  /// Of domain(); null if samples are not split.
  Group const& group() const { return group_; }
  /// Of the ranks in line along an axis; null if it is not split.
  Group const& line(size_t axis) const { return lines_[axis]; }

 private:
  Communicator world_;
  Communicator data_, domain_;
  std::array<int, 3> parts_, position_;
  Flight flight_;
  Group group_;
  std::array<Group, 3> lines_;
};

}  // namespace eddyline
