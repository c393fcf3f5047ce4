// AWS's JSON protocols (1.0 and 1.1): one object in, one object out, the operation in a header.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "net/http.h"

namespace aurora_global::services {

// The operation in X-Amz-Target ("secretsmanager.GetSecretValue" -> "GetSecretValue").
std::string operation_of(const net::HttpRequest& request);

net::HttpResponse json_answer(const nlohmann::json& body);
// {"__type": code, "message": ...} with the code's HTTP status.
net::HttpResponse json_refusal(const Error& error);
net::HttpResponse json_refusal(int status, std::string_view code, std::string_view message);

// The members of one request object: read by name, checked, none left unread. The first problem is
// remembered; finish() tells it. Numbers may come as text, as the Query protocol sends them.
class Members {
 public:
  explicit Members(nlohmann::json object);
  // Fails with SerializationException if the body is no JSON object.
  static Result<Members> of(const net::HttpRequest& request);

  std::string required(const std::string& name);
  std::string text(const std::string& name, std::string otherwise = "");
  bool flag(const std::string& name, bool otherwise = false);
  std::optional<double> real(const std::string& name);
  std::optional<std::int64_t> number(const std::string& name, std::int64_t min, std::int64_t max);
  // Seconds since 1970 or ISO 8601.
  std::optional<WallTime> time(const std::string& name);
  std::vector<std::string> texts(const std::string& name);
  std::vector<nlohmann::json> list(const std::string& name);
  // An object whose members are strings.
  std::map<std::string, std::string> pairs(const std::string& name);
  bool has(const std::string& name) const { return object_.contains(name); }
  void ignore(std::initializer_list<std::string_view> names);
  void problem(std::string message, std::string code = "InvalidParameterValue");
  // Fails with the first problem, or for a member that nobody has read.
  Result<void> finish() const;

 private:
  const nlohmann::json* find(const std::string& name);

  nlohmann::json object_;
  std::set<std::string> read_;
  std::optional<Error> problem_;
};

}  // namespace aurora_global::services
