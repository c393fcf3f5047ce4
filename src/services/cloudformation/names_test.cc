// Goal: a step finds its names again, no other step has them, and they fit.
#include "services/cloudformation/names.h"

#include <gtest/gtest.h>

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;

ResourceRequest request_of(std::string stack, std::string logical_id, std::string token = "t") {
  return {.token = std::move(token),
          .stack_name = std::move(stack),
          .logical_id = std::move(logical_id)};
}

TEST(Names, AreOfTheStep) {
  const std::string name = generated_name(request_of("my-stack", "Queue"));
  EXPECT_EQ(name, "my-stack-Queue-" + digits_of("t", 13));
  EXPECT_EQ(name, generated_name(request_of("my-stack", "Queue")));
  EXPECT_NE(name, generated_name(request_of("my-stack", "Queue", "u")));
  EXPECT_EQ(generated_name(request_of("My-Stack", "Queue"), {.letter_case = LetterCase::lower})
                .substr(0, 15),
            "my-stack-queue-");
  const std::string plain = generated_name(request_of("my--stack-", "Queue"));
  EXPECT_EQ(plain, "my-stack-Queue-" + digits_of("t", 13)) << "as RDS asks for it";
}

TEST(Names, FitIntoTheTypesLength) {
  for (const std::size_t stack : {1u, 20u, 128u}) {
    for (const std::size_t id : {1u, 20u, 255u}) {
      const auto request = request_of(std::string(stack, 's'), std::string(id, 'i'));
      for (std::size_t most = 1; most < 80; ++most) {
        const std::string name = generated_name(request, {.bytes_max = most});
        EXPECT_LE(name.size(), most);
        EXPECT_TRUE(name.ends_with(digits_of("t", std::min<std::size_t>(most, 13))));
      }
    }
  }
  // What one of the two does not need, the other has.
  const auto request = request_of("s", std::string(255, 'i'));
  EXPECT_EQ(generated_name(request, {.bytes_max = 40}).substr(0, 27),
            "s-" + std::string(24, 'i') + "-");
}

TEST(Names, TagsAreAListOrAnObject) {
  const json as_list = {{"Tags", {{{"Key", "a"}, {"Value", "1"}}, {{"Key", "b"}, {"Value", 2}}}}};
  const json as_object = {{"Tags", {{"a", "1"}, {"b", 2}}}};
  const Tags both = {{"a", "1"}, {"b", "2"}};
  EXPECT_EQ(tags_of(as_list), both);
  EXPECT_EQ(tags_of(as_object), both);
  EXPECT_EQ(tags_of(json::object()), Tags{});
  EXPECT_EQ(object_of(both), (json{{"a", "1"}, {"b", "2"}}));
  EXPECT_EQ(list_of({{"a", "1"}}, "TagKey", "TagValue"),
            (json{{{"TagKey", "a"}, {"TagValue", "1"}}}));
}

}  // namespace
}  // namespace aurora_global::services::cloudformation
