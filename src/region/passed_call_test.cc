// Goal: what one region passes on arrives at the other as it was, whatever bytes it is made of.
#include "region/passed_call.h"

#include <gtest/gtest.h>

namespace aurora_global::region {
namespace {

TEST(PassedCall, ARequestArrivesAsItWas) {
  const RawRequest sent{
      "POST", "/a?b=c", {{"X-A", "1"}, {"X-A", "\"2\""}}, std::string("two\nlines\n\xFF\0", 12)};
  const auto got = decode_request(encode(sent));
  ASSERT_TRUE(got.has_value()) << got.error().message;
  EXPECT_EQ(got->method, sent.method);
  EXPECT_EQ(got->target, sent.target);
  EXPECT_EQ(got->headers, sent.headers);
  EXPECT_EQ(got->body, sent.body);
}

TEST(PassedCall, AnAnswerOfAnyBytesNeverGrows) {
  for (const char byte : {'\n', '"', '\0', '\xFF', '\x01'}) {
    const RawResponse sent{502, {{"Content-Type", "x"}}, std::string(net::kHttpBodyBytesMax, byte)};
    const std::string text = encode(sent);
    EXPECT_LE(text.size(), kPassedBytesMax);
    const auto got = decode_response(text);
    ASSERT_TRUE(got.has_value());
    EXPECT_EQ(got->status, 502);
    EXPECT_EQ(got->headers, sent.headers);
    EXPECT_TRUE(got->body == sent.body);
  }
}

TEST(PassedCall, WhatIsNoneIsCorrupt) {
  for (const char* text : {"", "\n", "[]\nx", "{}", "{\"status\":\"x\",\"headers\":[]}\n",
                           "{\"status\":200,\"headers\":[[1,2]]}\n", "\xFF\n"}) {
    const auto got = decode_response(text);
    ASSERT_TRUE(got.has_error()) << text;
    EXPECT_EQ(got.error().kind, ErrorKind::corrupt);
  }
}

}  // namespace
}  // namespace aurora_global::region
