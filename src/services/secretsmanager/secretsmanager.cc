#include "services/secretsmanager/secretsmanager.h"

#include <algorithm>

#include "base/rng.h"
#include "services/json_protocol.h"

namespace aurora_global::services::secretsmanager {
namespace {

using nlohmann::json;
using region::Region;
using Answer = net::Task<Result<json>>;

constexpr std::size_t kSecretBytesMax = 65'536;
constexpr std::size_t kVersionsKept = 5;
constexpr const char* kCurrent = "AWSCURRENT";
constexpr const char* kPrevious = "AWSPREVIOUS";
constexpr const char* kPending = "AWSPENDING";

// A secret's document: {"arn", "created", "changed", "rotated", "description",
//   "keys": {region: KmsKeyId}, "versions": [{"id", "created", "stages": [...]}]}, newest last.
// The versions' texts, by id, are what its key seals.
struct Secret {
  std::string name;
  json document;
  json texts = json::object();
};

double now_seconds() {
  const auto now = SystemClock().wall_now().time_since_epoch();
  return static_cast<double>(now.count()) / 1e6;
}

Error refuse(std::string code, std::string message) {
  return make_error(ErrorKind::invalid, std::move(message), std::move(code));
}

Error not_found() {
  return make_error(ErrorKind::not_found, "Secrets Manager can't find the specified secret.",
                    "ResourceNotFoundException");
}

// By name, ARN, or ARN without its random end.
Result<Secret> find(Region& region, const std::string& id) {
  for (const std::string& name : region.secret_names()) {
    TRY(const std::string about, region.about_secret(name));
    Secret secret{name, json::parse(about, nullptr, false)};
    if (!secret.document.is_object()) continue;
    const std::string arn = secret.document.value("arn", "");
    if (id != name && id != arn && (arn.size() <= 7 || id != arn.substr(0, arn.size() - 7))) {
      continue;
    }
    // Stored before there were keys: the texts lie beside the rest until the next change.
    for (json& version : secret.document["versions"]) {
      if (!version.contains("text")) continue;
      secret.texts[version.at("id").get<std::string>()] = std::move(version["text"]);
      version.erase("text");
    }
    return secret;
  }
  return not_found();
}

// An error of KMS is the caller's to mend, and has Secrets Manager's name for it.
Error key_trouble(const Error& error, const char* code, const char* sentence) {
  static constexpr std::string_view kKms[] = {"DisabledException", "KMSInvalidStateException",
                                              "NotFoundException", "InvalidCiphertextException",
                                              "AccessDeniedException"};
  if (std::find(std::begin(kKms), std::end(kKms), error.code) == std::end(kKms)) return error;
  return make_error(error.kind, std::string(sentence) + ": " + error.message, code);
}

Result<void> open_texts(Region& region, Secret& secret) {
  const auto values = region.secret_values(secret.name);
  if (values.has_error()) {
    return key_trouble(values.error(), "DecryptionFailure",
                       "Secrets Manager can't decrypt the protected secret text using the "
                       "provided KMS key");
  }
  const json texts = json::parse(*values, nullptr, false);
  if (texts.is_object()) secret.texts.update(texts);
  return ok();
}

// As find(), with the texts; what is put() has to have them.
Result<Secret> find_open(Region& region, const std::string& id) {
  TRY(Secret secret, find(region, id));
  TRY_VOID(open_texts(region, secret));
  return secret;
}

net::Task<Result<void>> put(Region& region, Secret secret) {
  region::Secret sealed{secret.document.dump(), secret.texts.dump(),
                        secret.document.value("keys", std::map<std::string, std::string>{})};
  const auto stored = co_await region.put_secret(secret.name, std::move(sealed));
  if (stored.has_value()) co_return ok();
  co_return key_trouble(stored.error(), "EncryptionFailure",
                        "Secrets Manager can't encrypt the protected secret text using the "
                        "provided KMS key");
}

bool has_stage(const json& version, const std::string& stage) {
  const json& stages = version.at("stages");
  return std::find(stages.begin(), stages.end(), stage) != stages.end();
}

const json* version_with(const Secret& secret, const std::string& id, const std::string& stage) {
  for (const json& version : secret.document.at("versions")) {
    if (!id.empty() && version.at("id") != id) continue;
    if (!stage.empty() && !has_stage(version, stage)) continue;
    return &version;
  }
  return nullptr;
}

// A stage is on one version at a time; what was current becomes previous. A version of the same id
// is replaced.
void add_version(Secret& secret, const std::string& id, const std::string& text,
                 const std::vector<std::string>& stages) {
  json& versions = secret.document["versions"];
  const bool replaces = std::find(stages.begin(), stages.end(), kCurrent) != stages.end();
  for (std::size_t i = versions.size(); i-- > 0;) {
    if (versions[i].at("id") == id) versions.erase(i);
  }
  for (json& version : versions) {
    json kept = json::array();
    for (const json& stage : version["stages"]) {
      if (std::find(stages.begin(), stages.end(), stage.get<std::string>()) != stages.end()) {
        if (replaces && stage == kCurrent) kept.push_back(kPrevious);
      } else if (!(replaces && stage == kPrevious)) {
        kept.push_back(stage);
      }
    }
    version["stages"] = kept;
  }
  versions.push_back({{"id", id}, {"created", now_seconds()}, {"stages", stages}});
  secret.texts[id] = text;
  while (versions.size() > kVersionsKept) {
    secret.texts.erase(versions.front().at("id").get<std::string>());
    versions.erase(versions.begin());
  }
  secret.document["changed"] = now_seconds();
}

// A token names one version for good: true if it has this text already, as when a client asks
// again.
Result<bool> is_repeated(const Secret& secret, const std::string& token, const std::string& text) {
  if (version_with(secret, token, "") == nullptr) return false;
  if (secret.texts.at(token) == text) return true;
  return refuse("ResourceExistsException",
                "You can't use ClientRequestToken " + token +
                    " because that value is already in use for a version of this secret");
}

json stages_of(const Secret& secret) {
  json all = json::object();
  for (const json& version : secret.document.at("versions")) {
    if (!version.at("stages").empty()) {
      all[version.at("id").get<std::string>()] = version.at("stages");
    }
  }
  return all;
}

json described(const Region& region, const Secret& secret) {
  json out = {{"ARN", secret.document.at("arn")},
              {"Name", secret.name},
              {"Description", secret.document.value("description", "")},
              {"CreatedDate", secret.document.at("created")},
              {"LastChangedDate", secret.document.at("changed")},
              {"RotationEnabled", false},
              {"Tags", json::array()}};
  if (secret.document.contains("rotated")) out["LastRotatedDate"] = secret.document["rotated"];
  const json keys = secret.document.value("keys", json::object());
  if (const auto key = keys.find(region.facts().region.name); key != keys.end()) {
    out["KmsKeyId"] = *key;
  }
  return out;
}

// The keys that a request names: for this region, and for replicas.
json keys_named(const Region& region, Members& members) {
  json keys = json::object();
  const std::string own = members.text("KmsKeyId");
  if (!own.empty()) keys[region.facts().region.name] = own;
  for (const json& one : members.list("AddReplicaRegions")) {
    Members replica(one.is_object() ? one : json::object());
    const std::string name = replica.required("Region");
    const std::string key = replica.text("KmsKeyId");
    if (const auto fine = replica.finish(); fine.has_error()) {
      members.problem("AddReplicaRegions: " + fine.error().message, fine.error().code);
    } else if (name == region.facts().region.name) {
      members.problem("AddReplicaRegions: " + name + " is this Region",
                      "InvalidParameterException");
    } else if (!key.empty()) {
      keys[name] = key;
    }
  }
  return keys;
}

std::string secret_string(Members& members) {
  const std::string text = members.text("SecretString");
  if (members.has("SecretBinary")) {
    members.problem("SecretBinary is not supported here; use SecretString",
                    "InvalidRequestException");
    members.ignore({"SecretBinary"});
  }
  if (text.empty()) members.problem("You must provide SecretString", "InvalidRequestException");
  if (text.size() > kSecretBytesMax) {
    members.problem("SecretString is over 65536 bytes", "InvalidParameterException");
  }
  return text;
}

Answer create_secret(Region& region, Members members) {
  Secret secret{members.required("Name"), json::object()};
  const std::string text = secret_string(members);
  const std::string id = members.text("ClientRequestToken", random_uuid());
  secret.document["description"] = members.text("Description");
  secret.document["keys"] = keys_named(region, members);
  members.ignore({"Tags", "ForceOverwriteReplicaSecret"});
  CO_TRY_VOID(members.finish());
  const bool fine =
      secret.name.size() <= 512 &&
      std::all_of(secret.name.begin(), secret.name.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 ||
               std::string_view("/_+=.@-").find(static_cast<char>(c)) != std::string_view::npos;
      });
  if (!fine) {
    co_return refuse("ValidationException",
                     "Name has letters, digits and /_+=.@- only, at most 512 of them");
  }
  if (find(region, secret.name).has_value()) {
    co_return refuse("ResourceExistsException",
                     "The operation failed because the secret " + secret.name + " already exists.");
  }
  secret.document["arn"] = "arn:aws:secretsmanager:" + region.facts().region.name + ":" +
                           region.facts().account_id + ":secret:" + secret.name + "-" +
                           random_hex(3);
  secret.document["created"] = now_seconds();
  secret.document["versions"] = json::array();
  add_version(secret, id, text, {kCurrent});
  CO_TRY_VOID(co_await put(region, secret));
  co_return json{{"ARN", secret.document["arn"]}, {"Name", secret.name}, {"VersionId", id}};
}

Answer get_secret_value(Region& region, Members members) {
  const std::string wanted = members.required("SecretId");
  const std::string id = members.text("VersionId");
  const std::string stage = members.text("VersionStage", id.empty() ? kCurrent : "");
  CO_TRY_VOID(members.finish());
  CO_TRY(Secret secret, find(region, wanted));
  const json* version = version_with(secret, id, stage);
  if (version == nullptr) {
    co_return make_error(ErrorKind::not_found,
                         "Secrets Manager can't find the specified secret value for " +
                             (id.empty() ? "staging label: " + stage : "VersionId: " + id),
                         "ResourceNotFoundException");
  }
  CO_TRY_VOID(open_texts(region, secret));
  co_return json{{"ARN", secret.document.at("arn")},
                 {"Name", secret.name},
                 {"VersionId", version->at("id")},
                 {"SecretString", secret.texts.at(version->at("id").get<std::string>())},
                 {"VersionStages", version->at("stages")},
                 {"CreatedDate", version->at("created")}};
}

Answer describe_secret(Region& region, Members members) {
  const std::string wanted = members.required("SecretId");
  CO_TRY_VOID(members.finish());
  CO_TRY(const Secret secret, find(region, wanted));
  json answer = described(region, secret);
  answer["VersionIdsToStages"] = stages_of(secret);
  co_return answer;
}

Answer list_secrets(Region& region, Members members) {
  members.ignore({"MaxResults", "NextToken", "SortOrder", "IncludePlannedDeletion"});
  CO_TRY_VOID(members.finish());
  json all = json::array();
  for (const std::string& name : region.secret_names()) {
    CO_TRY(const Secret secret, find(region, name));
    json entry = described(region, secret);
    entry["SecretVersionsToStages"] = stages_of(secret);
    all.push_back(std::move(entry));
  }
  co_return json{{"SecretList", all}};
}

Answer put_secret_value(Region& region, Members members) {
  const std::string wanted = members.required("SecretId");
  const std::string text = secret_string(members);
  const std::string id = members.text("ClientRequestToken", random_uuid());
  std::vector<std::string> stages = members.texts("VersionStages");
  if (stages.empty()) stages = {kCurrent};
  CO_TRY_VOID(members.finish());
  CO_TRY(Secret secret, find_open(region, wanted));
  CO_TRY(const bool repeated, is_repeated(secret, id, text));
  if (!repeated) {
    add_version(secret, id, text, stages);
    CO_TRY_VOID(co_await put(region, secret));
  }
  co_return json{{"ARN", secret.document["arn"]},
                 {"Name", secret.name},
                 {"VersionId", id},
                 {"VersionStages", stages}};
}

Answer update_secret(Region& region, Members members) {
  const std::string wanted = members.required("SecretId");
  const std::string description = members.text("Description");
  const std::string key = members.text("KmsKeyId");
  const bool new_text = members.has("SecretString") || members.has("SecretBinary");
  const std::string text = new_text ? secret_string(members) : "";
  const std::string id = members.text("ClientRequestToken", random_uuid());
  CO_TRY_VOID(members.finish());
  CO_TRY(Secret secret, find_open(region, wanted));
  if (members.has("Description")) secret.document["description"] = description;
  // All versions are sealed anew, so the former key is not needed any more.
  if (!key.empty()) secret.document["keys"][region.facts().region.name] = key;
  json answer = {{"ARN", secret.document["arn"]}, {"Name", secret.name}};
  if (new_text) {
    CO_TRY(const bool repeated, is_repeated(secret, id, text));
    if (!repeated) add_version(secret, id, text, {kCurrent});
    answer["VersionId"] = id;
  }
  secret.document["changed"] = now_seconds();
  CO_TRY_VOID(co_await put(region, secret));
  co_return answer;
}

// The new password is stored as AWSPENDING first, set in the database, then made current: whenever
// this is cut off, a stored version opens the door, and rotating again goes on.
Answer rotate_secret(Region& region, Members members) {
  const std::string wanted = members.required("SecretId");
  const std::string token = members.text("ClientRequestToken", random_uuid());
  members.ignore({"RotateImmediately"});
  for (const char* name : {"RotationLambdaARN", "RotationRules"}) {
    if (!members.has(name)) continue;
    members.problem(std::string(name) +
                        " is not supported here: rotation is done at once, by the "
                        "platform itself",
                    "InvalidRequestException");
    members.ignore({name});
  }
  CO_TRY_VOID(members.finish());
  CO_TRY(Secret secret, find_open(region, wanted));
  const json* current = version_with(secret, "", kCurrent);
  if (current != nullptr && current->at("id") == token) {  // Asked again.
    co_return json{{"ARN", secret.document["arn"]}, {"Name", secret.name}, {"VersionId", token}};
  }
  json value =
      current == nullptr
          ? json()
          : json::parse(secret.texts.at(current->at("id").get<std::string>()).get<std::string>(),
                        nullptr, false);
  if (!value.is_object() || !value.contains("username") || !value["username"].is_string() ||
      !value.contains("password")) {
    co_return refuse("InvalidRequestException",
                     "Only a secret that is a JSON object with username and password rotates");
  }
  value["password"] = random_hex(16);
  const std::string text = value.dump();
  add_version(secret, token, text, {kPending});
  CO_TRY_VOID(co_await put(region, secret));
  CO_TRY_VOID(co_await region.change_password(value["username"].get<std::string>(),
                                              value["password"].get<std::string>()));
  add_version(secret, token, text, {kCurrent});
  secret.document["rotated"] = now_seconds();
  CO_TRY_VOID(co_await put(region, secret));
  co_return json{{"ARN", secret.document["arn"]}, {"Name", secret.name}, {"VersionId", token}};
}

using Operation = Answer (*)(Region&, Members);
constexpr std::pair<std::string_view, Operation> kOperations[] = {
    {"CreateSecret", create_secret},      {"GetSecretValue", get_secret_value},
    {"DescribeSecret", describe_secret},  {"ListSecrets", list_secrets},
    {"PutSecretValue", put_secret_value}, {"UpdateSecret", update_secret},
    {"RotateSecret", rotate_secret},
};

}  // namespace

std::vector<std::string_view> action_names() { return names_in(kOperations); }

net::Task<net::HttpResponse> serve(Region& region, net::HttpRequest request) {
  const std::string operation = operation_of(request);
  for (const auto& [name, function] : kOperations) {
    if (name != operation) continue;
    auto members = Members::of(request);
    if (members.has_error()) co_return json_refusal(members.error());
    const auto answer = co_await function(region, std::move(*members));
    if (answer.has_value()) co_return json_answer(*answer);
    Error error = answer.error();
    if (error.code == "InvalidParameterValue" || error.code == "MissingParameter") {
      error.code = "InvalidParameterException";
    }
    co_return json_refusal(error);
  }
  co_return json_refusal(unknown_operation(operation));
}

}  // namespace aurora_global::services::secretsmanager
