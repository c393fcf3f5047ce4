#include "core/wire.h"

#include <gtest/gtest.h>

namespace aurora_global::extension {
namespace {

using namespace std::string_literals;

TEST(NextMessage, TakesOneMessageAndLeavesTheRest) {
  std::string bytes;
  MessageWriter writer(bytes);
  writer.query("SELECT 1");
  writer.sync();
  Message message;
  std::size_t size = 0;
  ASSERT_EQ(next_message(bytes, message, size), NextMessage::complete);
  EXPECT_EQ(message.type, 'Q');
  EXPECT_EQ(message.body, "SELECT 1\0"s);
  ASSERT_EQ(next_message(std::string_view(bytes).substr(size), message, size),
            NextMessage::complete);
  EXPECT_EQ(message.type, 'S');
  EXPECT_TRUE(message.body.empty());
}

TEST(NextMessage, WaitsForEveryMissingByte) {
  std::string bytes;
  MessageWriter(bytes).query("SELECT 1");
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    Message message;
    std::size_t size = 0;
    EXPECT_EQ(next_message(std::string_view(bytes).substr(0, cut), message, size),
              NextMessage::incomplete)
        << cut;
  }
}

TEST(NextMessage, RefusesImpossibleLengths) {
  Message message;
  std::size_t size = 0;
  for (const std::string& bytes :
       {"Z\0\0\0\3"s, "Z\0\0\0\0"s, "Z\xff\xff\xff\xff"s, "Z\x40\0\0\0"s}) {
    EXPECT_EQ(next_message(bytes, message, size), NextMessage::corrupt);
  }
}

TEST(ErrorField, FindsReplacesAndDrops) {
  const std::string body = "SERROR\0C42P01\0Mno table\0P15\0\0"s;
  EXPECT_EQ(error_field(body, 'C'), "42P01");
  EXPECT_EQ(error_field(body, 'D'), std::nullopt);
  EXPECT_EQ(error_field(with_error_field(body, 'P', "3"), 'P'), "3");
  EXPECT_EQ(with_error_field(body, 'P', std::nullopt), "SERROR\0C42P01\0Mno table\0\0"s);
  EXPECT_EQ(error_field(with_error_field(body, 'H', "a hint"), 'H'), "a hint");
}

TEST(ErrorField, SurvivesABodyWithoutItsEnd) {
  EXPECT_EQ(error_field("CXX", 'C'), std::nullopt);
  EXPECT_EQ(error_field("", 'C'), std::nullopt);
  EXPECT_EQ(with_error_field("CXX", 'M', "m"), "Mm\0\0"s);
}

}  // namespace
}  // namespace aurora_global::extension
