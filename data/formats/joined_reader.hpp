#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/formats/reader.hpp"

namespace eddyline {

/// One of several readers whose fields are put together.
struct JoinedPart {
  std::string name;  ///< for messages
  std::unique_ptr<Reader> reader;
  std::vector<std::string> fields;  ///< new names of its fields, in its order; one channel each
};

struct JoinedName {
  std::string name;
  std::string format;
};

/// The fields of all parts, at the times that every part has: trajectories and steps must agree,
/// beginnings and ends may differ. Grid, units of time and scalars are the first part's.
/// \param constants  fields of its first frame are the constant ones; may be null
/// \throw Error  naming the parts that do not fit together, and why
std::unique_ptr<Reader> join_readers(std::vector<JoinedPart> parts,
                                     std::unique_ptr<Reader> constants,
                                     JoinedName const& name);

}  // namespace eddyline
