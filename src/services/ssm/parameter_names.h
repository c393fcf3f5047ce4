// Names of parameters, paths and filters, by the rules of Parameter Store.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "services/ssm/parameter_store.h"

namespace aurora_global::services::ssm {

// A name as a client gives it: "/a/b", "/a/b:3", "/a/b:label" or an ARN.
struct ParameterName {
  std::string name;
  std::string other_name;  // Of an ARN, which is the same for "/a" and "a"; else empty.
  std::int64_t version = 0;
  std::string label;

  std::string selector() const { return version != 0 ? std::to_string(version) : label; }
};
Result<ParameterName> parse_name(const std::string& text);

// Of a parameter that is to be made.
Result<void> check_new_name(const std::string& name);
Result<void> check_path(const std::string& path);

enum class FilterKind { by_path, describe, old };
struct Filter {
  std::string key, option;
  std::vector<std::string> values;
};
Result<std::vector<Filter>> read_filters(const std::vector<nlohmann::json>& given, FilterKind kind);
bool passes(const std::vector<Filter>& filters, const Parameter& parameter);

}  // namespace aurora_global::services::ssm
