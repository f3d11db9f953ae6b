#include "surrogates/checkpoints/safetensors_header.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/damage.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

constexpr uint64_t kMemory = uint64_t{64} << 20;

std::string message_of(std::string const& text, uint64_t data_bytes = 8) {
  MemoryLimit const limit(kMemory);
  try {
    SafetensorsHeader::parse(text, data_bytes);
  } catch (Error const& error) {
    return error.what();
  }
  return "no error";
}

std::string entry(std::string const& name, std::string const& parts) {
  return "\"" + name + "\":{" + parts + "}";
}

std::string const kGood = R"("dtype":"F32","shape":[2],"data_offsets":[0,8])";

TEST(SafetensorsHeader, GivesTypeShapeAndPlaceInOrder) {
  auto const header = SafetensorsHeader::parse(
      R"({"__metadata__":{"format":"pt"},)" +
          entry("b", R"("data_offsets":[4,8],"shape":[2,1],"dtype":"BF16")") + "," +
          entry("a", R"("dtype":"I32","shape":[],"data_offsets":[0,4])") + "} ",
      8);
  ASSERT_EQ(header.entries.size(), 2U);
  EXPECT_EQ(header.entries[0].name, "b");
  EXPECT_EQ(header.entries[0].type, c10::kBFloat16);
  EXPECT_EQ(header.entries[0].shape, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(header.entries[0].begin, 4U);
  EXPECT_TRUE(header.entries[1].shape.empty());
  EXPECT_EQ(header.metadata.at("format"), "pt");
}

TEST(SafetensorsHeader, RefusesSizesThatTheDataDoNotHaveBeforeItTakesMemory) {
  EXPECT_THAT(
      message_of("{" + entry("a", R"("dtype":"F32","shape":[1099511627776],"data_offsets":[0,8])") +
                 "}"),
      HasSubstr("tensor 'a' claims the shape (1099511627776), more than the 8 bytes"));
  EXPECT_THAT(
      message_of(
          "{" +
          entry("a", R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8])") +
          "}"),
      HasSubstr("more than the 8 bytes"))
      << "the product overflows to 0";
  EXPECT_THAT(
      message_of(
          "{" + entry("a", R"("dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,8])") +
          "}"),
      HasSubstr("an enormous size at tensor 'a'"));
  EXPECT_THAT(
      message_of("{" +
                 entry("a", R"("dtype":"F32","shape":[2],"data_offsets":[0,4611686018427387904])") +
                 "}"),
      HasSubstr("lies at bytes 0 to 4611686018427387904 of 8"));
  EXPECT_THAT(
      message_of("{" + entry("a", R"("dtype":"F32","shape":[2],"data_offsets":[8,0])") + "}"),
      HasSubstr("lies at bytes 8 to 0 of 8"));
}

TEST(SafetensorsHeader, RefusesGapsAndOverlaps) {
  EXPECT_THAT(message_of("{" + entry("a", kGood) + "," + entry("b", kGood) + "}"),
              HasSubstr("tensor 'b' begins at byte 0 of the data, the one before it ends at 8"));
  EXPECT_THAT(
      message_of("{" + entry("a", R"("dtype":"F32","shape":[1],"data_offsets":[4,8])") + "}"),
      HasSubstr("begins at byte 4"));
  EXPECT_THAT(message_of("{" + entry("a", kGood) + "}", 12),
              HasSubstr("its tensors end at byte 8 of 12"));
  EXPECT_THAT(
      message_of("{" + entry("a", R"("dtype":"F64","shape":[2],"data_offsets":[0,8])") + "}", 16),
      HasSubstr("has 8 bytes, its shape (2) needs 16"));
}

TEST(SafetensorsHeader, RefusesWhatIsNoHeader) {
  EXPECT_THAT(message_of("{"), HasSubstr("its header is no JSON at byte"));
  EXPECT_THAT(message_of("[]"), HasSubstr("a list where none belongs"));
  EXPECT_THAT(message_of("3"), HasSubstr("a number where none belongs"));
  EXPECT_THAT(message_of("{\"a\":null}"), HasSubstr("null where none belongs"));
  EXPECT_THAT(message_of("{" + entry("a", kGood) + "," + entry("a", kGood) + "}"),
              HasSubstr("'a' twice"));
  EXPECT_THAT(message_of("{" + entry("a", kGood + ",\"dtype\":\"F32\"") + "}"),
              HasSubstr("'dtype' twice at tensor 'a'"));
  EXPECT_THAT(
      message_of("{" + entry("a", R"("dtype":"F32","shape":[2])") + "}"),
      HasSubstr("does not give dtype, shape and data_offsets of every tensor at tensor 'a'"));
  EXPECT_THAT(message_of("{" + entry("a", R"("dtype":"F32","shape":[-2])") + "}"),
              HasSubstr("a negative number at tensor 'a'"));
  EXPECT_THAT(message_of("{" + entry("a", R"("dtype":"F8_E4M3")") + "}"),
              HasSubstr("tensor 'a' is of type 'F8_E4M3'; BOOL, U8"));
  EXPECT_THAT(message_of("{" + entry("a", R"("data_offsets":[0])") + "}"),
              HasSubstr("1 data_offsets where there are 2"));
  EXPECT_THAT(message_of("{\"__metadata__\":{\"a\":1}}"), HasSubstr("a number where none belongs"));
}

TEST(SafetensorsHeader, DeepNestingNeitherRecursesNorGrows) {
  EXPECT_THAT(message_of(std::string(1 << 22, '[')), HasSubstr("a list where none belongs"));
  std::string deep;
  for (int i = 0; i < 1 << 18; ++i) {
    deep += "{\"a\":";
  }
  EXPECT_THAT(message_of(deep), HasSubstr("an object at tensor 'a'"));
}

TEST(SafetensorsHeader, NamesTheTypesThatItKnows) {
  EXPECT_EQ(safetensors_type_name(c10::kBFloat16), "BF16");
  EXPECT_THROW(safetensors_type_name(c10::kComplexDouble), Error);
}

}  // namespace
}  // namespace eddyline
