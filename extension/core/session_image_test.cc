// Goal: what one server writes of a session another reads exactly, and nothing else is taken.
#include "core/session_image.h"

#include <gtest/gtest.h>

namespace aurora_global::extension {
namespace {

SessionImage example() {
  SessionImage image;
  image.kind = SessionImage::Kind::whole;
  image.database = 5;
  image.login = image.session = 10;
  image.role = 4'000'000'000;
  image.taken_at = -1;
  image.began_at = 1'700'000'000'000'000;
  image.settings = {{"app.tenant", "Z\xfcrich\n=\\", std::nullopt, 0, false, 10},
                    {"search_path", std::nullopt, "tenant_a", 7, false, 10},
                    {"work_mem", "", "64", 6, true, 0}};
  image.contexts = {{10, {{"DateStyle", "ISO, MDY"}}}, {11, {}}};
  image.statements = {
      {"p", "SELECT 1", false, {23, 25}, {{{"n", 23, -1, 0}, {"", 25, 7, 100}}}, 1'700'000'000, 0},
      {"q\xc3", "PREPARE q AS DELETE FROM t", true, {}, std::nullopt, 0, kUnknownContext}};
  image.unnamed = UnnamedItem{"LATIN1", 1};
  image.channels = {"news", ""};
  return image;
}

TEST(SessionImage, IsReadAsItWasWritten) {
  for (const SessionImage& image : {SessionImage{}, example()}) {
    EXPECT_EQ(decode_image(encode(image)), image);
  }
}

TEST(SessionImage, NoPartAndNoMoreThanTheWholeIsOne) {
  const std::string whole = encode(example());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(decode_image(whole.substr(0, size)), std::nullopt) << size;
  }
  EXPECT_EQ(decode_image(whole + '\0'), std::nullopt);
}

TEST(SessionImage, WhatMakesNoSenseIsRefused) {
  SessionImage image = example();
  image.statements[0].context = 2;
  EXPECT_EQ(decode_image(encode(image)), std::nullopt);
  image = example();
  image.unnamed->context = 2;
  EXPECT_EQ(decode_image(encode(image)), std::nullopt);
  image = example();
  image.settings[0].name = std::string("a\0b", 3);
  EXPECT_EQ(decode_image(encode(image)), std::nullopt);
  std::string other = encode(example());
  ++other[0];  // A version to come.
  EXPECT_EQ(decode_image(other), std::nullopt);
}

TEST(SessionImage, DigestsAreEqualForEqualSettingsOnly) {
  const auto settings = example().settings;
  auto changed = settings;
  EXPECT_EQ(digest(settings), digest(changed));
  changed[0].set_by = 99;  // Who has set it is no matter.
  EXPECT_EQ(digest(settings), digest(changed));
  changed = settings;
  changed[1].login = "tenant_b";
  EXPECT_NE(digest(settings), digest(changed));
  changed = settings;
  std::swap(changed[1].login, changed[1].value);
  EXPECT_NE(digest(settings), digest(changed));
  EXPECT_NE(digest(settings), digest({}));
}

TEST(SessionImage, HexadecimalDigits) {
  const std::string bytes("\0\x7f\xff\n", 4);
  EXPECT_EQ(to_hex(bytes), "007fff0a");
  EXPECT_EQ(from_hex("007fff0a"), bytes);
  EXPECT_EQ(from_hex(""), "");
  for (const char* text : {"0", "0g", "0A", " 00"}) EXPECT_EQ(from_hex(text), std::nullopt) << text;
}

TEST(SessionImage, OptionsOfTheStartUpPacket) {
  EXPECT_EQ(startup_options({{"a.b", "x y\\z\t"}, {"DateStyle", "ISO"}}),
            " -c a.b=x\\ y\\\\z\\\t -c DateStyle=ISO");
}

}  // namespace
}  // namespace aurora_global::extension
