// Goal: the small types mean what their names say.
#include <gtest/gtest.h>

#include "base/aging_clock.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/result.h"
#include "base/rng.h"
#include "base/testing/stepped_clock.h"

namespace aurora_global {
namespace {

TEST(Lsn, TextIsReadBack) {
  for (const std::uint64_t value : {0ull, 1ull, 0x16B374D848ull, ~0ull}) {
    EXPECT_EQ(Lsn::parse(Lsn{value}.text())->value, value);
  }
  EXPECT_EQ(Lsn{0x16B374D848}.text(), "16/B374D848");
}

TEST(Lsn, RefusesWhatPgLsnRefuses) {
  for (const std::string_view text :
       {"", "1", "/", "1/", "/1", "1/2/3", "g/0", "123456789/0", " 1/2", "1/2 "}) {
    EXPECT_TRUE(Lsn::parse(text).has_error()) << text;
  }
}

TEST(Base64, HasTheTestVectorsOfTheRfc) {
  const std::pair<std::string, std::string> kVectors[] = {{"", ""},
                                                          {"f", "Zg=="},
                                                          {"fo", "Zm8="},
                                                          {"foo", "Zm9v"},
                                                          {"foob", "Zm9vYg=="},
                                                          {"fooba", "Zm9vYmE="},
                                                          {"foobar", "Zm9vYmFy"},
                                                          {std::string("\xfb\xff\0", 3), "+/8A"}};
  for (const auto& [bytes, text] : kVectors) {
    EXPECT_EQ(base64(bytes), text);
    EXPECT_EQ(from_base64(text), bytes);
  }
}

TEST(Base64, RefusesWhatItWouldNotWrite) {
  for (const std::string_view text :
       {"Z", "Zg", "Zg=", "Zh==", "Zg==Zg==", "Zm9v\n", "Zm-v", "="}) {
    EXPECT_EQ(from_base64(text), std::nullopt) << text;
  }
}

TEST(Clock, Iso8601HasMilliseconds) {
  const WallTime time{std::chrono::microseconds(1'764'000'000'123'456)};
  EXPECT_EQ(iso8601(time), "2025-11-24T16:00:00.123Z");
}

TEST(Deadline, LeftIsNeverNegative) {
  ManualClock clock;
  const Deadline deadline(clock.now() + std::chrono::seconds(1));
  EXPECT_FALSE(deadline.passed(clock.now()));
  clock.advance(std::chrono::seconds(2));
  EXPECT_TRUE(deadline.passed(clock.now()));
  EXPECT_EQ(deadline.left(clock.now()), Duration::zero());
}

TEST(AgingClock, AJumpForwardMakesNothingOld) {
  testing::SteppedClock clock;
  const WallTime began = clock.wall_now();
  const AgingClock age(clock);
  clock.advance(std::chrono::hours(1));
  EXPECT_EQ(age.now(), began + std::chrono::hours(1));
  clock.step(std::chrono::years(10));
  EXPECT_EQ(age.now(), began + std::chrono::hours(1));
  clock.advance(std::chrono::hours(1));
  EXPECT_EQ(age.now(), began + std::chrono::hours(2));
  clock.step(-std::chrono::years(10) - std::chrono::minutes(5));  // And back, a little too far.
  EXPECT_EQ(age.now(), clock.wall_now());
  EXPECT_EQ(AgingClock(clock).now(), clock.wall_now());
}

TEST(Rng, SameSeedSameNumbers) {
  Rng a(7), b(7);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.next(), b.next());
  EXPECT_EQ(random_hex(16).size(), 32u);
  EXPECT_NE(random_hex(16), random_hex(16));
}

Result<int> half(int value) {
  if (value % 2 != 0) return make_error(ErrorKind::invalid, "odd", "X1");
  return value / 2;
}
Result<int> quarter(int value) {
  TRY(const int once, half(value));
  TRY(const int twice, half(once));
  return twice;
}

TEST(Result, TryReturnsTheFirstError) {
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(quarter(6).error().message, "odd");
  EXPECT_EQ(quarter(6).error().in("read number").message, "read number: odd");
  EXPECT_EQ(quarter(6).error().code, "X1");
}

TEST(Hex, GoesThereAndBack) {
  EXPECT_EQ(hex_text(std::string_view("\0\x7f\xff", 3)), "007fff");
  EXPECT_EQ(from_hex("007fff"), std::string("\0\x7f\xff", 3));
  EXPECT_EQ(from_hex(""), "");
  for (const char* no : {"0", "0g", "FF", " 0"}) EXPECT_FALSE(from_hex(no).has_value()) << no;
}

TEST(Json, WhatIsNestedTooDeeplyIsNoJson) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(parse_json(nested(1000)).is_array());
  EXPECT_TRUE(parse_json(nested(1001)).is_discarded());
  EXPECT_TRUE(parse_json(std::string(200'000, '[')).is_discarded());
  EXPECT_TRUE(parse_json(R"({"a":"[[\"[[","b":[{}]})").is_object());
  EXPECT_TRUE(parse_json("\"" + std::string(5000, '[') + "\"").is_string());
  EXPECT_TRUE(parse_json("").is_discarded());
}

TEST(Json, WhatHasTooManyValuesIsNoJson) {
  const std::string text = R"({"a":[0,0,"[,:\",,"],"b":1})";  // Six values, two names.
  EXPECT_TRUE(parse_json(text, 8).is_object());
  EXPECT_TRUE(parse_json(text, 7).is_discarded());
  EXPECT_TRUE(is_json(text));
  for (const std::string no : {"", "{", "[1,]", "x"}) EXPECT_FALSE(is_json(no)) << no;
  EXPECT_FALSE(is_json(std::string(1001, '[') + std::string(1001, ']')));
}

}  // namespace
}  // namespace aurora_global
