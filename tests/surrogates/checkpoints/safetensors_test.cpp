#include "surrogates/checkpoints/safetensors.hpp"

#include <gmock/gmock.h>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.hpp"
#include "surrogates/checkpoints/byte_writer.hpp"
#include "tests/core/temporary_folder.hpp"
#include "tests/damage.hpp"
#include "tests/python.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

Safetensors content() {
  return {.tensors = {{"mask", at::tensor({1, 0, 1}).to(at::kBool)},
                      {"weight", at::arange(6, at::kFloat).view({2, 3})},
                      {"wide", at::tensor({1.5, -2.0}, at::kDouble)},
                      {"turned", at::arange(6, at::kShort).view({2, 3}).t()},
                      {"half", at::full({3}, 0.1, at::kBFloat16)},
                      {"steps", at::scalar_tensor(int64_t{7}, at::kLong)},
                      {"none", at::empty({0, 4})}},
          .metadata = {{"format", "pt"}, {"note", "\"quoted\" ключ"}}};
}

class SafetensorsFile : public testing::Test {
 protected:
  std::string message_of_reading(std::string const& bytes) const {
    put_bytes(path_, bytes);
    MemoryLimit const limit(uint64_t{64} << 20);
    try {
      read_safetensors(path_);
    } catch (Error const& error) {
      return error.what();
    }
    return "no error";
  }
  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_.path() / "a.safetensors";
};

TEST_F(SafetensorsFile, ReadsWhatItWroteInOrder) {
  write_safetensors(path_, content());
  EXPECT_TRUE(is_safetensors(path_));
  auto const again = read_safetensors(path_);
  EXPECT_EQ(again.metadata, content().metadata);
  auto const expected = content().tensors;
  ASSERT_EQ(again.tensors.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(again.tensors[i].first, expected[i].first);
    EXPECT_EQ(again.tensors[i].second.scalar_type(), expected[i].second.scalar_type());
    EXPECT_TRUE(at::equal(again.tensors[i].second, expected[i].second)) << expected[i].first;
  }
}

/// The format as its own description has it, read by numpy: the safetensors package does the same.
TEST_F(SafetensorsFile, PythonReadsItByTheFormatsDescription) {
  write_safetensors(path_, content());
  auto const text = python(source_file("tests/surrogates/checkpoints/read_safetensors.py") + " " +
                           path_.string());
  EXPECT_THAT(text, testing::Not(HasSubstr("python failed")));
  EXPECT_THAT(text, HasSubstr("weight F32 (2, 3) [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]\n"));
  EXPECT_THAT(text, HasSubstr("turned I16 (3, 2) [0, 3, 1, 4, 2, 5]\n"));
  EXPECT_THAT(text, HasSubstr("steps I64 () [7]\n"));
}

TEST_F(SafetensorsFile, RefusesWhatItCannotWrite) {
  auto const message_of = [&](Safetensors const& bad) {
    try {
      write_safetensors(path_, bad);
    } catch (Error const& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(message_of({.tensors = {{"a", at::zeros({1}, at::kComplexDouble)}}}),
              HasSubstr("hold no tensors of type ComplexDouble"));
  EXPECT_THAT(message_of({.tensors = {{"a", at::zeros({1})}, {"a", at::zeros({1})}}}),
              HasSubstr("the name 'a' is used twice"));
  EXPECT_THAT(message_of({.tensors = {{"__metadata__", at::zeros({1})}}}), HasSubstr("used twice"));
  EXPECT_THAT(message_of({.tensors = {{"\xff", at::zeros({1})}}}), HasSubstr("is not UTF-8"));
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(SafetensorsFile, RefusesALengthThatTheFileDoesNotHaveBeforeItTakesMemory) {
  EXPECT_THAT(message_of_reading(little_endian(uint64_t{1} << 40, 8) + "{}"),
              HasSubstr("its header claims 1099511627776 bytes; 2 to 16777216 are allowed"));
  EXPECT_THAT(message_of_reading(little_endian(1 << 23, 8) + "{}"),
              HasSubstr("its header claims 8388608 bytes, the file has 10: it is truncated"));
  EXPECT_THAT(message_of_reading("abc"), HasSubstr("its header claims 0 bytes"));
  EXPECT_THAT(message_of_reading(little_endian(2, 8) + "{}"), HasSubstr("no error"));
}

TEST_F(SafetensorsFile, TakesAnyOtherByteOfABoolForTrue) {
  auto const header = std::string(R"({"a":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}})");
  put_bytes(path_, little_endian(header.size(), 8) + header + std::string("\x02\x00", 2));
  auto const mask = read_safetensors(path_).tensors.at(0).second;
  EXPECT_TRUE(at::equal(mask, at::tensor({1, 0}).to(at::kBool)));
}

TEST_F(SafetensorsFile, TellsItsFilesFromOthers) {
  EXPECT_FALSE(is_safetensors(source_folder() / "CMakeLists.txt"));
  EXPECT_FALSE(is_safetensors(source_folder() / "tests/fixtures/morph/scalar2d_ar1.pt"));
  EXPECT_FALSE(is_safetensors(source_folder() / "tests/fixtures/morph/scalar2d_ar1.h5"));
  EXPECT_FALSE(is_safetensors("/nowhere"));
}

}  // namespace
}  // namespace eddyline
