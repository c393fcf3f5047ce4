#include "awsapi/checksums.h"

#include <gtest/gtest.h>

#include "awsapi/hashes.h"

namespace aurora_global::awsapi {
namespace {

std::string of(std::string_view algorithm) {
  return hex_text(checksum(algorithm, "123456789").value_or(""));
}

// The check values of the catalogue of CRC algorithms, and of the digests' standards.
TEST(Checksums, AreThoseOfTheirStandards) {
  EXPECT_EQ(of("CRC32"), "cbf43926");
  EXPECT_EQ(of("CRC32C"), "e3069283");
  EXPECT_EQ(of("CRC64NVME"), "ae8b14860a799888");
  EXPECT_EQ(of("SHA1"), "f7c3bc1d808e04732adf679965ccc34ca7ae3441");
  EXPECT_EQ(of("SHA256"), sha256_hex("123456789"));
  EXPECT_EQ(hex_text(md5("123456789")), "25f9e794323b453885f5181f1b624d0b");
  EXPECT_EQ(of("MD4"), "");
}

}  // namespace
}  // namespace aurora_global::awsapi
