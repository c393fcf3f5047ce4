#include "services/json_protocol.h"

#include <time.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "awsapi/http_message.h"
#include "services/member_fates.h"

namespace aurora_global::services {

using nlohmann::json;

std::string operation_of(const net::HttpRequest& request) {
  const std::string target = net::header_value(request.headers, "X-Amz-Target");
  const auto dot = target.rfind('.');
  return dot == std::string::npos ? target : target.substr(dot + 1);
}

Error unknown_operation(const std::string& operation) {
  return make_error(ErrorKind::invalid, "Unknown operation '" + operation + "'",
                    "UnknownOperationException");
}

Members::Members(json object, std::string_view service, std::string_view operation)
    : object_(object.is_object() ? std::move(object) : json::object()),
      service_(service),
      operation_(operation) {}

void Members::problem(std::string message, std::string code) {
  if (!problem_) problem_ = make_error(ErrorKind::invalid, std::move(message), std::move(code));
}

const json* Members::find(const std::string& name) {
  const auto dot = name.find('.');
  read_.insert(name.substr(0, dot));
  const json* at = &object_;
  for (std::size_t begin = 0; begin <= name.size();) {
    const auto end = std::min(name.find('.', begin), name.size());
    const auto found = at->is_object() ? at->find(name.substr(begin, end - begin)) : at->end();
    if (!at->is_object() || found == at->end() || found->is_null()) return nullptr;
    at = &*found;
    begin = end + 1;
  }
  return at;
}

std::string Members::text(const std::string& name, std::string otherwise) {
  const json* value = find(name);
  if (value == nullptr) return otherwise;
  if (value->is_string()) return value->get<std::string>();
  problem(name + " must be a string");
  return otherwise;
}

std::string Members::required(const std::string& name) {
  std::string value = text(name);
  if (value.empty()) problem("The request must contain the parameter " + name, "MissingParameter");
  return value;
}

std::optional<std::string> Members::optional_text(const std::string& name) {
  if (find(name) == nullptr) return std::nullopt;
  return text(name);
}

std::optional<bool> Members::optional_flag(const std::string& name) {
  if (find(name) == nullptr) return std::nullopt;
  return flag(name);
}

bool Members::flag(const std::string& name, bool otherwise) {
  const json* value = find(name);
  if (value == nullptr) return otherwise;
  if (value->is_boolean()) return value->get<bool>();
  if (value->is_string() && (*value == "true" || *value == "false")) return *value == "true";
  problem(name + " must be true or false");
  return otherwise;
}

std::optional<double> Members::real(const std::string& name) {
  const json* value = find(name);
  if (value == nullptr) return std::nullopt;
  double parsed = 0;
  if (value->is_number()) {
    parsed = value->get<double>();
  } else if (value->is_string()) {
    const std::string& digits = value->get_ref<const std::string&>();
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), parsed);
    if (error != std::errc() || end != digits.data() + digits.size()) parsed = NAN;
  } else {
    parsed = NAN;
  }
  if (std::isfinite(parsed)) return parsed;
  problem(name + " must be a number");
  return std::nullopt;
}

std::optional<std::int64_t> Members::page_token(const std::string& name, std::string_view prefix,
                                                std::string code) {
  constexpr std::size_t kDigitsMax = 15;
  const std::string token = text(name);
  if (token.empty()) return 0;
  if (token.rfind(prefix, 0) == 0) {
    const std::string_view digits = std::string_view(token).substr(prefix.size());
    const bool shaped = !digits.empty() && digits.size() <= kDigitsMax &&
                        digits.find_first_not_of("0123456789") == std::string_view::npos;
    if (shaped) return std::stoll(std::string(digits));
  }
  problem("The " + name + " is none that this region gave: " + awsapi::shown(token),
          std::move(code));
  return std::nullopt;
}

std::optional<std::int64_t> Members::number(const std::string& name, std::int64_t min,
                                            std::int64_t max) {
  const auto value = real(name);
  if (!value) return std::nullopt;
  if (std::floor(*value) == *value && *value >= static_cast<double>(min) &&
      *value <= static_cast<double>(max)) {
    return static_cast<std::int64_t>(*value);
  }
  problem(name + " must be a whole number from " + std::to_string(min) + " to " +
          std::to_string(max));
  return std::nullopt;
}

std::optional<WallTime> Members::time(const std::string& name) {
  const json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) {
    const std::string& text = value->get_ref<const std::string&>();
    std::tm utc{};
    const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &utc);
    if (rest != nullptr && (*rest == '\0' || *rest == 'Z' || *rest == '.' || *rest == '+')) {
      return WallTime(std::chrono::seconds(timegm(&utc)));
    }
  }
  if (value->is_number()) {
    const double seconds = value->get<double>();
    if (seconds >= 0 && seconds < 1e11) {
      return WallTime(std::chrono::microseconds(std::llround(seconds * 1e6)));
    }
  }
  problem(name + " must be a time such as 2026-01-31T12:00:00Z");
  return std::nullopt;
}

json Members::value(const std::string& name) {
  const json* value = find(name);
  return value == nullptr ? json() : *value;
}

std::vector<json> Members::list(const std::string& name) {
  const json* value = find(name);
  if (value == nullptr) return {};
  if (value->is_array()) return value->get<std::vector<json>>();
  problem(name + " must be a list");
  return {};
}

std::vector<std::string> Members::texts(const std::string& name) {
  std::vector<std::string> all;
  for (const json& one : list(name)) {
    if (!one.is_string()) {
      problem(name + " must be a list of strings");
      return {};
    }
    all.push_back(one.get<std::string>());
  }
  return all;
}

std::map<std::string, std::string> Members::pairs(const std::string& name) {
  const json* value = find(name);
  std::map<std::string, std::string> all;
  if (value == nullptr) return all;
  const bool fine =
      value->is_object() &&
      std::all_of(value->begin(), value->end(), [](const json& one) { return one.is_string(); });
  if (fine) {
    value->get_to(all);
  } else {
    problem(name + " must be an object of strings");
  }
  return all;
}

json Members::object(const std::string& name) {
  const json* value = find(name);
  if (value == nullptr) return json::object();
  if (value->is_object()) return *value;
  problem(name + " must be an object");
  return json::object();
}

void Members::ignore(std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) read_.insert(std::string(name));
}

Result<void> Members::finish() const {
  if (problem_) return *problem_;
  for (const auto& [name, value] : object_.items()) {
    if (read_.contains(name)) continue;
    const auto fate = fate_of(service_, operation_, name);
    if (fate && fate->kind == MemberFate::Kind::no_effect) continue;
    const std::string why = fate ? ": " + std::string(fate->note) : "";
    return make_error(ErrorKind::invalid, "The parameter " + name + " is not supported here" + why,
                      "InvalidParameterValue");
  }
  return ok();
}

}  // namespace aurora_global::services
