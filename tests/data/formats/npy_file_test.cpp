#include "data/formats/npy_file.hpp"

#include <fstream>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/damage.hpp"
#include "tests/data/formats/array_fixture.hpp"
#include "tests/data/formats/netcdf_fixture.hpp"
#include "tests/places.hpp"

namespace eddyline {
namespace {

std::vector<double> all_of(std::filesystem::path const& path) {
  NpyFile file(path);
  return read_whole(file);
}

/// Bytes of numbers in a type and order, as numpy lays them down.
template <class T>
std::string bytes_of(std::vector<T> const& values, bool big_endian) {
  std::string bytes;
  for (T const value : values) {
    std::string one(reinterpret_cast<char const*>(&value), sizeof(T));
    bytes += big_endian ? std::string(one.rbegin(), one.rend()) : one;
  }
  return bytes;
}

template <class T>
void expect_type(TemporaryFolder const& folder,
                 std::string const& descr,
                 std::vector<T> const& values) {
  for (auto const* order : {"<", ">"}) {
    auto const path = folder / "a.npy";
    write_npy(
        path,
        std::string("{'descr': '") + order + descr + "', 'fortran_order': False, 'shape': (3,), }",
        bytes_of(values, *order == '>'));
    EXPECT_EQ(all_of(path), std::vector<double>(values.begin(), values.end())) << order << descr;
  }
}

TEST(NpyFile, ReadsEveryTypeInBothOrdersOfBytes) {
  TemporaryFolder const folder;
  expect_type<float>(folder, "f4", {1.5F, -2, 3e5F});
  expect_type<double>(folder, "f8", {1.5, -2, 1e300});
  expect_type<int8_t>(folder, "i1", {1, -2, 127});
  expect_type<int16_t>(folder, "i2", {1, -2, 30000});
  expect_type<int32_t>(folder, "i4", {1, -2, 2000000000});
  expect_type<int64_t>(folder, "i8", {1, -2, 1LL << 40});
  expect_type<uint8_t>(folder, "u1", {1, 2, 255});
  expect_type<uint16_t>(folder, "u2", {1, 2, 65535});
  expect_type<uint32_t>(folder, "u4", {1, 2, 4000000000U});
  expect_type<c10::Half>(folder, "f2", {c10::Half(1.5F), c10::Half(-2.0F), c10::Half(1024.0F)});
}

TEST(NpyFile, ReadsOnlyTheAskedPartInEitherOrderOfIndices) {
  TemporaryFolder const folder;
  auto const c = numbered({4, 3, 5});
  write_npy(folder / "c.npy", c);
  auto const f = c.permute({2, 1, 0}).contiguous();  // the same array, first index fastest
  write_npy(folder / "f.npy",
            "{'descr': '<f4', 'fortran_order': True, 'shape': (4, 3, 5), }",
            std::string(static_cast<char const*>(f.data_ptr()), 240));
  for (auto const* name : {"c.npy", "f.npy"}) {
    NpyFile file(folder / name);
    auto const out = at::empty({2, 2, 3});
    auto const bytes =
        file.read({.first = {1, 1, 2}, .count = {2, 2, 3}, .stride = {2, 1, 1}}, out);
    EXPECT_TRUE(at::equal(out, c.slice(0, 1, 4, 2).narrow(1, 1, 2).narrow(2, 2, 3))) << name;
    EXPECT_EQ(bytes, 2 * 2 * 3 * 4);
  }
}

TEST(NpyFile, ReadsAFileThatNumpyWrote) {
  auto const path = source_folder() / "tests/fixtures/climax/shards_mini/lat.npy";
  NpyFile file(path);
  auto const values = read_whole(file);
  EXPECT_EQ(static_cast<int64_t>(values.size()), file.shape().at(0));
  EXPECT_LT(std::abs(values.front()), 90);
}

std::string refusal(TemporaryFolder const& folder,
                    std::string const& header,
                    std::string const& data = "") {
  write_npy(folder / "bad.npy", header, data);
  return message_of<Error>([&] { NpyFile(folder / "bad.npy"); });
}

TEST(NpyFile, RefusesHostileHeadersByName) {
  TemporaryFolder const folder;
  auto const has = [](std::string const& text, std::string const& part) {
    return text.find(part) != text.npos;
  };
  auto const huge = refusal(
      folder,
      "{'descr': '<f4', 'fortran_order': False, 'shape': (4000000000, 4000000000, 4000000000), }");
  EXPECT_TRUE(has(huge, "its header promises the shape")) << huge;
  EXPECT_TRUE(has(huge, "bad.npy'")) << huge;
  auto const short_file =
      refusal(folder, "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }", "12345678");
  EXPECT_TRUE(has(short_file, "only 8 bytes follow")) << short_file;
  EXPECT_TRUE(has(refusal(folder, "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"),
                  "it holds '|O'"));
  EXPECT_TRUE(has(refusal(folder, "{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }"),
                  "complex numbers"));
  EXPECT_TRUE(
      has(refusal(folder, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }"),
          "structured types"));
  EXPECT_TRUE(has(refusal(folder, "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }"),
                  "is no size"));
  EXPECT_TRUE(has(refusal(folder, "{'descr': '<f4', 'shape': (1,), }", "1234"),
                  "'fortran_order' is missing"));
  EXPECT_TRUE(has(refusal(folder, "__import__('os').system('true')"), "its header is damaged"));
  std::ofstream(folder / "text.npy") << "no array at all";
  EXPECT_TRUE(
      has(message_of<Error>([&] { NpyFile(folder / "text.npy"); }), "it is not an npy file"));
}

TEST(NpyFile, SurvivesEveryCutAndEveryDamagedByteOfTheHeader) {
  TemporaryFolder const folder;
  write_npy(folder / "a.npy", numbered({3, 4}));
  std::ifstream in(folder / "a.npy", std::ios::binary);
  std::string const bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    std::ofstream(folder / "b.npy", std::ios::binary) << bytes.substr(0, cut);
    EXPECT_THROW(NpyFile(folder / "b.npy"), Error) << cut;
  }
  int refused = 0;
  for (size_t i = 0; i < 80; ++i) {
    auto damaged = bytes;
    damaged[i] = '\xFF';
    std::ofstream(folder / "b.npy", std::ios::binary) << damaged;
    refused += message_of<Error>([&] { NpyFile(folder / "b.npy"); }).empty() ? 0 : 1;
  }
  EXPECT_GT(refused, 60);  // the others are blanks that fill the header up
}

TEST(NpyFile, DamageOfFilesIsReadOrRefusedInTwoThousandTrials) {
  TemporaryFolder const folder;
  TimeLimit const time(60);
  MemoryLimit const memory(uint64_t{64} << 20);  // of files of 300 bytes
  int refused = 0;
  for (auto const* name : {"lat.npy", "lon.npy"}) {
    auto const whole =
        bytes_of_file(source_file(concat("tests/fixtures/climax/shards_mini/", name)));
    for (uint64_t trial = 0; trial < 1000; ++trial) {
      put_bytes(folder / "a.npy", damaged(whole, trial, 128));
      try {
        all_of(folder / "a.npy");
      } catch (Error const&) {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 500);
}

}  // namespace
}  // namespace eddyline
