#include "surrogates/checkpoints/describe.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "surrogates/checkpoints/native.hpp"
#include "surrogates/checkpoints/safetensors.hpp"
#include "tests/core/temporary_folder.hpp"
#include "tests/places.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

TEST(DescribeCheckpoint, TellsWhatAPytorchFileHolds) {
  auto const text =
      describe_checkpoint(source_folder() / "tests/fixtures/morph/bilinearL2d_vec_ar2.pt");
  ASSERT_TRUE(text);
  EXPECT_THAT(*text, HasSubstr("115096 numbers"));  // the fixture's n_params
  EXPECT_THAT(*text, HasSubstr("keys began with 'module.'"));
  EXPECT_THAT(*text, HasSubstr("after 2 steps"));
  EXPECT_THAT(*text, HasSubstr("epoch: 7"));
}

TEST(DescribeCheckpoint, TellsWhatANativeFileHolds) {
  auto const path =
      std::filesystem::temp_directory_path() / concat("eddyline_describe_", getpid(), ".h5");
  NativeCheckpoint checkpoint;
  checkpoint.tensors["model/decoder.weight"] = at::zeros({3, 4});
  checkpoint.facts = {{"step", 12},
                      {"model", {{"surrogate", "morph"}, {"config", "size: Ti  # preset\n"}}}};
  write_native(path, checkpoint);
  auto const text = describe_checkpoint(path);
  std::filesystem::remove(path);
  ASSERT_TRUE(text);
  EXPECT_THAT(*text, HasSubstr("1 tensors, 12 numbers"));
  EXPECT_THAT(*text, HasSubstr("network: morph\n  size: Ti"));
  EXPECT_THAT(*text, HasSubstr("step: 12"));
}

TEST(DescribeCheckpoint, TellsWhatASafetensorsFileHolds) {
  TemporaryFolder const folder;
  write_safetensors(folder.path() / "a",
                    {.tensors = {{"module.decoder.weight", at::zeros({3, 4})}},
                     .metadata = {{"license", "MIT"}}});
  EXPECT_EQ(*describe_checkpoint(folder.path() / "a"),
            "safetensors file: 1 tensors, 12 numbers, 0 MB\n"
            "  decoder: 1 tensors, 12 numbers\n"
            "keys began with 'module.'\nfacts:\n  license: MIT\n");
}

TEST(DescribeCheckpoint, TellsATorchScriptModuleWithoutRunningIt) {
  EXPECT_THAT(*describe_checkpoint(source_folder() / "tests/fixtures/script/net.pt"),
              HasSubstr("TorchScript module: code, of which nothing was run"));
}

TEST(DescribeCheckpoint, IsSilentAboutOtherFiles) {
  EXPECT_FALSE(describe_checkpoint(source_folder() / "CMakeLists.txt"));
  EXPECT_FALSE(describe_checkpoint("/nowhere"));
}

}  // namespace
}  // namespace eddyline
