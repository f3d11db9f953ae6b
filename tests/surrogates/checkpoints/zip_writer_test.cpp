#include "surrogates/checkpoints/zip_writer.hpp"

#include <gtest/gtest.h>

#include "surrogates/checkpoints/zip_archive.hpp"
#include "tests/core/temporary_folder.hpp"
#include "tests/damage.hpp"
#include "tests/python.hpp"

namespace eddyline {
namespace {

class ZipWriterTest : public testing::Test {
 protected:
  ZipWriterTest() {
    ZipWriter zip(path_);
    zip.add("a/data.pkl", "pickle");
    zip.add("a/empty", "");
    zip.add("a/data/0", std::string(1000, 'x'));
    zip.commit();
  }
  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_.path() / "a.zip";
};

TEST_F(ZipWriterTest, OurReaderFindsEveryEntry) {
  ZipArchive archive(path_);
  EXPECT_EQ(
      archive.entries(),
      (std::map<std::string, int64_t>{{"a/data.pkl", 6}, {"a/empty", 0}, {"a/data/0", 1000}}));
  EXPECT_EQ(archive.read_text("a/data.pkl", 10), "pickle");
  EXPECT_EQ(archive.read_text("a/data/0", 1000), std::string(1000, 'x'));
}

TEST_F(ZipWriterTest, PythonFindsNoFault) {
  EXPECT_EQ(python("-c \"import zipfile; z = zipfile.ZipFile('" + path_.string() +
                   "'); print(z.testzip(), z.read('a/data.pkl'))\""),
            "None b'pickle'\n");
}

TEST_F(ZipWriterTest, EveryEntryBeginsAtAMultipleOf64Bytes) {
  auto const bytes = bytes_of_file(path_);
  EXPECT_EQ(bytes.find("pickle") % 64, 0U);
  EXPECT_EQ(bytes.find("xxx") % 64, 0U);
}

}  // namespace
}  // namespace eddyline
