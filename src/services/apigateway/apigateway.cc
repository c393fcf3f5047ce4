#include "services/apigateway/apigateway.h"

#include <algorithm>

#include "base/json.h"
#include "services/apigateway/operations.h"
#include "services/apigateway/routes.h"
#include "services/call.h"

namespace aurora_global::services::apigateway {
namespace {

using database::Statement;
using nlohmann::json;
using Answer = net::Task<Result<json>>;

constexpr const char* kSchema =
    "CREATE TABLE IF NOT EXISTS api(id TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID;";
constexpr Duration kTurnLimit = std::chrono::seconds(60);
constexpr std::size_t kDocumentBytesMax = 16u << 20;
constexpr std::string_view kOthers[] = {"CreateRestApi", "GetRestApis", "DeleteRestApi",
                                        "GetTags",       "TagResource", "UntagResource"};

Error no_api() {
  return make_error(ErrorKind::not_found, "Invalid API identifier specified", "NotFoundException");
}

bool only_reads(std::string_view operation) { return operation.rfind("Get", 0) == 0; }

}  // namespace

std::vector<std::string_view> action_names() {
  std::vector<std::string_view> names(std::begin(kOthers), std::end(kOthers));
  for (const ApiOperation& one : api_operations()) names.push_back(one.name);
  return names;
}

Result<std::unique_ptr<ApiGateway>> ApiGateway::open(boost::asio::any_io_executor executor,
                                                     const region::Facts& facts,
                                                     const std::filesystem::path& file) {
  TRY(auto database, database::Database::open(file, database::Durability::full, 1, kSchema));
  std::unique_ptr<ApiGateway> service(new ApiGateway(executor, facts, std::move(database)));
  TRY_VOID(service->load());
  return service;
}

Result<void> ApiGateway::load() {
  Statement select(database_->raw(), "SELECT id, document FROM api");
  for (;;) {
    TRY(const bool more, select.step());
    if (!more) return ok();
    json document = parse_json(select.text(1));
    const bool whole = document.is_object() && document.contains("api") &&
                       document.contains("stages") && document.contains("deployments");
    if (!whole) {
      return make_error(ErrorKind::corrupt, "the REST API " + select.text(0) + " is no document");
    }
    apis_[select.text(0)] = std::move(document);
  }
}

net::Task<Result<void>> ApiGateway::store(std::string id, json document) {
  std::string text = document.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() > kDocumentBytesMax) {
    co_return make_error(ErrorKind::exhausted, "The API and its deployments are over 16 MB",
                         "LimitExceededException");
  }
  auto job = [id, text = std::move(text)](sqlite3* raw) -> Result<void> {
    Statement put(raw, "INSERT OR REPLACE INTO api(id, document) VALUES (?, ?)");
    put.bind(1, id);
    put.bind(2, text);
    TRY_VOID(put.step());
    return ok();
  };
  CO_TRY_VOID(co_await database_->work<void>(std::move(job)));
  apis_[id] = std::move(document);
  co_return ok();
}

net::Task<Result<void>> ApiGateway::remove(std::string id) {
  auto job = [id](sqlite3* raw) -> Result<void> {
    Statement drop(raw, "DELETE FROM api WHERE id = ?");
    drop.bind(1, id);
    TRY_VOID(drop.step());
    return ok();
  };
  CO_TRY_VOID(co_await database_->work<void>(std::move(job)));
  apis_.erase(id);
  co_return ok();
}

Answer ApiGateway::run_tags(std::string operation, json input) {
  Members members(std::move(input), "apigateway", operation);
  const std::string arn = members.required("resourceArn");
  const auto added = members.pairs("tags");
  const auto gone = members.texts("tagKeys");
  members.ignore({"position", "limit"});
  CO_TRY_VOID(members.finish());
  const std::string prefix = "arn:aws:apigateway:" + facts_.region.name + "::";
  const std::string path = arn.rfind(prefix, 0) == 0 ? arn.substr(prefix.size()) : "";
  for (const auto& [id, present] : apis_) {
    json document = present;
    json* tags = tags_at(document, path);
    if (tags == nullptr) continue;
    if (tags->is_null()) *tags = json::object();
    if (operation == "GetTags") co_return json{{"tags", *tags}};
    for (const auto& [key, value] : added) (*tags)[key] = value;
    for (const std::string& key : gone) tags->erase(key);
    CO_TRY_VOID(check_tags(*tags));
    const std::string api_id = id;
    CO_TRY_VOID(co_await store(api_id, std::move(document)));
    co_return json::object();
  }
  co_return make_error(ErrorKind::not_found, "Invalid ARN specified in the request",
                       "NotFoundException");
}

Answer ApiGateway::run_other(std::string operation, json input) {
  Members members(std::move(input), "apigateway", operation);
  if (operation == "CreateRestApi") {
    CO_TRY(json document, new_api(members));
    if (apis_.size() >= kApisMax) {
      co_return make_error(ErrorKind::exhausted, "Maximum number of APIs for this account reached",
                           "LimitExceededException");
    }
    json shown = document["api"];
    CO_TRY_VOID(co_await store(shown["id"].get<std::string>(), std::move(document)));
    co_return shown;
  }
  if (operation == "DeleteRestApi") {
    const std::string id = members.required("restApiId");
    CO_TRY_VOID(members.finish());
    if (!apis_.contains(id)) co_return no_api();
    CO_TRY_VOID(co_await remove(id));
    co_return json::object();
  }
  const auto limit = members.number("limit", 1, 500).value_or(25);
  const auto from = members.page_token("position", "", "BadRequestException").value_or(0);
  CO_TRY_VOID(members.finish());
  json page = {{"items", json::array()}};
  std::int64_t at = 0;
  for (const auto& [id, document] : apis_) {
    if (at >= from && at < from + limit) page["items"].push_back(document.at("api"));
    ++at;
  }
  if (from + limit < at) page["position"] = std::to_string(from + limit);
  co_return page;
}

Answer ApiGateway::run(std::string operation, json input) {
  const auto operations = api_operations();
  const auto found = std::find_if(operations.begin(), operations.end(),
                                  [&](const ApiOperation& one) { return one.name == operation; });
  if (found == operations.end()) {
    const bool tags =
        operation == "GetTags" || operation == "TagResource" || operation == "UntagResource";
    auto running = tags ? run_tags(std::move(operation), std::move(input))
                        : run_other(std::move(operation), std::move(input));
    co_return co_await std::move(running);
  }
  Members members(std::move(input), "apigateway", operation);
  const std::string id = members.required("restApiId");
  const auto api = apis_.find(id);
  if (api == apis_.end()) co_return no_api();
  json document = api->second;
  const Place place{facts_.region.name, facts_.account_id};
  CO_TRY(json output, found->change(place, document, members));
  if (found->writes) CO_TRY_VOID(co_await store(id, std::move(document)));
  co_return output;
}

Answer ApiGateway::call(std::string operation, json input) {
  const auto names = action_names();
  if (std::find(names.begin(), names.end(), operation) == names.end()) {
    co_return unknown_operation(operation);
  }
  std::optional<net::AsyncMutex::Guard> turn;
  if (!only_reads(operation)) {
    CO_TRY(auto guard, co_await changing_.lock(Deadline::in(kTurnLimit)));
    turn.emplace(std::move(guard));
  }
  auto running = run(std::move(operation), std::move(input));
  auto answer = co_await std::move(running);
  if (answer.has_value()) co_return answer;
  co_return in_words_of("apigateway", answer.error());
}

net::Task<net::HttpResponse> ApiGateway::serve(net::HttpRequest request) {
  auto read = read_call("apigateway", request);
  const auto* model = awsapi::service_model("apigateway");
  if (read.has_error()) co_return refuse(request, read.error(), model);
  auto calling = call(read->operation->name, std::move(read->input));
  const auto answer = co_await std::move(calling);
  if (answer.has_value()) co_return answer_of(*read, *answer, request);
  co_return refuse(request, answer.error(), model);
}

Result<ApiRoute> ApiGateway::find_route(const ApiRequestLine& request) const {
  const Error forbidden = make_error(ErrorKind::denied, "Forbidden", "ForbiddenException");
  if (request.path.empty() || request.path.front() != '/') return forbidden;
  const auto slash = std::min(request.path.find('/', 1), request.path.size());
  const std::string stage = request.path.substr(1, slash - 1);
  const std::string_view rest = std::string_view(request.path).substr(slash);
  const json* api = nullptr;
  if (!request.api_id.empty()) {
    const auto found = apis_.find(request.api_id);
    if (found == apis_.end()) return forbidden;
    api = &found->second;
  } else {
    for (const auto& [id, document] : apis_) {
      if (!document.at("stages").contains(stage)) continue;
      if (api != nullptr) {
        return make_error(ErrorKind::denied,
                          "More than one API has a stage " + stage +
                              ": name one by the host (ID.execute-api.REGION...) or the header "
                              "x-apigw-api-id",
                          "ForbiddenException");
      }
      api = &document;
    }
    if (api == nullptr) {
      return make_error(ErrorKind::denied, "Missing Authentication Token",
                        "MissingAuthenticationTokenException");
    }
  }
  if (api->at("api").value("disableExecuteApiEndpoint", false)) return forbidden;
  return route_in(*api, stage, request.method, rest);
}

}  // namespace aurora_global::services::apigateway
