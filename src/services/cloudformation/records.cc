#include "services/cloudformation/records.h"

#include "base/check.h"
#include "cloudformation/limits.h"
#include "model/fields.h"

namespace aurora_global::cloudformation {

// Found by Fields, as types of this namespace.
static void read(model::Fields& fields, ParameterValue& out) {
  fields.require({"given", "value"})
      .get("given", out.given)
      .get("value", out.value)
      .get("no_echo", out.no_echo);
}

static void read(model::Fields& fields, Output& out) {
  fields.require({"value"})
      .get("value", out.value, kEvaluatedBytesMax)
      .get("description", out.description)
      .get("export_name", out.export_name, kEvaluatedBytesMax);
}

}  // namespace aurora_global::cloudformation

namespace aurora_global::services::cloudformation {
namespace {

using model::Fields;
using nlohmann::json;

std::string_view name_of(StackFailure failure) {
  switch (failure) {
    case StackFailure::roll_back: return "roll-back";
    case StackFailure::keep: return "keep";
    case StackFailure::remove: return "remove";
  }
  CHECK(false);
}

std::optional<StackFailure> failure_named(std::string_view name) {
  for (const StackFailure one :
       {StackFailure::roll_back, StackFailure::keep, StackFailure::remove}) {
    if (name_of(one) == name) return one;
  }
  return std::nullopt;
}

// Those of the template before and after an update, and what failed updates have left.
constexpr std::size_t kViewsMax = 10'000;
// What a caller or a template gives as often as its size lets it.
constexpr std::size_t kNamesMax = 1'000'000;

std::int64_t micros(WallTime at) { return at.time_since_epoch().count(); }

json json_of(const Source& of) {
  json parameters = json::object();
  for (const auto& [name, one] : of.parameters) {
    parameters[name] = {{"given", one.given}, {"value", one.value}, {"no_echo", one.no_echo}};
  }
  return {{"template_key", of.template_key},
          {"description", of.description},
          {"parameters", std::move(parameters)},
          {"tags", of.tags},
          {"capabilities", of.capabilities},
          {"notification_arns", of.notification_arns},
          {"role_arn", of.role_arn},
          {"imports", of.imports}};
}

json json_of(const ResourceView& of) {
  return {{"type", of.type},
          {"physical_id", of.physical_id},
          {"status", of.status},
          {"reason", of.reason},
          {"at", micros(of.at)}};
}

json json_of(const core::Output& of) {
  return {{"value", of.value}, {"description", of.description}, {"export_name", of.export_name}};
}

}  // namespace

// Found by Fields.
static void read(Fields& fields, Source& out) {
  fields.require({"template_key"})
      .get("template_key", out.template_key)
      .get("description", out.description)
      .get("parameters", out.parameters)
      .get("tags", out.tags)
      .get("capabilities", out.capabilities, kNamesMax)
      .get("notification_arns", out.notification_arns)
      .get("role_arn", out.role_arn)
      .get("imports", out.imports, kNamesMax);
}

static void read(Fields& fields, ResourceView& out) {
  fields.require({"type", "status"})
      .get("type", out.type)
      .get("physical_id", out.physical_id)
      .get("status", out.status)
      .get("reason", out.reason)
      .get("at", out.at);
}

static void read(Fields& fields, StackRecord& out) {
  fields.require({"id", "uuid", "name", "status"})
      .get("id", out.id)
      .get("uuid", out.uuid)
      .get("name", out.name)
      .get_named("status", out.status, core::stack_status_named)
      .get("reason", out.reason)
      .get("created", out.created)
      .get("updated", out.updated)
      .get("deleted", out.deleted)
      .get("current", out.current)
      .get("wanted", out.wanted)
      .get_named("on_failure", out.on_failure, failure_named)
      .get("is_protected", out.is_protected)
      .get("outputs", out.outputs)
      .get("resources", out.resources, kViewsMax)
      .get("change_set_id", out.change_set_id)
      .get("client_token", out.client_token)
      .get("create_token", out.create_token)
      .get("operations", out.operations)
      .get("events", out.events);
}

static void read(Fields& fields, ChangeSetRecord& out) {
  fields.require({"id", "uuid", "name", "stack_uuid", "status", "source"})
      .get("id", out.id)
      .get("uuid", out.uuid)
      .get("name", out.name)
      .get("stack_uuid", out.stack_uuid)
      .get("type", out.type)
      .get("status", out.status)
      .get("reason", out.reason)
      .get("execution_status", out.execution_status)
      .get("description", out.description)
      .get("client_token", out.client_token)
      .get("created", out.created)
      .get_named("on_failure", out.on_failure, failure_named)
      .get("has_on_failure", out.has_on_failure)
      .get("imports", out.imports)
      .get("source", out.source);
}

json json_of(const StackRecord& of) {
  json made = {{"id", of.id},
               {"uuid", of.uuid},
               {"name", of.name},
               {"status", core::name_of(of.status)},
               {"reason", of.reason},
               {"created", micros(of.created)},
               {"on_failure", name_of(of.on_failure)},
               {"is_protected", of.is_protected},
               {"outputs", json::object()},
               {"resources", json::object()},
               {"change_set_id", of.change_set_id},
               {"client_token", of.client_token},
               {"create_token", of.create_token},
               {"operations", of.operations},
               {"events", of.events}};
  if (of.updated) made["updated"] = micros(*of.updated);
  if (of.deleted) made["deleted"] = micros(*of.deleted);
  if (of.current) made["current"] = json_of(*of.current);
  if (of.wanted) made["wanted"] = json_of(*of.wanted);
  for (const auto& [name, one] : of.outputs) made["outputs"][name] = json_of(one);
  for (const auto& [name, one] : of.resources) made["resources"][name] = json_of(one);
  return made;
}

json json_of(const ChangeSetRecord& of) {
  return {{"id", of.id},
          {"uuid", of.uuid},
          {"name", of.name},
          {"stack_uuid", of.stack_uuid},
          {"type", of.type},
          {"status", of.status},
          {"reason", of.reason},
          {"execution_status", of.execution_status},
          {"description", of.description},
          {"client_token", of.client_token},
          {"created", micros(of.created)},
          {"on_failure", name_of(of.on_failure)},
          {"has_on_failure", of.has_on_failure},
          {"imports", of.imports},
          {"source", json_of(of.source)}};
}

Result<StackRecord> stack_record_of(std::string_view text) {
  return model::decode_text<StackRecord>(text, "stack");
}

Result<ChangeSetRecord> change_set_record_of(std::string_view text) {
  return model::decode_text<ChangeSetRecord>(text, "change set");
}

std::string stack_key(const std::string& uuid) { return "stack/" + uuid; }
std::string deployment_key(const std::string& uuid) { return "deployment/" + uuid; }
std::string claims_key(const std::string& uuid) { return "claim/" + uuid + "/"; }
std::string change_set_key(const ChangeSetRecord& of) {
  return "changeset/" + of.stack_uuid + "/" + of.uuid;
}
std::string changes_key(const ChangeSetRecord& of) {
  return "changes/" + of.stack_uuid + "/" + of.uuid;
}

}  // namespace aurora_global::services::cloudformation
