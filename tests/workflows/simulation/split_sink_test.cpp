#include "workflows/simulation/split_sink.hpp"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "data/formats/registry.hpp"
#include "tests/workflows/tiny_data.hpp"

namespace eddyline {
namespace {

TEST(SplitSink, WritesClosedFramesAndTheirMomentsOnly) {
  auto const world = Communicator::world();
  tiny::Folder const folder(world);
  auto const batch = tiny::spec(1);
  auto spec = std::make_shared<StateSpec>(StateSpec{
      batch->output_fields, batch->output_grid, whole_block(batch->output_grid.shape()), "s"});
  auto const frame = [&](int64_t step) {
    return State{at::full({1, 1, 1, 4, 4}, step, at::kDouble), 0.5 * double(step), spec};
  };
  SetMoments moments(1);
  {
    WellWriter writer(folder / "a.hdf5",
                      {.dataset_name = "a",
                       .state = spec,
                       .trajectories = world.size(),
                       .times = {1.0, 2.0, 3.0}},
                      world);
    SplitSink sink(writer, moments, {.first = 2, .every = 2, .frames = 3}, world.rank());
    sink.write(2, frame(2));
    sink.write(4, frame(4));
    sink.close_segment({});
    sink.write(6, frame(6));
    sink.write(8, frame(8));
    sink.discard_after(6);
    sink.close_segment({});
    writer.finish();
  }
  auto const reader = open_reader("well", {.path = folder / "a.hdf5"});
  auto const values = at::empty({3, 1, 1, 4, 4});
  reader->read({world.rank(), 0, 3, 1}, {{0, 0, 0}, {1, 4, 4}}, values);
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(at::equal(values[i], at::full({1, 1, 4, 4}, 2.0 * double(i + 1)))) << i;
  }
  EXPECT_DOUBLE_EQ(moments.values.result(world).mean.at(0), 4);
  EXPECT_DOUBLE_EQ(moments.deltas.result(world).mean.at(0), 2);
}

}  // namespace
}  // namespace eddyline
