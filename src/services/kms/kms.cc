#include "services/kms/kms.h"

#include <algorithm>

#include "base/base64.h"
#include "region/key_ring.h"
#include "services/call.h"
#include "services/policy_document.h"

namespace aurora_global::services::kms {
namespace {

using nlohmann::json;
using region::Key;
using region::KeyRing;
using region::KeyState;
using region::Region;
using Answer = net::Task<Result<json>>;

constexpr std::size_t kPlaintextMax = 4096;
constexpr std::size_t kCiphertextMax = 6144;
constexpr std::size_t kContextMax = 8192;
constexpr std::size_t kAliasMax = 256;
constexpr std::int64_t kDataKeyMax = 1024;
constexpr const char* kAlgorithm = "SYMMETRIC_DEFAULT";

Error refuse(std::string code, std::string message) {
  return make_error(ErrorKind::invalid, std::move(message), std::move(code));
}

double seconds(WallTime time) { return static_cast<double>(time.time_since_epoch().count()) / 1e6; }

const char* name_of(KeyState state) {
  switch (state) {
    case KeyState::enabled: return "Enabled";
    case KeyState::disabled: return "Disabled";
    case KeyState::pending_deletion: return "PendingDeletion";
  }
  return "Enabled";
}

json metadata(Region& region, const Key& key) {
  const KeyState state = key.state();
  json out = {{"AWSAccountId", region.facts().account_id},
              {"KeyId", key.id},
              {"Arn", region.keys().key_arn(key.id)},
              {"CreationDate", seconds(key.created)},
              {"Enabled", state == KeyState::enabled},
              {"Description", key.description},
              {"KeyUsage", "ENCRYPT_DECRYPT"},
              {"KeyState", name_of(state)},
              {"Origin", "AWS_KMS"},
              {"KeyManager", key.managed ? "AWS" : "CUSTOMER"},
              {"CustomerMasterKeySpec", kAlgorithm},
              {"KeySpec", kAlgorithm},
              {"EncryptionAlgorithms", json::array({kAlgorithm})},
              {"MultiRegion", false}};
  if (key.deletion) out["DeletionDate"] = seconds(*key.deletion);
  return out;
}

// The page that a request asks for, the last thing that is read of it.
struct Page {
  std::int64_t limit = 0;
  std::string marker;
};

Result<Page> page_of(Members& members, std::int64_t standard, std::int64_t most) {
  Page page;
  page.limit = members.number("Limit", 1, most).value_or(standard);
  page.marker = members.text("Marker");
  TRY_VOID(members.finish());
  return page;
}

// That page of what is sorted by its names. The marker is the last name shown, so a name that has
// gone meanwhile does not disturb.
Result<json> show(const Page& page, const char* list, const std::map<std::string, json>& all) {
  const auto after = from_base64(page.marker);
  if (!after) {
    return refuse("InvalidMarkerException", "The marker '" + page.marker + "' is not ours");
  }
  json answer = {{list, json::array()}, {"Truncated", false}};
  auto next = page.marker.empty() ? all.begin() : all.upper_bound(*after);
  for (; next != all.end(); ++next) {
    if (static_cast<std::int64_t>(answer[list].size()) == page.limit) {
      answer["Truncated"] = true;
      answer["NextMarker"] = base64(std::prev(next)->first);
      break;
    }
    answer[list].push_back(next->second);
  }
  return answer;
}

// ---- what requests have in common

std::string bytes(Members& members, const std::string& name, std::size_t most) {
  const std::string text = members.required(name);
  const auto decoded = from_base64(text);
  if (!decoded) {
    members.problem(name + " is not in base64", "SerializationException");
  } else if (decoded->empty() || decoded->size() > most) {
    members.problem(name + " has " + std::to_string(decoded->size()) +
                        " bytes; it must have 1 to " + std::to_string(most),
                    "ValidationException");
  }
  return decoded.value_or("");
}

region::SealContext context(Members& members, const char* name = "EncryptionContext") {
  region::SealContext context = members.pairs(name);
  std::size_t size = 0;
  for (const auto& [key, value] : context) {
    size += key.size() + value.size();
    if (key.empty()) members.problem(std::string(name) + " has an empty key");
  }
  if (size > kContextMax) members.problem(std::string(name) + " is over 8192 bytes");
  return context;
}

void check_algorithm(Members& members, const char* name = "EncryptionAlgorithm") {
  const std::string algorithm = members.text(name, kAlgorithm);
  if (algorithm == kAlgorithm) return;
  members.problem(std::string(name) + " " + algorithm +
                      " does not fit: the keys here are symmetric (SYMMETRIC_DEFAULT)",
                  "InvalidKeyUsageException");
}

std::string alias_name(Members& members) {
  std::string name = members.required("AliasName");
  const auto is_fine = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '/' || c == '_' || c == '-';
  };
  if (name.rfind("alias/", 0) != 0) {
    members.problem("Alias must start with the prefix \"alias/\"; given: '" + name + "'");
  } else if (name.rfind(KeyRing::kManagedPrefix, 0) == 0) {
    members.problem("Aliases that begin with alias/aws/ are the platform's own",
                    "NotAuthorizedException");
  } else if (name.size() > kAliasMax || !std::all_of(name.begin(), name.end(), is_fine)) {
    members.problem("AliasName has letters, digits and /_- only, at most 256 of them");
  } else if (name == "alias/") {
    members.problem("The alias has no name after alias/", "InvalidAliasNameException");
  }
  return name;
}

std::map<std::string, std::string> tags(Members& members) {
  std::map<std::string, std::string> tags;
  for (const json& one : members.list("Tags")) {
    Members tag(one.is_object() ? one : json::object());
    const std::string name = tag.required("TagKey");
    const std::string value = tag.text("TagValue");
    if (const auto fine = tag.finish(); fine.has_error()) {
      members.problem("Tags: " + fine.error().message, "TagException");
    } else if (name.rfind("aws:", 0) == 0) {
      members.problem("Tags: '" + name + "' begins with aws:", "TagException");
    } else if (!tags.emplace(name, value).second) {
      members.problem("Tags: '" + name + "' is given twice", "TagException");
    }
  }
  return tags;
}

// A member of CreateKey that must have the one value that is served here.
void only(Members& members, const char* name, const std::string& served,
          std::initializer_list<std::string_view> known) {
  const std::string given = members.text(name, served);
  if (given == served) return;
  const bool is_known = std::find(known.begin(), known.end(), given) != known.end();
  members.problem(std::string(name) + " " + given + " is not supported here; only " + served,
                  is_known ? "UnsupportedOperationException" : "ValidationException");
}

// ---- keys

Answer create_key(Region& region, Members members) {
  const std::string description = members.text("Description");
  if (members.has("KeySpec") && members.has("CustomerMasterKeySpec")) {
    members.problem("KeySpec and CustomerMasterKeySpec are the same; give only KeySpec");
  }
  for (const char* name : {"KeySpec", "CustomerMasterKeySpec"}) {
    only(members, name, kAlgorithm,
         {"RSA_2048", "RSA_3072", "RSA_4096", "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521",
          "ECC_NIST_EDWARDS25519", "ECC_SECG_P256K1", "HMAC_224", "HMAC_256", "HMAC_384",
          "HMAC_512", "SM2", "ML_DSA_44", "ML_DSA_65", "ML_DSA_87"});
  }
  only(members, "KeyUsage", "ENCRYPT_DECRYPT",
       {"SIGN_VERIFY", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT"});
  only(members, "Origin", "AWS_KMS", {"EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"});
  if (members.flag("MultiRegion")) {
    members.problem("Multi-Region keys are not supported here: a key stays in its Region",
                    "UnsupportedOperationException");
  }
  const std::string policy = members.text("Policy");
  const auto given_tags = tags(members);
  CO_TRY_VOID(members.finish());
  if (!policy.empty()) CO_TRY_VOID(check_policy(policy));
  CO_TRY(const Key key, co_await region.keys().create(description, given_tags, policy));
  co_return json{{"KeyMetadata", metadata(region, key)}};
}

Answer describe_key(Region& region, Members members) {
  const std::string id = members.required("KeyId");
  members.ignore({"GrantTokens"});
  CO_TRY_VOID(members.finish());
  CO_TRY(const Key key, region.keys().find(id));
  co_return json{{"KeyMetadata", metadata(region, key)}};
}

Answer list_keys(Region& region, Members members) {
  CO_TRY(const Page page, page_of(members, 100, 1000));
  std::map<std::string, json> all;
  for (const Key& key : region.keys().keys()) {
    all[key.id] = {{"KeyId", key.id}, {"KeyArn", region.keys().key_arn(key.id)}};
  }
  co_return show(page, "Keys", all);
}

using Switch = net::Task<Result<Key>> (KeyRing::*)(std::string);

Answer switch_key(Region& region, Members members, Switch change) {
  const std::string id = members.required("KeyId");
  CO_TRY_VOID(members.finish());
  CO_TRY(const Key key, co_await (region.keys().*change)(id));
  co_return json{{"KeyId", region.keys().key_arn(key.id)}};
}

Answer enable_key(Region& region, Members members) {
  CO_TRY_VOID(co_await switch_key(region, std::move(members), &KeyRing::set_enabled));
  co_return json::object();
}

Answer disable_key(Region& region, Members members) {
  CO_TRY_VOID(co_await switch_key(region, std::move(members), &KeyRing::set_disabled));
  co_return json::object();
}

Answer cancel_key_deletion(Region& region, Members members) {
  co_return co_await switch_key(region, std::move(members), &KeyRing::cancel_deletion);
}

Answer schedule_key_deletion(Region& region, Members members) {
  const std::string id = members.required("KeyId");
  const std::int64_t days = members.number("PendingWindowInDays", 7, 30).value_or(30);
  CO_TRY_VOID(members.finish());
  CO_TRY(const Key key, co_await region.keys().schedule_deletion(id, std::chrono::days(days)));
  co_return json{{"KeyId", region.keys().key_arn(key.id)},
                 {"DeletionDate", seconds(*key.deletion)},
                 {"KeyState", name_of(key.state())},
                 {"PendingWindowInDays", days}};
}

Answer enable_key_rotation(Region& region, Members members) {
  const std::string id = members.required("KeyId");
  const auto days =
      members.number("RotationPeriodInDays", 90, 2560).value_or(KeyRing::kRotationDays);
  CO_TRY_VOID(members.finish());
  CO_TRY_VOID(co_await region.keys().set_rotation(id, static_cast<int>(days)));
  co_return json::object();
}

Answer disable_key_rotation(Region& region, Members members) {
  const std::string id = members.required("KeyId");
  CO_TRY_VOID(members.finish());
  CO_TRY_VOID(co_await region.keys().set_rotation(id, 0));
  co_return json::object();
}

Answer get_key_rotation_status(Region& region, Members members) {
  const std::string id = members.required("KeyId");
  CO_TRY_VOID(members.finish());
  CO_TRY(const Key key, region.keys().find_key(id));
  json answer = {{"KeyId", region.keys().key_arn(key.id)}, {"KeyRotationEnabled", false}};
  if (key.rotation_days == 0 || key.deletion) co_return answer;
  answer["KeyRotationEnabled"] = true;
  answer["RotationPeriodInDays"] = key.rotation_days;
  answer["NextRotationDate"] = seconds(key.rotated + std::chrono::days(key.rotation_days));
  co_return answer;
}

// ---- policies: kept and shown

constexpr const char* kPolicyName = "default";

// What AWS gives a key that is created without one.
std::string default_policy(const region::Facts& facts) {
  return json{{"Version", "2012-10-17"},
              {"Id", "key-default-1"},
              {"Statement",
               {{{"Sid", "Enable IAM User Permissions"},
                 {"Effect", "Allow"},
                 {"Principal", {{"AWS", "arn:aws:iam::" + facts.account_id + ":root"}}},
                 {"Action", "kms:*"},
                 {"Resource", "*"}}}}}
      .dump();
}

void check_policy_name(Members& members) {
  if (members.text("PolicyName", kPolicyName) == kPolicyName) return;
  members.problem("A key has one policy; its name is default", "NotFoundException");
}

Answer get_key_policy(Region& region, Members members) {
  const std::string id = members.required("KeyId");
  check_policy_name(members);
  CO_TRY_VOID(members.finish());
  CO_TRY(const Key key, region.keys().find_key(id));
  const std::string policy = key.policy.empty() ? default_policy(region.facts()) : key.policy;
  co_return json{{"Policy", policy}, {"PolicyName", kPolicyName}};
}

Answer put_key_policy(Region& region, Members members) {
  const std::string id = members.required("KeyId");
  const std::string policy = members.required("Policy");
  check_policy_name(members);
  CO_TRY_VOID(members.finish());
  CO_TRY_VOID(check_policy(policy));
  CO_TRY_VOID(co_await region.keys().set_policy(id, policy));
  co_return json::object();
}

Answer list_key_policies(Region& region, Members members) {
  const std::string id = members.required("KeyId");
  CO_TRY(const Page page, page_of(members, 100, 1000));
  CO_TRY_VOID(region.keys().find_key(id));
  const std::map<std::string, json> all = {{kPolicyName, kPolicyName}};
  co_return show(page, "PolicyNames", all);
}

Answer update_key_description(Region& region, Members members) {
  const std::string id = members.required("KeyId");
  const std::string description = members.text("Description");
  CO_TRY_VOID(members.finish());
  CO_TRY_VOID(co_await region.keys().describe(id, description));
  co_return json::object();
}

Answer tag_resource(Region& region, Members members) {
  const std::string id = members.required("KeyId");
  const auto given = tags(members);
  CO_TRY_VOID(members.finish());
  CO_TRY_VOID(co_await region.keys().tag(id, given));
  co_return json::object();
}

Answer untag_resource(Region& region, Members members) {
  const std::string id = members.required("KeyId");
  const auto names = members.texts("TagKeys");
  CO_TRY_VOID(members.finish());
  CO_TRY_VOID(co_await region.keys().untag(id, names));
  co_return json::object();
}

Answer list_resource_tags(Region& region, Members members) {
  const std::string id = members.required("KeyId");
  CO_TRY(const Page page, page_of(members, 50, 50));
  CO_TRY(const Key key, region.keys().find_key(id));
  std::map<std::string, json> all;
  for (const auto& [name, value] : key.tags) all[name] = {{"TagKey", name}, {"TagValue", value}};
  co_return show(page, "Tags", all);
}

// ---- aliases

Answer create_alias(Region& region, Members members) {
  const std::string name = alias_name(members);
  const std::string key = members.required("TargetKeyId");
  CO_TRY_VOID(members.finish());
  CO_TRY_VOID(co_await region.keys().create_alias(name, key));
  co_return json::object();
}

Answer update_alias(Region& region, Members members) {
  const std::string name = alias_name(members);
  const std::string key = members.required("TargetKeyId");
  CO_TRY_VOID(members.finish());
  CO_TRY_VOID(co_await region.keys().update_alias(name, key));
  co_return json::object();
}

Answer delete_alias(Region& region, Members members) {
  const std::string name = alias_name(members);
  CO_TRY_VOID(members.finish());
  CO_TRY_VOID(co_await region.keys().delete_alias(name));
  co_return json::object();
}

Answer list_aliases(Region& region, Members members) {
  std::string wanted = members.text("KeyId");
  CO_TRY(const Page page, page_of(members, 50, 100));
  if (!wanted.empty()) {
    CO_TRY(const Key key, region.keys().find_key(wanted));
    wanted = key.id;
  }
  std::map<std::string, json> all;
  for (const auto& [name, alias] : region.keys().aliases()) {
    if (!wanted.empty() && alias.key_id != wanted) continue;
    all[name] = {{"AliasName", name},
                 {"AliasArn", region.keys().alias_arn(name)},
                 {"TargetKeyId", alias.key_id},
                 {"CreationDate", seconds(alias.created)},
                 {"LastUpdatedDate", seconds(alias.updated)}};
  }
  co_return show(page, "Aliases", all);
}

// ---- what keys are for

Answer encrypt(Region& region, Members members) {
  const std::string id = members.required("KeyId");
  const std::string text = bytes(members, "Plaintext", kPlaintextMax);
  const auto words = context(members);
  check_algorithm(members);
  members.ignore({"GrantTokens"});
  CO_TRY_VOID(members.finish());
  CO_TRY(const auto sealed, region.keys().seal(id, words, text));
  co_return json{{"CiphertextBlob", base64(sealed.blob)},
                 {"KeyId", region.keys().key_arn(sealed.key_id)},
                 {"EncryptionAlgorithm", kAlgorithm}};
}

Answer decrypt(Region& region, Members members) {
  const std::string blob = bytes(members, "CiphertextBlob", kCiphertextMax);
  const std::string id = members.text("KeyId");
  const auto words = context(members);
  check_algorithm(members);
  members.ignore({"GrantTokens"});
  CO_TRY_VOID(members.finish());
  CO_TRY(const auto opened, region.keys().open(blob, words, id));
  co_return json{{"Plaintext", base64(opened.text)},
                 {"KeyId", region.keys().key_arn(opened.key_id)},
                 {"EncryptionAlgorithm", kAlgorithm}};
}

Answer re_encrypt(Region& region, Members members) {
  const std::string blob = bytes(members, "CiphertextBlob", kCiphertextMax);
  const std::string source = members.text("SourceKeyId");
  const std::string destination = members.required("DestinationKeyId");
  const auto source_words = context(members, "SourceEncryptionContext");
  const auto destination_words = context(members, "DestinationEncryptionContext");
  check_algorithm(members, "SourceEncryptionAlgorithm");
  check_algorithm(members, "DestinationEncryptionAlgorithm");
  members.ignore({"GrantTokens"});
  CO_TRY_VOID(members.finish());
  CO_TRY(const auto opened, region.keys().open(blob, source_words, source));
  CO_TRY(const auto sealed, region.keys().seal(destination, destination_words, opened.text));
  co_return json{{"CiphertextBlob", base64(sealed.blob)},
                 {"SourceKeyId", region.keys().key_arn(opened.key_id)},
                 {"KeyId", region.keys().key_arn(sealed.key_id)},
                 {"SourceEncryptionAlgorithm", kAlgorithm},
                 {"DestinationEncryptionAlgorithm", kAlgorithm}};
}

Answer generate_data_key(Region& region, Members members) {
  const std::string id = members.required("KeyId");
  const auto words = context(members);
  const std::string spec = members.text("KeySpec");
  auto size = members.number("NumberOfBytes", 1, kDataKeyMax);
  if (spec.empty() == !size.has_value()) {
    members.problem("Please specify either number of bytes or key spec.");
  } else if (!spec.empty()) {
    if (spec != "AES_256" && spec != "AES_128") {
      members.problem("KeySpec is AES_256 or AES_128; given: '" + spec + "'");
    }
    size = spec == "AES_256" ? 32 : 16;
  }
  members.ignore({"GrantTokens"});
  CO_TRY_VOID(members.finish());
  CO_TRY(const auto made, region.keys().data_key(id, words, static_cast<std::size_t>(*size)));
  co_return json{{"CiphertextBlob", base64(made.sealed.blob)},
                 {"Plaintext", base64(made.text)},
                 {"KeyId", region.keys().key_arn(made.sealed.key_id)}};
}

Answer generate_data_key_without_plaintext(Region& region, Members members) {
  CO_TRY(json answer, co_await generate_data_key(region, std::move(members)));
  answer.erase("Plaintext");
  co_return answer;
}

using Operation = Answer (*)(Region&, Members);
constexpr std::pair<std::string_view, Operation> kOperations[] = {
    {"CreateKey", create_key},
    {"DescribeKey", describe_key},
    {"ListKeys", list_keys},
    {"EnableKey", enable_key},
    {"DisableKey", disable_key},
    {"ScheduleKeyDeletion", schedule_key_deletion},
    {"CancelKeyDeletion", cancel_key_deletion},
    {"EnableKeyRotation", enable_key_rotation},
    {"DisableKeyRotation", disable_key_rotation},
    {"GetKeyRotationStatus", get_key_rotation_status},
    {"GetKeyPolicy", get_key_policy},
    {"PutKeyPolicy", put_key_policy},
    {"ListKeyPolicies", list_key_policies},
    {"UpdateKeyDescription", update_key_description},
    {"TagResource", tag_resource},
    {"UntagResource", untag_resource},
    {"ListResourceTags", list_resource_tags},
    {"CreateAlias", create_alias},
    {"UpdateAlias", update_alias},
    {"DeleteAlias", delete_alias},
    {"ListAliases", list_aliases},
    {"Encrypt", encrypt},
    {"Decrypt", decrypt},
    {"ReEncrypt", re_encrypt},
    {"GenerateDataKey", generate_data_key},
    {"GenerateDataKeyWithoutPlaintext", generate_data_key_without_plaintext},
};

}  // namespace

std::vector<std::string_view> action_names() { return names_in(kOperations); }

net::Task<Result<json>> call(Region& region, std::string operation, json input) {
  return run_in_table("kms", kOperations, std::move(operation), std::move(input), region);
}

net::Task<net::HttpResponse> serve(Region& region, net::HttpRequest request) {
  return serve_table("kms", kOperations, std::move(request), region);
}

}  // namespace aurora_global::services::kms
