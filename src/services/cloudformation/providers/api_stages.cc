// AWS::ApiGateway::Deployment and Stage, by the service apigateway.
#include "services/cloudformation/providers/all.h"
#include "services/cloudformation/providers/api_parts.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;

// ---- Deployment

constexpr Property kDeployment[] = {
    {.name = "RestApiId", .kind = Kind::text, .replacing = Replacing::always, .required = true},
    {.name = "Description", .kind = Kind::text, .replacing = Replacing::always},
    {.name = "StageName", .kind = Kind::text, .replacing = Replacing::always},
    {.name = "StageDescription",
     .fate = Fate::refused,
     .note = "say it of an AWS::ApiGateway::Stage"},
    {.name = "DeploymentCanarySettings", .fate = Fate::refused, .note = "there are no canaries"},
};
constexpr Attribute kDeploymentAttributes[] = {{.name = "DeploymentId"}};
constexpr TypeTable kDeploymentTable{.type = "AWS::ApiGateway::Deployment",
                                     .properties = kDeployment,
                                     .attributes = kDeploymentAttributes};

class Deployment final : public ApiPart {
 public:
  explicit Deployment(const ProviderContext& context) : ApiPart(context, kDeploymentTable) {}

  net::Task<Result<void>> create(const ResourceRequest& request, Made& made) override {
    auto claiming = claim_new(request, "GetDeployments");
    CO_TRY(std::string id, co_await std::move(claiming));
    if (id.empty()) {
      auto creating =
          ask("CreateDeployment",
              of_api(request, lowered(request.properties, {"Description", "StageName"})));
      CO_TRY(const json created, co_await std::move(creating));
      id = created.at("id").get<std::string>();
    }
    show(id, made);
    co_return ok();
  }

  net::Task<Result<void>> update(const ResourceRequest& request, Made& made) override {
    show(request.physical_id, made);
    co_return ok();  // Everything replaces.
  }

  // A stage that it made itself goes with it.
  net::Task<Result<void>> remove(const ResourceRequest& request) override {
    const std::string stage = text_of(request.properties, "StageName");
    if (!stage.empty()) {
      auto asking = ask("GetStage", of_api(request, {{"stageName", stage}}));
      const auto shown = co_await std::move(asking);
      if (shown.has_value() && shown->value("deploymentId", "") == request.physical_id) {
        auto removing = ask("DeleteStage", of_api(request, {{"stageName", stage}}));
        CO_TRY_VOID(removed(co_await std::move(removing)));
      }
    }
    auto removing =
        ask("DeleteDeployment", of_api(request, {{"deploymentId", request.physical_id}}));
    co_return removed(co_await std::move(removing));
  }

  net::Task<Result<void>> read(const ResourceRequest& request, Made& made) override {
    auto asking = ask("GetDeployment", of_api(request, {{"deploymentId", request.physical_id}}));
    CO_TRY_VOID(co_await std::move(asking));
    show(request.physical_id, made);
    co_return ok();
  }

 private:
  static void show(const std::string& id, Made& made) {
    made.physical_id = id;
    made.attributes = {{"DeploymentId", id}};
  }
};

// ---- Stage

constexpr Property kStage[] = {
    {.name = "RestApiId", .kind = Kind::text, .replacing = Replacing::always, .required = true},
    {.name = "StageName", .kind = Kind::text, .replacing = Replacing::always},
    {.name = "DeploymentId", .kind = Kind::text, .required = true},
    {.name = "Description", .kind = Kind::text},
    {.name = "Variables", .kind = Kind::object},
    {.name = "Tags", .kind = Kind::list},
    {.name = "TracingEnabled", .kind = Kind::truth, .fate = Fate::recorded},
    {.name = "MethodSettings",
     .kind = Kind::list,
     .fate = Fate::recorded,
     .note = "nothing is throttled or cached"},
    {.name = "AccessLogSetting", .kind = Kind::object, .fate = Fate::recorded},
    {.name = "CacheClusterEnabled", .fate = Fate::refused, .note = "there are no caches"},
    {.name = "CacheClusterSize", .fate = Fate::refused, .note = "there are no caches"},
    {.name = "CanarySetting", .fate = Fate::refused, .note = "there are no canaries"},
    {.name = "ClientCertificateId", .fate = Fate::refused, .note = "functions need none"},
    {.name = "DocumentationVersion", .fate = Fate::refused, .note = "there is no documentation"},
};
constexpr TypeTable kStageTable{
    .type = "AWS::ApiGateway::Stage", .properties = kStage, .attributes = {}};

json patch(const char* op, const std::string& path, const std::string& value = "") {
  json made = {{"op", op}, {"path", path}};
  if (std::string_view(op) != "remove") made["value"] = value;
  return made;
}

// "/failover" -> "~1failover", as the paths of patches have it.
std::string escaped(std::string path) {
  for (auto at = path.find('/'); at != std::string::npos; at = path.find('/', at)) {
    path.replace(at, 1, "~1");
  }
  return path;
}

void add_method_settings(json& patches, const json& settings) {
  static constexpr std::pair<const char*, const char*> kPaths[] = {
      {"MetricsEnabled", "metrics/enabled"},
      {"LoggingLevel", "logging/loglevel"},
      {"DataTraceEnabled", "logging/dataTrace"},
      {"ThrottlingBurstLimit", "throttling/burstLimit"},
      {"ThrottlingRateLimit", "throttling/rateLimit"}};
  for (const json& one : settings) {
    std::string resource = text_of(one, "ResourcePath");
    resource = resource == "/*" || resource.empty() ? "*" : escaped(resource);
    for (const auto& [property, path] : kPaths) {
      const std::string value = text_of(one, property);
      if (value.empty()) continue;
      patches.push_back(
          patch("replace", "/" + resource + "/" + text_of(one, "HttpMethod") + "/" + path, value));
    }
  }
}

class Stage final : public ApiPart {
 public:
  explicit Stage(const ProviderContext& context) : ApiPart(context, kStageTable) {}

  net::Task<Result<void>> create(const ResourceRequest& request, Made& made) override {
    std::string name = text_of(request.properties, "StageName");
    if (name.empty()) name = digits_of(request.token, 12);
    json shown = of_api(request, {{"stageName", name}});
    auto claiming = claim_name(request, name, ask("GetStage", shown));
    CO_TRY_VOID(co_await std::move(claiming));
    made.physical_id = name;
    json input = of_api(request, lowered(request.properties, {"DeploymentId", "Description",
                                                              "Variables", "TracingEnabled"}));
    input["stageName"] = name;
    input["tags"] = object_of(tags_of(request.properties));
    auto creating = ask("CreateStage", std::move(input));
    const auto created = co_await std::move(creating);
    if (created.has_error() && created.error().code != "ConflictException") {
      co_return created.error();
    }
    auto changing = change(request, name);
    co_return co_await std::move(changing);
  }

  net::Task<Result<void>> update(const ResourceRequest& request, Made&) override {
    auto changing = change(request, request.physical_id);
    co_return co_await std::move(changing);
  }

  net::Task<Result<void>> remove(const ResourceRequest& request) override {
    return remove_by(request, "DeleteStage", "stageName");
  }

  net::Task<Result<void>> read(const ResourceRequest& request, Made& made) override {
    return read_by(request, "GetStage", "stageName", made);
  }

 private:
  net::Task<Result<void>> change(const ResourceRequest& request, std::string name) {
    const json& properties = request.properties;
    const json none = json::object();
    json patches = {patch("replace", "/deploymentId", text_of(properties, "DeploymentId")),
                    patch("replace", "/description", text_of(properties, "Description")),
                    patch("replace", "/tracingEnabled",
                          text_of(properties, "TracingEnabled") == "true" ? "true" : "false")};
    const json variables = properties.value("Variables", none);
    const json former = request.former_properties.value("Variables", none);
    for (const auto& [key, value] : former.items()) {
      if (!variables.contains(key)) patches.push_back(patch("remove", "/variables/" + key));
    }
    for (const auto& [key, value] : variables.items()) {
      patches.push_back(patch("replace", "/variables/" + key, text_of(variables, key.c_str())));
    }
    const json log = properties.value("AccessLogSetting", none);
    if (log.empty()) patches.push_back(patch("remove", "/accessLogSettings"));
    for (const auto& [property, path] :
         {std::pair("DestinationArn", "destinationArn"), std::pair("Format", "format")}) {
      if (!log.contains(property)) continue;
      patches.push_back(
          patch("replace", std::string("/accessLogSettings/") + path, text_of(log, property)));
    }
    add_method_settings(patches, properties.value("MethodSettings", json::array()));
    auto updating =
        ask("UpdateStage",
            of_api(request, {{"stageName", name}, {"patchOperations", std::move(patches)}}));
    CO_TRY(const json stage, co_await std::move(updating));
    std::string arn = "arn:aws:apigateway:" + request.region + "::/restapis/" +
                      text_of(request.properties, "RestApiId") + "/stages/" + name;
    auto tagging =
        tag(std::move(arn), stage.value("tags", none), object_of(tags_of(request.properties)));
    co_return co_await std::move(tagging);
  }
};

}  // namespace

void add_api_stages(Providers& providers, const ProviderContext& context) {
  providers.add(std::make_unique<Deployment>(context));
  providers.add(std::make_unique<Stage>(context));
}

}  // namespace aurora_global::services::cloudformation
