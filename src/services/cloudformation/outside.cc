#include "services/cloudformation/outside.h"

#include <algorithm>

#include "awsapi/query.h"
#include "awsapi/query_answer.h"
#include "base/json.h"
#include "cloudformation/errors.h"
#include "services/cloudformation/names.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;

Error not_here_yet() { return make_error(ErrorKind::unavailable, "is being fetched"); }

Error no_such_stack(const std::string& stack) {
  return core::validation_error("Stack with id " + core::shown(stack) + " does not exist");
}

Error no_such_output(const std::string& stack, const std::string& output) {
  return core::validation_error("Stack " + core::shown(stack) + " has no output " +
                                core::shown(output));
}

std::string key_of(const core::DynamicReference& of) {
  return std::string(name_of(of.service)) + "\n" + of.name + "\n" + of.version + "\n" +
         of.json_key + "\n" + of.version_stage + "\n" + of.version_id;
}

}  // namespace

std::optional<std::string> Outside::export_value(const std::string& name) const {
  imports_.insert(name);
  const auto exports = book_.exports();
  const auto found = exports.find(name);
  return found == exports.end() ? std::nullopt : std::optional(found->second.second);
}

Result<json> Outside::stack_output(const std::string& stack, const std::string& output,
                                   const std::string& region) const {
  if (region == book_.facts().region.name) {
    const Stack* found = book_.find(stack);
    if (found == nullptr) return no_such_stack(stack);
    const auto value = found->record.outputs.find(output);
    if (value == found->record.outputs.end()) return no_such_output(stack, output);
    return json(value->second.value);
  }
  const Remote remote{region, stack};
  const auto found = stacks_.find(remote);
  if (found == stacks_.end()) {
    missing_stacks_.insert(remote);
    return not_here_yet();
  }
  if (found->second.has_error()) return found->second.error();
  const auto value = found->second->find(output);
  if (value == found->second->end()) return no_such_output(stack, output);
  return json(value->second);
}

Result<std::vector<std::string>> Outside::availability_zones(const std::string& region) const {
  const auto& regions = book_.facts().regions;
  const bool is_known = std::any_of(regions.begin(), regions.end(),
                                    [&](const RegionId& one) { return one.name == region; });
  if (!is_known) {
    return core::template_error("Fn::GetAZs: there is no region " + core::shown(region));
  }
  return std::vector<std::string>{region + "a", region + "b", region + "c"};
}

Result<std::string> Outside::ssm_parameter(const std::string& name) const {
  const auto found = parameters_.find(name);
  if (found != parameters_.end()) return found->second;
  missing_parameters_.insert(name);
  return not_here_yet();
}

net::Task<void> Fetcher::fetch(Outside& outside) {
  const auto parameters = outside.missing_parameters_;
  for (const std::string& name : parameters) {
    auto asking = ssm(name);
    Result<std::string> value = co_await std::move(asking);
    if (value.has_error() && value.error().kind == ErrorKind::not_found) {
      value = core::validation_error("Unable to fetch parameters [" + core::shown(name) +
                                     "] from parameter store for this account.");
    }
    outside.parameters_.emplace(name, std::move(value));
  }
  const auto stacks = outside.missing_stacks_;
  for (const Outside::Remote& remote : stacks) {
    auto asking = outputs_of(remote.region, remote.stack);
    Result<Outside::Outputs> outputs = co_await std::move(asking);
    outside.stacks_.emplace(remote, std::move(outputs));
  }
}

// As a client of the other region does it: signed for that region.
net::Task<Result<region::RawResponse>> Fetcher::ask(std::string region, awsapi::Form form) {
  form["Version"] = "2010-05-15";
  awsapi::HttpMessage message{"POST",
                              "/",
                              {{"Content-Type", "application/x-www-form-urlencoded"}},
                              awsapi::encode_form(form)};
  awsapi::sign(message, credentials_, "cloudformation." + region + ".amazonaws.com", region,
               "cloudformation", SystemClock().wall_now());
  region::RawRequest raw{message.method, message.target, message.headers, message.body};
  auto asking = region_.pass_on(RegionId{region}, std::move(raw));
  co_return co_await std::move(asking);
}

net::Task<Result<bool>> Fetcher::has(std::string physical_id) {
  std::optional<Error> trouble;
  const std::vector<RegionId> regions = region_.facts().regions;
  for (const RegionId& other : regions) {
    if (other == region_.facts().region) continue;
    awsapi::Form form{{"Action", "DescribeStackResources"}, {"PhysicalResourceId", physical_id}};
    auto asking = ask(other.name, std::move(form));
    const auto answer = co_await std::move(asking);
    if (answer.has_error()) {
      trouble = answer.error().in("ask region " + other.name + " for " + core::shown(physical_id));
    } else if (answer->status == 200) {
      co_return true;
    }
  }
  if (trouble) co_return *trouble;
  co_return false;
}

net::Task<Result<Outside::Outputs>> Fetcher::outputs_of(std::string region, std::string stack) {
  awsapi::Form form{{"Action", "DescribeStacks"}, {"StackName", stack}};
  auto asking = ask(region, std::move(form));
  auto answer = co_await std::move(asking);
  if (answer.has_error()) {
    co_return answer.error().in("ask region " + region + " for stack " + core::shown(stack));
  }
  pugi::xml_document document;
  const auto result = awsapi::result_of(document, answer->status, answer->body);
  if (result.has_error()) co_return result.error();
  Outside::Outputs outputs;
  const auto members = result->child("Stacks").child("member").child("Outputs");
  for (const auto& member : members.children("member")) {
    outputs[awsapi::text_of(member, "OutputKey")] = awsapi::text_of(member, "OutputValue");
  }
  co_return outputs;
}

net::Task<Result<std::string>> Fetcher::ssm(std::string name) {
  json input = {{"Name", std::move(name)}, {"WithDecryption", true}};
  auto asking = services_.call("ssm", "GetParameter", std::move(input));
  const auto answer = co_await std::move(asking);
  if (answer.has_error()) co_return answer.error();
  co_return text_of(answer->at("Parameter"), "Value");
}

net::Task<Result<std::string>> Fetcher::secret(core::DynamicReference reference) {
  json input = {{"SecretId", reference.name}};
  if (!reference.version_stage.empty()) input["VersionStage"] = reference.version_stage;
  if (!reference.version_id.empty()) input["VersionId"] = reference.version_id;
  auto asking = services_.call("secretsmanager", "GetSecretValue", std::move(input));
  const auto answer = co_await std::move(asking);
  if (answer.has_error()) co_return answer.error();
  const std::string text = text_of(*answer, "SecretString");
  if (reference.json_key.empty()) co_return text;
  const json document = parse_json(text);
  const auto found = document.find(reference.json_key);
  if (!document.is_object() || found == document.end()) {
    co_return core::validation_error(
        "Could not find a value associated with JSONKey in SecretString");
  }
  co_return found->is_string() ? found->get<std::string>() : found->dump();
}

net::Task<Result<json>> Fetcher::resolved(json value) {
  CO_TRY(const auto references, core::dynamic_references(value));
  if (references.empty()) co_return value;
  std::map<std::string, std::string> found;
  for (const core::DynamicReference& one : references) {
    const std::string key = key_of(one);
    if (found.contains(key)) continue;
    const bool is_secret = one.service == core::ReferencedService::secretsmanager;
    auto asking = is_secret ? secret(one)
                            : ssm(one.version.empty() ? one.name : one.name + ":" + one.version);
    CO_TRY(found[key], co_await std::move(asking));
  }
  co_return core::resolve_dynamic_references(
      value, [&found](const core::DynamicReference& one) -> Result<std::string> {
        return found.at(key_of(one));
      });
}

}  // namespace aurora_global::services::cloudformation
