// AWS::KMS::Key and Alias, by the service kms.
#include "cloudformation/members.h"
#include "services/cloudformation/providers/all.h"
#include "services/cloudformation/providers/named_provider.h"
#include "services/cloudformation/providers/service_call.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;

constexpr int kPendingDays = 30;
constexpr int kRotationDays = 365;

constexpr Property kKeyProperties[] = {
    {.name = "Description", .kind = Kind::text},
    {.name = "KeyPolicy", .fate = Fate::recorded},
    {.name = "Enabled", .kind = Kind::truth},
    {.name = "EnableKeyRotation", .kind = Kind::truth},
    {.name = "RotationPeriodInDays", .kind = Kind::number},
    {.name = "PendingWindowInDays", .kind = Kind::number},
    {.name = "Tags", .kind = Kind::list},
    {.name = "KeySpec", .kind = Kind::text, .only = "SYMMETRIC_DEFAULT"},
    {.name = "KeyUsage", .kind = Kind::text, .only = "ENCRYPT_DECRYPT"},
    {.name = "Origin", .kind = Kind::text, .only = "AWS_KMS"},
    {.name = "MultiRegion", .kind = Kind::truth, .only = "false"},
    {.name = "BypassPolicyLockoutSafetyCheck", .kind = Kind::truth, .fate = Fate::recorded},
};
constexpr Attribute kKeyAttributes[] = {{.name = "Arn"}, {.name = "KeyId"}};

bool is_true(const json& properties, const char* name, bool otherwise) {
  const std::string text = text_of(properties, name);
  return text.empty() ? otherwise : text == "true";
}

int number_of(const json& properties, const char* name, int otherwise) {
  const std::string text = text_of(properties, name);
  return text.empty() ? otherwise : std::atoi(text.c_str());
}

// A policy is an object in a template, and a text at the service.
std::string policy_of(const json& properties, const char* name) {
  const json& policy = core::property_or_null(properties, name);
  if (policy.is_null()) return "";
  return policy.is_string() ? policy.get<std::string>() : policy.dump();
}

class KmsKey final : public Provider {
 public:
  explicit KmsKey(const ProviderContext& context) : services_(context.services) {}

  const TypeTable& table() const override {
    static constexpr TypeTable kTable{
        .type = "AWS::KMS::Key", .properties = kKeyProperties, .attributes = kKeyAttributes};
    return kTable;
  }

  // KMS names its keys itself: one that an earlier try has made is found by its tag.
  net::Task<Result<void>> create(const ResourceRequest& request, Made& made) override {
    auto looking = find_own(request);
    CO_TRY(std::string id, co_await std::move(looking));
    if (id.empty()) {
      Tags tags = tags_of(request.properties);
      tags.push_back(step_tag(request));
      json input = {{"Description", text_of(request.properties, "Description")},
                    {"Tags", list_of(tags, "TagKey", "TagValue")}};
      const std::string policy = policy_of(request.properties, "KeyPolicy");
      if (!policy.empty()) input["Policy"] = policy;
      auto creating = call("CreateKey", std::move(input));
      CO_TRY(const json answer, co_await std::move(creating));
      id = answer.at("KeyMetadata").at("KeyId").get<std::string>();
    }
    made.physical_id = id;
    auto settling = settle(id, request.properties);
    CO_TRY_VOID(co_await std::move(settling));
    auto reading = describe(id, made);
    co_return co_await std::move(reading);
  }

  net::Task<Result<void>> update(const ResourceRequest& request, Made& made) override {
    const std::string id = request.physical_id;
    const json changed = changed_members(request, {"Description", "KeyPolicy"});
    if (changed.contains("Description")) {
      json input = {{"KeyId", id}, {"Description", text_of(request.properties, "Description")}};
      auto calling = call("UpdateKeyDescription", std::move(input));
      CO_TRY_VOID(co_await std::move(calling));
    }
    const std::string policy = policy_of(request.properties, "KeyPolicy");
    if (changed.contains("KeyPolicy") && !policy.empty()) {
      json input = {{"KeyId", id}, {"Policy", policy}};
      auto calling = call("PutKeyPolicy", std::move(input));
      CO_TRY_VOID(co_await std::move(calling));
    }
    auto tagging = change_tags(request);
    CO_TRY_VOID(co_await std::move(tagging));
    auto settling = settle(id, request.properties);
    CO_TRY_VOID(co_await std::move(settling));
    auto reading = describe(id, made);
    co_return co_await std::move(reading);
  }

  net::Task<Result<void>> remove(const ResourceRequest& request) override {
    json input = {{"KeyId", request.physical_id},
                  {"PendingWindowInDays",
                   number_of(request.properties, "PendingWindowInDays", kPendingDays)}};
    auto calling = call("ScheduleKeyDeletion", std::move(input));
    const auto scheduled = co_await std::move(calling);
    const bool is_done = scheduled.has_value() || scheduled.error().kind == ErrorKind::not_found ||
                         scheduled.error().code == "KMSInvalidStateException";
    if (!is_done) co_return scheduled.error();
    co_return ok();
  }

  net::Task<Result<void>> read(const ResourceRequest& request, Made& made) override {
    auto reading = describe(request.physical_id, made);
    CO_TRY_VOID(co_await std::move(reading));
    made.physical_id = text_of(made.attributes, "KeyId");  // Aliases and ARNs lead to it, too.
    co_return ok();
  }

 private:
  net::Task<Result<json>> call(std::string operation, json input) {
    return call_typed(services_, "kms", std::move(operation), std::move(input));
  }

  net::Task<Result<std::string>> find_own(const ResourceRequest& request) {
    const auto wanted = step_tag(request);
    const json tag = {{"TagKey", wanted.first}, {"TagValue", wanted.second}};
    json page = json::object();
    for (;;) {
      auto listing = call("ListKeys", page);
      CO_TRY(const json keys, co_await std::move(listing));
      for (const json& key : keys.at("Keys")) {
        json input = {{"KeyId", key.at("KeyId")}};
        auto asking = call("ListResourceTags", std::move(input));
        CO_TRY(const json answer, co_await std::move(asking));
        for (const json& one : answer.at("Tags")) {
          if (one == tag) co_return key.at("KeyId").get<std::string>();
        }
      }
      if (!keys.value("Truncated", false)) co_return std::string();
      page["Marker"] = keys.at("NextMarker");
    }
  }

  // Rotation first, for a key that is disabled takes no change of it.
  net::Task<Result<void>> settle(std::string id, const json& properties) {
    const json key = {{"KeyId", id}};
    auto asking = call("DescribeKey", key);
    CO_TRY(const json answer, co_await std::move(asking));
    const bool was_enabled = answer.at("KeyMetadata").value("Enabled", true);
    const bool enabled = is_true(properties, "Enabled", true);
    if (enabled && !was_enabled) {
      auto enabling = call("EnableKey", key);
      CO_TRY_VOID(co_await std::move(enabling));
    }
    auto rotating = set_rotation(id, properties, enabled || was_enabled);
    CO_TRY_VOID(co_await std::move(rotating));
    if (!enabled && was_enabled) {
      auto disabling = call("DisableKey", key);
      CO_TRY_VOID(co_await std::move(disabling));
    }
    co_return ok();
  }

  net::Task<Result<void>> set_rotation(std::string id, const json& properties, bool may_change) {
    json input = {{"KeyId", id}};
    const bool wanted = is_true(properties, "EnableKeyRotation", false);
    const int days = number_of(properties, "RotationPeriodInDays", kRotationDays);
    auto asking = call("GetKeyRotationStatus", input);
    CO_TRY(const json status, co_await std::move(asking));
    const bool is_on = status.value("KeyRotationEnabled", false);
    if (wanted == is_on && (!wanted || status.value("RotationPeriodInDays", 0) == days)) {
      co_return ok();
    }
    if (!may_change) {
      co_return make_error(ErrorKind::invalid,
                           "You cannot modify the EnableKeyRotation property when the Enabled "
                           "property is false. Set Enabled to true to modify the "
                           "EnableKeyRotation property.");
    }
    if (wanted) input["RotationPeriodInDays"] = days;
    auto calling = call(wanted ? "EnableKeyRotation" : "DisableKeyRotation", std::move(input));
    CO_TRY_VOID(co_await std::move(calling));
    co_return ok();
  }

  net::Task<Result<void>> change_tags(const ResourceRequest& request) {
    const TagChange change = tag_change(request, "TagKey", "TagValue");
    if (!change.removed.empty()) {
      json input = {{"KeyId", request.physical_id}, {"TagKeys", change.removed}};
      auto calling = call("UntagResource", std::move(input));
      CO_TRY_VOID(co_await std::move(calling));
    }
    if (change.set.empty()) co_return ok();
    json input = {{"KeyId", request.physical_id}, {"Tags", change.set}};
    auto calling = call("TagResource", std::move(input));
    CO_TRY_VOID(co_await std::move(calling));
    co_return ok();
  }

  net::Task<Result<void>> describe(std::string id, Made& made) {
    json input = {{"KeyId", id}};
    auto asking = call("DescribeKey", std::move(input));
    CO_TRY(const json answer, co_await std::move(asking));
    const json& key = answer.at("KeyMetadata");
    if (key.value("KeyState", "") == "PendingDeletion") {
      co_return make_error(ErrorKind::not_found, "Key " + id + " is pending deletion");
    }
    made.physical_id = id;
    made.attributes = members_of(key, {"Arn", "KeyId"});
    co_return ok();
  }

  ServiceCaller& services_;
};

constexpr Property kAliasProperties[] = {
    {.name = "AliasName", .kind = Kind::text, .replacing = Replacing::always, .required = true},
    {.name = "TargetKeyId", .kind = Kind::text, .required = true},
};

class KmsAlias final : public NamedProvider {
 public:
  explicit KmsAlias(const ProviderContext& context) : NamedProvider(context) {}

  const TypeTable& table() const override {
    static constexpr TypeTable kTable{
        .type = "AWS::KMS::Alias", .properties = kAliasProperties, .attributes = {}};
    return kTable;
  }

 protected:
  Naming naming() const override { return {"AliasName"}; }

  Found find(std::string id) override {
    json input = {{"Limit", 100}};
    for (;;) {
      auto asking = call("kms", "ListAliases", input);
      CO_TRY(const json answer, co_await std::move(asking));
      for (const json& one : answer.at("Aliases")) {
        if (one.at("AliasName") == id) co_return one;
      }
      if (!answer.value("Truncated", false)) break;
      input["Marker"] = answer.at("NextMarker");
    }
    co_return make_error(ErrorKind::not_found, "Alias " + id + " is not found.");
  }

  Done make(const ResourceRequest& request, std::string name) override {
    return put("CreateAlias", std::move(name), request);
  }
  Done complete(const ResourceRequest& request, std::string name) override {
    return put("UpdateAlias", std::move(name), request);
  }
  Done change(const ResourceRequest& request) override {
    return put("UpdateAlias", request.physical_id, request);
  }

  Done unmake(const ResourceRequest& request) override {
    json input = {{"AliasName", request.physical_id}};
    auto calling = call("kms", "DeleteAlias", std::move(input));
    CO_TRY_VOID(co_await std::move(calling));
    co_return ok();
  }

  json attributes_of(const json&) const override { return json::object(); }

 private:
  Done put(std::string operation, std::string name, const ResourceRequest& request) {
    json input = {{"AliasName", std::move(name)},
                  {"TargetKeyId", text_of(request.properties, "TargetKeyId")}};
    auto calling = call("kms", std::move(operation), std::move(input));
    CO_TRY_VOID(co_await std::move(calling));
    co_return ok();
  }
};

}  // namespace

void add_kms(Providers& providers, const ProviderContext& context) {
  providers.add(std::make_unique<KmsKey>(context));
  providers.add(std::make_unique<KmsAlias>(context));
}

}  // namespace aurora_global::services::cloudformation
