#include "services/cloudformation/providers/service_call.h"

#include <charconv>

#include "awsapi/service_model.h"

namespace aurora_global::services::cloudformation {
namespace {

using awsapi::Shape;
using awsapi::ShapeType;
using nlohmann::json;

json number_in(const std::string& text) {
  std::int64_t whole = 0;
  double real = 0;
  const char* end = text.data() + text.size();
  if (const auto read = std::from_chars(text.data(), end, whole);
      read.ec == std::errc() && read.ptr == end) {
    return whole;
  }
  if (const auto read = std::from_chars(text.data(), end, real);
      read.ec == std::errc() && read.ptr == end) {
    return real;
  }
  return text;
}

json scalar(ShapeType type, json value) {
  if (value.is_string()) {
    const std::string& text = value.get_ref<const std::string&>();
    if (type == ShapeType::integer || type == ShapeType::floating) return number_in(text);
    if (type == ShapeType::boolean && (text == "true" || text == "false")) return text == "true";
    return value;
  }
  const bool plain = value.is_number() || value.is_boolean();
  return type == ShapeType::string && plain ? json(value.dump()) : value;
}

json typed(const Shape& shape, json value) {
  if (shape.type == ShapeType::structure && value.is_object()) {
    for (const auto& member : shape.members) {
      const auto given = value.find(member.name);
      if (given != value.end()) *given = typed(*member.shape, std::move(*given));
    }
  } else if (shape.type == ShapeType::list && value.is_array()) {
    for (json& one : value) one = typed(*shape.element, std::move(one));
  } else if (shape.type == ShapeType::map && value.is_object()) {
    for (auto& [key, one] : value.items()) one = typed(*shape.element, std::move(one));
  } else {
    return scalar(shape.type, std::move(value));
  }
  return value;
}

}  // namespace

json typed_input(std::string_view service, std::string_view operation, json properties) {
  const auto* model = awsapi::service_model(service);
  const auto* known = model == nullptr ? nullptr : model->operation(operation);
  if (known == nullptr || known->input == nullptr) return properties;
  return typed(*known->input, std::move(properties));
}

net::Task<Result<json>> call_typed(ServiceCaller& services, std::string service,
                                   std::string operation, json input) {
  input = typed_input(service, operation, std::move(input));
  auto calling = services.call(std::move(service), std::move(operation), std::move(input));
  co_return co_await std::move(calling);
}

net::Task<Result<void>> claim_name(const ResourceRequest& request, std::string name,
                                   net::Task<Result<json>> found) {
  if (request.claimed == name) co_return ok();
  const auto there = co_await std::move(found);
  if (there.has_value()) {
    co_return make_error(ErrorKind::conflict, name + " already exists", "AlreadyExists");
  }
  if (there.error().kind != ErrorKind::not_found) co_return there.error();
  auto claiming = request.claims->claim(std::move(name));
  co_return co_await std::move(claiming);
}

net::Task<Result<void>> retag(ServiceCaller& services, Tagging tagging, json present, json wanted) {
  json gone = json::array();
  for (const auto& [key, value] : present.items()) {
    if (!wanted.contains(key)) gone.push_back(key);
  }
  if (!gone.empty()) {
    json input = tagging.resource;
    input[tagging.keys] = std::move(gone);
    auto untagging = call_typed(services, tagging.service, tagging.untag, std::move(input));
    CO_TRY_VOID(co_await std::move(untagging));
  }
  if (wanted.empty() || wanted == present) co_return ok();
  json input = tagging.resource;
  input[tagging.tags] = std::move(wanted);
  auto setting = call_typed(services, tagging.service, tagging.tag, std::move(input));
  CO_TRY_VOID(co_await std::move(setting));
  co_return ok();
}

Result<void> removed(const Result<json>& answer) {
  if (answer.has_error() && answer.error().kind != ErrorKind::not_found) return answer.error();
  return ok();
}

}  // namespace aurora_global::services::cloudformation
