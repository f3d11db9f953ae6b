#include "data/formats/npz_file.hpp"

#include <gmock/gmock.h>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "tests/data/formats/array_fixture.hpp"
#include "tests/data/formats/netcdf_fixture.hpp"
#include "tests/data/formats/npz_fixture.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

TEST(NpzFile, ReadsPartsOfStoredAndCompressedArrays) {
  TemporaryFolder const folder;
  auto const a = numbered({4, 3, 5});
  auto const b = numbered({7}, at::kDouble) / 3;
  for (auto const method : {ZipMethod::stored, ZipMethod::deflated}) {
    write_npz(folder / "x.npz", {{"b", b}, {"a", a}}, method);
    NpzFile file(folder / "x.npz");
    EXPECT_EQ(file.names(), (std::vector<std::string>{"b", "a"}));  // the file's order
    EXPECT_EQ(file.header("a").shape, (std::vector<int64_t>{4, 3, 5}));
    EXPECT_EQ(file.unpacked_bytes(), 0);
    auto const out = at::empty({2, 3, 2});
    file.array("a").read({.first = {1, 0, 2}, .count = {2, 3, 2}, .stride = {}}, out);
    EXPECT_TRUE(at::equal(out, a.narrow(0, 1, 2).narrow(2, 2, 2)));
    EXPECT_EQ(read_whole(file.array("b"))[4], 4.0 / 3);
    EXPECT_EQ(file.unpacked_bytes() > 0, method == ZipMethod::deflated);
    file.forget_unpacked();
    EXPECT_EQ(file.unpacked_bytes(), 0);
    EXPECT_EQ(read_whole(file.array("b"))[4], 4.0 / 3);
  }
}

TEST(NpzFile, SaysWhatIsWrong) {
  TemporaryFolder const folder;
  auto const path = folder / "x.npz";
  auto const a = npy_bytes(numbered({1000}));
  write_npz(path, {{"temperature", numbered({3})}});
  EXPECT_THAT(message_of<Error>([&] { NpzFile(path).array("temprature"); }),
              HasSubstr("has no array 'temprature'; did you mean 'temperature'?"));
  write_bytes(path, zip_bytes({{"readme.txt", "text"}}, ZipMethod::stored));
  EXPECT_THAT(message_of<Error>([&] { NpzFile{path}; }), HasSubstr("holds no npy array"));
  write_bytes(path, "no zip file");
  EXPECT_THAT(message_of<Error>([&] { NpzFile{path}; }), HasSubstr("no zip directory"));
  write_bytes(path, zip_bytes({{"a.npy", a.substr(0, 500)}}, ZipMethod::stored));
  EXPECT_THAT(message_of<Error>([&] { NpzFile(path).array("a"); }),
              HasSubstr("its header promises the shape (1000)"));
  write_bytes(path, zip_bytes({{"a.npy", a}}, ZipMethod::deflated));
  EXPECT_THAT(message_of<Error>([&] { NpzFile(path, 100).array("a"); }),
              HasSubstr("more than the 100 that are kept; write it with numpy.savez"));
}

TEST(NpzFile, RefusesCompressedArraysThatClaimMoreThanTheyHold) {
  TemporaryFolder const folder;
  auto bytes = zip_bytes({{"a.npy", npy_bytes(numbered({100}))}}, ZipMethod::deflated);
  auto const size = bytes.find("PK\x01\x02") + 24;
  bytes.replace(size, 4, little(0x7FFFFFFF, 4));
  write_bytes(folder / "a.npz", bytes);
  EXPECT_THAT(message_of<Error>([&] { NpzFile{folder / "a.npz"}; }),
              HasSubstr("which no deflated data do"));
}

TEST(NpzFile, SurvivesEveryCutAndEveryFlippedByte) {
  TemporaryFolder const folder;
  for (auto const method : {ZipMethod::stored, ZipMethod::deflated}) {
    auto const bytes = zip_bytes(
        {{"a.npy", npy_bytes(numbered({3}))}, {"b.npy", npy_bytes(numbered({2, 2}))}}, method);
    int refused = 0;
    auto const attempt = [&](std::string const& damaged) {
      write_bytes(folder / "b.npz", damaged);
      refused += static_cast<int>(!message_of<Error>([&] {
                                     NpzFile file(folder / "b.npz");
                                     for (auto const& name : file.names()) {
                                       read_whole(file.array(name));
                                     }
                                   }).empty());
    };
    for (size_t cut = 0; cut < bytes.size(); ++cut) {
      attempt(bytes.substr(0, cut));
    }
    EXPECT_EQ(refused, static_cast<int>(bytes.size()));
    for (size_t i = 0; i < bytes.size(); ++i) {
      auto damaged = bytes;
      damaged[i] = static_cast<char>(~damaged[i]);
      attempt(damaged);
    }
    EXPECT_GT(refused, static_cast<int>(bytes.size()) + 100);
  }
}

}  // namespace
}  // namespace eddyline
