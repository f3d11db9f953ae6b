#include "workflows/training/model_section.hpp"

#include <gtest/gtest.h>

#include "core/error.hpp"

namespace eddyline {
namespace {

std::string refusal(std::string const& yaml, DataConfig data = {}) {
  try {
    read_model_section(yaml, data);
    return "";
  } catch (Error const& error) {
    return error.what();
  }
}

TEST(ModelSection, IsDividedIntoNameAndConfiguration) {
  DataConfig data;
  auto const section =
      read_model_section("surrogate: morph\npatch: [1, 4, 8]\nhistory: 3\nmax_ar: 4\n", data);
  EXPECT_EQ(section.surrogate, "morph");
  EXPECT_EQ(section.patch, (std::array<int64_t, 3>{1, 4, 8}));
  EXPECT_EQ(section.history, 3);
  EXPECT_EQ(data.history, 3);
  EXPECT_EQ(section.config.find("surrogate"), std::string::npos);
  EXPECT_NE(section.config.find("max_ar: 4"), std::string::npos);
}

TEST(ModelSection, TakesTheHistoryOfTheDataWhereItHasNone) {
  DataConfig data;
  data.history = 2;
  auto const section = read_model_section("surrogate: morph\n", data);
  EXPECT_EQ(section.history, 2);
  EXPECT_NE(section.config.find("history: 2"), std::string::npos);
  EXPECT_EQ(section.patch, (std::array<int64_t, 3>{8, 8, 8}));  // the network's default
}

TEST(ModelSection, RefusesWhatIsAmbiguousOrUnknown) {
  DataConfig data;
  data.history = 2;
  EXPECT_NE(refusal("surrogate: morph\nhistory: 3\n", data).find("give one of them only"),
            std::string::npos);
  EXPECT_NE(refusal("dim: 8\n").find("set model.surrogate"), std::string::npos);
  EXPECT_NE(refusal("surrogate: morf\n").find("morph"), std::string::npos);
}

}  // namespace
}  // namespace eddyline
