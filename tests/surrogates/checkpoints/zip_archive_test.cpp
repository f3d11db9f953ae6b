#include "surrogates/checkpoints/zip_archive.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

#include <gtest/gtest.h>

#include "core/error.hpp"
#include "surrogates/checkpoints/byte_writer.hpp"
#include "tests/damage.hpp"

namespace eddyline {
namespace {

using testing::HasSubstr;

/// A literal that may hold zero bytes.
template <size_t N>
std::string raw(char const (&text)[N]) {
  return {text, N - 1};
}

/// zipfile.ZipFile('x','w').writestr('a/b', 'hello'), in bytes.
std::string hello() {
  return raw("PK\x03\x04\x14\0\0\0\0\0\0\0!\0\x86\xa6\x10\x36\x05\0\0\0\x05\0\0\0\x03\0\0\0a/"
             "bhello") +
         raw("PK\x01\x02\x14\x03\x14\0\0\0\0\0\0\0!"
             "\0\x86\xa6\x10\x36\x05\0\0\0\x05\0\0\0\x03\0\0\0\0\0\0\0\0\0\0\0\x80\x01\0\0\0\0a/"
             "b") +
         raw("PK\x05\x06\0\0\0\0\x01\0\x01\0\x31\0\0\0\x26\0\0\0\0\0");
}

class ZipArchiveTest : public testing::Test {
 protected:
  ZipArchiveTest()
      : path_(std::filesystem::temp_directory_path() / concat("eddyline_zip_", getpid())) {}
  ~ZipArchiveTest() override { std::filesystem::remove(path_); }
  void put(std::string const& bytes) const { std::ofstream(path_, std::ios::binary) << bytes; }
  std::string message_of_reading() const {
    try {
      ZipArchive(path_).read_text("a/b", 100);
    } catch (Error const& error) {
      return error.what();
    }
    return "no error";
  }

  std::filesystem::path path_;
};

TEST_F(ZipArchiveTest, ReadsAStoredEntry) {
  put(hello());
  ZipArchive archive(path_);
  EXPECT_EQ(archive.entries(), (std::map<std::string, int64_t>{{"a/b", 5}}));
  EXPECT_EQ(archive.read_text("a/b", 100), "hello");
  EXPECT_EQ(archive.size_of("c"), -1);
}

TEST_F(ZipArchiveTest, SaysWhatIsWrong) {
  EXPECT_THAT(message_of_reading(), HasSubstr("No such file"));
  put(hello().substr(0, 60));
  EXPECT_THAT(message_of_reading(), HasSubstr("no zip directory"));
  auto bytes = hello();
  bytes[34] = 'H';
  put(bytes);
  EXPECT_THAT(message_of_reading(), HasSubstr("its checksum differs"));
  bytes = hello();
  bytes[38 + 10] = 8;
  put(bytes);
  EXPECT_THAT(message_of_reading(), HasSubstr("is compressed"));
  bytes = hello();
  bytes[38 + 26] = '\x7f';
  put(bytes);
  EXPECT_THAT(message_of_reading(), HasSubstr("points outside the file"));
}

/// `hello` with a zip64 field in its directory, which claims so many bytes for a/b.
std::string hello_claiming(uint64_t bytes) {
  auto const local = hello().substr(0, 38);
  auto directory = hello().substr(38, 49);
  directory.replace(24, 4, "\xff\xff\xff\xff");
  directory.replace(30, 2, little_endian(12, 2));
  directory += little_endian(1, 2) + little_endian(8, 2) + little_endian(bytes, 8);
  auto end = hello().substr(38 + 49);
  end.replace(12, 4, little_endian(directory.size(), 4));
  return local + directory + end;
}

TEST_F(ZipArchiveTest, RefusesMadeUpSizesBeforeItTakesMemory) {
  MemoryLimit const limit(uint64_t{64} << 20);
  put(hello_claiming(5));
  EXPECT_THAT(message_of_reading(), HasSubstr("no error"));
  put(hello_claiming(uint64_t{1} << 40));
  EXPECT_THAT(message_of_reading(), HasSubstr("points outside the file"));
  put(hello_claiming(90));  // less than the file has, but more than behind its header
  EXPECT_THAT(message_of_reading(), HasSubstr("leaves the file: it is truncated"));
  auto bytes = hello();
  bytes.replace(bytes.size() - 10, 4, "\xff\xff\xff\x7f");  // the directory's length
  put(bytes);
  EXPECT_THAT(message_of_reading(), HasSubstr("points outside the file"));
}

}  // namespace
}  // namespace eddyline
