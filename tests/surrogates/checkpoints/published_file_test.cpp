#include "surrogates/checkpoints/published_file.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "surrogates/checkpoints/safetensors.hpp"
#include "tests/core/temporary_folder.hpp"
#include "tests/surrogates/published_fixture.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

class PublishedFile : public testing::Test {
 protected:
  std::string message_of_reading() const {
    try {
      read_published_file(path_);
    } catch (Error const& error) {
      return error.what();
    }
    return "no error";
  }
  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_.path() / "a.safetensors";
};

TEST_F(PublishedFile, ReadsBothFormsAlike) {
  auto const pytorch = published_fixture("morph/scalar2d_ar1.pt");
  write_safetensors(path_, {.tensors = pytorch.parameters});
  EXPECT_TRUE(is_published_file(path_));
  EXPECT_TRUE(is_published_file(source_folder() / "tests/fixtures/morph/scalar2d_ar1.pt"));
  EXPECT_FALSE(is_published_file(source_folder() / "README.md"));
  auto const again = read_published_file(path_).parameters;
  ASSERT_EQ(again.size(), pytorch.parameters.size());
  for (size_t i = 0; i < again.size(); ++i) {
    EXPECT_EQ(again[i].first, pytorch.parameters[i].first);
    EXPECT_TRUE(at::equal(again[i].second, pytorch.parameters[i].second)) << again[i].first;
  }
}

TEST_F(PublishedFile, TakesWrappersOffTheKeysAndTextsForFacts) {
  write_safetensors(path_,
                    {.tensors = {{"module.a", at::ones({2})}},
                     .metadata = {{"format", "pt"}, {"facts", R"({"epoch": 7})"}}});
  auto const checkpoint = read_published_file(path_);
  EXPECT_EQ(checkpoint.parameters.at(0).first, "a");
  EXPECT_EQ(checkpoint.removed_prefix, "module.");
  EXPECT_EQ(checkpoint.facts, nlohmann::json({{"epoch", 7}, {"format", "pt"}}));
  write_safetensors(path_, {.tensors = {{"module.a", at::ones({2})}, {"a", at::ones({2})}}});
  EXPECT_THAT(message_of_reading(), HasSubstr("it names parameter 'a' twice"));
}

TEST_F(PublishedFile, BoundsTheFacts) {
  write_safetensors(path_,
                    {.metadata = {{"facts", std::string(100, '[') + std::string(100, ']')}}});
  EXPECT_THAT(message_of_reading(), HasSubstr("its text 'facts' is nested more than 32 deep"));
  write_safetensors(path_, {.metadata = {{"facts", std::string((1 << 20) + 1, ' ')}}});
  EXPECT_THAT(message_of_reading(), HasSubstr("'facts' has 1048577 bytes; at most 1048576"));
  for (auto const* text : {"{", "[]", ""}) {
    write_safetensors(path_, {.metadata = {{"facts", text}}});
    EXPECT_THAT(message_of_reading(), HasSubstr("its text 'facts' is no JSON object")) << text;
  }
}

}  // namespace
}  // namespace eddyline
