#include "services/secretsmanager/secretsmanager.h"

#include <algorithm>

#include "base/rng.h"
#include "services/call.h"
#include "services/secretsmanager/told.h"

namespace aurora_global::services::secretsmanager {
namespace {

constexpr std::size_t kLabelledMax = 20;  // Versions of one secret that have a label.
constexpr std::size_t kTagsMax = 50;
constexpr std::string_view kAwsTags = "aws:";
constexpr std::size_t kPageMax = 100;

// ---- values

struct Value {
  std::string text;
  bool binary = false;
};

std::optional<Value> read_value(Members& members) {
  const auto text = members.optional_text("SecretString");
  const auto binary = members.optional_text("SecretBinary");
  if (text && binary) {
    members.problem("You can't specify both a binary secret value and a string secret value.",
                    "InvalidParameterException");
  }
  if (binary) return Value{*binary, true};
  if (text) return Value{*text, false};
  return std::nullopt;
}

bool has_value(const SecretDocument& document, const json& version, const Value& value) {
  return document.text_of(version) == value.text && version.value("binary", false) == value.binary;
}

Result<void> check_labelled(const SecretDocument& document) {
  const json& versions = document.about.at("versions");
  const auto labelled = std::count_if(versions.begin(), versions.end(), [](const json& version) {
    return !version.at("stages").empty();
  });
  if (static_cast<std::size_t>(labelled) <= kLabelledMax) return ok();
  return refuse("LimitExceededException",
                "A secret has at most 20 versions with staging labels attached");
}

// Adds a version. A token names one version for good: false if it has this value already, as when
// a client asks again.
Result<bool> add_version(SecretDocument& document, const std::string& token, const Value& value,
                         const std::vector<std::string>& stages) {
  if (const json* version = document.version(token, "")) {
    if (has_value(document, *version, value)) return false;
    return refuse("ResourceExistsException",
                  "You can't use ClientRequestToken " + token +
                      " because that value is already in use for a version of this secret");
  }
  document.add(token, value.text, stages, now_seconds());
  json& versions = document.about["versions"];
  if (value.binary) {
    for (json& version : versions) {
      if (version.at("id") == token) version["binary"] = true;
    }
  }
  TRY_VOID(check_labelled(document));
  return true;
}

Answer get_secret_value(Region& region, Members members) {
  const std::string wanted = members.required("SecretId");
  const std::string id = members.text("VersionId");
  const std::string stage = members.text("VersionStage", id.empty() ? kCurrent : "");
  CO_TRY_VOID(members.finish());
  CO_TRY(const Told told, find(region, wanted));
  const json* version = told.document.version(id, stage);
  if (version == nullptr) {
    co_return make_error(ErrorKind::not_found,
                         "Secrets Manager can't find the specified secret value for " +
                             (id.empty() ? "staging label: " + stage : "VersionId: " + id),
                         "ResourceNotFoundException");
  }
  const auto values = region.secret_values(told.name);
  if (values.has_error()) co_return cannot_decrypt(values.error());
  CO_TRY(const SecretDocument whole,
         SecretDocument::of(region::Secret{*region.about_secret(told.name), *values, {}}));
  const json* opened = whole.version(version->at("id").get<std::string>(), "");
  const std::string text = opened == nullptr ? "" : whole.text_of(*opened);
  co_return json{{"ARN", told.arn},
                 {"Name", told.name},
                 {"VersionId", version->at("id")},
                 {version->value("binary", false) ? "SecretBinary" : "SecretString", text},
                 {"VersionStages", version->at("stages")},
                 {"CreatedDate", version->value("created", 0.0)}};
}

Answer put_secret_value(Region& region, Members members) {
  const std::string wanted = members.required("SecretId");
  const auto value = read_value(members);
  if (!value) {
    members.problem("You must provide either SecretString or SecretBinary.",
                    "InvalidRequestException");
  }
  const std::string token = members.text("ClientRequestToken", random_uuid());
  std::vector<std::string> stages = members.texts("VersionStages");
  if (stages.empty()) stages = {kCurrent};
  CO_TRY_VOID(members.finish());
  CO_TRY(const Told told, find(region, wanted));
  const auto edit = [token, value, &stages](SecretDocument& document) -> Result<bool> {
    // The first value of a secret is its current one, whatever else it is.
    if (document.version("", kCurrent) == nullptr &&
        std::find(stages.begin(), stages.end(), kCurrent) == stages.end()) {
      stages.emplace_back(kCurrent);
    }
    return add_version(document, token, *value, stages);
  };
  CO_TRY_VOID(co_await change(region, told.name, edit));
  co_return json{
      {"ARN", told.arn}, {"Name", told.name}, {"VersionId", token}, {"VersionStages", stages}};
}

Answer update_secret(Region& region, Members members) {
  const std::string wanted = members.required("SecretId");
  const auto description = members.optional_text("Description");
  const std::string key = members.text("KmsKeyId");
  const auto value = read_value(members);
  const std::string token = members.text("ClientRequestToken", random_uuid());
  CO_TRY_VOID(members.finish());
  CO_TRY(const Told told, find(region, wanted));
  const std::string here = region.facts().region.name;
  const auto edit = [=](SecretDocument& document) -> Result<bool> {
    if (description) document.about["description"] = *description;
    // All versions are sealed anew, so the former key is not needed any more.
    if (!key.empty()) document.keys[here] = key;
    document.about["changed"] = now_seconds();
    if (value) TRY_VOID(add_version(document, token, *value, {kCurrent}));
    return true;
  };
  const bool is_about = !value && key.empty();
  auto changing =
      is_about ? change_about(region, told.name, edit) : change(region, told.name, edit);
  CO_TRY_VOID(co_await std::move(changing));
  json answer = {{"ARN", told.arn}, {"Name", told.name}};
  if (value) answer["VersionId"] = token;
  co_return answer;
}

Answer rotate_secret(Region& region, Members members) {
  const std::string wanted = members.required("SecretId");
  const std::string token = members.text("ClientRequestToken", random_uuid());
  if (!members.flag("RotateImmediately", true)) {
    members.problem("RotateImmediately=false is not supported here: rotation is done at once",
                    "InvalidRequestException");
  }
  CO_TRY_VOID(members.finish());
  CO_TRY(const Told told, find(region, wanted));
  if (const auto values = region.secret_values(told.name); values.has_error()) {
    co_return cannot_decrypt(values.error());
  }
  const auto rotated = co_await region.rotate_secret(told.name, token);
  if (rotated.has_error()) {
    Error error = cannot_encrypt(rotated.error());
    if (error.code.empty()) error.code = "InternalServiceError";
    co_return error;
  }
  co_return json{{"ARN", told.arn}, {"Name", told.name}, {"VersionId", token}};
}

// ---- versions and labels

json stages_of(const Told& told) {
  json all = json::object();
  for (const json& version : told.document.about.at("versions")) {
    if (!version.at("stages").empty()) {
      all[version.at("id").get<std::string>()] = version.at("stages");
    }
  }
  return all;
}

// The items [from, from + size) of a list, with a token for the next ones.
Result<json> page(Members& members, const json& all, const char* name) {
  const auto size = members.number("MaxResults", 1, kPageMax).value_or(kPageMax);
  const auto token = members.page_token("NextToken", "", "InvalidNextTokenException");
  TRY_VOID(members.finish());
  const auto from = static_cast<std::size_t>(token.value_or(0));
  const std::size_t to = std::min(from + static_cast<std::size_t>(size), all.size());
  json items = json::array();
  for (std::size_t i = from; i < to; ++i) items.push_back(all[i]);
  json answer = {{name, items}};
  if (to < all.size()) answer["NextToken"] = std::to_string(to);
  return answer;
}

Answer list_secret_version_ids(Region& region, Members members) {
  const std::string wanted = members.required("SecretId");
  const bool unlabelled = members.flag("IncludeDeprecated");
  CO_TRY(const Told told, find(region, wanted));
  json all = json::array();
  for (const json& version : told.document.about.at("versions")) {
    if (version.at("stages").empty() && !unlabelled) continue;
    json one = {{"VersionId", version.at("id")}, {"CreatedDate", version.value("created", 0.0)}};
    if (!version.at("stages").empty()) one["VersionStages"] = version.at("stages");
    all.push_back(std::move(one));
  }
  CO_TRY(json answer, page(members, all, "Versions"));
  answer["ARN"] = told.arn;
  answer["Name"] = told.name;
  co_return answer;
}

Answer update_secret_version_stage(Region& region, Members members) {
  const std::string wanted = members.required("SecretId");
  const std::string stage = members.required("VersionStage");
  const std::string from = members.text("RemoveFromVersionId");
  const std::string to = members.text("MoveToVersionId");
  CO_TRY_VOID(members.finish());
  CO_TRY(const Told told, find(region, wanted));
  const auto edit = [=](SecretDocument& document) -> Result<bool> {
    const json* holder = document.version("", stage);
    const std::string held = holder == nullptr ? "" : holder->at("id").get<std::string>();
    if (!to.empty() && document.version(to, "") == nullptr) return not_found();
    if (held != from && !(from.empty() && (held.empty() || held == to))) {
      return refuse(
          "InvalidParameterException",
          "The parameter RemoveFromVersionId must be the version that the staging label " + stage +
              " is attached to now");
    }
    if (to.empty() && stage == kCurrent) {
      return refuse("InvalidParameterException",
                    "You can move staging label AWSCURRENT to another version, but you can't "
                    "remove it");
    }
    document.move(stage, to, now_seconds());
    TRY_VOID(check_labelled(document));
    return true;
  };
  CO_TRY_VOID(co_await change_about(region, told.name, edit));
  co_return json{{"ARN", told.arn}, {"Name", told.name}};
}

// ---- the secrets themselves

// Of no person's making.
bool is_of_aws(const std::string& key) {
  return std::equal(
      kAwsTags.begin(), kAwsTags.end(), key.begin(),
      key.begin() + static_cast<std::ptrdiff_t>(std::min(key.size(), kAwsTags.size())),
      [](char one, char other) { return one == std::tolower(other); });
}

Error too_many_tags() {
  return refuse("InvalidParameterException", "A secret has at most 50 tags");
}

std::map<std::string, std::string> tags_in(Members& members) {
  std::map<std::string, std::string> tags;
  for (json& one : members.list("Tags")) {
    Members tag(std::move(one));
    const std::string key = tag.required("Key");
    const std::string value = tag.text("Value");
    if (const auto fine = tag.finish(); fine.has_error()) {
      members.problem("Tags: " + fine.error().message, "InvalidParameterException");
    } else if (is_of_aws(key)) {
      members.problem("Tags: '" + key + "' begins with aws:, which is AWS's",
                      "InvalidParameterException");
    } else if (!tags.emplace(key, value).second) {
      members.problem("Tags: '" + key + "' is given twice");
    }
  }
  if (tags.size() > kTagsMax) {
    members.problem(too_many_tags().message, "InvalidParameterException");
  }
  return tags;
}

json tag_list(const json& tags) {
  json all = json::array();
  for (const auto& [key, value] : tags.items()) all.push_back({{"Key", key}, {"Value", value}});
  return all;
}

json described(const Region& region, const Told& told) {
  const json& about = told.document.about;
  json out = {{"ARN", told.arn},
              {"Name", told.name},
              {"Description", about.value("description", "")},
              {"CreatedDate", about.value("created", 0.0)},
              {"LastChangedDate", about.value("changed", 0.0)},
              {"RotationEnabled", false},
              {"Tags", tag_list(about.value("tags", json::object()))}};
  if (about.contains("deleted")) out["DeletedDate"] = about["deleted"];
  if (const json status = replication_status(told.document); !status.empty()) {
    const std::string arn = about.value("arn", "");
    const auto from = std::string_view("arn:aws:secretsmanager:").size();
    out["PrimaryRegion"] = arn.substr(from, arn.find(':', from) - from);
    out["ReplicationStatus"] = status;
  }
  if (about.contains("rotated")) out["LastRotatedDate"] = about["rotated"];
  const json keys = about.value("keys", json::object());
  if (const auto key = keys.find(region.facts().region.name); key != keys.end()) {
    out["KmsKeyId"] = *key;
  }
  return out;
}

bool is_name(const std::string& name) {
  return std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("/_+=.@-!").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

Answer create_secret(Region& region, Members members) {
  const std::string name = members.required("Name");
  const auto value = read_value(members);
  const std::string token = members.text("ClientRequestToken", random_uuid());
  SecretDocument made;
  made.about = {{"description", members.text("Description")},
                {"tags", tags_in(members)},
                {"created", now_seconds()},
                {"changed", now_seconds()},
                {"versions", json::array()}};
  if (const std::string own = members.text("KmsKeyId"); !own.empty()) {
    made.keys[region.facts().region.name] = own;
  }
  note_replicas(made, replicas_in(region, members));
  CO_TRY_VOID(members.finish());
  if (!is_name(name)) {
    co_return refuse("ValidationException",
                     "Invalid name. Must be a valid name containing alphanumeric characters, or "
                     "any of the following: -/_+=.@!");
  }
  const region::Facts& facts = region.facts();
  const std::string rest = ":" + facts.account_id + ":secret:" + name + "-" + random_hex(3);
  made.about["arn"] = "arn:aws:secretsmanager:" + facts.region.name + rest;
  if (value) CO_TRY_VOID(add_version(made, token, *value, {kCurrent}));
  std::string arn = own_arn(region, made);
  const auto edit = [&](std::optional<region::Secret> present) -> EditedSecret {
    if (!present) return made.secret();
    TRY(const SecretDocument document, SecretDocument::of(*present));
    if (is_gone(document)) return made.secret();
    if (is_deleted(document)) {
      return refuse("InvalidRequestException",
                    "You can't create this secret because a secret with this name is already "
                    "scheduled for deletion.");
    }
    const json* version = document.version(token, "");
    if (value && version != nullptr && has_value(document, *version, *value)) {
      arn = own_arn(region, document);  // Asked again.
      return std::optional<region::Secret>();
    }
    return refuse("ResourceExistsException",
                  "The operation failed because the secret " + name + " already exists.");
  };
  const auto stored = co_await region.update_secret(name, edit);
  if (stored.has_error()) co_return cannot_encrypt(stored.error());
  json answer = {{"ARN", arn}, {"Name", name}};
  if (value) answer["VersionId"] = token;
  co_return answer;
}

Answer describe_secret(Region& region, Members members) {
  const std::string wanted = members.required("SecretId");
  CO_TRY_VOID(members.finish());
  CO_TRY(const Told told, find_any(region, wanted));
  json answer = described(region, told);
  answer["VersionIdsToStages"] = stages_of(told);
  co_return answer;
}

// A filter's values are beginnings; with "!" in front, of what must not be.
bool passes(const json& filter, const json& secret) {
  const std::string key = filter.value("Key", "");
  std::vector<std::string> texts;
  const auto take = [&](const char* wanted, const std::string& text) {
    if (key == wanted || key == "all") texts.push_back(text);
  };
  take("name", secret.value("Name", ""));
  take("description", secret.value("Description", ""));
  for (const json& tag : secret.at("Tags")) {
    take("tag-key", tag.value("Key", ""));
    take("tag-value", tag.value("Value", ""));
  }
  const json values = filter.value("Values", json::array());
  return std::any_of(values.begin(), values.end(), [&](const json& one) {
    std::string value = one.get<std::string>();
    const bool negated = !value.empty() && value[0] == '!';
    if (negated) value.erase(0, 1);
    const bool found = std::any_of(texts.begin(), texts.end(), [&](const std::string& text) {
      return text.rfind(value, 0) == 0;
    });
    return found != negated;
  });
}

Answer list_secrets(Region& region, Members members) {
  const auto filters = members.list("Filters");
  const bool descending = members.text("SortOrder", "asc") == "desc";
  const bool deleted_too = members.flag("IncludePlannedDeletion");
  std::vector<json> found;
  for (const std::string& name : region.secret_names()) {
    const auto told = told_of(region, name);
    if (told.has_error() || is_gone(told->document)) continue;
    if (is_deleted(told->document) && !deleted_too) continue;
    json entry = described(region, *told);
    const bool wanted = std::all_of(filters.begin(), filters.end(),
                                    [&](const json& filter) { return passes(filter, entry); });
    if (!wanted) continue;
    entry["SecretVersionsToStages"] = stages_of(*told);
    found.push_back(std::move(entry));
  }
  std::stable_sort(found.begin(), found.end(), [&](const json& one, const json& other) {
    const double earlier = one.value("CreatedDate", 0.0);
    const double later = other.value("CreatedDate", 0.0);
    return descending ? earlier > later : earlier < later;
  });
  co_return page(members, json(found), "SecretList");
}

Answer tag_resource(Region& region, Members members) {
  const std::string wanted = members.required("SecretId");
  const auto tags = tags_in(members);
  CO_TRY_VOID(members.finish());
  CO_TRY(const Told told, find(region, wanted));
  const auto edit = [tags](SecretDocument& document) -> Result<bool> {
    json all = document.about.value("tags", json::object());
    for (const auto& [key, value] : tags) all[key] = value;
    document.about["tags"] = all;
    if (all.size() <= kTagsMax) return true;
    return too_many_tags();
  };
  CO_TRY_VOID(co_await change_about(region, told.name, edit));
  co_return json::object();
}

Answer untag_resource(Region& region, Members members) {
  const std::string wanted = members.required("SecretId");
  const auto keys = members.texts("TagKeys");
  CO_TRY_VOID(members.finish());
  CO_TRY(const Told told, find(region, wanted));
  const auto edit = [keys](SecretDocument& document) -> Result<bool> {
    json all = document.about.value("tags", json::object());
    for (const std::string& key : keys) all.erase(key);
    document.about["tags"] = all;
    return true;
  };
  CO_TRY_VOID(co_await change_about(region, told.name, edit));
  co_return json::object();
}

using Operation = Answer (*)(Region&, Members);
constexpr std::pair<std::string_view, Operation> kOperations[] = {
    {"CreateSecret", create_secret},
    {"GetSecretValue", get_secret_value},
    {"DescribeSecret", describe_secret},
    {"ListSecrets", list_secrets},
    {"PutSecretValue", put_secret_value},
    {"UpdateSecret", update_secret},
    {"RotateSecret", rotate_secret},
    {"ListSecretVersionIds", list_secret_version_ids},
    {"UpdateSecretVersionStage", update_secret_version_stage},
    {"GetRandomPassword", get_random_password},
    {"DeleteSecret", delete_secret},
    {"RestoreSecret", restore_secret},
    {"ReplicateSecretToRegions", replicate_secret_to_regions},
    {"RemoveRegionsFromReplication", remove_regions_from_replication},
    {"PutResourcePolicy", put_resource_policy},
    {"GetResourcePolicy", get_resource_policy},
    {"DeleteResourcePolicy", delete_resource_policy},
    {"ValidateResourcePolicy", validate_resource_policy},
    {"TagResource", tag_resource},
    {"UntagResource", untag_resource},
};

}  // namespace

std::vector<std::string_view> action_names() { return names_in(kOperations); }

net::Task<Result<json>> call(Region& region, std::string operation, json input) {
  return run_in_table("secretsmanager", kOperations, std::move(operation), std::move(input),
                      region);
}

net::Task<net::HttpResponse> serve(Region& region, net::HttpRequest request) {
  return serve_table("secretsmanager", kOperations, std::move(request), region);
}

}  // namespace aurora_global::services::secretsmanager
