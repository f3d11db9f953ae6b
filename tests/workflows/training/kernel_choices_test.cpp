#include "workflows/training/kernel_choices.hpp"

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

namespace eddyline {
namespace {

TEST(KernelChoices, NameWhatDecidesTheBitsAndAreTheSameOnAllRanks) {
  auto const world = Communicator::world();
  auto const choices = kernel_choices(at::kCPU, world);
  for (auto const* key :
       {"processor", "instructions", "libtorch", "oneDNN", "MKL", "OpenMP", "device"}) {
    EXPECT_FALSE(choices.at(key).get<std::string>().empty()) << key;
  }
  EXPECT_EQ(choices.dump(), world.broadcast(choices.dump()));
}

TEST(KernelChoices, TellWhatIsNotAsItWas) {
  auto now = kernel_choices(at::kCPU, Communicator::self());
  EXPECT_TRUE(kernel_differences(now, now).empty());
  auto before = now;
  before["instructions"] = "SSE9";
  before.erase("MKL");  // a checkpoint that does not tell
  EXPECT_EQ(kernel_differences(now, before),
            std::vector<std::string>{"instructions: '" + now["instructions"].get<std::string>() +
                                     "' instead of 'SSE9'"});
  EXPECT_TRUE(kernel_differences(now, nullptr).empty());
}

}  // namespace
}  // namespace eddyline
