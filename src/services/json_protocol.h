// AWS's JSON protocols (1.0 and 1.1): one object in, one object out, the operation in a header.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/json.h"
#include "net/http.h"

namespace aurora_global::services {

// The operation in X-Amz-Target ("secretsmanager.GetSecretValue" -> "GetSecretValue").
std::string operation_of(const net::HttpRequest& request);

// The names in a dispatch table: an array of pairs (name, function).
template <typename Table>
std::vector<std::string_view> names_in(const Table& table) {
  std::vector<std::string_view> names;
  for (const auto& [name, function] : table) names.push_back(name);
  return names;
}

Error unknown_operation(const std::string& operation);

// The members of one request object: read by name, checked, none left unread. The first problem is
// remembered; finish() tells it. A dot in a name leads into an object ("Scaling.MinCapacity").
class Members {
 public:
  // The input of an operation; without its names, an object inside of one.
  explicit Members(nlohmann::json object, std::string_view service = "",
                   std::string_view operation = "");

  std::string required(const std::string& name);
  std::string text(const std::string& name, std::string otherwise = "");
  std::optional<std::string> optional_text(const std::string& name);
  bool flag(const std::string& name, bool otherwise = false);
  std::optional<bool> optional_flag(const std::string& name);
  std::optional<double> real(const std::string& name);
  std::optional<std::int64_t> number(const std::string& name, std::int64_t min, std::int64_t max);
  // The number in a token with which a page of ours names the next one, behind `prefix`; 0 without
  // the member, nullopt (and a problem) for a token that is none of ours. Small enough to be added
  // to any limit.
  std::optional<std::int64_t> page_token(const std::string& name, std::string_view prefix = "",
                                         std::string code = "InvalidParameterValue");
  // Seconds since 1970 or ISO 8601.
  std::optional<WallTime> time(const std::string& name);
  std::vector<std::string> texts(const std::string& name);
  std::vector<nlohmann::json> list(const std::string& name);
  // An object whose members are strings.
  std::map<std::string, std::string> pairs(const std::string& name);
  // As it is; null: it is not there.
  nlohmann::json value(const std::string& name);
  // As they came; who asks for all of them checks them himself.
  const nlohmann::json& all() const { return object_; }
  // That finish() would tell before it looks for members that were not read.
  const std::optional<Error>& first_problem() const { return problem_; }
  // An object as it is; empty without the member.
  nlohmann::json object(const std::string& name);
  bool has(const std::string& name) const { return object_.contains(name); }
  void ignore(std::initializer_list<std::string_view> names);
  void problem(std::string message, std::string code = "InvalidParameterValue");
  // Fails with the first problem, or for a member that has a meaning at AWS and none here. What may
  // be passed over, and what is refused, is in member_fates.h.
  Result<void> finish() const;

 private:
  const nlohmann::json* find(const std::string& name);

  nlohmann::json object_;
  std::string_view service_, operation_;
  std::set<std::string> read_;
  std::optional<Error> problem_;
};

}  // namespace aurora_global::services
