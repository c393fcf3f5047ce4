// Goal: a body in chunks is read as it was signed, and any change is noticed.
#include "awsapi/aws_chunked.h"

#include <gtest/gtest.h>

#include "awsapi/hashes.h"

namespace aurora_global::awsapi {
namespace {

// The published example of S3: 66,560 bytes `a` in chunks of 64 KiB.
ChunkSigning published() {
  std::string key = hmac_sha256("AWS4wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20130524");
  for (const char* part : {"us-east-1", "s3", "aws4_request"}) key = hmac_sha256(key, part);
  return {key, "20130524T000000Z", "20130524/us-east-1/s3/aws4_request",
          "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"};
}

std::string published_body() {
  return "10000;chunk-signature="
         "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n" +
         std::string(65536, 'a') +
         "\r\n400;chunk-signature="
         "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n" +
         std::string(1024, 'a') +
         "\r\n0;chunk-signature="
         "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n";
}

std::string code_of(const std::string& body, Payload kind = Payload::signed_chunks) {
  const auto read = read_chunks(body, kind, published());
  return read.has_value() ? "ok" : read.error().code;
}

TEST(AwsChunked, AgreesWithThePublishedExample) {
  const auto read = read_chunks(published_body(), Payload::signed_chunks, published());
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(read->content, std::string(66560, 'a'));
}

TEST(AwsChunked, AnyChangeIsNoticed) {
  std::string body = published_body();
  body[100] = 'b';
  EXPECT_EQ(code_of(body), "SignatureDoesNotMatch");
  body = published_body();
  for (std::size_t size = 0; size < body.size() - 2; size += size < 200 ? 1 : 997) {
    EXPECT_NE(code_of(body.substr(0, size)), "ok") << size;
  }
  EXPECT_EQ(code_of(body + "x\r\n"), "IncompleteBody");
}

TEST(AwsChunked, UnsignedChunksHaveATrailer) {
  const std::string body = "5\r\nHello\r\n3\r\n yo\r\n0\r\nX-Amz-Checksum-Crc32: AAAA==\r\n\r\n";
  const auto read = read_chunks(body, Payload::unsigned_trailer, {});
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(read->content, "Hello yo");
  EXPECT_EQ(read->trailers, (Headers{{"x-amz-checksum-crc32", "AAAA=="}}));
  for (const char* bad : {"", "5\r\nHell\r\n", "x\r\n", "5\r\nHello\r\n", "-1\r\n\r\n",
                          "ffffffffffffffff\r\na\r\n0\r\n\r\n", "0\r\nnone\r\n\r\n"}) {
    EXPECT_EQ(code_of(bad, Payload::unsigned_trailer), "IncompleteBody") << bad;
  }
}

}  // namespace
}  // namespace aurora_global::awsapi
