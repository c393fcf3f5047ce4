// A planned change in the words of DescribeChangeSet.
#include "base/check.h"
#include "cloudformation/members.h"
#include "cloudformation/plan.h"
#include "model/fields.h"

namespace aurora_global::cloudformation {
namespace {

using nlohmann::json;

const char* word_for(ChangeAction action) {
  switch (action) {
    case ChangeAction::add: return "Add";
    case ChangeAction::modify: return "Modify";
    case ChangeAction::remove: return "Remove";
    case ChangeAction::adopt: return "Import";
  }
  CHECK(false);
}

const char* word_for(Replacement replacement) {
  switch (replacement) {
    case Replacement::no: return "False";
    case Replacement::conditional: return "Conditional";
    case Replacement::yes: return "True";
  }
  CHECK(false);
}

const char* word_for(ChangedPart part) {
  switch (part) {
    case ChangedPart::properties: return "Properties";
    case ChangedPart::tags: return "Tags";
    case ChangedPart::metadata: return "Metadata";
    case ChangedPart::creation_policy: return "CreationPolicy";
    case ChangedPart::update_policy: return "UpdatePolicy";
    case ChangedPart::deletion_policy: return "DeletionPolicy";
    case ChangedPart::update_replace_policy: return "UpdateReplacePolicy";
  }
  CHECK(false);
}

const char* word_for(Replacing recreation) {
  switch (recreation) {
    case Replacing::never: return "Never";
    case Replacing::conditionally: return "Conditionally";
    case Replacing::always: return "Always";
  }
  CHECK(false);
}

const char* word_for(ChangeSource source) {
  switch (source) {
    case ChangeSource::direct_modification: return "DirectModification";
    case ChangeSource::parameter_reference: return "ParameterReference";
    case ChangeSource::resource_reference: return "ResourceReference";
    case ChangeSource::resource_attribute: return "ResourceAttribute";
  }
  CHECK(false);
}

std::string value_shown(const json& value) {
  return value.is_string() ? value.get<std::string>() : model::text_of(value);
}

json describe_detail(const ChangeDetail& detail, PropertyValues values) {
  json target = {{"Attribute", word_for(detail.part)},
                 {"RequiresRecreation", word_for(detail.recreation)}};
  if (detail.part == ChangedPart::properties && !detail.property.empty()) {
    target["Name"] = detail.property;
  }
  if (values == PropertyValues::included) {
    const bool was = !detail.before.is_null();
    const bool is = !detail.after.is_null();
    const bool is_property = !detail.property.empty();
    target["Path"] =
        is_property ? "/Properties/" + detail.property : std::string("/") + word_for(detail.part);
    target["AttributeChangeType"] = !was ? "Add" : is ? "Modify" : "Remove";
    if (was) target["BeforeValue"] = value_shown(detail.before);
    if (is) target["AfterValue"] = value_shown(detail.after);
  }
  json made = {{"Target", std::move(target)},
               {"Evaluation", detail.is_dynamic ? "Dynamic" : "Static"},
               {"ChangeSource", word_for(detail.source)}};
  if (!detail.causing_entity.empty()) made["CausingEntity"] = detail.causing_entity;
  return made;
}

// What will happen to the old physical resource; a snapshot is none here, so it is kept.
std::string policy_action(const ResourceChange& change) {
  const bool is_kept = change.policy != RemovalPolicy::remove;
  if (change.action == ChangeAction::remove) return is_kept ? "Retain" : "Delete";
  if (change.replacement == Replacement::no) return "";
  return is_kept ? "ReplaceAndRetain" : "ReplaceAndDelete";
}

}  // namespace

json describe_change(const ResourceChange& change, PropertyValues values) {
  json made = {{"Action", word_for(change.action)},
               {"LogicalResourceId", change.logical_id},
               {"ResourceType", change.type},
               {"Scope", json::array()},
               {"Details", json::array()}};
  if (!change.physical_id.empty()) made["PhysicalResourceId"] = change.physical_id;
  if (change.action == ChangeAction::modify) made["Replacement"] = word_for(change.replacement);
  if (const std::string action = policy_action(change); !action.empty()) {
    made["PolicyAction"] = action;
  }
  std::set<std::string> scope;
  for (const ChangeDetail& detail : change.details) {
    scope.insert(word_for(detail.part));
    made["Details"].push_back(describe_detail(detail, values));
  }
  made["Scope"] = scope;
  if (values == PropertyValues::included) {
    const auto context = [](const json& properties) {
      return model::text_of({{"Properties", properties}});
    };
    const bool is_new = change.action == ChangeAction::add || change.action == ChangeAction::adopt;
    if (!is_new) made["BeforeContext"] = context(change.before);
    if (change.action != ChangeAction::remove) made["AfterContext"] = context(change.after);
  }
  return {{"Type", "Resource"}, {"ResourceChange", std::move(made)}};
}

}  // namespace aurora_global::cloudformation
