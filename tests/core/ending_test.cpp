#include "core/ending.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <new>
#include <nlohmann/json.hpp>
#include <tuple>

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

namespace eddyline {
namespace {

using testing::HasSubstr;

template <class Action>
Ending ending_after(Action action) {
  try {
    action();
  } catch (...) {
    return ending_of(std::current_exception());
  }
  return {ExitCode::done, "nothing was thrown"};
}

TEST(Ending, KeepsTheCodeAndContextOfOurErrors) {
  auto const ending =
      ending_after([] { with_context([] { require(false, "bad value"); }, "reading 'a.h5'"); });
  EXPECT_EQ(ending.code, ExitCode::user);
  EXPECT_EQ(ending.text, "bad value\n  while reading 'a.h5'");
  EXPECT_EQ(ending_after([] { throw Diverged("u is NaN"); }).code, ExitCode::diverged);
}

TEST(Ending, LackOfMemoryIsTheMachinesFailure) {
  auto const plain = ending_after([] { throw std::bad_alloc(); });
  EXPECT_EQ(plain.code, ExitCode::failed);
  EXPECT_THAT(plain.text, HasSubstr("not enough memory; use a smaller batch"));
  auto const torch = ending_after([] { at::empty({int64_t{1} << 59}); });
  EXPECT_EQ(torch.code, ExitCode::failed) << torch.text;
  EXPECT_THAT(torch.text, HasSubstr("not enough memory"));
}

TEST(Ending, WhatLibTorchRefusesIsOurBugWithoutItsBacktrace) {
  auto const ending = ending_after([] { at::ones({2, 3}).matmul(at::ones({4, 5})); });
  EXPECT_EQ(ending.code, ExitCode::bug);
  EXPECT_THAT(ending.text,
              HasSubstr("LibTorch refused a call: mat1 and mat2 shapes cannot be multiplied"));
  EXPECT_THAT(ending.text, testing::Not(HasSubstr("frame #0")));
}

TEST(Ending, BadTextIsTheUsers) {
  EXPECT_EQ(ending_after([] { YAML::Load("[1,"); }).code, ExitCode::user);
  EXPECT_EQ(ending_after([] { std::ignore = nlohmann::json::parse("{"); }).code, ExitCode::user);
}

TEST(Ending, FileSystemErrorsAreTheMachinesAndOthersOurs) {
  EXPECT_EQ(ending_after([] { std::ignore = std::filesystem::file_size("/nowhere"); }).code,
            ExitCode::failed);
  EXPECT_EQ(ending_after([] { throw std::runtime_error("surprise"); }).code, ExitCode::bug);
  EXPECT_EQ(ending_after([] { throw 3; }).code, ExitCode::bug);
}

}  // namespace
}  // namespace eddyline
