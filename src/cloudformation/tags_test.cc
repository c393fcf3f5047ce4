// Goal: a resource has its own tags, and those of the stack whose keys it does not have.
#include "cloudformation/tags.h"

#include <gtest/gtest.h>

namespace aurora_global::cloudformation {
namespace {

using nlohmann::json;

json with_tags(TagsProperty kind, json properties) {
  add_stack_tags(kind, {{"a", "stack"}, {"b", "stack"}}, properties);
  return properties;
}

TEST(Tags, TheResourcesOwnComeFirst) {
  const json none = json::object();
  EXPECT_EQ(with_tags(TagsProperty::none, none), none);
  EXPECT_EQ(with_tags(TagsProperty::object, none),
            json::parse(R"({"Tags": {"a": "stack", "b": "stack"}})"));
  EXPECT_EQ(with_tags(TagsProperty::object, json::parse(R"({"Tags": {"a": "own"}})")),
            json::parse(R"({"Tags": {"a": "own", "b": "stack"}})"));
  EXPECT_EQ(
      with_tags(TagsProperty::list, json::parse(R"({"Tags": [{"Key": "a", "Value": "own"}]})")),
      json::parse(R"({"Tags": [{"Key": "a", "Value": "own"},
                                     {"Key": "b", "Value": "stack"}]})"));
  // Whatever else a list has; what is not known yet.
  EXPECT_EQ(with_tags(TagsProperty::list, {{"Tags", {1}}})["Tags"].size(), 3u);
  EXPECT_EQ(with_tags(TagsProperty::list, {{"Tags", "{{known later}}"}})["Tags"],
            "{{known later}}");
}

TEST(Tags, WithoutTagsOfTheStackThereAreTheResourcesOnly) {
  json properties = json::object();
  add_stack_tags(TagsProperty::list, {}, properties);
  EXPECT_EQ(properties, json::object());
}

}  // namespace
}  // namespace aurora_global::cloudformation
