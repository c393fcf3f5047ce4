#include "services/ssm/parameter_names.h"

#include <algorithm>
#include <charconv>

#include "awsapi/http_message.h"

namespace aurora_global::services::ssm {
namespace {

using nlohmann::json;

constexpr std::size_t kNameMax = 1011;
constexpr std::ptrdiff_t kLevelsMax = 15;
constexpr std::size_t kVersionDigitsMax = 15;

Error refuse_name(const char* code, std::string message) {
  return make_error(ErrorKind::invalid, std::move(message), code);
}

bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_' || c == '/';
  });
}

// "aws" and "ssm" at the beginning are AWS's own.
bool is_reserved(const std::string& name) {
  const std::string text = awsapi::lower(name);
  const std::string_view first = std::string_view(text).substr(text.starts_with('/') ? 1 : 0);
  return first.starts_with("aws") || first.starts_with("ssm");
}

constexpr const char* kRule =
    "Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive). If formed as a "
    "path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a "
    "mix of letters, numbers and the following 3 symbols .-_";

const std::string& value_at(const Parameter& parameter, const std::string& key) {
  if (key == "Type") return parameter.type;
  if (key == "KeyId") return parameter.key_id;
  if (key == "Tier") return parameter.tier;
  if (key == "DataType") return parameter.data_type;
  return parameter.name;
}

bool is_below(const std::string& name, std::string path, bool any_depth) {
  if (!path.ends_with('/')) path += '/';
  if (!name.starts_with(path)) return false;
  return any_depth || name.find('/', path.size()) == std::string::npos;
}

bool fits(const Filter& filter, const std::string& value, const std::string& wanted) {
  if (filter.key == "Path") return is_below(value, wanted, filter.option == "Recursive");
  if (filter.option == "BeginsWith") return value.starts_with(wanted);
  if (filter.option == "Contains") return value.find(wanted) != std::string::npos;
  return value == wanted;
}

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> all) {
  return std::find(all.begin(), all.end(), text) != all.end();
}

bool is_known(FilterKind kind, const std::string& key) {
  if (kind == FilterKind::by_path) return is_one_of(key, {"Type", "KeyId"});
  if (kind == FilterKind::old) return is_one_of(key, {"Name", "Type", "KeyId"});
  return is_one_of(key, {"Name", "Type", "KeyId", "Tier", "DataType", "Path"});
}

bool is_option_of(const Filter& filter) {
  if (filter.key == "Path") return is_one_of(filter.option, {"Recursive", "OneLevel"});
  if (filter.key == "Name") return is_one_of(filter.option, {"Equals", "BeginsWith", "Contains"});
  return is_one_of(filter.option, {"Equals", "BeginsWith"});
}

}  // namespace

Result<ParameterName> parse_name(const std::string& text) {
  ParameterName name;
  std::string rest = text;
  if (rest.starts_with("arn:")) {
    const auto at = rest.find(":parameter/");
    if (at == std::string::npos) {
      return refuse_name("ValidationException", "Invalid parameter ARN: " + awsapi::shown(text));
    }
    rest = rest.substr(at + std::string_view(":parameter").size());
    name.other_name = rest.substr(1);
  }
  const auto colon = rest.find(':');
  const std::string selector = colon == std::string::npos ? "" : rest.substr(colon + 1);
  name.name = rest.substr(0, colon);
  name.other_name = name.other_name.substr(0, name.other_name.find(':'));
  const bool digits = !selector.empty() && selector.size() <= kVersionDigitsMax &&
                      selector.find_first_not_of("0123456789") == std::string::npos;
  if (digits) {
    std::from_chars(selector.data(), selector.data() + selector.size(), name.version);
    if (name.version == 0) {
      return refuse_name("ValidationException", "A version is 1 or greater: " + text);
    }
  } else if (!selector.empty()) {
    name.label = selector;
    name.version = INT64_MAX;  // There are no labels here, so no version has one.
  }
  return name;
}

Result<void> check_new_name(const std::string& name) {
  const bool whole = name.find('/') == std::string::npos || name.starts_with('/');
  if (!whole) {
    return refuse_name("ValidationException", "Parameter name must be a fully qualified name.");
  }
  const bool shaped =
      is_plain(name) && !name.ends_with('/') && name.find("//") == std::string::npos;
  if (!shaped || name.size() > kNameMax || is_reserved(name)) {
    return refuse_name("ValidationException", kRule);
  }
  if (std::count(name.begin(), name.end(), '/') > kLevelsMax) {
    return refuse_name("HierarchyLevelLimitExceededException",
                       "Hierarchies can have a maximum of 15 levels");
  }
  return ok();
}

Result<void> check_path(const std::string& path) {
  if (path.starts_with('/') && is_plain(path) && path.find("//") == std::string::npos) return ok();
  return refuse_name("ValidationException",
                     "The parameter doesn't meet the parameter name requirements. The parameter "
                     "name must begin with a forward slash \"/\". It can consist of letters, "
                     "numbers and the symbols .-_ between slashes.");
}

Result<std::vector<Filter>> read_filters(const std::vector<json>& given, FilterKind kind) {
  std::vector<Filter> filters;
  for (const json& one : given) {
    Filter filter;
    filter.key = one.value("Key", "");
    filter.option = one.value("Option", filter.key == "Path" ? "OneLevel" : "Equals");
    filter.values = one.value("Values", std::vector<std::string>());
    if (kind == FilterKind::old && filter.key == "Name") filter.option = "BeginsWith";
    if (!is_known(kind, filter.key)) {
      return refuse_name("InvalidFilterKey",
                         "The following filter key is not valid: " + awsapi::shown(filter.key));
    }
    if (!is_option_of(filter)) {
      return refuse_name("InvalidFilterOption", "The following filter option is not valid: " +
                                                    awsapi::shown(filter.option));
    }
    if (filter.values.empty()) {
      return refuse_name("InvalidFilterValue",
                         "The filter " + filter.key + " has no value: Member must not be null");
    }
    filters.push_back(std::move(filter));
  }
  return filters;
}

bool passes(const std::vector<Filter>& filters, const Parameter& parameter) {
  return std::all_of(filters.begin(), filters.end(), [&](const Filter& filter) {
    const std::string& value = value_at(parameter, filter.key);
    return std::any_of(filter.values.begin(), filter.values.end(),
                       [&](const std::string& wanted) { return fits(filter, value, wanted); });
  });
}

}  // namespace aurora_global::services::ssm
