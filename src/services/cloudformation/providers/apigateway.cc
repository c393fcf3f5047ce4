// AWS::ApiGateway::RestApi, Resource, Method, Model and RequestValidator, by the service
// apigateway.
#include "services/cloudformation/providers/all.h"
#include "services/cloudformation/providers/api_parts.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;

constexpr const char* kParts = "APIs are made of resources and methods here";
constexpr const char* kProxy = "integrations are AWS_PROXY to a function of the region";

json replacing(const char* path, const std::string& value) {
  return {{"op", "replace"}, {"path", path}, {"value", value}};
}

// ---- RestApi

constexpr Property kRestApi[] = {
    {.name = "Name", .kind = Kind::text, .required = true},
    {.name = "Description", .kind = Kind::text},
    {.name = "DisableExecuteApiEndpoint", .kind = Kind::truth},
    {.name = "EndpointConfiguration",
     .kind = Kind::object,
     .fate = Fate::recorded,
     .replacing = Replacing::always,
     .note = "the region's address serves it"},
    {.name = "EndpointConfiguration.VpcEndpointIds",
     .fate = Fate::refused,
     .note = "there are no VPC endpoints of APIs"},
    {.name = "ApiKeySourceType",
     .kind = Kind::text,
     .fate = Fate::recorded,
     .replacing = Replacing::always},
    {.name = "Tags", .kind = Kind::list},
    {.name = "Body", .fate = Fate::refused, .note = kParts},
    {.name = "BodyS3Location", .fate = Fate::refused, .note = kParts},
    {.name = "CloneFrom", .fate = Fate::refused, .note = kParts},
    {.name = "Mode", .fate = Fate::refused, .note = kParts},
    {.name = "FailOnWarnings", .fate = Fate::refused, .note = kParts},
    {.name = "Parameters", .fate = Fate::refused, .note = kParts},
    {.name = "Policy", .fate = Fate::refused, .note = "callers are authorized by IAM"},
    {.name = "BinaryMediaTypes", .fate = Fate::refused, .note = "bodies are text"},
    {.name = "MinimumCompressionSize", .fate = Fate::refused, .note = "answers are not compressed"},
    {.name = "SecurityPolicy", .fate = Fate::refused, .note = "TLS is the platform's"},
    {.name = "EndpointAccessMode", .fate = Fate::refused, .note = "TLS is the platform's"},
};
constexpr Attribute kRestApiAttributes[] = {{.name = "RootResourceId"}, {.name = "RestApiId"}};
constexpr TypeTable kRestApiTable{
    .type = "AWS::ApiGateway::RestApi", .properties = kRestApi, .attributes = kRestApiAttributes};

class RestApi final : public ApiPart {
 public:
  explicit RestApi(const ProviderContext& context) : ApiPart(context, kRestApiTable) {}

  net::Task<Result<void>> create(const ResourceRequest& request, Made& made) override {
    auto finding = find(step_tag(request));
    CO_TRY(json api, co_await std::move(finding));
    if (api.is_null()) {
      json input =
          lowered(request.properties, {"Name", "Description", "DisableExecuteApiEndpoint"});
      const json endpoint = request.properties.value("EndpointConfiguration", json::object());
      if (!endpoint.empty()) input["endpointConfiguration"] = lowered(endpoint, {"Types"});
      const std::string source = text_of(request.properties, "ApiKeySourceType");
      if (!source.empty()) input["apiKeySource"] = source;
      input["tags"] = tags_with_step(request, step_tag(request).second);
      auto creating = ask("CreateRestApi", std::move(input));
      CO_TRY(api, co_await std::move(creating));
    }
    show(api, made);
    co_return ok();
  }

  net::Task<Result<void>> update(const ResourceRequest& request, Made& made) override {
    const json& properties = request.properties;
    const std::string disabled = text_of(properties, "DisableExecuteApiEndpoint");
    json patches = {
        replacing("/name", text_of(properties, "Name")),
        replacing("/description", text_of(properties, "Description")),
        replacing("/disableExecuteApiEndpoint", disabled == "true" ? disabled : "false")};
    auto updating = ask("UpdateRestApi", {{"restApiId", request.physical_id},
                                          {"patchOperations", std::move(patches)}});
    CO_TRY(const json api, co_await std::move(updating));
    json present = api.value("tags", json::object());
    const std::string step = present.value(std::string(kStepTag), std::string());
    const std::string arn =
        "arn:aws:apigateway:" + request.region + "::/restapis/" + request.physical_id;
    auto tagging = tag(arn, std::move(present), tags_with_step(request, step));
    CO_TRY_VOID(co_await std::move(tagging));
    show(api, made);
    co_return ok();
  }

  net::Task<Result<void>> remove(const ResourceRequest& request) override {
    auto removing = ask("DeleteRestApi", {{"restApiId", request.physical_id}});
    co_return removed(co_await std::move(removing));
  }

  net::Task<Result<void>> read(const ResourceRequest& request, Made& made) override {
    auto asking = ask("GetRestApi", {{"restApiId", request.physical_id}});
    CO_TRY(const json api, co_await std::move(asking));
    show(api, made);
    co_return ok();
  }

 private:
  static void show(const json& api, Made& made) {
    made.physical_id = api.at("id").get<std::string>();
    made.attributes = {{"RootResourceId", api.at("rootResourceId")}, {"RestApiId", api.at("id")}};
  }

  static json tags_with_step(const ResourceRequest& request, const std::string& step) {
    json tags = object_of(tags_of(request.properties));
    tags[std::string(kStepTag)] = step;
    return tags;
  }

  // The API that has the tag; null: none.
  net::Task<Result<json>> find(std::pair<std::string, std::string> tag) {
    json input = {{"limit", 500}};
    for (;;) {
      auto asking = ask("GetRestApis", input);
      CO_TRY(const json page, co_await std::move(asking));
      for (const json& api : page.at("items")) {
        if (api.value("tags", json::object()).value(tag.first, "") == tag.second) co_return api;
      }
      if (!page.contains("position")) co_return json();
      input["position"] = page["position"];
    }
  }
};

// ---- Resource

constexpr Property kResource[] = {
    {.name = "RestApiId", .kind = Kind::text, .replacing = Replacing::always, .required = true},
    {.name = "ParentId", .kind = Kind::text, .replacing = Replacing::always, .required = true},
    {.name = "PathPart", .kind = Kind::text, .replacing = Replacing::always, .required = true},
};
constexpr Attribute kResourceAttributes[] = {{.name = "ResourceId"}};
constexpr TypeTable kResourceTable{.type = "AWS::ApiGateway::Resource",
                                   .properties = kResource,
                                   .attributes = kResourceAttributes};

class Resource final : public ApiPart {
 public:
  explicit Resource(const ProviderContext& context) : ApiPart(context, kResourceTable) {}

  net::Task<Result<void>> create(const ResourceRequest& request, Made& made) override {
    auto claiming = claim_name(request, text_of(request.properties, "PathPart"), find(request));
    CO_TRY_VOID(co_await std::move(claiming));
    auto creating = ask("CreateResource",
                        of_api(request, lowered(request.properties, {"ParentId", "PathPart"})));
    auto created = co_await std::move(creating);
    if (created.has_error() && created.error().code == "ConflictException") {
      auto finding = find(request);
      created = co_await std::move(finding);
    }
    if (created.has_error()) co_return created.error();
    show(*created, made);
    co_return ok();
  }

  net::Task<Result<void>> update(const ResourceRequest& request, Made& made) override {
    made.attributes = {{"ResourceId", request.physical_id}};
    co_return ok();  // Everything replaces.
  }

  net::Task<Result<void>> remove(const ResourceRequest& request) override {
    return remove_by(request, "DeleteResource", "resourceId");
  }

  net::Task<Result<void>> read(const ResourceRequest& request, Made& made) override {
    auto asking = ask("GetResource", of_api(request, {{"resourceId", request.physical_id}}));
    CO_TRY(const json resource, co_await std::move(asking));
    show(resource, made);
    co_return ok();
  }

 private:
  static void show(const json& resource, Made& made) {
    made.physical_id = resource.at("id").get<std::string>();
    made.attributes = {{"ResourceId", resource.at("id")}};
  }

  // By parent and path part.
  net::Task<Result<json>> find(const ResourceRequest& request) {
    const std::string parent = text_of(request.properties, "ParentId");
    const std::string part = text_of(request.properties, "PathPart");
    auto asking = ask("GetResources", of_api(request, {{"limit", 500}}));
    CO_TRY(const json page, co_await std::move(asking));
    for (const json& one : page.at("items")) {
      if (one.value("parentId", "") == parent && one.value("pathPart", "") == part) co_return one;
    }
    co_return make_error(ErrorKind::not_found, "There is no such resource", "NotFoundException");
  }
};

// ---- Method

constexpr Property kMethod[] = {
    {.name = "RestApiId", .kind = Kind::text, .replacing = Replacing::always, .required = true},
    {.name = "ResourceId", .kind = Kind::text, .replacing = Replacing::always, .required = true},
    {.name = "HttpMethod", .kind = Kind::text, .replacing = Replacing::always, .required = true},
    {.name = "AuthorizationType", .kind = Kind::text, .note = "AWS_IAM, NONE"},
    {.name = "ApiKeyRequired", .kind = Kind::truth, .note = "false"},
    {.name = "RequestValidatorId", .kind = Kind::text},
    {.name = "RequestModels", .kind = Kind::object},
    {.name = "RequestParameters", .kind = Kind::object},
    {.name = "OperationName", .kind = Kind::text},
    {.name = "Integration", .kind = Kind::object, .note = kProxy},
    {.name = "Integration.Credentials", .fate = Fate::refused, .note = kProxy},
    {.name = "Integration.ConnectionId", .fate = Fate::refused, .note = kProxy},
    {.name = "Integration.RequestTemplates", .fate = Fate::refused, .note = kProxy},
    {.name = "Integration.RequestParameters", .fate = Fate::refused, .note = kProxy},
    {.name = "Integration.IntegrationResponses", .fate = Fate::refused, .note = kProxy},
    {.name = "Integration.CacheKeyParameters", .fate = Fate::refused, .note = kProxy},
    {.name = "Integration.CacheNamespace", .fate = Fate::refused, .note = kProxy},
    {.name = "MethodResponses", .fate = Fate::refused, .note = kProxy},
    {.name = "AuthorizerId", .fate = Fate::refused, .note = "there are no authorizers"},
    {.name = "AuthorizationScopes", .fate = Fate::refused, .note = "there are no authorizers"},
};
constexpr TypeTable kMethodTable{
    .type = "AWS::ApiGateway::Method", .properties = kMethod, .attributes = {}};

class Method final : public ApiPart {
 public:
  explicit Method(const ProviderContext& context) : ApiPart(context, kMethodTable) {}

  net::Task<Result<void>> create(const ResourceRequest& request, Made& made) override {
    const json place = place_of(request);
    std::string id = place["restApiId"].get<std::string>() + "|" +
                     place["resourceId"].get<std::string>() + "|" +
                     place["httpMethod"].get<std::string>();
    auto claiming = claim_name(request, id, ask("GetMethod", place));
    CO_TRY_VOID(co_await std::move(claiming));
    made.physical_id = std::move(id);
    auto putting = put(request);
    co_return co_await std::move(putting);
  }

  // What is deployed is a copy, and stays as it is meanwhile.
  net::Task<Result<void>> update(const ResourceRequest& request, Made&) override {
    auto putting = put(request);
    co_return co_await std::move(putting);
  }

  net::Task<Result<void>> remove(const ResourceRequest& request) override {
    auto removing = ask("DeleteMethod", place_of(request));
    co_return removed(co_await std::move(removing));
  }

  net::Task<Result<void>> read(const ResourceRequest& request, Made& made) override {
    auto asking = ask("GetMethod", place_of(request));
    CO_TRY_VOID(co_await std::move(asking));
    made.physical_id = request.physical_id;
    co_return ok();
  }

 private:
  static json place_of(const ResourceRequest& request) {
    return lowered(request.properties, {"RestApiId", "ResourceId", "HttpMethod"});
  }

  net::Task<Result<void>> put(const ResourceRequest& request) {
    const json place = place_of(request);
    auto removing = ask("DeleteMethod", place);
    CO_TRY_VOID(removed(co_await std::move(removing)));
    json method =
        lowered(request.properties, {"AuthorizationType", "ApiKeyRequired", "RequestValidatorId",
                                     "RequestModels", "RequestParameters", "OperationName"});
    if (!method.contains("authorizationType")) method["authorizationType"] = "NONE";
    method.update(place);
    auto putting = ask("PutMethod", std::move(method));
    CO_TRY_VOID(co_await std::move(putting));
    const json given = request.properties.value("Integration", json());
    if (!given.is_object()) co_return ok();
    json integration =
        lowered(given, {"Type", "Uri", "IntegrationHttpMethod", "PassthroughBehavior",
                        "TimeoutInMillis", "ContentHandling"});
    integration.update(place);
    auto integrating = ask("PutIntegration", std::move(integration));
    CO_TRY_VOID(co_await std::move(integrating));
    co_return ok();
  }
};

// ---- Model

constexpr Property kModel[] = {
    {.name = "RestApiId", .kind = Kind::text, .replacing = Replacing::always, .required = true},
    {.name = "Name", .kind = Kind::text, .replacing = Replacing::always},
    {.name = "ContentType", .kind = Kind::text, .replacing = Replacing::always},
    {.name = "Description", .kind = Kind::text},
    {.name = "Schema", .kind = Kind::any, .note = "a part of JSON Schema; the rest is refused"},
};
constexpr TypeTable kModelTable{
    .type = "AWS::ApiGateway::Model", .properties = kModel, .attributes = {}};

class Model final : public ApiPart {
 public:
  explicit Model(const ProviderContext& context) : ApiPart(context, kModelTable) {}

  net::Task<Result<void>> create(const ResourceRequest& request, Made& made) override {
    std::string name = text_of(request.properties, "Name");
    // Names of models have letters and digits only.
    if (name.empty()) name = request.logical_id + digits_of(request.token, 12);
    json shown = of_api(request, {{"modelName", name}});
    auto claiming = claim_name(request, name, ask("GetModel", std::move(shown)));
    CO_TRY_VOID(co_await std::move(claiming));
    made.physical_id = name;
    std::string type = text_of(request.properties, "ContentType");
    json input = of_api(request, {{"name", name},
                                  {"contentType", type.empty() ? "application/json" : type},
                                  {"schema", schema_of(request)},
                                  {"description", text_of(request.properties, "Description")}});
    auto creating = ask("CreateModel", std::move(input));
    const auto created = co_await std::move(creating);
    if (created.has_error() && created.error().code != "ConflictException") {
      co_return created.error();
    }
    co_return ok();
  }

  net::Task<Result<void>> update(const ResourceRequest& request, Made&) override {
    json patches = {replacing("/schema", schema_of(request)),
                    replacing("/description", text_of(request.properties, "Description"))};
    auto updating = ask("UpdateModel", of_api(request, {{"modelName", request.physical_id},
                                                        {"patchOperations", std::move(patches)}}));
    CO_TRY_VOID(co_await std::move(updating));
    co_return ok();
  }

  net::Task<Result<void>> remove(const ResourceRequest& request) override {
    return remove_by(request, "DeleteModel", "modelName");
  }

  net::Task<Result<void>> read(const ResourceRequest& request, Made& made) override {
    return read_by(request, "GetModel", "modelName", made);
  }

 private:
  static std::string schema_of(const ResourceRequest& request) {
    const json schema = request.properties.value("Schema", json::object());
    return schema.is_string() ? schema.get<std::string>() : schema.dump();
  }
};

// ---- RequestValidator

constexpr Property kValidator[] = {
    {.name = "RestApiId", .kind = Kind::text, .replacing = Replacing::always, .required = true},
    {.name = "Name", .kind = Kind::text, .replacing = Replacing::always},
    {.name = "ValidateRequestBody", .kind = Kind::truth},
    {.name = "ValidateRequestParameters", .kind = Kind::truth},
};
constexpr Attribute kValidatorAttributes[] = {{.name = "RequestValidatorId"}};
constexpr TypeTable kValidatorTable{.type = "AWS::ApiGateway::RequestValidator",
                                    .properties = kValidator,
                                    .attributes = kValidatorAttributes};

class Validator final : public ApiPart {
 public:
  explicit Validator(const ProviderContext& context) : ApiPart(context, kValidatorTable) {}

  net::Task<Result<void>> create(const ResourceRequest& request, Made& made) override {
    // By its name a repeated step finds it; two validators may well have one name otherwise.
    const std::string name = name_or_generated(request, "Name", {.bytes_max = 128});
    if (!request.claimed.empty()) {
      auto finding = find(request, name);
      CO_TRY(const std::string id, co_await std::move(finding));
      if (!id.empty()) {
        show(id, made);
        co_return ok();
      }
    } else {
      auto claiming = request.claims->claim(name);
      CO_TRY_VOID(co_await std::move(claiming));
    }
    json input = of_api(
        request, lowered(request.properties, {"ValidateRequestBody", "ValidateRequestParameters"}));
    input["name"] = name;
    auto creating = ask("CreateRequestValidator", std::move(input));
    CO_TRY(const json created, co_await std::move(creating));
    show(created.at("id").get<std::string>(), made);
    co_return ok();
  }

  net::Task<Result<void>> update(const ResourceRequest& request, Made& made) override {
    const auto truth = [&](const char* name) {
      return text_of(request.properties, name) == "true" ? "true" : "false";
    };
    json patches = {replacing("/validateRequestBody", truth("ValidateRequestBody")),
                    replacing("/validateRequestParameters", truth("ValidateRequestParameters"))};
    auto updating =
        ask("UpdateRequestValidator", of_api(request, {{"requestValidatorId", request.physical_id},
                                                       {"patchOperations", std::move(patches)}}));
    CO_TRY_VOID(co_await std::move(updating));
    show(request.physical_id, made);
    co_return ok();
  }

  net::Task<Result<void>> remove(const ResourceRequest& request) override {
    return remove_by(request, "DeleteRequestValidator", "requestValidatorId");
  }

  net::Task<Result<void>> read(const ResourceRequest& request, Made& made) override {
    auto asking =
        ask("GetRequestValidator", of_api(request, {{"requestValidatorId", request.physical_id}}));
    CO_TRY_VOID(co_await std::move(asking));
    show(request.physical_id, made);
    co_return ok();
  }

 private:
  static void show(const std::string& id, Made& made) {
    made.physical_id = id;
    made.attributes = {{"RequestValidatorId", id}};
  }

  net::Task<Result<std::string>> find(const ResourceRequest& request, std::string name) {
    auto asking = ask("GetRequestValidators", of_api(request, {{"limit", 500}}));
    CO_TRY(const json page, co_await std::move(asking));
    for (const json& one : page.at("items")) {
      if (one.value("name", "") == name) co_return one.at("id").get<std::string>();
    }
    co_return std::string();
  }
};

}  // namespace

void add_apigateway(Providers& providers, const ProviderContext& context) {
  providers.add(std::make_unique<RestApi>(context));
  providers.add(std::make_unique<Resource>(context));
  providers.add(std::make_unique<Method>(context));
  providers.add(std::make_unique<Model>(context));
  providers.add(std::make_unique<Validator>(context));
}

}  // namespace aurora_global::services::cloudformation
