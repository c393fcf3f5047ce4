// Goal: nothing is made of properties that a type does not have, or not here.
#include "services/cloudformation/type_table.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "services/cloudformation/provider.h"
#include "services/cloudformation/providers/all.h"
#include "services/cloudformation/testing/recording.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;

constexpr Property kProperties[] = {
    {.name = "Name", .kind = Kind::text, .replacing = Replacing::always},
    {.name = "Size", .kind = Kind::number, .required = true},
    {.name = "Rules", .kind = Kind::list},
    {.name = "Rules.Hook", .fate = Fate::refused, .note = "no hooks"},
    {.name = "Old", .fate = Fate::refused},
    {.name = "Engine", .kind = Kind::text, .required = true, .only = "steam"},
};
constexpr Attribute kAttributes[] = {{.name = "Arn"}, {.name = "Endpoint.Address"}};
constexpr TypeTable kTable{.type = "T", .properties = kProperties, .attributes = kAttributes};

std::string refusal_of(const json& properties, const std::set<std::string>& unknown = {}) {
  const auto checked = check_properties(kTable, properties, unknown);
  return checked.has_value() ? "" : checked.error().message;
}

TEST(TypeTable, ChecksProperties) {
  const std::string begin = "Properties validation failed for type T: ";
  EXPECT_EQ(
      refusal_of({{"Size", "1"}, {"Engine", "steam"}, {"Name", 5}, {"Rules", {{{"Port", 1}}}}}),
      "");
  EXPECT_EQ(refusal_of(json::object()), begin + "Property Size is required");
  EXPECT_EQ(refusal_of({{"Size", 1}, {"Sise", 1}}),
            begin + "Encountered unsupported property Sise");
  EXPECT_EQ(refusal_of({{"Size", "large"}}),
            begin + "Value of property Size must be of type Number");
  EXPECT_EQ(refusal_of({{"Size", "?"}, {"Engine", "?"}, {"Name", json::object()}},
                       {"Size", "Name", "Engine"}),
            "");
  EXPECT_EQ(
      refusal_of({{"Size", 1}, {"Engine", "steam"}, {"Rules", {{{"Port", 1}}, {{"Hook", "h"}}}}}),
      begin + "The property Rules.Hook is not supported here: no hooks");
  EXPECT_EQ(refusal_of({{"Size", 1}, {"Engine", "steam"}, {"Old", true}}),
            begin + "The property Old is not supported here");
  // What is not asked for.
  EXPECT_EQ(refusal_of({{"Size", 1}, {"Engine", "steam"}, {"Old", false}}), "");
  EXPECT_EQ(refusal_of({{"Size", 1}, {"Engine", "steam"}, {"Old", "false"}}), "");
  // Another engine is told before what only that one has.
  EXPECT_EQ(refusal_of({{"Engine", "petrol"}, {"Tank", 1}}),
            begin +
                "The property Engine with the value petrol is not supported here: it can be "
                "steam only");
}

TEST(TypeTable, KnowsAttributesByTheirWholeName) {
  for (const char* name : {"Arn", "Endpoint", "Endpoint.Address", "Arn.Part"}) {
    EXPECT_TRUE(has_attribute(kTable, name)) << name;
  }
  for (const char* name : {"Ar", "Endpoint.Port", "End", ""}) {
    EXPECT_FALSE(has_attribute(kTable, name)) << name;
  }
}

TEST(TypeTable, TheDocumentHasEveryType) {
  std::ifstream file(AURORA_GLOBAL_SOURCE_DIR "/docs/reference/cloudformation.md");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_TRUE(text.str().ends_with(type_document()))
      << "docs/reference/cloudformation.md is not what `aurora-global api --types` prints";
}

// Each type once, each property once, and what is inside of a property stands behind it.
TEST(TypeTable, OfEveryProviderIsWellMade) {
  testing::Recording recording;
  const Providers providers = all_providers(recording.context());
  std::set<std::string_view> types;
  for (const TypeTable* table : providers.tables()) {
    EXPECT_TRUE(types.insert(table->type).second) << table->type;
    EXPECT_EQ(&providers.find(table->type)->table(), table);
    std::set<std::string_view> names;
    for (const Property& property : table->properties) {
      EXPECT_TRUE(names.insert(property.name).second) << table->type << " " << property.name;
      const std::size_t dot = property.name.find('.');
      if (dot == property.name.npos) continue;
      EXPECT_TRUE(names.contains(property.name.substr(0, dot))) << property.name;
      EXPECT_TRUE(!property.required && property.kind == Kind::any &&
                  property.replacing == Replacing::never)
          << table->type << " " << property.name;
    }
  }
}

}  // namespace
}  // namespace aurora_global::services::cloudformation
