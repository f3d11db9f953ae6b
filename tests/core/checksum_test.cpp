#include "core/checksum.hpp"

#include <gtest/gtest.h>

#include "core/atomic_file.hpp"
#include "core/error.hpp"
#include "tests/core/temporary_folder.hpp"

namespace eddyline {
namespace {

std::string counting_bytes() {
  std::string bytes;
  for (int i = 0; i < 768; ++i) {
    bytes += static_cast<char>(i % 256);
  }
  return bytes;
}

TEST(Checksum, EqualsTheReferenceImplementation) {
  // Values of libxxhash 0.8.1.
  EXPECT_EQ(checksum_text(checksum("")), "ef46db3751d8e999");
  EXPECT_EQ(checksum_text(checksum("abc")), "44bc2cf5ad770999");
  EXPECT_EQ(checksum_text(checksum("Nobody inspects the spammish repetition")), "fbcea83c8a378bf1");
  EXPECT_EQ(checksum_text(checksum(counting_bytes())), "8e03c838c596036f");
  Checksum seeded(7);
  seeded.update(counting_bytes().data(), 768);
  EXPECT_EQ(checksum_text(seeded.value()), "b1e10f6c5294cd6b");
}

TEST(Checksum, DoesNotDependOnHowTheBytesAreCut) {
  auto const bytes = counting_bytes();
  for (size_t cut = 1; cut < 80; ++cut) {
    Checksum sum;
    for (size_t at = 0; at < bytes.size(); at += cut) {
      sum.update(bytes.data() + at, std::min(cut, bytes.size() - at));
    }
    EXPECT_EQ(sum.value(), checksum(bytes)) << "pieces of " << cut;
  }
}

TEST(Crc32c, EqualsTheStandardsExamples) {
  EXPECT_EQ(crc32c(""), 0U);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);  // RFC 3720, B.4
}

TEST(Checksum, OfAFileIsThatOfItsBytes) {
  TemporaryFolder const folder;
  write_text(folder.path() / "a", counting_bytes());
  EXPECT_EQ(checksum_file(folder.path() / "a"), checksum(counting_bytes()));
  EXPECT_THROW(checksum_file(folder.path() / "b"), Error);
}

}  // namespace
}  // namespace eddyline
