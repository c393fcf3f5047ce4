#include "services/apigateway/operations.h"

#include <algorithm>

#include "base/json.h"
#include "base/rng.h"
#include "services/body_schema.h"

namespace aurora_global::services::apigateway {
namespace {

using nlohmann::json;
using Outcome = Result<json>;

constexpr std::size_t kResourcesMax = 300;
constexpr std::size_t kOthersMax = 300;
constexpr std::size_t kTagsMax = 50;
constexpr std::string_view kMethods[] = {"GET",  "POST",    "PUT",   "DELETE",
                                         "HEAD", "OPTIONS", "PATCH", "ANY"};

Error bad(std::string message) {
  return make_error(ErrorKind::invalid, std::move(message), "BadRequestException");
}

Error missing(const std::string& what) {
  return make_error(ErrorKind::not_found, "Invalid " + what + " identifier specified",
                    "NotFoundException");
}

Error there_is(std::string message) {
  return make_error(ErrorKind::conflict, std::move(message), "ConflictException");
}

Error over_limit(const std::string& what) {
  return make_error(ErrorKind::exhausted,
                    "Maximum number of " + what +
                        " for this API has been "
                        "reached. Please contact AWS if you need additional " +
                        what + ".",
                    "LimitExceededException");
}

// Ten letters and digits, as AWS has for an API; six for what is in it.
std::string new_id(std::size_t length) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789";
  std::string id;
  SystemRandomness random;
  // A host name begins with it.
  while (id.size() < length) id += kLetters[random.next() % (id.empty() ? 26 : kLetters.size())];
  return id;
}

double now() {
  return std::chrono::duration<double>(SystemClock().wall_now().time_since_epoch()).count();
}

// The member `name` of the document's part, or what is missing.
Result<json*> find_in(json& part, const std::string& name, const char* what) {
  const auto found = part.find(name);
  if (found == part.end()) return missing(what);
  return &*found;
}

// One page of a collection.
Outcome page_of(json items, Members& members) {
  constexpr std::int64_t kDefault = 25, kMost = 500;
  const auto limit = members.number("limit", 1, kMost).value_or(kDefault);
  const auto from = members.page_token("position", "", "BadRequestException").value_or(0);
  TRY_VOID(members.finish());
  json page = {{"items", json::array()}};
  const auto size = static_cast<std::int64_t>(items.size());
  for (std::int64_t i = from; i < std::min(size, from + limit); ++i) {
    page["items"].push_back(items[static_cast<std::size_t>(i)]);
  }
  if (from + limit < size) page["position"] = std::to_string(from + limit);
  return page;
}

json values_of(const json& part) {
  json all = json::array();
  for (const auto& [name, one] : part.items()) all.push_back(one);
  return all;
}

struct Patch {
  std::string op, path, value;
};

std::vector<Patch> patches_in(Members& members) {
  std::vector<Patch> all;
  for (const json& one : members.list("patchOperations")) {
    all.push_back({one.value("op", ""), one.value("path", ""), one.value("value", "")});
  }
  return all;
}

Error bad_patch(const Patch& patch) {
  return bad("Invalid patch path '" + patch.path + "' specified for op '" + patch.op +
             "', or not supported here");
}

// Sets members of `object` that may be changed: path -> whether it is a truth value.
Result<void> apply_patches(json& object, const std::vector<Patch>& patches,
                           const std::vector<std::pair<std::string_view, bool>>& known) {
  for (const Patch& patch : patches) {
    const auto found = std::find_if(known.begin(), known.end(), [&](const auto& one) {
      return patch.path == "/" + std::string(one.first);
    });
    if (found == known.end() || patch.op != "replace") return bad_patch(patch);
    const bool truth = patch.value == "true";
    object[std::string(found->first)] = found->second ? json(truth) : json(patch.value);
  }
  return ok();
}

// ---- the API itself

Outcome get_api(const Place&, json& api, Members& members) {
  TRY_VOID(members.finish());
  return api["api"];
}

Outcome update_api(const Place&, json& api, Members& members) {
  const auto patches = patches_in(members);
  TRY_VOID(members.finish());
  TRY_VOID(apply_patches(
      api["api"], patches,
      {{"name", false}, {"description", false}, {"disableExecuteApiEndpoint", true}}));
  return api["api"];
}

// ---- resources

// Which parts a path may have: words, {word}, {word+} at its end.
bool is_path_part(const std::string& part) {
  const bool label = part.size() > 2 && part.front() == '{' && part.back() == '}';
  std::string name = label ? part.substr(1, part.size() - 2) : part;
  if (label && name.back() == '+') name.pop_back();
  const auto fits = [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("._-:$,@").find(static_cast<char>(c)) != std::string_view::npos;
  };
  return !name.empty() && std::all_of(name.begin(), name.end(), fits);
}

Outcome create_resource(const Place&, json& api, Members& members) {
  const std::string parent_id = members.required("parentId"), part = members.required("pathPart");
  TRY_VOID(members.finish());
  json& resources = api["resources"];
  TRY(const json* parent, find_in(resources, parent_id, "Resource"));
  if (!is_path_part(part)) {
    return bad(
        "Resource's path part only allow a-zA-Z0-9._-:$,@ or a valid greedy path variable "
        "and curly braces at the beginning and the end.");
  }
  std::string path = (*parent)["path"].get<std::string>();
  if (path.ends_with("+}")) return bad("A greedy path variable has no children");
  path += (path.ends_with('/') ? "" : "/") + part;
  for (const auto& [id, one] : resources.items()) {
    if (one["path"] == path) {
      return there_is("Another resource with the same parent already has this name: " + part);
    }
  }
  if (resources.size() >= kResourcesMax) return over_limit("resources");
  const std::string id = new_id(6);
  resources[id] = {{"id", id}, {"parentId", parent_id}, {"pathPart", part}, {"path", path}};
  return resources[id];
}

// Methods are shown in a resource only to those who ask for them.
json shown_resource(json resource, const std::vector<std::string>& embed) {
  const bool whole = std::find(embed.begin(), embed.end(), "methods") != embed.end();
  if (whole || !resource.contains("resourceMethods")) return resource;
  for (auto& [name, method] : resource["resourceMethods"].items()) method = json::object();
  return resource;
}

Outcome get_resource(const Place&, json& api, Members& members) {
  const std::string id = members.required("resourceId");
  const auto embed = members.texts("embed");
  TRY_VOID(members.finish());
  TRY(const json* resource, find_in(api["resources"], id, "Resource"));
  return shown_resource(*resource, embed);
}

Outcome get_resources(const Place&, json& api, Members& members) {
  const auto embed = members.texts("embed");
  json all = json::array();
  for (const auto& [id, one] : api["resources"].items()) {
    all.push_back(shown_resource(one, embed));
  }
  return page_of(std::move(all), members);
}

Outcome delete_resource(const Place&, json& api, Members& members) {
  const std::string id = members.required("resourceId");
  TRY_VOID(members.finish());
  json& resources = api["resources"];
  TRY(const json* resource, find_in(resources, id, "Resource"));
  if (!resource->contains("parentId")) return bad("The root resource cannot be deleted");
  const std::string below = (*resource)["path"].get<std::string>() + "/";
  resources.erase(id);
  for (auto at = resources.begin(); at != resources.end();) {
    const bool child = (*at)["path"].get<std::string>().rfind(below, 0) == 0;
    at = child ? resources.erase(at) : std::next(at);
  }
  return json::object();
}

// ---- methods and integrations

Result<json*> method_in(json& api, Members& members) {
  TRY(json * resource, find_in(api["resources"], members.required("resourceId"), "Resource"));
  const std::string name = members.required("httpMethod");
  if (!resource->contains("resourceMethods")) return missing("Method");
  return find_in((*resource)["resourceMethods"], name, "Method");
}

Outcome put_method(const Place&, json& api, Members& members) {
  TRY(json * resource, find_in(api["resources"], members.required("resourceId"), "Resource"));
  const std::string name = members.required("httpMethod");
  const std::string authorization = members.required("authorizationType");
  const std::string validator = members.text("requestValidatorId");
  json method = {{"httpMethod", name},
                 {"authorizationType", authorization},
                 {"apiKeyRequired", members.flag("apiKeyRequired")}};
  if (!validator.empty()) method["requestValidatorId"] = validator;
  for (const char* text : {"operationName"}) {
    if (const auto given = members.optional_text(text)) method[text] = *given;
  }
  const auto models = members.pairs("requestModels");
  if (!models.empty()) method["requestModels"] = models;
  const json parameters = members.object("requestParameters");
  if (!parameters.empty()) method["requestParameters"] = parameters;
  TRY_VOID(members.finish());
  if (std::find(std::begin(kMethods), std::end(kMethods), name) == std::end(kMethods)) {
    return bad("Invalid HTTP method specified: " + name);
  }
  if (authorization != "AWS_IAM" && authorization != "NONE") {
    return bad("The authorization type " + authorization +
               " is not supported here; AWS_IAM and NONE are");
  }
  if (method["apiKeyRequired"] == true) return bad("API keys are not supported here");
  if (!validator.empty()) TRY_VOID(find_in(api["validators"], validator, "Request Validator"));
  for (const auto& [type, model] : models) {
    if (!api["models"].contains(model)) return bad("Invalid model name specified: " + model);
  }
  json& methods = (*resource)["resourceMethods"];
  if (methods.contains(name)) return there_is("Method already exists for this resource");
  methods[name] = method;
  return method;
}

Outcome get_method(const Place&, json& api, Members& members) {
  TRY(const json* method, method_in(api, members));
  TRY_VOID(members.finish());
  return *method;
}

Outcome delete_method(const Place&, json& api, Members& members) {
  TRY_VOID(method_in(api, members));
  const std::string id = members.required("resourceId"), name = members.required("httpMethod");
  TRY_VOID(members.finish());
  json& resource = api["resources"][id];
  resource["resourceMethods"].erase(name);
  if (resource["resourceMethods"].empty()) resource.erase("resourceMethods");
  return json::object();
}

// "arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/FUNCTION_ARN/invocations"
bool is_function_uri(const std::string& uri, const Place& place) {
  const std::string begin = "arn:aws:apigateway:" + place.region +
                            ":lambda:path/2015-03-31/functions/arn:aws:lambda:" + place.region +
                            ":" + place.account_id + ":function:";
  return uri.rfind(begin, 0) == 0 && uri.ends_with("/invocations");
}

Outcome put_integration(const Place& place, json& api, Members& members) {
  TRY(json * method, method_in(api, members));
  json integration = {
      {"type", members.required("type")},
      {"httpMethod", members.text("integrationHttpMethod", "POST")},
      {"uri", members.text("uri")},
      {"passthroughBehavior", members.text("passthroughBehavior", "WHEN_NO_MATCH")},
      {"cacheNamespace", members.required("resourceId")},
      {"cacheKeyParameters", json::array()},
      {"timeoutInMillis", members.number("timeoutInMillis", 50, 29'000).value_or(29'000)}};
  members.text("contentHandling");
  TRY_VOID(members.finish());
  if (integration["type"] != "AWS_PROXY" ||
      !is_function_uri(integration["uri"].get<std::string>(), place)) {
    return bad(
        "Integrations are AWS_PROXY to a function of this region here: uri "
        "arn:aws:apigateway:" +
        place.region +
        ":lambda:path/2015-03-31/functions/ARN"
        "/invocations");
  }
  if (integration["httpMethod"] != "POST") return bad("Lambda is invoked by POST");
  (*method)["methodIntegration"] = integration;
  return integration;
}

Outcome get_integration(const Place&, json& api, Members& members) {
  TRY(const json* method, method_in(api, members));
  TRY_VOID(members.finish());
  if (!method->contains("methodIntegration")) return missing("Integration");
  return (*method)["methodIntegration"];
}

Outcome delete_integration(const Place&, json& api, Members& members) {
  TRY(json * method, method_in(api, members));
  TRY_VOID(members.finish());
  if (method->erase("methodIntegration") == 0) return missing("Integration");
  return json::object();
}

// ---- models and validators

Result<void> check_model(const std::string& schema) {
  const json parsed = parse_json(schema);
  if (parsed.is_discarded()) return bad("Invalid model specified: the schema is no JSON");
  return check_schema(parsed);
}

Outcome create_model(const Place&, json& api, Members& members) {
  const std::string name = members.required("name");
  json model = {{"id", new_id(6)},
                {"name", name},
                {"contentType", members.required("contentType")},
                {"description", members.text("description")},
                {"schema", members.text("schema", "{}")}};
  TRY_VOID(members.finish());
  const auto fits = [](unsigned char c) { return std::isalnum(c) != 0; };
  if (!std::all_of(name.begin(), name.end(), fits)) {
    return bad("Model name must be alphanumeric: " + name);
  }
  TRY_VOID(check_model(model["schema"].get<std::string>()));
  json& models = api["models"];
  if (models.contains(name)) return there_is("Model name already exists for this REST API");
  if (models.size() >= kOthersMax) return over_limit("models");
  models[name] = model;
  return model;
}

Outcome get_model(const Place&, json& api, Members& members) {
  const std::string name = members.required("modelName");
  members.flag("flatten");
  TRY_VOID(members.finish());
  TRY(const json* model, find_in(api["models"], name, "Model"));
  return *model;
}

Outcome get_models(const Place&, json& api, Members& members) {
  return page_of(values_of(api["models"]), members);
}

Outcome update_model(const Place&, json& api, Members& members) {
  const std::string name = members.required("modelName");
  const auto patches = patches_in(members);
  TRY_VOID(members.finish());
  TRY(json * model, find_in(api["models"], name, "Model"));
  TRY_VOID(apply_patches(*model, patches, {{"schema", false}, {"description", false}}));
  TRY_VOID(check_model((*model)["schema"].get<std::string>()));
  return *model;
}

// Whether a method of the API has `value` in `member`.
bool is_used(const json& api, const char* member, const std::string& value) {
  for (const auto& [id, resource] : api["resources"].items()) {
    const json methods = resource.value("resourceMethods", json::object());
    for (const auto& [name, method] : methods.items()) {
      const json used = method.value(member, json());
      if (used == value) return true;
      if (!used.is_object()) continue;
      for (const auto& [type, model] : used.items()) {
        if (model == value) return true;
      }
    }
  }
  return false;
}

Outcome delete_model(const Place&, json& api, Members& members) {
  const std::string name = members.required("modelName");
  TRY_VOID(members.finish());
  TRY_VOID(find_in(api["models"], name, "Model"));
  if (is_used(api, "requestModels", name)) {
    return there_is("Cannot delete model '" + name + "', is referenced in method request");
  }
  api["models"].erase(name);
  return json::object();
}

Outcome create_validator(const Place&, json& api, Members& members) {
  const std::string id = new_id(6);
  json validator = {{"id", id},
                    {"name", members.text("name", id)},
                    {"validateRequestBody", members.flag("validateRequestBody")},
                    {"validateRequestParameters", members.flag("validateRequestParameters")}};
  TRY_VOID(members.finish());
  if (api["validators"].size() >= kOthersMax) return over_limit("request validators");
  api["validators"][id] = validator;
  return validator;
}

Outcome get_validator(const Place&, json& api, Members& members) {
  const std::string id = members.required("requestValidatorId");
  TRY_VOID(members.finish());
  TRY(const json* validator, find_in(api["validators"], id, "Request Validator"));
  return *validator;
}

Outcome get_validators(const Place&, json& api, Members& members) {
  return page_of(values_of(api["validators"]), members);
}

Outcome update_validator(const Place&, json& api, Members& members) {
  const std::string id = members.required("requestValidatorId");
  const auto patches = patches_in(members);
  TRY_VOID(members.finish());
  TRY(json * validator, find_in(api["validators"], id, "Request Validator"));
  TRY_VOID(apply_patches(
      *validator, patches,
      {{"name", false}, {"validateRequestBody", true}, {"validateRequestParameters", true}}));
  return *validator;
}

Outcome delete_validator(const Place&, json& api, Members& members) {
  const std::string id = members.required("requestValidatorId");
  TRY_VOID(members.finish());
  TRY_VOID(find_in(api["validators"], id, "Request Validator"));
  if (is_used(api, "requestValidatorId", id)) {
    return there_is("Cannot delete validator '" + id + "', is referenced in method request");
  }
  api["validators"].erase(id);
  return json::object();
}

// ---- deployments and stages

json shown_deployment(json deployment) {
  deployment.erase("snapshot");
  return deployment;
}

bool is_stage_name(const std::string& name) {
  constexpr std::size_t kNameMax = 128;
  const auto fits = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; };
  return !name.empty() && name.size() <= kNameMax && std::all_of(name.begin(), name.end(), fits);
}

json new_stage(const std::string& name, const std::string& deployment) {
  return {{"stageName", name},
          {"deploymentId", deployment},
          {"cacheClusterEnabled", false},
          {"cacheClusterStatus", "NOT_AVAILABLE"},
          {"methodSettings", json::object()},
          {"tracingEnabled", false},
          {"createdDate", now()},
          {"lastUpdatedDate", now()}};
}

// Every method needs an integration, and there is one method at least.
Result<void> check_deployable(const json& resources) {
  bool any = false;
  for (const auto& [id, resource] : resources.items()) {
    const json methods = resource.value("resourceMethods", json::object());
    for (const auto& [name, method] : methods.items()) {
      any = true;
      if (!method.contains("methodIntegration")) {
        return bad("No integration defined for method");
      }
    }
  }
  return any ? ok() : bad("The REST API doesn't contain any methods");
}

Outcome create_deployment(const Place&, json& api, Members& members) {
  const std::string stage = members.text("stageName"), id = new_id(6);
  const std::string about = members.text("stageDescription");
  json deployment = {{"id", id}, {"createdDate", now()}};
  if (const auto words = members.optional_text("description")) deployment["description"] = *words;
  const auto variables = members.pairs("variables");
  const bool tracing = members.flag("tracingEnabled");
  if (members.flag("cacheClusterEnabled")) return bad("There are no caches here");
  TRY_VOID(members.finish());
  TRY_VOID(check_deployable(api["resources"]));
  if (!stage.empty() && !is_stage_name(stage)) {
    return bad("Stage name only allows a-zA-Z0-9_-");
  }
  if (api["deployments"].size() >= kOthersMax) return over_limit("deployments");
  deployment["snapshot"] = {{"resources", api["resources"]},
                            {"models", api["models"]},
                            {"validators", api["validators"]}};
  api["deployments"][id] = deployment;
  if (stage.empty()) return shown_deployment(deployment);
  json& stages = api["stages"];
  if (!stages.contains(stage)) stages[stage] = new_stage(stage, id);
  stages[stage]["deploymentId"] = id;
  stages[stage]["lastUpdatedDate"] = now();
  if (!about.empty()) stages[stage]["description"] = about;
  if (!variables.empty()) stages[stage]["variables"] = variables;
  if (tracing) stages[stage]["tracingEnabled"] = true;
  return shown_deployment(deployment);
}

Outcome get_deployment(const Place&, json& api, Members& members) {
  const std::string id = members.required("deploymentId");
  members.texts("embed");
  TRY_VOID(members.finish());
  TRY(const json* deployment, find_in(api["deployments"], id, "Deployment"));
  return shown_deployment(*deployment);
}

Outcome get_deployments(const Place&, json& api, Members& members) {
  json all = json::array();
  for (const auto& [id, one] : api["deployments"].items()) all.push_back(shown_deployment(one));
  return page_of(std::move(all), members);
}

Outcome delete_deployment(const Place&, json& api, Members& members) {
  const std::string id = members.required("deploymentId");
  TRY_VOID(members.finish());
  TRY_VOID(find_in(api["deployments"], id, "Deployment"));
  for (const auto& [name, stage] : api["stages"].items()) {
    if (stage["deploymentId"] == id) {
      return bad("Active stages pointing to this deployment must be moved or deleted");
    }
  }
  api["deployments"].erase(id);
  return json::object();
}

Outcome create_stage(const Place&, json& api, Members& members) {
  const std::string name = members.required("stageName");
  const std::string deployment = members.required("deploymentId");
  json stage = new_stage(name, deployment);
  for (const char* text : {"description", "documentationVersion"}) {
    if (const auto given = members.optional_text(text)) stage[text] = *given;
  }
  stage["tracingEnabled"] = members.flag("tracingEnabled");
  const auto variables = members.pairs("variables"), tags = members.pairs("tags");
  if (!variables.empty()) stage["variables"] = variables;
  if (!tags.empty()) stage["tags"] = tags;
  if (members.flag("cacheClusterEnabled")) return bad("There are no caches here");
  TRY_VOID(members.finish());
  if (!is_stage_name(name)) return bad("Stage name only allows a-zA-Z0-9_-");
  TRY_VOID(check_tags(json(tags)));
  TRY_VOID(find_in(api["deployments"], deployment, "Deployment"));
  if (api["stages"].contains(name)) return there_is("Stage already exists");
  if (api["stages"].size() >= kOthersMax) return over_limit("stages");
  api["stages"][name] = stage;
  return stage;
}

Outcome get_stage(const Place&, json& api, Members& members) {
  const std::string name = members.required("stageName");
  TRY_VOID(members.finish());
  TRY(const json* stage, find_in(api["stages"], name, "stage"));
  return *stage;
}

Outcome get_stages(const Place&, json& api, Members& members) {
  const std::string deployment = members.text("deploymentId");
  TRY_VOID(members.finish());
  json all = json::array();
  for (const auto& [name, stage] : api["stages"].items()) {
    if (deployment.empty() || stage["deploymentId"] == deployment) all.push_back(stage);
  }
  return json{{"item", all}};
}

// What the path of a patch says of a method's setting: its member, and what it is.
struct SettingName {
  std::string_view path, member;
  char kind;  // t: text, b: truth, n: whole number, d: number.
};
constexpr SettingName kSettings[] = {
    {"metrics/enabled", "metricsEnabled", 'b'},
    {"logging/loglevel", "loggingLevel", 't'},
    {"logging/dataTrace", "dataTraceEnabled", 'b'},
    {"throttling/burstLimit", "throttlingBurstLimit", 'n'},
    {"throttling/rateLimit", "throttlingRateLimit", 'd'},
};

// "/RESOURCE/METHOD/logging/loglevel", the resource with ~1 for a slash. False: it is none.
bool set_method_setting(json& stage, const Patch& patch) {
  for (const SettingName& one : kSettings) {
    const std::string end = "/" + std::string(one.path);
    if (patch.path.size() <= end.size() || !patch.path.ends_with(end)) continue;
    std::string key = patch.path.substr(1, patch.path.size() - end.size() - 1);
    if (std::count(key.begin(), key.end(), '/') != 1) return false;
    for (std::size_t at = key.find("~1"); at != std::string::npos; at = key.find("~1")) {
      key.replace(at, 2, "/");
    }
    if (key.front() == '/') key.erase(0, 1);
    json value = patch.value;
    if (one.kind == 'b') value = patch.value == "true";
    if (one.kind == 'n' || one.kind == 'd') {
      value = parse_json(patch.value);
      if (!value.is_number() || (one.kind == 'n' && !value.is_number_integer())) return false;
    }
    stage["methodSettings"][key][std::string(one.member)] = value;
    return true;
  }
  return false;
}

Result<void> patch_stage(json& api, json& stage, const Patch& patch) {
  const bool replaces = patch.op == "replace" || patch.op == "add";
  if (patch.path == "/deploymentId" && replaces) {
    TRY_VOID(find_in(api["deployments"], patch.value, "Deployment"));
    stage["deploymentId"] = patch.value;
  } else if (patch.path == "/description" && replaces) {
    stage["description"] = patch.value;
  } else if (patch.path == "/tracingEnabled" && replaces) {
    stage["tracingEnabled"] = patch.value == "true";
  } else if (patch.path == "/accessLogSettings" && patch.op == "remove") {
    stage.erase("accessLogSettings");
  } else if (patch.path == "/accessLogSettings/format" && replaces) {
    stage["accessLogSettings"]["format"] = patch.value;
  } else if (patch.path == "/accessLogSettings/destinationArn" && replaces) {
    stage["accessLogSettings"]["destinationArn"] = patch.value;
  } else if (patch.path.rfind("/variables/", 0) == 0) {
    const std::string name = patch.path.substr(11);
    if (replaces) stage["variables"][name] = patch.value;
    if (patch.op == "remove" && stage.contains("variables")) stage["variables"].erase(name);
  } else if (!replaces || !set_method_setting(stage, patch)) {
    return bad_patch(patch);
  }
  return ok();
}

Outcome update_stage(const Place&, json& api, Members& members) {
  const std::string name = members.required("stageName");
  const auto patches = patches_in(members);
  TRY_VOID(members.finish());
  TRY(json * stage, find_in(api["stages"], name, "stage"));
  for (const Patch& patch : patches) TRY_VOID(patch_stage(api, *stage, patch));
  (*stage)["lastUpdatedDate"] = now();
  return *stage;
}

Outcome delete_stage(const Place&, json& api, Members& members) {
  const std::string name = members.required("stageName");
  TRY_VOID(members.finish());
  TRY_VOID(find_in(api["stages"], name, "stage"));
  api["stages"].erase(name);
  return json::object();
}

constexpr ApiOperation kOperations[] = {
    {"GetRestApi", get_api, false},
    {"UpdateRestApi", update_api, true},
    {"CreateResource", create_resource, true},
    {"GetResource", get_resource, false},
    {"GetResources", get_resources, false},
    {"DeleteResource", delete_resource, true},
    {"PutMethod", put_method, true},
    {"GetMethod", get_method, false},
    {"DeleteMethod", delete_method, true},
    {"PutIntegration", put_integration, true},
    {"GetIntegration", get_integration, false},
    {"DeleteIntegration", delete_integration, true},
    {"CreateModel", create_model, true},
    {"GetModel", get_model, false},
    {"GetModels", get_models, false},
    {"UpdateModel", update_model, true},
    {"DeleteModel", delete_model, true},
    {"CreateRequestValidator", create_validator, true},
    {"GetRequestValidator", get_validator, false},
    {"GetRequestValidators", get_validators, false},
    {"UpdateRequestValidator", update_validator, true},
    {"DeleteRequestValidator", delete_validator, true},
    {"CreateDeployment", create_deployment, true},
    {"GetDeployment", get_deployment, false},
    {"GetDeployments", get_deployments, false},
    {"DeleteDeployment", delete_deployment, true},
    {"CreateStage", create_stage, true},
    {"GetStage", get_stage, false},
    {"GetStages", get_stages, false},
    {"UpdateStage", update_stage, true},
    {"DeleteStage", delete_stage, true},
};

}  // namespace

Result<json> new_api(Members& members) {
  const std::string id = new_id(10), root = new_id(10);
  json endpoint = {{"types", json::array({"EDGE"})}};
  if (members.has("endpointConfiguration")) {
    const auto types = members.texts("endpointConfiguration.types");
    if (!types.empty()) endpoint["types"] = types;
    members.text("endpointConfiguration.ipAddressType");
    if (!members.texts("endpointConfiguration.vpcEndpointIds").empty()) {
      return bad("There are no VPC endpoints of APIs here");
    }
  }
  json api = {{"id", id},
              {"name", members.required("name")},
              {"createdDate", now()},
              {"apiKeySource", members.text("apiKeySource", "HEADER")},
              {"endpointConfiguration", endpoint},
              {"disableExecuteApiEndpoint", members.flag("disableExecuteApiEndpoint")},
              {"rootResourceId", root}};
  for (const char* text : {"description", "version"}) {
    if (const auto given = members.optional_text(text)) api[text] = *given;
  }
  const auto tags = members.pairs("tags");
  if (!tags.empty()) api["tags"] = tags;
  TRY_VOID(members.finish());
  TRY_VOID(check_tags(json(tags)));
  return json{{"api", api},
              {"resources", {{root, {{"id", root}, {"path", "/"}}}}},
              {"models", json::object()},
              {"validators", json::object()},
              {"deployments", json::object()},
              {"stages", json::object()}};
}

std::span<const ApiOperation> api_operations() { return kOperations; }

json* tags_at(json& api, std::string_view path) {
  const std::string own = "/restapis/" + api["api"]["id"].get<std::string>();
  if (path == own) return &api["api"]["tags"];
  const std::string stages = own + "/stages/";
  if (path.substr(0, stages.size()) != stages) return nullptr;
  const auto found = api["stages"].find(std::string(path.substr(stages.size())));
  return found == api["stages"].end() ? nullptr : &(*found)["tags"];
}

Result<void> check_tags(const json& tags) {
  if (tags.size() > kTagsMax) return bad("There are at most 50 tags");
  for (const auto& [key, value] : tags.items()) {
    if (key.rfind("aws:", 0) == 0) return bad("Tag keys must not begin with aws:");
  }
  return ok();
}

}  // namespace aurora_global::services::apigateway
