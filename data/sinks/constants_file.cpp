#include "data/sinks/constants_file.hpp"

#include <string>

#include <ATen/ATen.h>

#include "data/hdf5/file.hpp"
#include "data/sinks/block_file.hpp"

namespace eddyline {

void write_constants(RolloutFolder const& folder,
                     RolloutDescription const& description,
                     Block const& block,
                     Communicator const* ranks) {
  if (description.constants.empty()) {
    return;
  }
  auto const& all = description.trajectories;
  write_block_file(folder.constants(),
                   ranks,
                   /*bytes=*/0,
                   [&](Hdf5Group const& root, BlockWriter const& writer) {
                     for (size_t i = 0; i < all.size(); ++i) {
                       auto const& values = all[i].constants;
                       if (i == 0 || !writer.are_equal(values, all.front().constants)) {
                         writer.put_cells(
                             root,
                             std::to_string(i),
                             values,
                             {.axis = 1, .first = block.box.first, .global = block.global});
                       }
                     }
                   });
}

at::Tensor read_constants(RolloutFolder const& folder, int64_t trajectory, Box const& box) {
  auto const file = Hdf5File::open(folder.constants());
  auto const name = std::to_string(trajectory);
  auto const data = file.open_data_set(file.has_data_set(name) ? name : "0");
  auto const shape = data.shape();
  Hyperslab part{{0}, {shape.empty() ? 0 : shape[0]}, {}};
  part.first.insert(part.first.end(), box.first.begin(), box.first.end());
  part.count.insert(part.count.end(), box.size.begin(), box.size.end());
  auto const values = at::empty(part.count, at::kFloat);
  data.read(part, values);
  return values;
}

}  // namespace eddyline
