// Change sets: what will be done is said before it is done.
#include "base/json.h"
#include "base/rng.h"
#include "cloudformation/errors.h"
#include "cloudformation/members.h"
#include "model/fields.h"
#include "services/cloudformation/names.h"
#include "services/cloudformation/pages.h"
#include "services/cloudformation/service.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;

constexpr std::size_t kChangesOfAPage = 100;
constexpr std::size_t kChangeSetsOfAPage = 100;

Error no_change_set(const std::string& name) {
  return make_error(ErrorKind::not_found, "ChangeSet [" + core::shown(name) + "] does not exist",
                    "ChangeSetNotFound");
}

Error wrong_status(const ChangeSetRecord& of, const char* verb) {
  return make_error(ErrorKind::conflict,
                    "ChangeSet [" + of.id + "] cannot be " + verb + " in its current status of [" +
                        of.status + "]",
                    "InvalidChangeSetStatus");
}

StackFailure failure_asked(const std::string& name) {
  if (name == "DO_NOTHING") return StackFailure::keep;
  return name == "DELETE" ? StackFailure::remove : StackFailure::roll_back;
}

// The stack that a change set of this type may be made for; null: a new one.
Result<Stack*> stack_for(Service& service, const std::string& stack_name,
                         const ChangeSetRecord& wanted) {
  Stack* stack = service.book.find(stack_name);
  const bool is_import = wanted.type == "IMPORT";
  if (is_import &&
      (stack == nullptr || stack->record.status == core::StackStatus::review_in_progress)) {
    return stack;
  }
  if (wanted.type == "CREATE") {
    if (stack == nullptr) return stack;
    if (stack->record.status != core::StackStatus::review_in_progress) {
      return core::validation_error("Stack [" + core::shown(stack_name) +
                                    "] already exists and cannot be created again with the "
                                    "changeSet [" +
                                    wanted.name + "].");
    }
    return stack;
  }
  if (stack == nullptr || stack->record.status == core::StackStatus::review_in_progress) {
    return core::validation_error("Stack [" + core::shown(stack_name) + "] does not exist");
  }
  TRY_VOID(core::check_request(
      stack->record.name, stack->record.status,
      is_import ? core::StackRequest::create_import : core::StackRequest::create_change_set));
  return stack;
}

std::vector<core::ResourceToImport> imports_in(Members& members) {
  std::vector<core::ResourceToImport> imports;
  for (const json& one : members.list("ResourcesToImport")) {
    core::ResourceToImport wanted{.type = text_of(one, "ResourceType"),
                                  .logical_id = text_of(one, "LogicalResourceId")};
    const json& identifier = core::property_or_null(one, "ResourceIdentifier");
    for (const auto& [name, value] : identifier.items()) {
      wanted.identifier[name] = core::as_text(value).value_or("");
    }
    imports.push_back(std::move(wanted));
  }
  return imports;
}

ChangeSetRecord read_change_set(Members& members) {
  ChangeSetRecord record{.uuid = random_uuid(),
                         .name = members.text("ChangeSetName"),
                         .type = members.text("ChangeSetType", "UPDATE"),
                         .description = members.text("Description"),
                         .client_token = members.text("ClientToken"),
                         .created = SystemClock().wall_now()};
  // The CDK's bootstrap asks for it where nothing exists. Where something does, its creation fails
  // and says so.
  members.flag("ImportExistingResources");
  if (const auto on_failure = members.optional_text("OnStackFailure")) {
    record.on_failure = failure_asked(*on_failure);
    record.has_on_failure = true;
    if (*on_failure == "DELETE" && record.type != "CREATE") {
      members.problem("OnStackFailure DELETE is for change sets of type CREATE only");
    }
  }
  return record;
}

// Without what IncludePropertyValues asks for.
json without_values(json change) {
  json& resource = change["ResourceChange"];
  resource.erase("BeforeContext");
  resource.erase("AfterContext");
  for (json& detail : resource["Details"]) {
    for (const char* name : {"Path", "AttributeChangeType", "BeforeValue", "AfterValue"}) {
      detail["Target"].erase(name);
    }
  }
  return change;
}

json summary_of(const ChangeSetRecord& of, const StackRecord& stack) {
  json told = {{"ChangeSetName", of.name},
               {"ChangeSetId", of.id},
               {"StackId", stack.id},
               {"StackName", stack.name},
               {"CreationTime", seconds_of(of.created)},
               {"ExecutionStatus", of.execution_status},
               {"Status", of.status},
               {"IncludeNestedStacks", false},
               {"ImportExistingResources", false}};
  if (!of.description.empty()) told["Description"] = of.description;
  if (!of.reason.empty()) told["StatusReason"] = of.reason;
  return told;
}

// A request that is made again has the same token.
Result<json> same_or_error(const ChangeSetRecord& same, const ChangeSetRecord& wanted,
                           const StackRecord& stack) {
  if (!wanted.client_token.empty() && same.client_token == wanted.client_token) {
    return json{{"Id", same.id}, {"StackId", stack.id}};
  }
  return make_error(ErrorKind::conflict,
                    "ChangeSet " + wanted.name +
                        " cannot be created due to a mismatch with existing attribute Name: it "
                        "exists already",
                    "AlreadyExistsException");
}

// What the change set says of the plan, and what is stored of it.
void take_plan(Result<Plan> plan, ChangeSetRecord& record, Write& with) {
  record.status = "FAILED";
  record.execution_status = "UNAVAILABLE";
  json changes = json::array();
  if (plan.has_error()) {
    record.reason = plan.error().message;
  } else if (!plan->has_changes) {
    record.reason = core::kNoChanges;
  } else {
    record.status = "CREATE_COMPLETE";
    record.execution_status = "AVAILABLE";
    for (const core::ResourceChange& change : plan->changes) {
      changes.push_back(core::describe_change(change, core::PropertyValues::included));
    }
  }
  if (plan.has_value()) {
    record.source.imports = plan->source.imports;
    record.imports = std::move(plan->imports);
  }
  with.put[changes_key(record)] = model::text_of(changes);
}

}  // namespace

Answer create_change_set(Service& service, Members members) {
  const std::string stack_name = members.text("StackName");
  Asked asked = read_asked(members);
  ChangeSetRecord record = read_change_set(members);
  auto imports = imports_in(members);
  if ((record.type == "IMPORT") != !imports.empty()) {
    members.problem("ResourcesToImport is for change sets of type IMPORT, which need it");
  }
  members.flag("IncludeNestedStacks");  // No type of resource is a stack.
  CO_TRY_VOID(members.finish());
  CO_TRY(const Stack* found, stack_for(service, stack_name, record));
  const bool is_new = found == nullptr;
  StackRecord stack;
  if (is_new) {
    CO_TRY(stack, service.book.new_stack(stack_name));
  } else {
    stack = found->record;
  }
  record.stack_uuid = stack.uuid;
  const region::Facts& facts = service.book.facts();
  record.id = "arn:aws:cloudformation:" + facts.region.name + ":" + facts.account_id +
              ":changeSet/" + record.name + "/" + record.uuid;
  if (const auto* same = service.book.find_change_set(record.name, stack.id)) {
    co_return same_or_error(*same, record, stack);
  }
  if (service.book.change_sets(stack.uuid).size() >= kChangeSetsMax) {
    co_return make_error(ErrorKind::exhausted, "ChangeSet limit exceeded for stack " + stack.name,
                         "LimitExceededException");
  }
  auto drafting = service.planner.draft(std::move(asked), stack);
  CO_TRY(Planner::Draft draft, co_await std::move(drafting));
  if (record.type == "IMPORT") draft.imports = std::move(imports);
  record.source = draft.source;
  record.source.template_key = "template/" + stack.uuid + "/" + record.uuid;
  Write with;
  with.put[record.source.template_key] = draft.text;
  auto planning = service.planner.plan(std::move(draft), stack.uuid);
  auto plan = co_await std::move(planning);

  auto locking = service.book.lock();
  CO_TRY(const auto guard, co_await std::move(locking));
  CO_TRY(Stack * now, stack_for(service, stack_name, record));
  // What was there has been deleted meanwhile, or another one has got its name.
  if (!is_new && (now == nullptr || now->record.uuid != stack.uuid)) {
    co_return core::validation_error("Stack [" + core::shown(stack.name) + "] does not exist");
  }
  if (now != nullptr) {
    if (const auto* same = service.book.find_change_set(record.name, now->record.id)) {
      co_return same_or_error(*same, record, now->record);
    }
  }
  take_plan(std::move(plan), record, with);
  if (now == nullptr) {
    auto adding = service.book.add_stack(stack, std::nullopt, {});
    CO_TRY(now, co_await std::move(adding));
  }
  if (now->record.uuid != stack.uuid) {
    co_return make_error(ErrorKind::conflict, "ChangeSet " + record.name + " exists already",
                         "AlreadyExistsException");
  }
  json told = {{"Id", record.id}, {"StackId", stack.id}};
  auto putting = service.book.put_change_set(std::move(record), std::move(with));
  CO_TRY_VOID(co_await std::move(putting));
  co_return told;
}

Answer describe_change_set(Service& service, Members members) {
  const std::string name = members.text("ChangeSetName");
  const std::string stack_name = members.text("StackName");
  const bool with_values = members.flag("IncludePropertyValues");
  Page page(members, kChangesOfAPage);
  CO_TRY_VOID(members.finish());
  const ChangeSetRecord* found = service.book.find_change_set(name, stack_name);
  if (found == nullptr) {
    if (!name.starts_with("arn:")) CO_TRY_VOID(service.book.require(stack_name));
    co_return no_change_set(name);
  }
  const ChangeSetRecord record = *found;
  const StackRecord stack = service.book.find_uuid(record.stack_uuid)->record;
  auto reading = service.book.store().read(changes_key(record));
  CO_TRY(const auto text, co_await std::move(reading));
  const json changes = parse_json(text.value_or("[]"));
  json told = summary_of(record, stack);
  std::vector<json> all(changes.begin(), changes.end());
  told["Changes"] = json::array();
  for (json& change : page.of(all, told)) {
    told["Changes"].push_back(with_values ? std::move(change) : without_values(std::move(change)));
  }
  told["Tags"] = list_of(record.source.tags);
  told["NotificationARNs"] = record.source.notification_arns;
  told["Capabilities"] = record.source.capabilities;
  told["RollbackConfiguration"] = json::object();
  if (!record.source.parameters.empty()) {
    told["Parameters"] = parameters_shown(record.source.parameters);
  }
  if (record.has_on_failure) {
    told["OnStackFailure"] = record.on_failure == StackFailure::keep     ? "DO_NOTHING"
                             : record.on_failure == StackFailure::remove ? "DELETE"
                                                                         : "ROLLBACK";
  }
  co_return told;
}

Answer execute_change_set(Service& service, Members members) {
  const std::string name = members.text("ChangeSetName");
  const std::string stack_name = members.text("StackName");
  const std::string token = members.text("ClientRequestToken");
  const auto keeps = members.optional_flag("DisableRollback");
  const bool retains = members.flag("RetainExceptOnCreate");
  CO_TRY_VOID(members.finish());
  const ChangeSetRecord* asked = service.book.find_change_set(name, stack_name);
  const Stack* of = asked == nullptr ? nullptr : service.book.find_uuid(asked->stack_uuid);
  auto locking = service.book.lock_for(of == nullptr ? "" : of->record.id);
  CO_TRY(const auto guard, co_await std::move(locking));
  const ChangeSetRecord* found = service.book.find_change_set(name, stack_name);
  if (found == nullptr) co_return no_change_set(name);
  Stack& stack = *service.book.find_uuid(found->stack_uuid);
  const bool is_same = !token.empty() && found->execution_status == "EXECUTE_COMPLETE" &&
                       stack.record.change_set_id == found->id &&
                       stack.record.client_token == token;
  if (is_same) co_return json::object();
  if (found->execution_status != "AVAILABLE") co_return wrong_status(*found, "executed");
  if (keeps && found->has_on_failure) {
    co_return core::validation_error(
        "DisableRollback cannot be specified for a change set that has OnStackFailure");
  }
  ChangeSetRecord record = *found;
  const bool is_import = record.type == "IMPORT";
  CO_TRY_VOID(core::check_request(
      stack.record.name, stack.record.status,
      is_import ? core::StackRequest::execute_import : core::StackRequest::execute_change_set));
  auto reading = service.planner.blueprint_of(record.source, stack.record);
  CO_TRY(const auto blueprint, co_await std::move(reading));
  CO_TRY(const auto graph, core::resource_graph(blueprint->of, blueprint->conditions));
  CO_TRY_VOID(check_unowned(service.book, blueprint->of, record.imports));
  const bool is_new = stack.record.status == core::StackStatus::review_in_progress;
  auto targets = core::targets_of(blueprint->of, graph);
  for (const auto& [name, id] : record.imports) targets.at(name).import_id = id;
  CO_TRY(Begun made,
         begun(stack.record, stack.inventory(),
               is_import ? core::StackEvent::imported
               : is_new  ? core::StackEvent::created
                         : core::StackEvent::updated,
               {.source = record.source,
                .targets = std::move(targets),
                .on_failure = keeps.value_or(false) ? StackFailure::keep : record.on_failure,
                .retains_except_on_create = retains,
                .client_token = token,
                .change_set_id = record.id}));
  Write with;
  auto beginning = service.book.begin(stack, std::move(made.record), std::move(made.deployment),
                                      std::move(with), std::move(record));
  CO_TRY_VOID(co_await std::move(beginning));
  service.driver.drive(stack);
  co_return json::object();
}

Answer delete_change_set(Service& service, Members members) {
  const std::string name = members.text("ChangeSetName");
  const std::string stack_name = members.text("StackName");
  CO_TRY_VOID(members.finish());
  auto locking = service.book.lock();
  CO_TRY(const auto guard, co_await std::move(locking));
  const ChangeSetRecord* found = service.book.find_change_set(name, stack_name);
  if (found == nullptr) {
    if (!name.starts_with("arn:")) CO_TRY_VOID(service.book.require(stack_name));
    co_return json::object();
  }
  auto removing = service.book.remove_change_set(found->id);
  CO_TRY_VOID(co_await std::move(removing));
  co_return json::object();
}

Answer list_change_sets(Service& service, Members members) {
  const std::string name = members.text("StackName");
  Page page(members, kChangeSetsOfAPage);
  CO_TRY_VOID(members.finish());
  CO_TRY(const Stack* stack, service.book.require(name));
  std::vector<json> all;
  for (const ChangeSetRecord* one : service.book.change_sets(stack->record.uuid)) {
    all.push_back(summary_of(*one, stack->record));
  }
  json told = {{"Summaries", json::array()}};
  for (json& one : page.of(all, told)) told["Summaries"].push_back(std::move(one));
  co_return told;
}

}  // namespace aurora_global::services::cloudformation
