// Goal: names and booleans mean to the router what they mean to PostgreSQL.
#include "pgwire/names.h"

#include <gtest/gtest.h>

namespace aurora_global::pgwire {
namespace {

std::string times(std::size_t count, const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}

TEST(Names, OfMoreThan63BytesAreCutBetweenCharacters) {
  EXPECT_EQ(kept_name("app"), "app");
  EXPECT_EQ(kept_name(times(63, "a")), times(63, "a"));
  EXPECT_EQ(kept_name(times(64, "a")), times(63, "a"));
  EXPECT_EQ(kept_name(times(40, "\xc3\xbc")), times(31, "\xc3\xbc"));
  EXPECT_EQ(kept_name("a" + times(40, "\xc3\xbc")), "a" + times(31, "\xc3\xbc"));
  EXPECT_EQ(kept_name(times(20, "\xf0\x9f\x90\x98")), times(15, "\xf0\x9f\x90\x98"));
  EXPECT_EQ(kept_name(times(70, "\xbc")), times(63, "\xbc"));
}

TEST(Names, Utf8) {
  for (const char* good : {"", "app", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x90\x98"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  for (const char* bad : {"\xfc", "a\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\x80",
                          "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80"}) {
    EXPECT_FALSE(is_utf8(bad)) << bad;
  }
  EXPECT_EQ(printable("Z\xfcrich \xc3\xbc"), "Z?rich \xc3\xbc");
}

TEST(Names, Booleans) {
  for (const char* yes : {"true", "TRUE", "t", "Tr", "yes", "Y", "on", "On", "1"}) {
    EXPECT_EQ(parse_bool(yes), true) << yes;
  }
  for (const char* no : {"false", "False", "f", "no", "N", "off", "OF", "0"}) {
    EXPECT_EQ(parse_bool(no), false) << no;
  }
  for (const char* neither : {"", "o", "2", "truely", "database", "01"}) {
    EXPECT_EQ(parse_bool(neither), std::nullopt) << neither;
  }
}

}  // namespace
}  // namespace aurora_global::pgwire
