// Goal: a gzip body is all of its members and nothing else, and costs no more than it may hold.
#include "services/compression.h"

#include <gtest/gtest.h>
#include <zlib.h>

namespace aurora_global::services {
namespace {

std::string gzip(const std::string& plain) {
  constexpr int kGzipWindow = 15 + 16;
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string packed(deflateBound(&stream, plain.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

// What is in it, or the code of the refusal.
std::string read(const std::string& packed) {
  net::HttpRequest request;
  request.body = packed;
  request.headers = {{"Content-Encoding", "gzip"}};
  const auto plain = decompress(request);
  if (plain.has_error()) return plain.error().code;
  EXPECT_EQ(net::header_value(request.headers, "Content-Encoding"), "");
  return request.body;
}

TEST(Compression, AllMembersAreRead) {
  const std::string large(200'000, 'x');
  EXPECT_EQ(read(gzip("a") + gzip("") + gzip("b" + large) + gzip("c")), "ab" + large + "c");
  EXPECT_EQ(read(gzip("")), "");
}

TEST(Compression, WhatFollowsTheLastMemberIsARefusal) {
  const std::string one = gzip("a");
  for (const std::string& behind :
       {std::string("x"), std::string("\0", 1), std::string("\x1f\x8b"), gzip("b").substr(0, 12)}) {
    EXPECT_EQ(read(one + behind), "InvalidParameterValue") << behind.size();
  }
  EXPECT_EQ(read(""), "InvalidParameterValue");
  EXPECT_EQ(read(one.substr(0, one.size() - 1)), "InvalidParameterValue");
  EXPECT_EQ(read("x" + one), "InvalidParameterValue");
}

TEST(Compression, TheLimitIsOnTheWhole) {
  const std::string half(net::kHttpBodyBytesMax / 2, 'x');
  EXPECT_EQ(read(gzip(half) + gzip(half)).size(), net::kHttpBodyBytesMax);
  EXPECT_EQ(read(gzip(half) + gzip(half) + gzip("x")), "RequestTooLargeException");
}

TEST(Compression, SoManyMembersAreNoRequest) {
  std::string packed;
  for (int i = 0; i < 20'000; ++i) packed += gzip("");
  EXPECT_EQ(read(packed), "InvalidParameterValue");
}

}  // namespace
}  // namespace aurora_global::services
