#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace eddyline {

/// One physical quantity: a scalar (order 0), a vector (1) or a rank-2 tensor (2).
struct Field {
  std::string name;
  /// Suffixes of the components in memory order: {""}, {"x","y"}, {"xx","xy","yx","yy"}.
  /// Component k of a vector belongs to the axis of that name.
  std::vector<std::string> components = {""};
  std::string units;
  int order = 0;

  int64_t count() const { return static_cast<int64_t>(components.size()); }
  bool operator==(Field const&) const = default;
};

/// Ordered fields; their components, in this order, are the channels C of a State.
class FieldSet {
 public:
  FieldSet() = default;
  explicit FieldSet(std::vector<Field> fields);

  std::vector<Field> const& fields() const { return fields_; }
  Field const& field(std::string const& name) const;
  /// Number of components of all fields.
  int64_t channels() const;
  /// First channel of the field at `index`.
  int64_t first_channel(size_t index) const;
  /// One name a channel: `density`, `velocity_x`, `D_xy`.
  std::vector<std::string> channel_names() const;
  /// Units of each channel.
  std::vector<std::string> channel_units() const;
  /// Largest number of components of a field; 0 if empty.
  int64_t max_components() const;
  bool empty() const { return fields_.empty(); }
  /// The named fields in the asked order.
  /// \throw Error  naming the known fields, the nearest first
  FieldSet select(std::vector<std::string> const& names) const;
  /// Channels of the named fields of this set, in the asked order.
  std::vector<int64_t> channels_of(std::vector<std::string> const& names) const;
  /// "pressure, velocity (x, y)": for messages and `inspect`.
  std::string describe() const;
  bool operator==(FieldSet const&) const = default;

 private:
  std::vector<Field> fields_;
};

/// Names of the components of a field of `order` on the axes `axes`: row-major products.
std::vector<std::string> component_names(int order, std::vector<std::string> const& axes);

}  // namespace eddyline
