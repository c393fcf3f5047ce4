// AWS::Lambda::Function, Permission and EventInvokeConfig, by the service lambda.
#include "services/cloudformation/providers/all.h"
#include "services/cloudformation/providers/service_call.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;

constexpr const char* kCode = "functions are zips with a `bootstrap`, for provided.al2023";

// ---- functions

constexpr Property kFunction[] = {
    {.name = "FunctionName", .kind = Kind::text, .replacing = Replacing::always},
    {.name = "Code", .kind = Kind::object, .required = true},
    {.name = "Code.ZipFile", .fate = Fate::refused, .note = kCode},
    {.name = "Code.ImageUri", .fate = Fate::refused, .note = kCode},
    {.name = "Code.SourceKMSKeyArn", .fate = Fate::refused, .note = kCode},
    {.name = "Role",
     .kind = Kind::text,
     .fate = Fate::recorded,
     .required = true,
     .note = "functions have the platform's credentials"},
    {.name = "Runtime", .kind = Kind::text, .only = "provided.al2023"},
    {.name = "Handler", .kind = Kind::text},
    {.name = "Description", .kind = Kind::text},
    {.name = "Timeout", .kind = Kind::number},
    {.name = "MemorySize", .kind = Kind::number},
    {.name = "Environment", .kind = Kind::object},
    {.name = "Architectures", .kind = Kind::list, .note = "the machine's"},
    {.name = "LoggingConfig", .kind = Kind::object},
    {.name = "DeadLetterConfig", .kind = Kind::object},
    {.name = "ReservedConcurrentExecutions", .kind = Kind::number},
    {.name = "PackageType", .kind = Kind::text, .replacing = Replacing::always, .note = "Zip"},
    {.name = "TracingConfig", .kind = Kind::object, .fate = Fate::recorded},
    {.name = "VpcConfig", .kind = Kind::object, .fate = Fate::recorded},
    {.name = "KmsKeyArn", .kind = Kind::text, .fate = Fate::recorded},
    {.name = "EphemeralStorage", .kind = Kind::object, .fate = Fate::recorded},
    {.name = "Tags", .kind = Kind::list},
    {.name = "Layers", .fate = Fate::refused, .note = kCode},
    {.name = "ImageConfig", .fate = Fate::refused, .note = kCode},
    {.name = "FileSystemConfigs", .fate = Fate::refused, .note = kCode},
    {.name = "CodeSigningConfigArn", .fate = Fate::refused, .note = kCode},
    {.name = "SnapStart", .fate = Fate::refused, .note = kCode},
    {.name = "RuntimeManagementConfig", .fate = Fate::refused, .note = kCode},
    {.name = "RecursiveLoop", .fate = Fate::refused, .note = "nothing looks for loops"},
};
constexpr Attribute kFunctionAttributes[] = {{.name = "Arn"}};

// Every setting of the function, so that what a template does not say any more is as it was at
// first.
json settings_of(const json& properties) {
  json settings = {
      {"Description", ""},
      {"Timeout", 3},
      {"MemorySize", 128},
      {"Environment", {{"Variables", json::object()}}},
      {"TracingConfig", {{"Mode", "PassThrough"}}},
      {"LoggingConfig", json::object()},
      {"DeadLetterConfig", {{"TargetArn", ""}}},
      {"VpcConfig", {{"SubnetIds", json::array()}, {"SecurityGroupIds", json::array()}}},
      {"EphemeralStorage", {{"Size", 512}}}};
  settings.update(members_of(
      properties,
      {"Description", "Timeout", "MemorySize", "Environment", "TracingConfig", "VpcConfig",
       "LoggingConfig", "DeadLetterConfig", "EphemeralStorage", "Role", "Handler", "Runtime"}));
  settings["KMSKeyArn"] = text_of(properties, "KmsKeyArn");
  return settings;
}

class Function final : public Provider {
 public:
  explicit Function(const ProviderContext& context) : services_(context.services) {}

  const TypeTable& table() const override {
    static constexpr TypeTable kTable{.type = "AWS::Lambda::Function",
                                      .properties = kFunction,
                                      .attributes = kFunctionAttributes};
    return kTable;
  }

  net::Task<Result<void>> create(const ResourceRequest& request, Made& made) override {
    const bool is_generated = text_of(request.properties, "FunctionName").empty();
    std::string name = name_or_generated(request, "FunctionName");
    if (!is_generated) {
      auto claiming = claim_name(request, name, ask("GetFunctionConfiguration", named(name)));
      CO_TRY_VOID(co_await std::move(claiming));
    }
    made.physical_id = name;
    json input = settings_of(request.properties);
    input.update(members_of(request.properties, {"Architectures", "PackageType", "Code"}));
    input["FunctionName"] = name;
    input["Tags"] = object_of(tags_of(request.properties));
    auto creating = ask("CreateFunction", std::move(input));
    const auto created = co_await std::move(creating);
    // There by an earlier try of this step: made whole.
    const bool is_there =
        created.has_error() && created.error().code == "ResourceConflictException";
    if (created.has_error() && !is_there) co_return created.error();
    auto rest = is_there ? change(request, made) : finish(request, made);
    co_return co_await std::move(rest);
  }

  net::Task<Result<void>> update(const ResourceRequest& request, Made& made) override {
    auto changing = change(request, made);
    co_return co_await std::move(changing);
  }

  net::Task<Result<void>> remove(const ResourceRequest& request) override {
    auto removing = ask("DeleteFunction", named(request.physical_id));
    co_return removed(co_await std::move(removing));
  }

  net::Task<Result<void>> read(const ResourceRequest& request, Made& made) override {
    auto asking = ask("GetFunctionConfiguration", named(request.physical_id));
    CO_TRY(const json shown, co_await std::move(asking));
    made.physical_id = shown.at("FunctionName").get<std::string>();
    made.attributes = {{"Arn", shown.at("FunctionArn")}};
    co_return ok();
  }

 private:
  static json named(const std::string& name) { return {{"FunctionName", name}}; }
  net::Task<Result<json>> ask(std::string operation, json input) {
    return call_typed(services_, "lambda", std::move(operation), std::move(input));
  }

  net::Task<Result<void>> change(const ResourceRequest& request, Made& made) {
    const json& properties = request.properties;
    json settings = settings_of(properties);
    settings["FunctionName"] = made.physical_id;
    auto configuring = ask("UpdateFunctionConfiguration", std::move(settings));
    CO_TRY_VOID(co_await std::move(configuring));
    const auto changed = [&](const char* name) {
      return properties.value(name, json()) != request.former_properties.value(name, json());
    };
    if (changed("Code") || changed("Architectures")) {
      json input =
          members_of(properties.value("Code", json()), {"S3Bucket", "S3Key", "S3ObjectVersion"});
      input["FunctionName"] = made.physical_id;
      input.update(members_of(properties, {"Architectures"}));
      auto coding = ask("UpdateFunctionCode", std::move(input));
      CO_TRY_VOID(co_await std::move(coding));
    }
    auto finishing = finish(request, made);
    co_return co_await std::move(finishing);
  }

  // What has operations of its own.
  net::Task<Result<void>> finish(const ResourceRequest& request, Made& made) {
    auto asking = ask("GetFunction", named(made.physical_id));
    CO_TRY(const json shown, co_await std::move(asking));
    const std::string arn = shown.at("Configuration").at("FunctionArn").get<std::string>();
    made.attributes = {{"Arn", arn}};
    Tagging of{
        .service = "lambda", .resource = {{"Resource", arn}}, .tags = "Tags", .keys = "TagKeys"};
    auto tagging = retag(services_, std::move(of), shown.value("Tags", json::object()),
                         object_of(tags_of(request.properties)));
    CO_TRY_VOID(co_await std::move(tagging));
    const char* kReserved = "ReservedConcurrentExecutions";
    const std::string reserved = text_of(request.properties, kReserved);
    if (reserved.empty() && !shown.contains("Concurrency")) co_return ok();
    json input = named(made.physical_id);
    if (!reserved.empty()) input[kReserved] = reserved;
    auto reserving = ask(reserved.empty() ? "DeleteFunctionConcurrency" : "PutFunctionConcurrency",
                         std::move(input));
    CO_TRY_VOID(co_await std::move(reserving));
    co_return ok();
  }

  ServiceCaller& services_;
};

// ---- permissions

constexpr Property kPermission[] = {
    {.name = "FunctionName", .kind = Kind::text, .replacing = Replacing::always, .required = true},
    {.name = "Action", .kind = Kind::text, .replacing = Replacing::always, .required = true},
    {.name = "Principal", .kind = Kind::text, .replacing = Replacing::always, .required = true},
    {.name = "SourceArn", .kind = Kind::text, .replacing = Replacing::always},
    {.name = "SourceAccount", .kind = Kind::text, .replacing = Replacing::always},
    {.name = "EventSourceToken", .fate = Fate::refused, .note = "no Alexa here"},
    {.name = "FunctionUrlAuthType", .fate = Fate::refused, .note = "functions have no URLs"},
    {.name = "InvokedViaFunctionUrl", .fate = Fate::refused, .note = "functions have no URLs"},
    {.name = "PrincipalOrgID", .fate = Fate::refused, .note = "there are no organizations"},
};
constexpr Attribute kPermissionAttributes[] = {{.name = "Id"}};

// "apigateway.${AWS::URLSuffix}" is a service's name as well as "apigateway.amazonaws.com".
std::string principal_of(const std::string& given) {
  const auto suffix = given.find(".localhost:");
  return suffix == std::string::npos ? given : given.substr(0, suffix) + ".amazonaws.com";
}

class Permission final : public Provider {
 public:
  explicit Permission(const ProviderContext& context) : services_(context.services) {}

  const TypeTable& table() const override {
    static constexpr TypeTable kTable{.type = "AWS::Lambda::Permission",
                                      .properties = kPermission,
                                      .attributes = kPermissionAttributes};
    return kTable;
  }

  net::Task<Result<void>> create(const ResourceRequest& request, Made& made) override {
    made.physical_id = generated_name(request, {.bytes_max = 100});
    made.attributes = {{"Id", made.physical_id}};
    json input = members_of(request.properties,
                            {"FunctionName", "Action", "Principal", "SourceArn", "SourceAccount"});
    input["StatementId"] = made.physical_id;
    input["Principal"] = principal_of(text_of(request.properties, "Principal"));
    auto adding = call_typed(services_, "lambda", "AddPermission", std::move(input));
    const auto added = co_await std::move(adding);
    // The id is this step's alone.
    const bool is_there = added.has_error() && added.error().code == "ResourceConflictException" &&
                          added.error().message.find("statement id") != std::string::npos;
    if (added.has_error() && !is_there) co_return added.error();
    co_return ok();
  }

  net::Task<Result<void>> update(const ResourceRequest& request, Made& made) override {
    made.attributes = {{"Id", request.physical_id}};
    co_return ok();  // Everything replaces.
  }

  net::Task<Result<void>> remove(const ResourceRequest& request) override {
    json input = members_of(request.properties, {"FunctionName"});
    input["StatementId"] = request.physical_id;
    auto removing = call_typed(services_, "lambda", "RemovePermission", std::move(input));
    co_return removed(co_await std::move(removing));
  }

  net::Task<Result<void>> read(const ResourceRequest& request, Made& made) override {
    json input = members_of(request.properties, {"FunctionName"});
    auto asking = call_typed(services_, "lambda", "GetPolicy", std::move(input));
    CO_TRY(const json policy, co_await std::move(asking));
    const std::string statement = "\"Sid\":\"" + request.physical_id + "\"";
    if (policy.value("Policy", "").find(statement) == std::string::npos) {
      co_return make_error(ErrorKind::not_found, "There is no such statement");
    }
    made.physical_id = request.physical_id;
    made.attributes = {{"Id", request.physical_id}};
    co_return ok();
  }

 private:
  ServiceCaller& services_;
};

// ---- asynchronous invocations

constexpr Property kEvents[] = {
    {.name = "FunctionName", .kind = Kind::text, .replacing = Replacing::always, .required = true},
    {.name = "Qualifier",
     .kind = Kind::text,
     .replacing = Replacing::always,
     .required = true,
     .note = "$LATEST"},
    {.name = "MaximumRetryAttempts", .kind = Kind::number},
    {.name = "MaximumEventAgeInSeconds", .kind = Kind::number},
    {.name = "DestinationConfig",
     .kind = Kind::object,
     .note = "queues and functions of the region"},
};

class EventInvokeConfig final : public Provider {
 public:
  explicit EventInvokeConfig(const ProviderContext& context) : services_(context.services) {}

  const TypeTable& table() const override {
    static constexpr TypeTable kTable{
        .type = "AWS::Lambda::EventInvokeConfig", .properties = kEvents, .attributes = {}};
    return kTable;
  }

  net::Task<Result<void>> create(const ResourceRequest& request, Made& made) override {
    std::string id = text_of(request.properties, "FunctionName") + "|" +
                     text_of(request.properties, "Qualifier");
    auto claiming = claim_name(request, id, ask("GetFunctionEventInvokeConfig", place(request)));
    CO_TRY_VOID(co_await std::move(claiming));
    made.physical_id = std::move(id);
    auto putting = ask("PutFunctionEventInvokeConfig", all(request));
    CO_TRY_VOID(co_await std::move(putting));
    co_return ok();
  }

  net::Task<Result<void>> update(const ResourceRequest& request, Made&) override {
    auto putting = ask("PutFunctionEventInvokeConfig", all(request));
    CO_TRY_VOID(co_await std::move(putting));
    co_return ok();
  }

  net::Task<Result<void>> remove(const ResourceRequest& request) override {
    auto removing = ask("DeleteFunctionEventInvokeConfig", place(request));
    co_return removed(co_await std::move(removing));
  }

  net::Task<Result<void>> read(const ResourceRequest& request, Made& made) override {
    auto asking = ask("GetFunctionEventInvokeConfig", place(request));
    CO_TRY_VOID(co_await std::move(asking));
    made.physical_id = request.physical_id;
    co_return ok();
  }

 private:
  static json place(const ResourceRequest& request) {
    return members_of(request.properties, {"FunctionName", "Qualifier"});
  }
  static json all(const ResourceRequest& request) {
    return members_of(request.properties, {"FunctionName", "Qualifier", "MaximumRetryAttempts",
                                           "MaximumEventAgeInSeconds", "DestinationConfig"});
  }
  net::Task<Result<json>> ask(std::string operation, json input) {
    return call_typed(services_, "lambda", std::move(operation), std::move(input));
  }

  ServiceCaller& services_;
};

}  // namespace

void add_lambda(Providers& providers, const ProviderContext& context) {
  providers.add(std::make_unique<Function>(context));
  providers.add(std::make_unique<Permission>(context));
  providers.add(std::make_unique<EventInvokeConfig>(context));
}

}  // namespace aurora_global::services::cloudformation
