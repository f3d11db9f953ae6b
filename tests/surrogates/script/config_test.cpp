#include "surrogates/script/config.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

std::string message_of(ScriptConfig const& config) {
  try {
    checked(config);
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

TEST(ScriptConfig, SaysWhichKeyIsWrong) {
  EXPECT_THAT(message_of({}), HasSubstr("model.file is empty; give the TorchScript file"));
  EXPECT_THAT(message_of({.file = "a.pt", .history = 0}), HasSubstr("model.history is 0"));
  EXPECT_THAT(message_of({.file = "a.pt", .patch = {1, 0, 1}}),
              HasSubstr("model.patch is 1, 0, 1; its numbers must be at least 1"));
}

TEST(ScriptConfig, KeepsTheWholePath) {
  EXPECT_EQ(checked({.file = "nets/../a.pt"}).file,
            (std::filesystem::current_path() / "a.pt").string());
}

}  // namespace
}  // namespace eddyline
