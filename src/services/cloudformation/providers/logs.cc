// AWS::Logs::LogGroup, by the service logs.
#include "services/cloudformation/providers/all.h"
#include "services/cloudformation/providers/service_call.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;

constexpr Property kLogGroupProperties[] = {
    {.name = "LogGroupName", .kind = Kind::text, .replacing = Replacing::always},
    {.name = "RetentionInDays", .kind = Kind::number, .note = "lines are kept for 7 days at most"},
    {.name = "KmsKeyId", .kind = Kind::text, .fate = Fate::recorded},
    {.name = "LogGroupClass", .kind = Kind::text, .only = "STANDARD"},
    {.name = "Tags", .kind = Kind::list},
    {.name = "DataProtectionPolicy", .fate = Fate::refused, .note = "nothing is masked"},
    {.name = "FieldIndexPolicies", .fate = Fate::refused, .note = "there are no indexes"},
    {.name = "ResourcePolicyDocument", .fate = Fate::refused, .note = "there are no policies"},
    {.name = "DeletionProtectionEnabled", .fate = Fate::refused, .note = "nothing is protected"},
    {.name = "BearerTokenAuthenticationEnabled", .fate = Fate::refused, .note = "calls are signed"},
};
constexpr Attribute kLogGroupAttributes[] = {{.name = "Arn"}};

class LogGroup final : public Provider {
 public:
  explicit LogGroup(const ProviderContext& context) : services_(context.services) {}

  const TypeTable& table() const override {
    static constexpr TypeTable kTable{.type = "AWS::Logs::LogGroup",
                                      .properties = kLogGroupProperties,
                                      .attributes = kLogGroupAttributes};
    return kTable;
  }

  net::Task<Result<void>> create(const ResourceRequest& request, Made& made) override {
    const bool is_generated = text_of(request.properties, "LogGroupName").empty();
    std::string name = name_or_generated(request, "LogGroupName", {.bytes_max = 512});
    if (!is_generated) {
      auto claiming = claim_name(request, name, current(name));
      CO_TRY_VOID(co_await std::move(claiming));
    }
    made.physical_id = name;
    json input = {{"logGroupName", name}};
    const std::string key = text_of(request.properties, "KmsKeyId");
    if (!key.empty()) input["kmsKeyId"] = key;
    const std::string kind = text_of(request.properties, "LogGroupClass");
    if (!kind.empty()) input["logGroupClass"] = kind;
    const json tags = object_of(tags_of(request.properties));
    if (!tags.empty()) input["tags"] = tags;
    auto creating = ask("CreateLogGroup", std::move(input));
    const auto created = co_await std::move(creating);
    if (created.has_error() && created.error().code != "ResourceAlreadyExistsException") {
      co_return created.error();
    }
    auto changing = change(request, made);
    co_return co_await std::move(changing);
  }

  net::Task<Result<void>> update(const ResourceRequest& request, Made& made) override {
    auto changing = change(request, made);
    co_return co_await std::move(changing);
  }

  net::Task<Result<void>> remove(const ResourceRequest& request) override {
    auto removing = ask("DeleteLogGroup", {{"logGroupName", request.physical_id}});
    co_return removed(co_await std::move(removing));
  }

  net::Task<Result<void>> read(const ResourceRequest& request, Made& made) override {
    auto asking = current(request.physical_id);
    CO_TRY(const json group, co_await std::move(asking));
    made.physical_id = request.physical_id;
    made.attributes = {{"Arn", group.at("arn")}};
    co_return ok();
  }

 private:
  net::Task<Result<json>> ask(std::string operation, json input) {
    return call_typed(services_, "logs", std::move(operation), std::move(input));
  }

  net::Task<Result<json>> current(std::string name) {
    auto asking = ask("DescribeLogGroups", {{"logGroupIdentifiers", {name}}});
    CO_TRY(const json answer, co_await std::move(asking));
    for (const json& group : answer.at("logGroups")) {
      if (group.at("logGroupName") == name) co_return group;
    }
    co_return make_error(ErrorKind::not_found, "The specified log group does not exist.",
                         "ResourceNotFoundException");
  }

  net::Task<Result<void>> change(const ResourceRequest& request, Made& made) {
    const json& properties = request.properties;
    json group = {{"logGroupName", made.physical_id}};
    json retention = group, key = group;
    const std::string days = text_of(properties, "RetentionInDays");
    if (!days.empty()) retention["retentionInDays"] = days;
    auto keeping =
        ask(days.empty() ? "DeleteRetentionPolicy" : "PutRetentionPolicy", std::move(retention));
    CO_TRY_VOID(co_await std::move(keeping));
    const std::string key_id = text_of(properties, "KmsKeyId");
    if (!key_id.empty()) key["kmsKeyId"] = key_id;
    auto sealing = ask(key_id.empty() ? "DisassociateKmsKey" : "AssociateKmsKey", std::move(key));
    CO_TRY_VOID(co_await std::move(sealing));
    auto asking = current(made.physical_id);
    CO_TRY(const json shown, co_await std::move(asking));
    made.attributes = {{"Arn", shown.at("arn")}};
    auto tagging = tag(request, shown.at("logGroupArn").get<std::string>());
    co_return co_await std::move(tagging);
  }

  net::Task<Result<void>> tag(const ResourceRequest& request, std::string arn) {
    auto asking = ask("ListTagsForResource", {{"resourceArn", arn}});
    CO_TRY(const json shown, co_await std::move(asking));
    Tagging of{.service = "logs", .resource = {{"resourceArn", arn}}};
    auto tagging = retag(services_, std::move(of), shown.value("tags", json::object()),
                         object_of(tags_of(request.properties)));
    co_return co_await std::move(tagging);
  }

  ServiceCaller& services_;
};

}  // namespace

void add_logs(Providers& providers, const ProviderContext& context) {
  providers.add(std::make_unique<LogGroup>(context));
}

}  // namespace aurora_global::services::cloudformation
