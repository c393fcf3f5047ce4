#include "services/body_schema.h"

#include <algorithm>
#include <boost/regex.hpp>
#include <cmath>

namespace aurora_global::services {
namespace {

using nlohmann::json;

constexpr std::string_view kTypes[] = {"object",  "array",   "string", "number",
                                       "integer", "boolean", "null"};
constexpr std::string_view kNumbers[] = {"minLength", "maxLength",     "minItems",
                                         "maxItems",  "minProperties", "maxProperties"};
// Said of a schema, without an effect.
constexpr std::string_view kSilentWords[] = {"$schema",     "id",      "title",
                                             "description", "default", "format"};
constexpr std::size_t kPatternBytesMax = 512;
constexpr std::size_t kPatternTextMax = 8192;

template <typename Names>
bool is_one_of(const Names& names, std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

Error wrong(const std::string& what) {
  return make_error(ErrorKind::invalid, "Invalid model specified: " + what, "BadRequestException");
}

Result<void> check_at(const json& schema, int depth);

Result<void> check_each(const json& schemas, int depth) {
  for (const auto& [name, one] : schemas.items()) TRY_VOID(check_at(one, depth));
  return ok();
}

bool is_pattern(const json& value) {
  if (!value.is_string() || value.get_ref<const std::string&>().size() > kPatternBytesMax) {
    return false;
  }
  try {
    const boost::regex compiled(value.get<std::string>(), boost::regex::perl);
    return true;
  } catch (const boost::regex_error&) {
    return false;
  }
}

bool is_types(const json& value) {
  if (value.is_string()) return is_one_of(kTypes, value.get<std::string>());
  return value.is_array() && !value.empty() &&
         std::all_of(value.begin(), value.end(), [](const json& one) {
           return one.is_string() && is_one_of(kTypes, one.get<std::string>());
         });
}

bool is_names(const json& value) {
  return value.is_array() && !value.empty() &&
         std::all_of(value.begin(), value.end(), [](const json& one) { return one.is_string(); });
}

Result<void> check_keyword(const std::string& name, const json& value, int depth) {
  bool fine = true;
  if (name == "type") {
    fine = is_types(value);
  } else if (name == "enum") {
    fine = value.is_array() && !value.empty();
  } else if (name == "required") {
    fine = is_names(value);
  } else if (name == "properties") {
    if (value.is_object()) return check_each(value, depth + 1);
    fine = false;
  } else if (name == "items") {
    return check_at(value, depth + 1);
  } else if (name == "additionalProperties") {
    if (!value.is_boolean()) return check_at(value, depth + 1);
  } else if (name == "pattern") {
    fine = is_pattern(value);
  } else if (name == "minimum" || name == "maximum") {
    fine = value.is_number();
  } else if (is_one_of(kNumbers, name)) {
    fine = value.is_number_unsigned();
  } else if (!is_one_of(kSilentWords, name)) {
    return wrong("the keyword '" + name + "' is not supported here");
  }
  return fine ? ok() : wrong("the value of '" + name + "' is none that it may have");
}

Result<void> check_at(const json& schema, int depth) {
  if (depth > kSchemaDepthMax) return wrong("it is nested too deeply");
  if (!schema.is_object()) return wrong("a schema is an object");
  for (const auto& [name, value] : schema.items()) TRY_VOID(check_keyword(name, value, depth));
  return ok();
}

bool is_of_type(const std::string& type, const json& value) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_boolean();
  if (type == "null") return value.is_null();
  return value.is_number_integer() ||
         (value.is_number_float() && std::floor(value.get<double>()) == value.get<double>());
}

bool is_typed(const json& types, const json& value) {
  if (types.is_string()) return is_of_type(types.get<std::string>(), value);
  return std::any_of(types.begin(), types.end(),
                     [&](const json& one) { return is_of_type(one.get<std::string>(), value); });
}

bool is_sized(const json& schema, const char* least, const char* most, std::size_t size) {
  const auto low = schema.find(least), high = schema.find(most);
  return (low == schema.end() || size >= low->get<std::size_t>()) &&
         (high == schema.end() || size <= high->get<std::size_t>());
}

bool is_text(const json& schema, const std::string& text) {
  const auto begins = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  const auto length = std::count_if(text.begin(), text.end(), begins);
  if (!is_sized(schema, "minLength", "maxLength", static_cast<std::size_t>(length))) return false;
  const auto pattern = schema.find("pattern");
  if (pattern == schema.end()) return true;
  if (text.size() > kPatternTextMax) return false;
  try {
    return boost::regex_search(text, boost::regex(pattern->get<std::string>()));
  } catch (const std::runtime_error&) {
    return false;  // Too much work.
  }
}

bool is_number(const json& schema, double number) {
  const auto low = schema.find("minimum"), high = schema.find("maximum");
  return (low == schema.end() || number >= low->get<double>()) &&
         (high == schema.end() || number <= high->get<double>());
}

bool is_object(const json& schema, const json& value) {
  if (!is_sized(schema, "minProperties", "maxProperties", value.size())) return false;
  for (const json& name : schema.value("required", json::array())) {
    if (!value.contains(name.get<std::string>())) return false;
  }
  const json properties = schema.value("properties", json::object());
  const json others = schema.value("additionalProperties", json(true));
  for (const auto& [name, member] : value.items()) {
    const auto known = properties.find(name);
    if (known != properties.end()) {
      if (!is_valid(*known, member)) return false;
    } else if (others.is_boolean() ? !others.get<bool>() : !is_valid(others, member)) {
      return false;
    }
  }
  return true;
}

}  // namespace

Result<void> check_schema(const json& schema) { return check_at(schema, 0); }

bool is_valid(const json& schema, const json& value) {
  if (schema.contains("type") && !is_typed(schema["type"], value)) return false;
  if (schema.contains("enum")) {
    const json& all = schema["enum"];
    if (std::find(all.begin(), all.end(), value) == all.end()) return false;
  }
  if (value.is_string()) return is_text(schema, value.get_ref<const std::string&>());
  if (value.is_number()) return is_number(schema, value.get<double>());
  if (value.is_object()) return is_object(schema, value);
  if (!value.is_array()) return true;
  const json items = schema.value("items", json::object());
  return is_sized(schema, "minItems", "maxItems", value.size()) &&
         std::all_of(value.begin(), value.end(),
                     [&](const json& one) { return is_valid(items, one); });
}

}  // namespace aurora_global::services
