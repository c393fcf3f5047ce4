// Goal: every first packet a client may send is read right, everything else is refused, and no
// prefix of a valid packet is mistaken for something.
#include "pgwire/startup.h"

#include <gtest/gtest.h>

namespace aurora_global::pgwire {
namespace {

Bytes startup_packet(std::string_view body, std::uint32_t code = 196608) {
  Bytes out;
  const auto u32 = [&](std::uint32_t value) {
    for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<std::uint8_t>(value >> shift));
  };
  u32(static_cast<std::uint32_t>(body.size() + 8));
  u32(code);
  out.insert(out.end(), body.begin(), body.end());
  return out;
}

const std::string kBody("user\0app\0database\0db\0\0", 22);

TEST(FirstPacket, ReadsAStartup) {
  const auto parsed = parse_first_packet(startup_packet(kBody));
  ASSERT_TRUE(parsed.has_value() && parsed->has_value());
  const auto& message = std::get<StartupMessage>((*parsed)->packet);
  EXPECT_EQ(message.major, 3);
  EXPECT_EQ(message.parameters.at("user"), "app");
  EXPECT_EQ(message.parameters.at("database"), "db");
}

TEST(FirstPacket, ReadsRequests) {
  EXPECT_TRUE(std::holds_alternative<SslRequest>(
      (*parse_first_packet(startup_packet("", 80877103)))->packet));
  EXPECT_TRUE(std::holds_alternative<GssEncRequest>(
      (*parse_first_packet(startup_packet("", 80877104)))->packet));
  const CancelRequest cancel{7, 0xdeadbeef};
  const auto parsed = parse_first_packet(encode(cancel));
  EXPECT_EQ(std::get<CancelRequest>((*parsed)->packet).process_id, 7u);
  EXPECT_EQ(std::get<CancelRequest>((*parsed)->packet).secret_key, 0xdeadbeef);
  EXPECT_EQ((*parsed)->size, 16u);
}

TEST(FirstPacket, WaitsForTheRestOfEveryPrefix) {
  for (const Bytes& whole : {startup_packet(kBody), encode(CancelRequest{1, 2})}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const auto parsed = parse_first_packet(BytesView(whole).first(size));
      ASSERT_TRUE(parsed.has_value()) << size;
      EXPECT_FALSE(parsed->has_value()) << size;
    }
  }
}

TEST(FirstPacket, RefusesNonsense) {
  const std::vector<Bytes> bad = {
      {0, 0, 0, 7, 0, 0, 0, 0},                       // Shorter than its head.
      {0x7f, 0, 0, 0, 0, 0, 0, 0},                    // Longer than any client's.
      startup_packet("x", 80877103),                  // SSLRequest with a body.
      startup_packet("12345678x", 80877102),          // CancelRequest of a wrong length.
      startup_packet(kBody, 131072),                  // Protocol 2.
      startup_packet("user"),                         // No terminator.
      startup_packet(std::string("user\0", 5)),       // No value.
      startup_packet(std::string("a\0b\0\0junk", 9))  // Bytes after the end.
  };
  for (const Bytes& bytes : bad) {
    const auto parsed = parse_first_packet(bytes);
    EXPECT_TRUE(parsed.has_error());
    ASSERT_TRUE(parsed.has_error());
    EXPECT_EQ(parsed.error().kind, ErrorKind::corrupt);
  }
}

TEST(FatalError, IsAnErrorResponse) {
  const Bytes bytes = fatal_error("57P03", "no writer", "wait");
  EXPECT_EQ(bytes[0], 'E');
  const std::size_t length = (std::size_t{bytes[3]} << 8) | bytes[4];
  EXPECT_EQ(length + 1, bytes.size());
  const std::string text(bytes.begin(), bytes.end());
  EXPECT_NE(text.find(std::string("C57P03\0", 7)), std::string::npos);
  EXPECT_EQ(bytes.back(), 0);
}

}  // namespace
}  // namespace aurora_global::pgwire
