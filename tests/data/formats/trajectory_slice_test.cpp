#include "data/formats/trajectory_slice.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "data/formats/registry.hpp"
#include "tests/data/formats/array_fixture.hpp"
#include "tests/data/formats/netcdf_fixture.hpp"

namespace eddyline {
namespace {

/// Four trajectories of two frames of three cells, numbered; the constant is the sample's number.
std::unique_ptr<Reader> four(TemporaryFolder const& folder) {
  {
    auto const file = Hdf5File::create(folder / "a.h5");
    add_array(file, "u", numbered({4, 2, 3}));
    add_array(file, "k", at::arange(4).to(at::kFloat).reshape({4, 1}).repeat({1, 3}));
  }
  return open_reader("hdf5",
                     {.path = folder / "a.h5",
                      .map = "axes: [sample, time, x]\nfields: [{name: u, data: u}]\n"
                             "constants: [{name: k, data: k}]"});
}

TEST(KeepTrajectories, ShiftsTheNumbersOfTrajectories) {
  TemporaryFolder const folder;
  auto const slice = keep_trajectories(four(folder), 1, 3);
  ASSERT_EQ(slice->spec().trajectories.size(), 2U);
  EXPECT_TRUE(at::equal(read_trajectory(*slice, 1).flatten(), numbered({4, 2, 3})[2].flatten()));
  EXPECT_EQ(slice->read_constants(0, {.size = {1, 1, 3}}).max().item<float>(), 1);
}

TEST(KeepTrajectories, RefusesWhatThereIsNot) {
  TemporaryFolder const folder;
  auto const outside = message_of<Error>([&] { keep_trajectories(four(folder), 2, 5); });
  EXPECT_NE(outside.find("trajectories [2, 5) of 'a', which has 4"), std::string::npos) << outside;
  auto const slice = keep_trajectories(four(folder), 1, 3);
  auto const later = message_of<Error>([&] {
    read_frames(*slice, {.trajectory = 2}, {.size = {1, 1, 3}});
  });
  EXPECT_NE(later.find("trajectory 2 of 'a', which has 2"), std::string::npos) << later;
}

TEST(CheckFrames, NamesFramesAndCellsOutside) {
  TemporaryFolder const folder;
  auto const reader = four(folder);
  auto const refusal = [&](FrameRange const& frames, Box const& box) {
    return message_of<Error>([&] { check_frames(reader->spec(), frames, box); });
  };
  EXPECT_NE(refusal({.first = 1, .count = 2}, {}).find("frames 1 to 2 of trajectory 0"),
            std::string::npos);
  EXPECT_NE(refusal({}, {.first = {0, 0, 2}, .size = {1, 1, 2}}).find("cells 2 to 4 of axis W"),
            std::string::npos);
  EXPECT_EQ(refusal({.first = 1}, {.first = {0, 0, 2}}), "");
}

}  // namespace
}  // namespace eddyline
