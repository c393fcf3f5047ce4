// Goal: an import takes in exactly what was named, by the one name that its type has.
#include "cloudformation/imports.h"

#include <gtest/gtest.h>

#include "cloudformation/conditions.h"
#include "cloudformation/template.h"

namespace aurora_global::cloudformation {
namespace {

constexpr std::string_view kTemplate = R"(
Conditions: {Never: !Equals [a, b]}
Resources:
  Old: {Type: T, DeletionPolicy: Retain}
  New: {Type: T, DeletionPolicy: Delete}
  Bare: {Type: T}
  Other: {Type: T, DeletionPolicy: Retain}
  Plural: {Type: Two::Names, DeletionPolicy: Retain}
  Absent: {Type: T, DeletionPolicy: Retain, Condition: Never}
)";

std::string_view identifier_of_test(const std::string& type) { return type == "T" ? "Id" : ""; }

// The ids, or what is wrong.
std::string imported(const std::vector<ResourceToImport>& wanted,
                     std::set<std::string> leave_out = {"Bare", "Plural", "Other"}) {
  Template of = *read_template(kTemplate);
  for (const std::string& name : leave_out) of.resources.erase(name);
  const ConditionValues conditions{{"Never", false}};
  const Scope scope{.of = &of, .conditions = &conditions};
  const Inventory inventory{.resources = {{"Old", {"old-1"}}}};
  const auto ids = import_ids(wanted, scope, inventory, identifier_of_test);
  if (ids.has_error()) return ids.error().message;
  std::string text;
  for (const auto& [name, id] : *ids) text += name + "=" + id + " ";
  return text;
}

TEST(Imports, TakeWhatIsNamed) { EXPECT_EQ(imported({{"T", "New", {{"Id", "x"}}}}), "New=x "); }

TEST(Imports, SayWhatIsWrong) {
  const ResourceToImport new_one{"T", "New", {{"Id", "x"}}};
  EXPECT_EQ(imported({}), "Resources [New] is missing from ResourceToImport list");
  EXPECT_EQ(imported({new_one, {"T", "Nobody", {{"Id", "x"}}}}),
            "Resources [Nobody] to import must be present in the template");
  EXPECT_EQ(imported({new_one, {"T", "Absent", {{"Id", "x"}}}}),
            "Resources [Absent] to import must be present in the template");
  EXPECT_EQ(imported({{"U", "New", {{"Id", "x"}}}}),
            "Resource New is of type T in the template, not of type U");
  EXPECT_EQ(imported({{"T", "New", {{"Name", "x"}}}}),
            "Invalid ResourceIdentifier of New: T takes [Id]");
  EXPECT_EQ(imported({{"T", "New", {{"Id", ""}}}}),
            "Invalid ResourceIdentifier of New: T takes [Id]");
  EXPECT_EQ(imported({new_one, {"Two::Names", "Plural", {{"Id", "x"}}}}, {"Bare", "Other"}),
            "ResourceTypes [Two::Names] are not supported for Import");
  EXPECT_EQ(imported({new_one, {"T", "Bare", {{"Id", "y"}}}}, {"Plural", "Other"}),
            "Resources [Bare] must have DeletionPolicy attribute specified in the template.");
  EXPECT_EQ(imported({new_one, {"T", "Old", {{"Id", "x"}}}}),
            "Resources [Old] passed in ResourceToImport already belong to the stack");
  EXPECT_EQ(
      imported({{"T", "New", {{"Id", "x"}}}, {"T", "Other", {{"Id", "x"}}}}, {"Bare", "Plural"}),
      "Resources [New, Other] have the same ResourceIdentifier x");
  EXPECT_EQ(imported({{"T", "New", {{"Id", std::string(1024, 'x')}}}}, {"Bare", "Plural", "Other"}),
            "New=" + std::string(1024, 'x') + " ");
  EXPECT_EQ(imported({{"T", "New", {{"Id", std::string(1025, 'x')}}}}),
            "Invalid ResourceIdentifier of New: Id is longer than 1024 bytes");
  EXPECT_EQ(imported({new_one, new_one}), "Resource New is given twice in ResourcesToImport");
}

}  // namespace
}  // namespace aurora_global::cloudformation
