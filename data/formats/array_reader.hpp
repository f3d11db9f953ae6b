#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/formats/array_map.hpp"
#include "data/formats/array_store.hpp"
#include "data/formats/reader.hpp"

namespace eddyline {

/// Reads arrays of the user's own as the map says. Trajectories are numbered piece by piece, then
/// along the axis `sample`. Each read asks for the box and the frames only. Times that have one
/// entry too many (as in PDEBench) lose the last one. \param format  "hdf5" or "npy", for the
/// DatasetSpec \throw Error   naming array, its shape and what the map says of it
std::unique_ptr<Reader> make_array_reader(ArrayMap map,
                                          std::unique_ptr<ArrayStore> store,
                                          std::string const& format);

}  // namespace eddyline
