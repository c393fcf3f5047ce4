#include "services/ssm/ssm.h"

#include <algorithm>
#include <boost/regex.hpp>
#include <charconv>
#include <set>

#include "awsapi/http_message.h"
#include "base/base64.h"
#include "region/key_ring.h"
#include "services/call.h"
#include "services/ssm/parameter_names.h"

namespace aurora_global::services::ssm {
namespace {

using nlohmann::json;
using Answer = net::Task<Result<json>>;
using Parts = Ssm::Parts;

constexpr std::size_t kStandardMax = 4096;
constexpr std::size_t kAdvancedMax = 8192;
constexpr std::size_t kSealedAtOnce = 4096;  // What KMS encrypts at once.
constexpr std::size_t kPatternTextMax = kAdvancedMax;
constexpr std::string_view kManagedKey = "alias/aws/ssm";

Error refuse(const char* code, std::string message) {
  return make_error(ErrorKind::invalid, std::move(message), code);
}

Error not_found(const std::string& name) {
  return make_error(ErrorKind::not_found, "Parameter " + name + " not found.", "ParameterNotFound");
}

std::string arn_of(const Parts& parts, const std::string& name) {
  const region::Facts& facts = parts.region.facts();
  return "arn:aws:ssm:" + facts.region.name + ":" + facts.account_id + ":parameter" +
         (name.starts_with('/') ? "" : "/") + name;
}

double seconds_of(WallTime at) {
  return std::chrono::duration<double>(at.time_since_epoch()).count();
}

// ---- sealed values

// What KMS says about a key is about the parameter's key here.
Error key_error(const Error& error) { return refuse("InvalidKeyId", error.message); }

// The value in pieces that KMS takes, sealed: a list of blobs as JSON.
net::Task<Result<std::string>> seal(const Parts& parts, Parameter parameter) {
  if (parameter.key_id == kManagedKey) {
    auto making = parts.region.keys().managed_key(std::string(kManagedKey));
    const auto made = co_await std::move(making);
    if (made.has_error()) co_return made.error();
  }
  json blobs = json::array();
  for (std::size_t at = 0; at < parameter.value.size(); at += kSealedAtOnce) {
    const json input = {{"KeyId", parameter.key_id},
                        {"Plaintext", base64(parameter.value.substr(at, kSealedAtOnce))},
                        {"EncryptionContext", {{"PARAMETER_ARN", arn_of(parts, parameter.name)}}}};
    auto calling = parts.services.call("kms", "Encrypt", input);
    const auto sealed = co_await std::move(calling);
    if (sealed.has_error()) co_return key_error(sealed.error());
    blobs.push_back(sealed->at("CiphertextBlob"));
  }
  co_return blobs.dump();
}

net::Task<Result<std::string>> unseal(const Parts& parts, Parameter parameter) {
  const json blobs = parse_json(parameter.value);
  std::string value;
  for (const json& blob : blobs) {
    const json input = {{"CiphertextBlob", blob},
                        {"EncryptionContext", {{"PARAMETER_ARN", arn_of(parts, parameter.name)}}}};
    auto calling = parts.services.call("kms", "Decrypt", input);
    const auto opened = co_await std::move(calling);
    if (opened.has_error()) co_return key_error(opened.error());
    value += from_base64(opened->at("Plaintext").get<std::string>()).value_or("");
  }
  co_return value;
}

// As it is told to who does not ask for the text.
std::string shown_sealed(const std::string& value) {
  std::string text;
  for (const json& blob : parse_json(value)) {
    text += (text.empty() ? "" : ":") + blob.get<std::string>();
  }
  return text;
}

// ---- what answers have in common

net::Task<Result<json>> shown(const Parts& parts, Parameter parameter, bool decrypt) {
  std::string value = parameter.value;
  if (parameter.type == "SecureString" && decrypt) {
    auto opening = unseal(parts, parameter);
    CO_TRY(value, co_await std::move(opening));
  } else if (parameter.type == "SecureString") {
    value = shown_sealed(value);
  }
  co_return json{{"Name", parameter.name},
                 {"Type", parameter.type},
                 {"Value", std::move(value)},
                 {"Version", parameter.version},
                 {"LastModifiedDate", seconds_of(parameter.at)},
                 {"ARN", arn_of(parts, parameter.name)},
                 {"DataType", parameter.data_type}};
}

json described(const Parts& parts, const Parameter& parameter) {
  json about = {{"Name", parameter.name},
                {"ARN", arn_of(parts, parameter.name)},
                {"Type", parameter.type},
                {"LastModifiedDate", seconds_of(parameter.at)},
                {"LastModifiedUser", "arn:aws:iam::" + parts.region.facts().account_id + ":root"},
                {"Version", parameter.version},
                {"Tier", parameter.tier},
                {"Policies", json::array()},
                {"DataType", parameter.data_type}};
  if (!parameter.key_id.empty()) about["KeyId"] = parameter.key_id;
  if (!parameter.description.empty()) about["Description"] = parameter.description;
  if (!parameter.pattern.empty()) about["AllowedPattern"] = parameter.pattern;
  return about;
}

// The parameter that a name means, which may be an ARN and may name a version.
net::Task<Result<std::optional<Parameter>>> look_up(const Parts& parts, ParameterName name) {
  auto finding = parts.store->find(name.name, name.version);
  CO_TRY(auto found, co_await std::move(finding));
  if (!found && name.other_name.empty()) co_return found;
  if (!found) {
    auto again = parts.store->find(name.other_name, name.version);
    co_return co_await std::move(again);
  }
  co_return found;
}

// ---- PutParameter

Result<void> check_pattern(const Parameter& parameter) {
  if (parameter.pattern.empty()) return ok();
  try {
    const boost::regex pattern(parameter.pattern, boost::regex::perl);
    if (parameter.value.size() <= kPatternTextMax && boost::regex_match(parameter.value, pattern)) {
      return ok();
    }
  } catch (const boost::regex_error&) {
    return refuse("InvalidAllowedPatternException",
                  "The request does not meet the regular expression requirement: " +
                      awsapi::shown(parameter.pattern));
  } catch (const std::runtime_error&) {  // Too much work: no answer is an answer, too.
  }
  return refuse(
      "ParameterPatternMismatchException",
      "Parameter value, cannot be validated against allowedPattern: " + parameter.pattern);
}

Result<void> check_value(const Parameter& parameter) {
  if (parameter.value.empty()) {
    return refuse("ValidationException",
                  "1 validation error detected: Value '' at 'value' failed to satisfy constraint: "
                  "Member must have length greater than or equal to 1.");
  }
  const bool advanced = parameter.tier == "Advanced";
  if (parameter.value.size() > (advanced ? kAdvancedMax : kStandardMax)) {
    return refuse("ValidationException",
                  advanced ? "Advanced tier parameters support a maximum parameter value of 8192 "
                             "characters."
                           : "Standard tier parameters support a maximum parameter value of 4096 "
                             "characters. To create a larger parameter value, upgrade the "
                             "parameter to use the advanced-parameter tier.");
  }
  return check_pattern(parameter);
}

std::string tier_for(const std::string& asked, const std::string& value) {
  if (asked != "Intelligent-Tiering") return asked;
  return value.size() > kStandardMax ? "Advanced" : "Standard";
}

Answer put_parameter(Parts& parts, Members members) {
  Parameter parameter;
  parameter.name = members.required("Name");
  parameter.value = members.text("Value");
  parameter.type = members.text("Type");
  parameter.key_id = members.text("KeyId");
  parameter.description = members.text("Description");
  parameter.pattern = members.text("AllowedPattern");
  parameter.tier = tier_for(members.text("Tier", "Standard"), parameter.value);
  parameter.data_type = members.text("DataType", "text");
  parameter.at = SystemClock().wall_now();
  const bool overwrite = members.flag("Overwrite");
  const bool tagged = !members.list("Tags").empty();
  CO_TRY_VOID(members.finish());
  CO_TRY_VOID(check_new_name(parameter.name));
  CO_TRY_VOID(check_value(parameter));
  if (parameter.data_type != "text") {
    co_return refuse("ValidationException", "The following data type is not supported: " +
                                                parameter.data_type + " (here is only text)");
  }
  if (tagged && overwrite) {
    co_return refuse("ValidationException",
                     "Invalid request: tags and overwrite can't be used together. To create a "
                     "parameter with tags, please remove overwrite flag. To update tags for an "
                     "existing parameter, please use AddTagsToResource or "
                     "RemoveTagsFromResource.");
  }
  if (parameter.type.empty()) {
    auto finding = parts.store->find(parameter.name, 0);
    CO_TRY(const auto former, co_await std::move(finding));
    if (!former || !overwrite) {
      co_return refuse("ValidationException",
                       "A parameter type is required when you create a parameter.");
    }
    parameter.type = former->type;
    if (parameter.key_id.empty()) parameter.key_id = former->key_id;
  }
  const bool secure = parameter.type == "SecureString";
  if (!secure && !parameter.key_id.empty()) {
    co_return refuse("ValidationException",
                     "KeyId is only valid for parameters of the type SecureString.");
  }
  if (secure) {
    if (parameter.key_id.empty()) parameter.key_id = kManagedKey;
    auto sealing = seal(parts, parameter);
    CO_TRY(parameter.value, co_await std::move(sealing));
  }
  auto putting = parts.store->put(std::move(parameter), overwrite);
  CO_TRY(const Parameter stored, co_await std::move(putting));
  co_return json{{"Version", stored.version}, {"Tier", stored.tier}};
}

// ---- the others

Answer get_parameter(Parts& parts, Members members) {
  const std::string asked = members.required("Name");
  const bool decrypt = members.flag("WithDecryption");
  CO_TRY_VOID(members.finish());
  CO_TRY(const ParameterName name, parse_name(asked));
  auto looking = look_up(parts, name);
  CO_TRY(const auto found, co_await std::move(looking));
  if (!found && (name.version != 0 || !name.label.empty())) {
    ParameterName newest = name;
    newest.version = 0;
    auto again = look_up(parts, newest);
    CO_TRY(const auto other, co_await std::move(again));
    if (other) {
      co_return refuse("ParameterVersionNotFound", "Systems Manager could not find version " +
                                                       name.selector() + " of " + other->name +
                                                       ". Verify the version and try again.");
    }
  }
  if (!found) co_return not_found(asked);
  auto showing = shown(parts, *found, decrypt);
  CO_TRY(json parameter, co_await std::move(showing));
  if (!name.selector().empty()) parameter["Selector"] = ":" + name.selector();
  co_return json{{"Parameter", std::move(parameter)}};
}

Result<void> check_distinct(const std::vector<std::string>& names) {
  const std::set<std::string> distinct(names.begin(), names.end());
  if (distinct.size() == names.size()) return ok();
  return refuse("ValidationException", "Duplicate parameters in the request: each name once");
}

Answer get_parameters(Parts& parts, Members members) {
  const std::vector<std::string> names = members.texts("Names");
  const bool decrypt = members.flag("WithDecryption");
  CO_TRY_VOID(members.finish());
  CO_TRY_VOID(check_distinct(names));
  json answer = {{"Parameters", json::array()}, {"InvalidParameters", json::array()}};
  for (const std::string& asked : names) {
    CO_TRY(const ParameterName name, parse_name(asked));
    auto looking = look_up(parts, name);
    CO_TRY(const auto found, co_await std::move(looking));
    if (!found) {
      answer["InvalidParameters"].push_back(asked);
      continue;
    }
    auto showing = shown(parts, *found, decrypt);
    CO_TRY(json parameter, co_await std::move(showing));
    if (!name.selector().empty()) parameter["Selector"] = ":" + name.selector();
    answer["Parameters"].push_back(std::move(parameter));
  }
  co_return answer;
}

Answer delete_parameter(Parts& parts, Members members) {
  const std::string name = members.required("Name");
  CO_TRY_VOID(members.finish());
  auto removing = parts.store->remove(name);
  CO_TRY(const bool was_there, co_await std::move(removing));
  if (!was_there) co_return not_found(name);
  co_return json::object();
}

Answer delete_parameters(Parts& parts, Members members) {
  const std::vector<std::string> names = members.texts("Names");
  CO_TRY_VOID(members.finish());
  CO_TRY_VOID(check_distinct(names));
  json answer = {{"DeletedParameters", json::array()}, {"InvalidParameters", json::array()}};
  for (const std::string& name : names) {
    auto removing = parts.store->remove(name);
    CO_TRY(const bool was_there, co_await std::move(removing));
    answer[was_there ? "DeletedParameters" : "InvalidParameters"].push_back(name);
  }
  co_return answer;
}

// The name after which a page begins.
Result<std::string> start_of(Members& members) {
  const std::string token = members.text("NextToken");
  const auto after = from_base64(token);
  if (after && awsapi::is_valid_utf8(*after)) return *after;
  return refuse("InvalidNextToken", "The specified token isn't valid.");
}

Answer get_parameters_by_path(Parts& parts, Members members) {
  std::string path = members.required("Path");
  const bool recursive = members.flag("Recursive");
  const bool decrypt = members.flag("WithDecryption");
  const auto limit = members.number("MaxResults", 1, 10).value_or(10);
  CO_TRY(const auto filters, read_filters(members.list("ParameterFilters"), FilterKind::by_path));
  CO_TRY(std::string after, start_of(members));
  CO_TRY_VOID(members.finish());
  CO_TRY_VOID(check_path(path));
  if (!path.ends_with('/')) path += '/';
  auto listing = parts.store->list(path, std::move(after));
  CO_TRY(const auto all, co_await std::move(listing));
  json answer = {{"Parameters", json::array()}};
  std::string last;
  for (const Parameter& one : all) {
    const bool direct = one.name.find('/', path.size()) == std::string::npos;
    if ((!recursive && !direct) || !passes(filters, one)) continue;
    if (static_cast<std::int64_t>(answer["Parameters"].size()) == limit) {
      answer["NextToken"] = base64(last);
      break;
    }
    auto showing = shown(parts, one, decrypt);
    CO_TRY(json parameter, co_await std::move(showing));
    answer["Parameters"].push_back(std::move(parameter));
    last = one.name;
  }
  co_return answer;
}

Answer describe_parameters(Parts& parts, Members members) {
  const auto limit = members.number("MaxResults", 1, 50).value_or(10);
  CO_TRY(auto filters, read_filters(members.list("ParameterFilters"), FilterKind::describe));
  CO_TRY(const auto old, read_filters(members.list("Filters"), FilterKind::old));
  filters.insert(filters.end(), old.begin(), old.end());
  CO_TRY(std::string after, start_of(members));
  CO_TRY_VOID(members.finish());
  auto listing = parts.store->list("", std::move(after));
  CO_TRY(const auto all, co_await std::move(listing));
  json answer = {{"Parameters", json::array()}};
  std::string last;
  for (const Parameter& one : all) {
    if (!passes(filters, one)) continue;
    if (static_cast<std::int64_t>(answer["Parameters"].size()) == limit) {
      answer["NextToken"] = base64(last);
      break;
    }
    answer["Parameters"].push_back(described(parts, one));
    last = one.name;
  }
  co_return answer;
}

using Operation = Answer (*)(Parts&, Members);
constexpr std::pair<std::string_view, Operation> kParameterOperations[] = {
    {"PutParameter", put_parameter},
    {"GetParameter", get_parameter},
    {"GetParameters", get_parameters},
    {"GetParametersByPath", get_parameters_by_path},
    {"DeleteParameter", delete_parameter},
    {"DeleteParameters", delete_parameters},
    {"DescribeParameters", describe_parameters},
};

}  // namespace

std::vector<std::string_view> action_names() { return names_in(kParameterOperations); }

Result<std::unique_ptr<Ssm>> Ssm::open(region::Region& region, ServiceCaller& services,
                                       const std::filesystem::path& file) {
  TRY(auto store, ParameterStore::open(file));
  return std::unique_ptr<Ssm>(new Ssm(Parts{region, services, std::move(store)}));
}

net::Task<Result<json>> Ssm::call(std::string operation, json input) {
  return run_in_table("ssm", kParameterOperations, std::move(operation), std::move(input), parts_);
}

net::Task<net::HttpResponse> Ssm::serve(net::HttpRequest request) {
  return serve_table("ssm", kParameterOperations, std::move(request), parts_);
}

}  // namespace aurora_global::services::ssm
