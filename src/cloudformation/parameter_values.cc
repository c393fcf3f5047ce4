// The values of parameters: given, previous or default; checked; split; looked up in SSM.
#include <algorithm>
#include <boost/regex.hpp>
#include <cctype>

#include "cloudformation/errors.h"
#include "cloudformation/limits.h"
#include "cloudformation/members.h"
#include "cloudformation/parameters.h"

namespace aurora_global::cloudformation {
namespace {

using nlohmann::json;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) {
    text.remove_prefix(1);
  }
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) {
    text.remove_suffix(1);
  }
  return text;
}

json split_list(std::string_view text) {
  json list = json::array();
  while (true) {
    const std::size_t comma = text.find(',');
    list.push_back(std::string(trimmed(text.substr(0, comma))));
    if (comma == text.npos) return list;
    text.remove_prefix(comma + 1);
  }
}

// The whole text must match. A pattern that is none, or too complex for this text, matches nothing.
bool matches(const std::string& pattern, const std::string& text) {
  try {
    return boost::regex_match(text, boost::regex(pattern, boost::regex::perl));
  } catch (const std::runtime_error&) {
    return false;
  }
}

std::string number_shown(double number) { return json(number).dump(); }

// Why one value breaks the parameter's constraints; empty if it does not.
std::string broken_constraint(const ParameterDefinition& is, const std::string& value) {
  if (is.type == "Number" || is.type == "List<Number>") {
    const auto number = as_number(json(value));
    if (!number) return "must be a number";
    if (is.min_value && *number < *is.min_value) {
      return "must be a number not less than " + number_shown(*is.min_value);
    }
    if (is.max_value && *number > *is.max_value) {
      return "must be a number not greater than " + number_shown(*is.max_value);
    }
  }
  if (!is.allowed_values.empty() && std::find(is.allowed_values.begin(), is.allowed_values.end(),
                                              value) == is.allowed_values.end()) {
    return "must be one of AllowedValues";
  }
  if (is.min_length && value.size() < *is.min_length) {
    return "must contain at least " + std::to_string(*is.min_length) + " characters";
  }
  if (is.max_length && value.size() > *is.max_length) {
    return "must contain at most " + std::to_string(*is.max_length) + " characters";
  }
  if (!is.allowed_pattern.empty() && !matches(is.allowed_pattern, value)) {
    return "must match pattern " + shown(is.allowed_pattern);
  }
  return "";
}

Result<void> check(const std::string& name, const ParameterDefinition& is, const json& value) {
  const json list = value.is_array() ? value : json::array({value});
  for (const json& one : list) {
    const std::string why = broken_constraint(is, one.get_ref<const std::string&>());
    if (why.empty()) continue;
    if (!is.constraint_description.empty()) {
      return validation_error("Parameter " + name +
                              " failed to satisfy constraint: " + is.constraint_description);
    }
    return validation_error("Parameter '" + name + "' " + why);
  }
  return ok();
}

Result<std::map<std::string, std::string>> texts_of(
    const std::map<std::string, ParameterDefinition>& definitions, const ParameterInput& input) {
  std::set<std::string> unknown;
  std::set<std::string> missing;
  for (const auto& [name, text] : input.given) {
    if (!definitions.contains(name)) unknown.insert(name);
  }
  for (const std::string& name : input.use_previous) {
    if (!definitions.contains(name)) unknown.insert(name);
    if (definitions.contains(name) && !input.previous.contains(name)) {
      return validation_error(
          "Invalid input for parameter key " + shown(name) +
          ". Cannot specify usePreviousValue as true for a parameter key not in the previous "
          "template");
    }
  }
  if (!unknown.empty()) {
    return validation_error("Parameters: " + listed(unknown) + " do not exist in the template");
  }
  std::map<std::string, std::string> texts;
  for (const auto& [name, definition] : definitions) {
    if (const auto given = input.given.find(name); given != input.given.end()) {
      texts[name] = given->second;
    } else if (input.use_previous.contains(name)) {
      texts[name] = input.previous.at(name);
    } else if (definition.default_value) {
      texts[name] = *definition.default_value;
    } else {
      missing.insert(name);
    }
  }
  if (!missing.empty()) {
    return validation_error("Parameters: " + listed(missing) + " must have values");
  }
  return texts;
}

}  // namespace

Result<ParameterValues> parameter_values(
    const std::map<std::string, ParameterDefinition>& definitions, const ParameterInput& input,
    const SsmLookup& ssm) {
  TRY(const auto texts, texts_of(definitions, input));
  ParameterValues values;
  for (const auto& [name, text] : texts) {
    const ParameterDefinition& is = definitions.at(name);
    if (text.size() > kParameterValueBytesMax) {
      return validation_error("Parameter '" + name + "' must contain at most " +
                              std::to_string(kParameterValueBytesMax) + " characters");
    }
    // Constraints of such a type are about the name that is given, as in CloudFormation.
    const bool splits = is.is_list() && !is.is_from_ssm();
    TRY_VOID(check(name, is, splits ? split_list(text) : json(text)));
    std::string found = text;
    if (is.is_from_ssm()) {
      TRY(found, ssm(text));
    }
    values[name] = {.given = text,
                    .value = is.is_list() ? split_list(found) : json(found),
                    .no_echo = is.no_echo};
  }
  return values;
}

}  // namespace aurora_global::cloudformation
