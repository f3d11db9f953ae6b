#include "data/formats/guess_map.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "data/formats/array_map.hpp"

namespace eddyline {
namespace {

using Axes = std::vector<std::string>;

ArrayMap guessed(std::vector<ArrayFacts> const& arrays,
                 std::string const& per_file = "trajectories") {
  return parse_array_map(guess_map(arrays, per_file), "guess");
}

TEST(GuessMap, PrefersTheExactLengthOfTimesToOneMore) {
  auto const map = guessed({{"/u", {6, 7, 8}, "m"}, {"/t", {7}, "s"}});
  EXPECT_EQ(map.axes, (Axes{"sample", "time", "x"}));
  EXPECT_EQ(map.time.data, "/t");
  EXPECT_EQ(map.time.unit, "s");
  EXPECT_EQ(map.fields[0].units, "m");
  EXPECT_EQ(guessed({{"/u", {6, 7, 8}, ""}, {"/t", {8}, ""}}).axes, (Axes{"sample", "time", "x"}));
  EXPECT_EQ(guessed({{"/u", {6, 7, 8}, ""}, {"/t", {6}, ""}}).axes, (Axes{"time", "x", "y"}));
}

TEST(GuessMap, NamesAxesByCoordinatesInTheFilesOrder) {
  auto const map = guessed({{"/*/data", {11, 16, 20, 2}, ""},
                            {"/*/grid/t", {11}, ""},
                            {"/*/grid/x", {20}, ""},
                            {"/*/grid/y", {16}, ""}});
  EXPECT_EQ(map.axes, (Axes{"time", "y", "x", "component"}));
  EXPECT_EQ(map.coordinates.at("x").data, "/*/grid/x");
  EXPECT_EQ(guessed({{"u", {9, 5, 5}, ""}, {"x", {5}, ""}, {"y", {5}, ""}}).axes,
            (Axes{"time", "x", "y"}));
}

TEST(GuessMap, TakesFilesOfSingleFramesWithoutTime) {
  auto const map = guessed({{"u_*.npy", {8, 9}, ""}}, "frame");
  EXPECT_EQ(map.axes, (Axes{"x", "y"}));
  EXPECT_EQ(map.file_holds, FileHolds::frame);
  EXPECT_EQ(map.fields[0].name, "u");
}

TEST(GuessMap, RefusesFilesWithoutArrays) {
  EXPECT_THROW(guess_map({{"/t", {5}, ""}}, "trajectories"), Error);
}

}  // namespace
}  // namespace eddyline
