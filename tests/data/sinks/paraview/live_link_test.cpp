// Who listens in the place of a ParaView can neither end nor hold a run; a ParaView itself is met
// by tests/apps/catalyst_test.cpp.
#include <gmock/gmock.h>

#include <filesystem>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "data/sinks/catalyst.hpp"
#include "tests/data/sinks/paraview/listener.hpp"

namespace eddyline {
namespace {

using testing::ElementsAre;

/// A line of points, half of it on each of two ranks.
InSituFrame frame_of(int64_t step, Communicator const& ranks) {
  constexpr int64_t kPoints = 8;
  auto const block = Decomposition({1, 1, kPoints}, {1, 1, ranks.size()}).block(ranks.rank());
  InSituFrame frame{.step = step, .whole = {1, 1, kPoints}, .own = block.box, .held = block.box};
  for (int slot = 0; slot < 3; ++slot) {
    auto const s = static_cast<size_t>(slot);
    frame.coordinates[s].assign(static_cast<size_t>(block.box.size[s]), 0.0);
  }
  frame.arrays.push_back({"u", "K", at::zeros({1, 1, block.box.size[2]})});
  return frame;
}

TEST(LiveLink, WatchesAndSaysWhatIsWrongWithWhoeverListensOnTwoRanks) {
  auto const world = Communicator::world();
  Listener const listener("watch close speak_ssh refuse go_early be_two", world);
  auto const place = std::filesystem::temp_directory_path() / "eddyline_live_link_test";
  auto const view = open_catalyst(
      {.live = concat("localhost:", listener.port()), .patience = 20}, {place, {"input"}}, world);
  std::vector<std::string> said;
  for (int64_t step = 0; step < 10; ++step) {
    auto const result = view->show(frame_of(step, world));
    EXPECT_EQ(result.ending, result.words.empty() ? InSitu::Ending::done : InSitu::Ending::left);
    said.push_back(result.words);
  }
  auto const of = [&](std::string const& problem, std::string const& end) {
    return concat("the ParaView at localhost:",
                  listener.port(),
                  " cannot be shown the run: ",
                  problem,
                  "; it is ",
                  end);
  };
  auto const ended = concat("the live connection to the ParaView at localhost:",
                            listener.port(),
                            " has ended (it was closed, lost, or took longer than "
                            "catalyst.patience to answer)");
  std::string const again = "tried again at each frame", never = "not tried again";
  auto const other = of("what listens there closed the connection, or is no ParaView 5.11", again);
  auto const no_catalyst =
      of("what listens there went, or is no ParaView 5.11 that was connected to Catalyst", again);
  auto const half =
      of("its process at localhost:1 is not reached from rank 1: nothing listens there", never);
  EXPECT_THAT(said,
              ElementsAre("", "", ended, other, other, no_catalyst, no_catalyst, half, "", ""));
  if (world.is_root()) {
    EXPECT_EQ(listener.connections(), 6);
  }
}

}  // namespace
}  // namespace eddyline
