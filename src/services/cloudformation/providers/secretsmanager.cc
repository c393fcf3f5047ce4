// AWS::SecretsManager::Secret, SecretTargetAttachment and ResourcePolicy, by the service
// secretsmanager.
#include <algorithm>

#include "base/json.h"
#include "cloudformation/members.h"
#include "services/cloudformation/providers/all.h"
#include "services/cloudformation/providers/named_provider.h"
#include "services/cloudformation/providers/service_call.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;

constexpr const char* kService = "secretsmanager";
constexpr const char* kDefaultKey = "alias/aws/secretsmanager";

constexpr Property kSecretProperties[] = {
    {.name = "Name", .kind = Kind::text, .replacing = Replacing::always},
    {.name = "Description", .kind = Kind::text},
    {.name = "KmsKeyId", .kind = Kind::text},
    {.name = "SecretString", .kind = Kind::text},
    {.name = "GenerateSecretString", .kind = Kind::object},
    {.name = "ReplicaRegions",
     .kind = Kind::list,
     .note = "a secret is in every region; these are told as replicas"},
    {.name = "Tags", .kind = Kind::list},
    {.name = "Type", .fate = Fate::refused, .note = "secrets are the caller's own"},
};
constexpr Attribute kSecretAttributes[] = {{.name = "Id"}};

class Secret final : public NamedProvider {
 public:
  explicit Secret(const ProviderContext& context) : NamedProvider(context) {}

  const TypeTable& table() const override {
    static constexpr TypeTable kTable{.type = "AWS::SecretsManager::Secret",
                                      .properties = kSecretProperties,
                                      .attributes = kSecretAttributes};
    return kTable;
  }

  Result<void> check(const json& properties) const override {
    if (!properties.contains("SecretString") || !properties.contains("GenerateSecretString")) {
      return ok();
    }
    return make_error(ErrorKind::invalid,
                      "You can't specify both SecretString and GenerateSecretString");
  }

 protected:
  Naming naming() const override { return {"Name", {.bytes_max = 64}}; }

  Found find(std::string id) override {
    json input = {{"SecretId", std::move(id)}};
    return call(kService, "DescribeSecret", std::move(input));
  }

  std::string id_of(const json& found, const std::string&) const override {
    return found.at("ARN").get<std::string>();
  }
  bool is_gone(const json& found) const override { return found.contains("DeletedDate"); }
  json attributes_of(const json& found) const override { return {{"Id", found.at("ARN")}}; }

  Done make(const ResourceRequest& request, std::string name) override {
    json input = members_of(request.properties, {"Description", "KmsKeyId"});
    input["Name"] = std::move(name);
    input["ClientRequestToken"] = digits_of(request.token, 32);
    auto valuing = value_of(request.properties);
    CO_TRY(const json value, co_await std::move(valuing));
    if (!value.is_null()) input["SecretString"] = value;
    const json tags = list_of(tags_of(request.properties));
    if (!tags.empty()) input["Tags"] = tags;
    const json& replicas = core::property_or_null(request.properties, "ReplicaRegions");
    if (!replicas.is_null()) input["AddReplicaRegions"] = replicas;
    auto creating = call(kService, "CreateSecret", std::move(input));
    CO_TRY_VOID(co_await std::move(creating));
    co_return ok();
  }

  Done change(const ResourceRequest& request) override {
    json input = changed_members(request, {"Description", "KmsKeyId"});
    if (input.contains("Description") && input["Description"].is_null()) input["Description"] = "";
    if (input.contains("KmsKeyId") && input["KmsKeyId"].is_null()) input["KmsKeyId"] = kDefaultKey;
    // Another description of what to generate is another value, as on AWS.
    if (!changed_members(request, {"SecretString", "GenerateSecretString"}).empty()) {
      auto valuing = value_of(request.properties);
      CO_TRY(const json value, co_await std::move(valuing));
      if (!value.is_null()) {
        input["SecretString"] = value;
        input["ClientRequestToken"] = digits_of(request.token, 32);
      }
    }
    if (!input.empty()) {
      input["SecretId"] = request.physical_id;
      auto updating = call(kService, "UpdateSecret", std::move(input));
      const auto updated = co_await std::move(updating);
      // A repeated step has generated another value for the version that it made before.
      const bool is_made = updated.has_error() && updated.error().code == "ResourceExistsException";
      if (updated.has_error() && !is_made) co_return updated.error();
    }
    auto replicating = change_replicas(request);
    CO_TRY_VOID(co_await std::move(replicating));
    auto tagging = change_tags(request);
    co_return co_await std::move(tagging);
  }

  // At once: a stack of the same names may be made right afterwards.
  Done unmake(const ResourceRequest& request) override {
    auto finding = find(request.physical_id);
    CO_TRY(const json found, co_await std::move(finding));
    json regions = json::array();
    for (const json& one : found.value("ReplicationStatus", json::array())) {
      regions.push_back(one.at("Region"));
    }
    if (!regions.empty()) {
      json input = {{"SecretId", request.physical_id}, {"RemoveReplicaRegions", regions}};
      auto removing = call(kService, "RemoveRegionsFromReplication", std::move(input));
      CO_TRY_VOID(co_await std::move(removing));
    }
    json input = {{"SecretId", request.physical_id}, {"ForceDeleteWithoutRecovery", true}};
    auto deleting = call(kService, "DeleteSecret", std::move(input));
    CO_TRY_VOID(co_await std::move(deleting));
    co_return ok();
  }

 private:
  // Null: it has none.
  net::Task<Result<json>> value_of(const json& properties) {
    const json& given = core::property_or_null(properties, "SecretString");
    if (!given.is_null()) co_return json(core::as_text(given).value_or(""));
    const json& how = core::property_or_null(properties, "GenerateSecretString");
    if (how.is_null()) co_return json();
    json input = members_of(
        how, {"PasswordLength", "ExcludeCharacters", "ExcludeNumbers", "ExcludePunctuation",
              "ExcludeUppercase", "ExcludeLowercase", "IncludeSpace", "RequireEachIncludedType"});
    auto asking = call(kService, "GetRandomPassword", std::move(input));
    CO_TRY(const json answer, co_await std::move(asking));
    const std::string key = text_of(how, "GenerateStringKey");
    const std::string text = text_of(how, "SecretStringTemplate");
    if (key.empty() && text.empty()) co_return answer.at("RandomPassword");
    json whole = parse_json(text);
    if (key.empty() || !whole.is_object()) {
      co_return make_error(ErrorKind::invalid,
                           "GenerateSecretString: SecretStringTemplate is a JSON object, and "
                           "GenerateStringKey is given with it");
    }
    whole[key] = answer.at("RandomPassword");
    co_return json(whole.dump());
  }

  Done change_replicas(const ResourceRequest& request) {
    const json now = request.properties.value("ReplicaRegions", json::array());
    const json before = request.former_properties.value("ReplicaRegions", json::array());
    const auto has_region = [](const json& all, const json& region) {
      return std::any_of(all.begin(), all.end(),
                         [&](const json& one) { return one.value("Region", json()) == region; });
    };
    json removed = json::array();
    for (const json& one : before) {
      if (!has_region(now, one.at("Region"))) removed.push_back(one.at("Region"));
    }
    json added = json::array();
    for (const json& one : now) {
      if (std::find(before.begin(), before.end(), one) == before.end()) added.push_back(one);
    }
    if (!removed.empty()) {
      json input = {{"SecretId", request.physical_id}, {"RemoveReplicaRegions", removed}};
      auto calling = call(kService, "RemoveRegionsFromReplication", std::move(input));
      CO_TRY_VOID(co_await std::move(calling));
    }
    if (added.empty()) co_return ok();
    json input = {{"SecretId", request.physical_id}, {"AddReplicaRegions", added}};
    auto calling = call(kService, "ReplicateSecretToRegions", std::move(input));
    CO_TRY_VOID(co_await std::move(calling));
    co_return ok();
  }

  Done change_tags(const ResourceRequest& request) {
    const TagChange change = tag_change(request);
    if (!change.removed.empty()) {
      json input = {{"SecretId", request.physical_id}, {"TagKeys", change.removed}};
      auto calling = call(kService, "UntagResource", std::move(input));
      CO_TRY_VOID(co_await std::move(calling));
    }
    if (change.set.empty()) co_return ok();
    json input = {{"SecretId", request.physical_id}, {"Tags", change.set}};
    auto calling = call(kService, "TagResource", std::move(input));
    CO_TRY_VOID(co_await std::move(calling));
    co_return ok();
  }
};

constexpr Property kSecretAttachmentProperties[] = {
    {.name = "SecretId", .kind = Kind::text, .replacing = Replacing::always, .required = true},
    {.name = "TargetId", .kind = Kind::text, .required = true},
    {.name = "TargetType",
     .kind = Kind::text,
     .required = true,
     .note = "AWS::RDS::DBCluster, AWS::RDS::DBInstance"},
};

// What is of the secret alone: resources without a name and without anything of their own at the
// service. The secret's ARN is their id.
class OfSecret : public Provider {
 public:
  explicit OfSecret(const ProviderContext& context) : services_(context.services) {}

 protected:
  net::Task<Result<json>> call(std::string service, std::string operation, json input) {
    return call_typed(services_, std::move(service), std::move(operation), std::move(input));
  }

  net::Task<Result<void>> describe(std::string secret, Made& made) {
    json input = {{"SecretId", std::move(secret)}};
    auto asking = call(kService, "DescribeSecret", std::move(input));
    CO_TRY(const json found, co_await std::move(asking));
    if (found.contains("DeletedDate")) {
      co_return make_error(ErrorKind::not_found, "The secret was deleted");
    }
    made.physical_id = found.at("ARN").get<std::string>();
    made.attributes = {{"Id", made.physical_id}};
    co_return ok();
  }

  // The secret may have gone before.
  static Result<void> gone_is_fine(const Result<json>& outcome) {
    const bool is_gone = outcome.has_error() && (outcome.error().kind == ErrorKind::not_found ||
                                                 outcome.error().code == "InvalidRequestException");
    if (outcome.has_error() && !is_gone) return outcome.error();
    return ok();
  }

 private:
  ServiceCaller& services_;
};

constexpr Attribute kOfSecretAttributes[] = {{.name = "Id"}};
constexpr const char* kNothingAttached = "NotAnObject";  // Of our own.
// What an attachment writes into a secret.
constexpr const char* kConnection[] = {
    "engine", "host", "port", "dbname", "dbClusterIdentifier", "dbInstanceIdentifier"};

class SecretTargetAttachment final : public OfSecret {
 public:
  using OfSecret::OfSecret;

  const TypeTable& table() const override {
    static constexpr TypeTable kTable{.type = "AWS::SecretsManager::SecretTargetAttachment",
                                      .properties = kSecretAttachmentProperties,
                                      .attributes = kOfSecretAttributes};
    return kTable;
  }

  Result<void> check(const json& properties) const override {
    const std::string type = text_of(properties, "TargetType");
    if (type.empty() || type == "AWS::RDS::DBCluster" || type == "AWS::RDS::DBInstance" ||
        core::property_or_null(properties, "TargetType").is_object()) {
      return ok();
    }
    return make_error(ErrorKind::invalid, "TargetType " + type + " is not supported here");
  }

  net::Task<Result<void>> create(const ResourceRequest& request, Made& made) override {
    auto attaching = attach(request, made);
    co_return co_await std::move(attaching);
  }
  net::Task<Result<void>> update(const ResourceRequest& request, Made& made) override {
    auto attaching = attach(request, made);
    co_return co_await std::move(attaching);
  }

  net::Task<Result<void>> remove(const ResourceRequest& request) override {
    auto writing = write(request.physical_id, json::object());
    const auto written = co_await std::move(writing);
    // Somebody has given it another value since: there is no connection in it.
    if (written.has_error() && written.error().code == kNothingAttached) co_return ok();
    co_return gone_is_fine(written);
  }

  net::Task<Result<void>> read(const ResourceRequest& request, Made& made) override {
    auto describing = describe(request.physical_id, made);
    co_return co_await std::move(describing);
  }

 private:
  net::Task<Result<void>> attach(const ResourceRequest& request, Made& made) {
    const std::string secret = text_of(request.properties, "SecretId");
    auto asking = connection_of(request.properties);
    CO_TRY(const json connection, co_await std::move(asking));
    auto writing = write(secret, connection);
    CO_TRY_VOID(co_await std::move(writing));
    auto describing = describe(secret, made);
    co_return co_await std::move(describing);
  }

  net::Task<Result<json>> connection_of(const json& properties) {
    const std::string id = text_of(properties, "TargetId");
    if (text_of(properties, "TargetType") == "AWS::RDS::DBInstance") {
      json input = {{"DBInstanceIdentifier", id}};
      auto asking = call("rds", "DescribeDBInstances", std::move(input));
      CO_TRY(const json answer, co_await std::move(asking));
      const json& instance = answer.at("DBInstances").at(0);
      co_return json{{"engine", "postgres"},
                     {"host", instance.at("Endpoint").at("Address")},
                     {"port", instance.at("Endpoint").at("Port")},
                     {"dbInstanceIdentifier", instance.at("DBInstanceIdentifier")}};
    }
    json input = {{"DBClusterIdentifier", id}};
    auto asking = call("rds", "DescribeDBClusters", std::move(input));
    CO_TRY(const json answer, co_await std::move(asking));
    const json& cluster = answer.at("DBClusters").at(0);
    json connection = {{"engine", "postgres"},
                       {"host", cluster.at("Endpoint")},
                       {"port", cluster.at("Port")},
                       {"dbClusterIdentifier", cluster.at("DBClusterIdentifier")}};
    if (cluster.contains("DatabaseName")) connection["dbname"] = cluster.at("DatabaseName");
    co_return connection;
  }

  // A new version of the secret, unless it says so already.
  net::Task<Result<json>> write(std::string secret, json connection) {
    json question = {{"SecretId", secret}};
    auto asking = call(kService, "GetSecretValue", std::move(question));
    CO_TRY(const json answer, co_await std::move(asking));
    const json before = parse_json(answer.value("SecretString", ""));
    if (!before.is_object()) {
      co_return make_error(
          ErrorKind::invalid,
          "The secret " + secret + " is no JSON object: nothing can be attached to it",
          kNothingAttached);
    }
    json after = before;
    for (const char* name : kConnection) after.erase(name);
    after.update(connection);
    if (after == before) co_return answer;
    json input = {{"SecretId", std::move(secret)}, {"SecretString", after.dump()}};
    auto writing = call(kService, "PutSecretValue", std::move(input));
    co_return co_await std::move(writing);
  }
};

constexpr Property kSecretPolicyProperties[] = {
    {.name = "SecretId", .kind = Kind::text, .replacing = Replacing::always, .required = true},
    {.name = "ResourcePolicy", .fate = Fate::recorded, .required = true},
    {.name = "BlockPublicPolicy", .kind = Kind::truth},
};

class ResourcePolicy final : public OfSecret {
 public:
  using OfSecret::OfSecret;

  const TypeTable& table() const override {
    static constexpr TypeTable kTable{.type = "AWS::SecretsManager::ResourcePolicy",
                                      .properties = kSecretPolicyProperties,
                                      .attributes = kOfSecretAttributes};
    return kTable;
  }

  net::Task<Result<void>> create(const ResourceRequest& request, Made& made) override {
    auto putting = put(request, made);
    co_return co_await std::move(putting);
  }
  net::Task<Result<void>> update(const ResourceRequest& request, Made& made) override {
    auto putting = put(request, made);
    co_return co_await std::move(putting);
  }

  net::Task<Result<void>> remove(const ResourceRequest& request) override {
    json input = {{"SecretId", request.physical_id}};
    auto deleting = call(kService, "DeleteResourcePolicy", std::move(input));
    const auto deleted = co_await std::move(deleting);
    co_return gone_is_fine(deleted);
  }

  net::Task<Result<void>> read(const ResourceRequest& request, Made& made) override {
    auto describing = describe(request.physical_id, made);
    co_return co_await std::move(describing);
  }

 private:
  net::Task<Result<void>> put(const ResourceRequest& request, Made& made) {
    const json& policy = core::property_or_null(request.properties, "ResourcePolicy");
    const std::string secret = text_of(request.properties, "SecretId");
    json input = {
        {"SecretId", secret},
        {"ResourcePolicy", policy.is_string() ? policy.get<std::string>() : policy.dump()},
        {"BlockPublicPolicy", text_of(request.properties, "BlockPublicPolicy") == "true"}};
    auto putting = call(kService, "PutResourcePolicy", std::move(input));
    CO_TRY_VOID(co_await std::move(putting));
    auto describing = describe(secret, made);
    co_return co_await std::move(describing);
  }
};

}  // namespace

void add_secretsmanager(Providers& providers, const ProviderContext& context) {
  providers.add(std::make_unique<Secret>(context));
  providers.add(std::make_unique<SecretTargetAttachment>(context));
  providers.add(std::make_unique<ResourcePolicy>(context));
}

}  // namespace aurora_global::services::cloudformation
