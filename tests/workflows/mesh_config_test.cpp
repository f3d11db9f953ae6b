#include "workflows/mesh_config.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "surrogates/registry.hpp"
#include "tests/message_of.hpp"

namespace eddyline {
namespace {

TEST(MeshConfig, DividesTheRanksOnManyRanks) {
  auto const world = Communicator::world();
  auto const mesh = make_mesh({.domain = {1, 1, 2}, .in_flight = Flight::bf16}, world);
  EXPECT_EQ(mesh->domain().size(), 2);
  EXPECT_EQ(mesh->data().size(), world.size() / 2);
  EXPECT_EQ(mesh->flight(), Flight::bf16);
}

TEST(MeshConfig, RefusesPartsThatDoNotDivideTheRanks) {
  auto const world = Communicator::world();
  EXPECT_THAT(message_of([&] {
                make_mesh({.domain = {3, 1, 1}}, world);
              }),
              testing::HasSubstr("parallel.domain is [3, 1, 1]"));
  EXPECT_THAT(message_of([&] {
                make_mesh({.domain = {1, 0, 1}}, world);
              }),
              testing::HasSubstr("parallel.domain is [1, 0, 1]"));
}

TEST(MeshConfig, NamesTheNetworksThatSplitSamplesOnManyRanks) {
  auto const world = Communicator::world();
  auto const whole = make_mesh({}, world);
  auto const split = make_mesh({.domain = {1, 1, 2}}, world);
  for (auto const& entry : surrogate_registry()) {
    check_splits(entry.name, *whole);
    if (entry.splits_samples) {
      check_splits(entry.name, *split);
    } else {
      EXPECT_THAT(message_of([&] { check_splits(entry.name, *split); }),
                  testing::AllOf(testing::HasSubstr("the network '" + entry.name +
                                                    "' cannot work on; those that can are "),
                                 testing::HasSubstr("fno")));
    }
  }
}

}  // namespace
}  // namespace eddyline
