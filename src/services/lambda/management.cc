#include "services/lambda/management.h"

#include <algorithm>

#include "base/base64.h"
#include "base/rng.h"
#include "services/call.h"
#include "services/lambda/function_policy.h"
#include "services/lambda/function_record.h"

namespace aurora_global::services::lambda {
namespace {

using nlohmann::json;
using Answer = net::Task<Result<json>>;

constexpr Duration kTurnLimit = std::chrono::seconds(60);
constexpr std::size_t kFunctionsMax = 1000;
constexpr std::size_t kNameMax = 64;

Error no_such(std::string message) {
  return make_error(ErrorKind::not_found, std::move(message), "ResourceNotFoundException");
}

WallTime now() { return SystemClock().wall_now(); }

// Members of `object` itself: of a record those that the function's configuration does not have.
json member_or(const json& object, const char* name, json otherwise) {
  return object.is_object() ? object.value(name, std::move(otherwise)) : otherwise;
}

// Where the code of a request lies.
struct CodeSource {
  std::string zip, bucket, key, version;  // The zip itself, or an object of S3.
};

// `prefix`: "Code." for a new function, "" for new code.
Result<CodeSource> code_source(Members& members, const std::string& prefix) {
  CodeSource source;
  const auto zip = members.optional_text(prefix + "ZipFile");
  source.bucket = members.text(prefix + "S3Bucket");
  source.key = members.text(prefix + "S3Key");
  source.version = members.text(prefix + "S3ObjectVersion");
  for (const char* name : {"ImageUri", "SourceKMSKeyArn"}) {
    if (members.optional_text(prefix + name)) {
      return refused(std::string(name) +
                     " is not supported here: give ZipFile, or S3Bucket and "
                     "S3Key");
    }
  }
  members.text(prefix + "S3ObjectStorageMode");
  if (members.flag("Publish")) return refused("Publish: there are no versions of functions here");
  const bool object = !source.bucket.empty() && !source.key.empty();
  if (zip.has_value() == object) {
    return refused("Please provide a source for function code.");
  }
  if (zip) source.zip = from_base64(*zip).value_or("");
  return source;
}

// The zip itself. Fails as Lambda does for an object that cannot be read.
net::Task<Result<ZipSource>> fetch_code(ObjectReader* objects, CodeSource source) {
  if (source.bucket.empty()) co_return ZipSource{std::move(source.zip), nullptr};
  if (objects == nullptr) co_return refused("There are no buckets here: give ZipFile");
  auto opening = objects->open_object(source.bucket, source.key, source.version);
  auto object = co_await std::move(opening);
  if (object.has_error()) {
    co_return refused("Error occurred while GetObject. S3 Error Code: " + object.error().code +
                      ". S3 Error Message: " + object.error().message);
  }
  co_return ZipSource{"", std::move(*object)};
}

void set_code(json& record, const StoredCode& code) {
  if (record.contains("Code")) record["FormerCode"] = record["Code"];
  record["Code"] = code.file;
  record["Configuration"]["CodeSha256"] = code.sha256;
  record["Configuration"]["CodeSize"] = code.size;
}

Answer create_function(Management& lambda, Members members) {
  CO_TRY(const std::string name, lambda.registry.name_in(members.required("FunctionName")));
  if (name.size() > kNameMax) co_return refused("A function's name has at most 64 characters");
  json record = {{"Tags", members.pairs("Tags")}};
  CO_TRY(record["Configuration"], new_configuration(members, name, lambda.facts));
  CO_TRY(CodeSource source, code_source(members, "Code."));
  CO_TRY_VOID(members.finish());
  CO_TRY_VOID(check_tags(record["Tags"]));
  if (lambda.registry.find(name).has_value()) {
    co_return make_error(ErrorKind::conflict, "Function already exist: " + name,
                         "ResourceConflictException");
  }
  if (lambda.registry.all().size() >= kFunctionsMax) {
    co_return make_error(ErrorKind::exhausted, "There are 1000 functions in this region",
                         "TooManyRequestsException");
  }
  CO_TRY(ZipSource zip, co_await fetch_code(lambda.objects, std::move(source)));
  CO_TRY(const StoredCode code, co_await lambda.store.put_code(name, std::move(zip)));
  set_code(record, code);
  CO_TRY_VOID(co_await lambda.put(name, std::move(record)));
  CO_TRY(const FunctionPtr made, lambda.registry.find(name));
  co_return lambda.shown(*made);
}

Answer update_code(Management& lambda, Members members) {
  CO_TRY(const FunctionPtr function, lambda.changeable(members.required("FunctionName")));
  const std::string name = function->config.name, revision = members.text("RevisionId");
  const bool trial = members.flag("DryRun");
  json record = function->record;
  CO_TRY_VOID(take_architectures(record["Configuration"], members));
  CO_TRY(CodeSource source, code_source(members, ""));
  CO_TRY_VOID(members.finish());
  CO_TRY_VOID(lambda.check_revision(record, revision));
  CO_TRY(ZipSource zip, co_await fetch_code(lambda.objects, std::move(source)));
  CO_TRY(const StoredCode code, co_await lambda.store.put_code(name, std::move(zip)));
  set_code(record, code);
  if (trial) {
    co_await lambda.store.drop_code(code);
    Function shown = *function;
    shown.record = std::move(record);
    co_return lambda.shown(shown);
  }
  CO_TRY_VOID(co_await lambda.put(name, std::move(record)));
  CO_TRY(const FunctionPtr changed, lambda.registry.find(name));
  co_return lambda.shown(*changed);
}

Answer update_configuration(Management& lambda, Members members) {
  CO_TRY(const FunctionPtr function, lambda.changeable(members.required("FunctionName")));
  const std::string name = function->config.name, revision = members.text("RevisionId");
  json record = function->record;
  CO_TRY_VOID(change_configuration(record["Configuration"], members, lambda.facts));
  CO_TRY_VOID(members.finish());
  CO_TRY_VOID(lambda.check_revision(record, revision));
  CO_TRY_VOID(co_await lambda.put(name, std::move(record)));
  CO_TRY(const FunctionPtr changed, lambda.registry.find(name));
  co_return lambda.shown(*changed);
}

Answer delete_function(Management& lambda, Members members) {
  CO_TRY(const FunctionPtr function, lambda.changeable(members.required("FunctionName")));
  const std::string qualifier = members.text("Qualifier"), name = function->config.name;
  CO_TRY_VOID(members.finish());
  if (!qualifier.empty()) {
    co_return refused("$LATEST version cannot be deleted without deleting the function.");
  }
  CO_TRY_VOID(co_await lambda.store.remove(name));
  co_await lambda.hooks.forget(name);
  co_return json{{"StatusCode", 204}};
}

Answer get_function(Management& lambda, Members members) {
  CO_TRY(const FunctionPtr function, lambda.registry.find(members.required("FunctionName")));
  CO_TRY_VOID(members.finish());
  auto showing = lambda.shown_whole(function);
  json answer = {{"Configuration", co_await std::move(showing)}};
  answer["Code"] = {{"RepositoryType", "file"}, {"Location", function->config.code.string()}};
  const json tags = member_or(function->record, "Tags", json::object());
  if (!tags.empty()) answer["Tags"] = tags;
  const json reserved = member_or(function->record, "ReservedConcurrentExecutions", nullptr);
  if (!reserved.is_null()) {
    answer["Concurrency"] = {{"ReservedConcurrentExecutions", reserved}};
  }
  co_return answer;
}

Answer get_configuration(Management& lambda, Members members) {
  CO_TRY(const FunctionPtr function, lambda.registry.find(members.required("FunctionName")));
  CO_TRY_VOID(members.finish());
  auto showing = lambda.shown_whole(function);
  co_return co_await std::move(showing);
}

// ---- policies

Answer get_policy(Management& lambda, Members members) {
  CO_TRY(const FunctionPtr function, lambda.registry.find(members.required("FunctionName")));
  CO_TRY_VOID(members.finish());
  const json statements = member_or(function->record, "Policy", json::array());
  if (statements.empty()) co_return no_such("The resource you requested does not exist.");
  co_return json{{"Policy", policy_document(statements).dump()},
                 {"RevisionId", function->record["Configuration"]["RevisionId"]}};
}

Answer add_permission(Management& lambda, Members members) {
  CO_TRY(const FunctionPtr function, lambda.changeable(members.required("FunctionName")));
  json given = {{"StatementId", members.required("StatementId")},
                {"Action", members.required("Action")},
                {"Principal", members.required("Principal")},
                {"SourceArn", members.text("SourceArn")},
                {"SourceAccount", members.text("SourceAccount")}};
  const std::string revision = members.text("RevisionId");
  CO_TRY_VOID(members.finish());
  CO_TRY_VOID(lambda.check_revision(function->record, revision));
  CO_TRY(const json statement, statement_of(given, function->arn, lambda.facts.account_id));
  json record = function->record;
  json& statements = record["Policy"];
  if (statements.is_null()) statements = json::array();
  const std::string id = given["StatementId"].get<std::string>();
  for (const json& one : statements) {
    if (one.at("Sid") != id) continue;
    co_return make_error(ErrorKind::conflict,
                         "The statement id (" + id +
                             ") provided already exists. Please provide a new statement id, or "
                             "remove the existing statement.",
                         "ResourceConflictException");
  }
  statements.push_back(statement);
  if (policy_document(statements).dump().size() > kPolicyBytesMax) {
    co_return make_error(ErrorKind::exhausted,
                         "The final policy size is bigger than the limit (20480).",
                         "PolicyLengthExceededException");
  }
  CO_TRY_VOID(co_await lambda.put(function->config.name, std::move(record)));
  co_return json{{"Statement", statement.dump()}};
}

Answer remove_permission(Management& lambda, Members members) {
  CO_TRY(const FunctionPtr function, lambda.changeable(members.required("FunctionName")));
  const std::string id = members.required("StatementId"), revision = members.text("RevisionId");
  CO_TRY_VOID(members.finish());
  CO_TRY_VOID(lambda.check_revision(function->record, revision));
  json record = function->record;
  json left = json::array();
  const json present = member_or(record, "Policy", json::array());
  for (const json& one : present) {
    if (one.at("Sid") != id) left.push_back(one);
  }
  if (left.size() == present.size()) {
    co_return no_such("Statement " + id + " is not found in resource policy.");
  }
  record["Policy"] = std::move(left);
  CO_TRY_VOID(co_await lambda.put(function->config.name, std::move(record)));
  co_return json::object();
}

// ---- asynchronous invocations

json shown_events(const Function& function, const json& events) {
  json shown = events;
  shown["FunctionArn"] = function.arn + ":$LATEST";
  return shown;
}

Error no_events(const Function& function) {
  return no_such("The function " + function.arn + ":$LATEST doesn't have an EventInvokeConfig");
}

Answer store_events(Management& lambda, Members members, bool anew) {
  CO_TRY(const FunctionPtr function, lambda.changeable(members.required("FunctionName")));
  json record = function->record;
  json& events = record["EventInvoke"];
  if (!anew && events.is_null()) co_return no_events(*function);
  if (anew)
    events = {
        {"DestinationConfig", {{"OnSuccess", json::object()}, {"OnFailure", json::object()}}}};
  CO_TRY_VOID(take_event_invoke(events, members, lambda.facts));
  CO_TRY_VOID(members.finish());
  events["LastModified"] = std::chrono::duration<double>(now().time_since_epoch()).count();
  json answer = shown_events(*function, events);
  CO_TRY_VOID(co_await lambda.put(function->config.name, std::move(record)));
  co_return answer;
}

Answer put_events(Management& lambda, Members members) {
  return store_events(lambda, std::move(members), true);
}

Answer update_events(Management& lambda, Members members) {
  return store_events(lambda, std::move(members), false);
}

Answer get_events(Management& lambda, Members members) {
  CO_TRY(const FunctionPtr function, lambda.registry.find(members.required("FunctionName")));
  CO_TRY_VOID(members.finish());
  const json events = member_or(function->record, "EventInvoke", nullptr);
  if (events.is_null()) co_return no_events(*function);
  co_return shown_events(*function, events);
}

Answer delete_events(Management& lambda, Members members) {
  CO_TRY(const FunctionPtr function, lambda.changeable(members.required("FunctionName")));
  CO_TRY_VOID(members.finish());
  json record = function->record;
  if (record.erase("EventInvoke") == 0) co_return no_events(*function);
  CO_TRY_VOID(co_await lambda.put(function->config.name, std::move(record)));
  co_return json::object();
}

// ---- concurrency and tags

Answer put_concurrency(Management& lambda, Members members) {
  CO_TRY(const FunctionPtr function, lambda.changeable(members.required("FunctionName")));
  const auto reserved = members.number("ReservedConcurrentExecutions", 0, 1000);
  CO_TRY_VOID(members.finish());
  json record = function->record;
  record["ReservedConcurrentExecutions"] = *reserved;
  CO_TRY_VOID(co_await lambda.put(function->config.name, std::move(record)));
  co_return json{{"ReservedConcurrentExecutions", *reserved}};
}

Answer get_concurrency(Management& lambda, Members members) {
  CO_TRY(const FunctionPtr function, lambda.registry.find(members.required("FunctionName")));
  CO_TRY_VOID(members.finish());
  const json reserved = member_or(function->record, "ReservedConcurrentExecutions", nullptr);
  if (reserved.is_null()) co_return json::object();
  co_return json{{"ReservedConcurrentExecutions", reserved}};
}

Answer delete_concurrency(Management& lambda, Members members) {
  CO_TRY(const FunctionPtr function, lambda.changeable(members.required("FunctionName")));
  CO_TRY_VOID(members.finish());
  json record = function->record;
  record.erase("ReservedConcurrentExecutions");
  CO_TRY_VOID(co_await lambda.put(function->config.name, std::move(record)));
  co_return json::object();
}

Answer list_tags(Management& lambda, Members members) {
  CO_TRY(const FunctionPtr function, lambda.registry.find(members.required("Resource")));
  CO_TRY_VOID(members.finish());
  co_return json{{"Tags", member_or(function->record, "Tags", json::object())}};
}

Answer tag(Management& lambda, Members members) {
  CO_TRY(const FunctionPtr function, lambda.changeable(members.required("Resource")));
  const auto added = members.pairs("Tags");
  CO_TRY_VOID(members.finish());
  json record = function->record;
  for (const auto& [key, value] : added) record["Tags"][key] = value;
  CO_TRY_VOID(check_tags(record["Tags"]));
  CO_TRY_VOID(co_await lambda.put(function->config.name, std::move(record)));
  co_return json::object();
}

Answer untag(Management& lambda, Members members) {
  CO_TRY(const FunctionPtr function, lambda.changeable(members.required("Resource")));
  const auto keys = members.texts("TagKeys");
  CO_TRY_VOID(members.finish());
  json record = function->record;
  for (const std::string& key : keys) record["Tags"].erase(key);
  CO_TRY_VOID(co_await lambda.put(function->config.name, std::move(record)));
  co_return json::object();
}

using Operation = Answer (*)(Management&, Members);
constexpr std::pair<std::string_view, Operation> kOperations[] = {
    {"GetFunction", get_function},
    {"GetFunctionConfiguration", get_configuration},
    {"CreateFunction", create_function},
    {"UpdateFunctionCode", update_code},
    {"UpdateFunctionConfiguration", update_configuration},
    {"DeleteFunction", delete_function},
    {"GetPolicy", get_policy},
    {"AddPermission", add_permission},
    {"RemovePermission", remove_permission},
    {"PutFunctionEventInvokeConfig", put_events},
    {"UpdateFunctionEventInvokeConfig", update_events},
    {"GetFunctionEventInvokeConfig", get_events},
    {"DeleteFunctionEventInvokeConfig", delete_events},
    {"PutFunctionConcurrency", put_concurrency},
    {"GetFunctionConcurrency", get_concurrency},
    {"DeleteFunctionConcurrency", delete_concurrency},
    {"ListTags", list_tags},
    {"TagResource", tag},
    {"UntagResource", untag},
};

bool only_reads(std::string_view operation) {
  return operation.rfind("Get", 0) == 0 || operation.rfind("List", 0) == 0;
}

}  // namespace

std::vector<std::string_view> Management::action_names() { return names_in(kOperations); }

net::Task<Result<json>> Management::call(std::string operation, json input) {
  // What it deletes, if it is said at all, is a version: there are none.
  const std::string qualifier = input.value("Qualifier", "$LATEST");
  if (qualifier != "$LATEST") {
    co_return no_such("Cannot find version or alias " + qualifier + " of " +
                      input.value("FunctionName", ""));
  }
  if (operation != "DeleteFunction") input.erase("Qualifier");
  std::optional<net::AsyncMutex::Guard> turn;
  if (!only_reads(operation)) {
    CO_TRY(auto guard, co_await changing_.lock(Deadline::in(kTurnLimit)));
    turn.emplace(std::move(guard));
  }
  auto running = run_in_table("lambda", kOperations, std::move(operation), std::move(input), *this);
  co_return co_await std::move(running);
}

json Management::shown(const Function& function) const {
  json shown = {{"FunctionName", function.config.name},
                {"FunctionArn", function.arn},
                {"Version", "$LATEST"},
                {"State", "Active"},
                {"LastUpdateStatus", "Successful"}};
  if (!function.record.is_null()) {
    shown.update(function.record.at("Configuration"));
    return shown;
  }
  const FunctionConfig& config = function.config;
  json variables = json::object();
  for (const auto& [name, value] : config.environment) variables[name] = value;
  shown.update({{"Runtime", kRuntime},
                {"Role", "arn:aws:iam::" + facts.account_id + ":role/local"},
                {"Handler", config.handler},
                {"Description", config.description},
                {"Timeout", config.timeout_s},
                {"MemorySize", config.memory_mb},
                {"LastModified", lambda_time(WallTime{})},
                {"Environment", {{"Variables", variables}}},
                {"PackageType", "Zip"},
                {"Architectures", {machine_architecture()}}});
  return shown;
}

net::Task<json> Management::shown_whole(FunctionPtr function) const {
  json all = shown(*function);
  if (!function->record.is_null()) co_return all;
  auto digesting = hooks.digest(std::move(function));
  const auto digested = co_await std::move(digesting);
  const CodeDigest digest = digested.has_value() ? *digested : CodeDigest{};
  all["CodeSize"] = digest.bytes;
  all["CodeSha256"] = digest.sha256;
  co_return all;
}

Result<FunctionPtr> Management::changeable(const std::string& name_or_arn) {
  TRY(FunctionPtr function, registry.find(name_or_arn));
  if (!function->record.is_null()) return function;
  return make_error(ErrorKind::conflict,
                    "The function " + function->config.name +
                        " is declared in a file of the region's folder functions/, which changes "
                        "and removes it",
                    "ResourceConflictException");
}

Result<void> Management::check_revision(const json& record, const std::string& wanted) const {
  if (wanted.empty() || record.at("Configuration").value("RevisionId", "") == wanted) return ok();
  return make_error(ErrorKind::conflict,
                    "The Revision Id provided does not match the latest Revision Id. Call the "
                    "GetFunction/GetAlias API to retrieve the latest Revision Id",
                    "PreconditionFailedException");
}

net::Task<Result<void>> Management::put(std::string name, json record) {
  record["Configuration"]["RevisionId"] = random_uuid();
  record["Configuration"]["LastModified"] = lambda_time(now());
  co_return co_await store.put(std::move(name), std::move(record));
}

}  // namespace aurora_global::services::lambda
