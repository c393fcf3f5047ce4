#include "services/lambda/function_policy.h"

#include <algorithm>
#include <vector>

namespace aurora_global::services::lambda {
namespace {

using nlohmann::json;

bool is_account(const std::string& text) {
  return text.size() == 12 && text.find_first_not_of("0123456789") == std::string::npos;
}

// `*` stands for any characters, `?` for one. In time linear in pattern times text.
bool matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, from = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      from = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++from;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

// The six parts of an ARN; the last one may have colons of its own.
std::vector<std::string_view> parts_of(std::string_view arn) {
  constexpr std::size_t kParts = 6;
  std::vector<std::string_view> parts;
  while (parts.size() + 1 < kParts && arn.find(':') != std::string_view::npos) {
    const auto colon = arn.find(':');
    parts.push_back(arn.substr(0, colon));
    arn.remove_prefix(colon + 1);
  }
  parts.push_back(arn);
  return parts;
}

// IAM's ArnLike: part by part, so that a `*` does not reach over a colon.
bool is_arn_like(const std::string& pattern, const std::string& arn) {
  const auto wanted = parts_of(pattern), given = parts_of(arn);
  return std::equal(wanted.begin(), wanted.end(), given.begin(), given.end(), matches);
}

// Of {"ArnLike": {"AWS:SourceArn": ...}, ...}; empty: there is no such condition.
std::string condition_in(const json& statement, const char* operation, const char* key) {
  const json none = json::object();
  const json conditions = statement.value("Condition", none);
  return conditions.value(operation, none).value(key, std::string());
}

bool is_for(const json& statement, const FunctionCaller& caller) {
  const json& principal = statement.at("Principal");
  if (principal.is_string()) return principal == "*";
  return principal.value("Service", "") == caller.service;
}

}  // namespace

Result<json> statement_of(const json& input, const std::string& function_arn,
                          const std::string& account) {
  const std::string principal = input.at("Principal").get<std::string>();
  json statement = {{"Sid", input.at("StatementId")},
                    {"Effect", "Allow"},
                    {"Action", input.at("Action")},
                    {"Resource", function_arn}};
  if (principal == "*") {
    statement["Principal"] = "*";
  } else if (is_account(principal)) {
    statement["Principal"] = {{"AWS", "arn:aws:iam::" + principal + ":root"}};
  } else if (principal.rfind("arn:aws:iam::" + account + ":", 0) == 0) {
    statement["Principal"] = {{"AWS", principal}};
  } else if (principal.ends_with(".amazonaws.com") && principal.find('*') == std::string::npos) {
    statement["Principal"] = {{"Service", principal}};
  } else {
    return make_error(ErrorKind::invalid,
                      "The provided principal was invalid. Please check the "
                      "principal and try again.",
                      "InvalidParameterValueException");
  }
  const std::string source = input.value("SourceArn", ""), owner = input.value("SourceAccount", "");
  if (!source.empty()) statement["Condition"]["ArnLike"]["AWS:SourceArn"] = source;
  if (!owner.empty()) statement["Condition"]["StringEquals"]["AWS:SourceAccount"] = owner;
  return statement;
}

bool permits(const json& statements, const FunctionCaller& caller) {
  return std::any_of(statements.begin(), statements.end(), [&](const json& one) {
    const std::string action = one.value("Action", "");
    const std::string source = condition_in(one, "ArnLike", "AWS:SourceArn");
    const std::string owner = condition_in(one, "StringEquals", "AWS:SourceAccount");
    return (action == "lambda:InvokeFunction" || action == "lambda:*" || action == "*") &&
           is_for(one, caller) && (source.empty() || is_arn_like(source, caller.source_arn)) &&
           (owner.empty() || owner == caller.source_account);
  });
}

json policy_document(const json& statements) {
  return {{"Version", "2012-10-17"}, {"Id", "default"}, {"Statement", statements}};
}

}  // namespace aurora_global::services::lambda
