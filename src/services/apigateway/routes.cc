#include "services/apigateway/routes.h"

#include <algorithm>

#include "awsapi/http_message.h"
#include "base/json.h"

namespace aurora_global::services::apigateway {
namespace {

using nlohmann::json;

Error nothing_there() {
  return make_error(ErrorKind::denied, "Missing Authentication Token",
                    "MissingAuthenticationTokenException");
}

std::vector<std::string> parts_of(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const auto end = std::min(path.find('/'), path.size());
    if (end > 0) parts.emplace_back(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return parts;
}

bool is_label(const std::string& part) { return part.front() == '{' && part.back() == '}'; }
bool is_greedy(const std::string& part) { return part.ends_with("+}"); }

// How well a resource's path fits: a word before a label, a label before a greedy one, from the
// left. Nullopt: it does not.
struct Fit {
  std::string rank;  // The smaller, the better.
  std::map<std::string, std::string> parameters;
};
std::optional<Fit> fit_of(const std::vector<std::string>& pattern,
                          const std::vector<std::string>& given) {
  Fit fit;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const std::string& part = pattern[i];
    if (i >= given.size()) return std::nullopt;
    if (!is_label(part)) {
      if (part != given[i]) return std::nullopt;
      fit.rank += 'a';
      continue;
    }
    if (is_greedy(part)) {
      std::string rest;
      for (std::size_t at = i; at < given.size(); ++at) rest += (at > i ? "/" : "") + given[at];
      fit.parameters[part.substr(1, part.size() - 3)] = rest;
      fit.rank += 'c';
      return fit;
    }
    fit.parameters[part.substr(1, part.size() - 2)] = given[i];
    fit.rank += 'b';
  }
  return pattern.size() == given.size() ? std::optional(std::move(fit)) : std::nullopt;
}

// The best resource for a path that has the method, or ANY.
struct Found {
  const json* resource = nullptr;
  std::string method;
  Fit fit;
};
Found best_resource(const json& resources, const std::string& method,
                    const std::vector<std::string>& given) {
  Found best;
  for (const auto& [id, resource] : resources.items()) {
    const json methods = resource.value("resourceMethods", json::object());
    const std::string name = methods.contains(method) ? method : "ANY";
    if (!methods.contains(name)) continue;
    auto fit = fit_of(parts_of(resource.at("path").get<std::string>()), given);
    if (!fit || (best.resource != nullptr && fit->rank >= best.fit.rank)) continue;
    best = {&resource, name, std::move(*fit)};
  }
  return best;
}

// ".../functions/ARN/invocations" -> ARN
std::string function_in(const std::string& uri) {
  constexpr std::string_view kBegin = "/functions/", kEnd = "/invocations";
  const auto at = uri.find(kBegin);
  if (at == std::string::npos || !uri.ends_with(kEnd)) return "";
  const auto from = at + kBegin.size();
  return uri.substr(from, uri.size() - kEnd.size() - from);
}

void add_validation(ApiRoute& route, const json& method, const json& snapshot) {
  const std::string id = method.value("requestValidatorId", "");
  const json validators = snapshot.value("validators", json::object());
  const auto validator = validators.find(id);
  if (validator == validators.end()) return;
  if (validator->value("validateRequestBody", false)) {
    const json models = snapshot.value("models", json::object());
    const json models_of = method.value("requestModels", json::object());
    for (const auto& [type, name] : models_of.items()) {
      const auto model = models.find(name.get<std::string>());
      if (model == models.end()) continue;
      route.body_schemas[type] = parse_json(model->value("schema", "{}"));
    }
  }
  if (!validator->value("validateRequestParameters", false)) return;
  constexpr std::string_view kPrefix = "method.request.";
  const json parameters = method.value("requestParameters", json::object());
  for (const auto& [name, needed] : parameters.items()) {
    if (needed != true || name.rfind(kPrefix, 0) != 0) continue;
    route.required.push_back(name.substr(kPrefix.size()));
  }
}

}  // namespace

Result<ApiRoute> route_in(const json& api, const std::string& stage, const std::string& method,
                          std::string_view path) {
  const json& stages = api.at("stages");
  const auto found_stage = stages.find(stage);
  if (found_stage == stages.end()) {
    return make_error(ErrorKind::denied, "Forbidden", "ForbiddenException");
  }
  const json& deployments = api.at("deployments");
  const auto deployment = deployments.find(found_stage->at("deploymentId").get<std::string>());
  if (deployment == deployments.end()) return nothing_there();
  const json& snapshot = deployment->at("snapshot");
  std::vector<std::string> given = parts_of(path);
  for (std::string& part : given) part = awsapi::percent_decode(part);
  const Found found = best_resource(snapshot.at("resources"), method, given);
  if (found.resource == nullptr) return nothing_there();
  const json& declared = found.resource->at("resourceMethods").at(found.method);
  ApiRoute route;
  route.api_id = api.at("api").at("id").get<std::string>();
  route.stage = stage;
  route.resource_id = found.resource->at("id").get<std::string>();
  route.resource_path = found.resource->at("path").get<std::string>();
  for (const std::string& part : given) route.path += "/" + part;
  if (route.path.empty()) route.path = "/";
  route.http_method = found.method;
  route.is_signed = declared.at("authorizationType") != "NONE";
  const json integration = declared.value("methodIntegration", json::object());
  route.function_arn = function_in(integration.value("uri", ""));
  route.path_parameters = found.fit.parameters;
  route.stage_variables = found_stage->value("variables", json());
  add_validation(route, declared, snapshot);
  return route;
}

}  // namespace aurora_global::services::apigateway
