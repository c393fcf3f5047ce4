// What a change of a stack will do to each resource, before anything is done: a change set.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "cloudformation/evaluate.h"
#include "cloudformation/graph.h"
#include "cloudformation/imports.h"
#include "cloudformation/inventory.h"
#include "cloudformation/schema.h"

namespace aurora_global::cloudformation {

enum class ChangeAction { add, modify, remove, adopt };
enum class Replacement { no, conditional, yes };
// The part of a resource that changes. Its property Tags is a part of its own.
enum class ChangedPart {
  properties,
  tags,
  metadata,
  creation_policy,
  update_policy,
  deletion_policy,
  update_replace_policy
};
enum class ChangeSource {
  direct_modification,
  parameter_reference,
  resource_reference,
  resource_attribute
};

// Why, and where, a resource changes.
struct ChangeDetail {
  ChangedPart part = ChangedPart::properties;
  std::string property;  // Of ChangedPart::properties and tags.
  Replacing recreation = Replacing::never;
  bool is_dynamic = false;  // It is not known yet whether the value will be another one.
  ChangeSource source = ChangeSource::direct_modification;
  std::string causing_entity;  // "Name" of a parameter or resource, "Name.Attribute".
  nlohmann::json before;       // Null: there is none.
  nlohmann::json after;
};

struct ResourceChange {
  ChangeAction action = ChangeAction::add;
  std::string logical_id;
  std::string type;
  std::string physical_id;  // Empty for what is added.
  Replacement replacement = Replacement::no;
  // What becomes of the old physical resource of a replaced or removed one. Of what is added and
  // modified in place, `remove`.
  RemovalPolicy policy = RemovalPolicy::remove;
  std::vector<ChangeDetail> details;
  // Properties, as they may be shown: what a NoEcho parameter is in is kHidden, what is not known
  // yet has kKnownAfterApply in it. Empty where there is nothing.
  nlohmann::json before = nlohmann::json::object();
  nlohmann::json after = nlohmann::json::object();
};

inline constexpr std::string_view kHidden = "****";

// What a stack was made of.
struct OldStack {
  const Template* of = nullptr;                 // Null: a new stack.
  const ParameterValues* parameters = nullptr;  // As `of`.
  const Inventory* inventory = nullptr;         // As `of`.
  const ImportIds* imports = nullptr;           // Null: nothing is imported.
};

// The changes from `old` to the template of `scope`: first what is added and modified, in the order
// in which it will be done, then what is removed, by name. Empty: nothing changes. Resources have
// the stack's tags beside their own; what is imported gets them with its next update.
//
// `scope` has conditions and the lookups of the world outside; what this stack has comes from
// `old`. The resources that will be replaced, or may be, are not known yet. Fails with what
// evaluation and graph fail with, with "Update of resource type is not permitted" for a resource
// that has another type now, and where something is imported for any other change.
Result<std::vector<ResourceChange>> plan_changes(const Scope& scope, const OldStack& old,
                                                 const Schema& schema, const Tags& stack_tags = {});

// Why a change set without changes fails, and an update without them.
inline constexpr std::string_view kNoChanges =
    "The submitted information didn't contain changes. Submit different information to create a "
    "change set.";
inline constexpr std::string_view kNoUpdates = "No updates are to be performed.";

// A member of Changes in DescribeChangeSet's output, by the names of CloudFormation's model. With
// `values`, as IncludePropertyValues asks for.
enum class PropertyValues { left_out, included };
nlohmann::json describe_change(const ResourceChange& change, PropertyValues values);

}  // namespace aurora_global::cloudformation
