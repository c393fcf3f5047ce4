#include "services/cloudformation/providers/api_parts.h"

namespace aurora_global::services::cloudformation {

using nlohmann::json;

json ApiPart::of_api(const ResourceRequest& request, json more) {
  json input = {{"restApiId", text_of(request.properties, "RestApiId")}};
  if (more.is_object()) input.update(more);
  return input;
}

net::Task<Result<void>> ApiPart::remove_by(const ResourceRequest& request, std::string operation,
                                           const char* member) {
  auto removing = ask(std::move(operation), of_api(request, {{member, request.physical_id}}));
  co_return removed(co_await std::move(removing));
}

net::Task<Result<void>> ApiPart::read_by(const ResourceRequest& request, std::string operation,
                                         const char* member, Made& made) {
  auto asking = ask(std::move(operation), of_api(request, {{member, request.physical_id}}));
  CO_TRY_VOID(co_await std::move(asking));
  made.physical_id = request.physical_id;
  co_return ok();
}

json ApiPart::lowered(const json& properties, std::initializer_list<const char*> names) {
  json members = json::object();
  for (const char* name : names) {
    const auto given = properties.find(name);
    if (given == properties.end() || given->is_null()) continue;
    std::string member = name;
    member[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(member[0])));
    members[member] = *given;
  }
  return members;
}

net::Task<Result<std::string>> ApiPart::claim_new(const ResourceRequest& request,
                                                  std::string operation) {
  constexpr const char* kBefore = "before:";
  std::string ids;
  std::string since;
  json input = of_api(request, {{"limit", 500}});
  auto asking = ask(std::move(operation), std::move(input));
  CO_TRY(const json page, co_await std::move(asking));
  for (const json& one : page.at("items")) {
    const std::string id = one.at("id").get<std::string>();
    ids += id + ",";
    if (request.claimed.find(id + ",") == std::string::npos) since = id;
  }
  if (!request.claimed.empty()) co_return since;
  auto claiming = request.claims->claim(kBefore + ids);
  CO_TRY_VOID(co_await std::move(claiming));
  co_return std::string();
}

}  // namespace aurora_global::services::cloudformation
