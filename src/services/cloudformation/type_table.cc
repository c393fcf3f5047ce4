#include "services/cloudformation/type_table.h"

#include <algorithm>

#include "cloudformation/errors.h"
#include "cloudformation/members.h"
#include "services/cloudformation/identifiers.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;

Error wrong(const TypeTable& table, const std::string& what) {
  return core::validation_error("Properties validation failed for type " + std::string(table.type) +
                                ": " + what);
}

bool is_of(Kind kind, const json& value) {
  switch (kind) {
    case Kind::any: return true;
    case Kind::text: return value.is_primitive() && !value.is_null();
    case Kind::number: return core::as_number(value).has_value();
    case Kind::truth: return value.is_boolean() || value == "true" || value == "false";
    case Kind::list: return value.is_array();
    case Kind::object: return value.is_object();
  }
  return false;
}

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::any: return "value";
    case Kind::text: return "String";
    case Kind::number: return "Number";
    case Kind::truth: return "Boolean";
    case Kind::list: return "List";
    case Kind::object: return "Object";
  }
  return "";
}

std::string_view name_of(Fate fate) {
  switch (fate) {
    case Fate::real: return "real";
    case Fate::recorded: return "recorded";
    case Fate::refused: return "refused";
  }
  return "";
}

std::string_view name_of(Replacing replacing) {
  switch (replacing) {
    case Replacing::never: return "no";
    case Replacing::conditionally: return "maybe";
    case Replacing::always: return "yes";
  }
  return "";
}

// Whether `path` leads to something that is asked for, through lists as well.
bool leads_somewhere(const json& value, std::string_view path) {
  if (value.is_array()) {
    return std::any_of(value.begin(), value.end(),
                       [path](const json& one) { return leads_somewhere(one, path); });
  }
  if (path.empty()) return !value.is_null() && core::as_text(value) != "false";
  if (!value.is_object()) return false;
  const std::size_t dot = path.find('.');
  const auto found = value.find(std::string(path.substr(0, dot)));
  if (found == value.end()) return false;
  return leads_somewhere(*found, dot == path.npos ? "" : path.substr(dot + 1));
}

}  // namespace

const Property* find_property(const TypeTable& table, std::string_view name) {
  for (const Property& property : table.properties) {
    if (property.name == name) return &property;
  }
  return nullptr;
}

Result<void> check_properties(const TypeTable& table, const json& properties,
                              const std::set<std::string>& unknown) {
  // First of all: what is said of another engine's properties would lead astray.
  for (const Property& property : table.properties) {
    const std::string name(property.name);
    if (property.only.empty() || !properties.contains(name) || unknown.contains(name)) continue;
    const std::string given = core::as_text(properties.at(name)).value_or("");
    if (given.empty() || given == property.only) continue;
    return wrong(table, "The property " + name + " with the value " + core::shown(given) +
                            " is not supported here: it can be " + std::string(property.only) +
                            " only");
  }
  for (const auto& [name, value] : properties.items()) {
    const Property* property = find_property(table, name);
    if (property == nullptr) {
      if (table.takes_any) continue;
      return wrong(table, "Encountered unsupported property " + core::shown(name));
    }
    if (!unknown.contains(name) && !is_of(property->kind, value)) {
      return wrong(table, "Value of property " + name + " must be of type " +
                              std::string(name_of(property->kind)));
    }
  }
  for (const Property& property : table.properties) {
    const std::string name(property.name);
    if (property.required && !properties.contains(name)) {
      return wrong(table, "Property " + name + " is required");
    }
    if (property.fate != Fate::refused || !leads_somewhere(properties, name)) continue;
    return wrong(table, "The property " + name + " is not supported here" +
                            (property.note.empty() ? "" : ": " + std::string(property.note)));
  }
  return ok();
}

bool has_attribute(const TypeTable& table, std::string_view name) {
  // Whose properties are its own business, its attributes are, too.
  if (table.takes_any) return true;
  const auto leads = [](std::string_view from, std::string_view to) {
    return to.size() > from.size() && to.starts_with(from) && to[from.size()] == '.';
  };
  return std::any_of(table.attributes.begin(), table.attributes.end(), [&](const Attribute& one) {
    return one.name == name || leads(one.name, name) || leads(name, one.name);
  });
}

std::string document_of(std::span<const TypeTable* const> tables) {
  std::vector<const TypeTable*> sorted(tables.begin(), tables.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const TypeTable* one, const TypeTable* other) { return one->type < other->type; });
  std::string text;
  for (const TypeTable* table : sorted) {
    text += "\n### " + std::string(table->type) + "\n\n";
    if (const auto identifier = identifier_of(table->type); !identifier.empty()) {
      text += "Imported by `" + std::string(identifier) + "`.\n\n";
    }
    if (table->recorded_only) text += "Recorded only.\n\n";
    if (!table->attributes.empty()) {
      text += "Attributes:";
      for (const Attribute& one : table->attributes) text += " `" + std::string(one.name) + "`";
      text += "\n\n";
    }
    if (table->takes_any) text += "Takes any other property as well.\n\n";
    text += "| property | required | fate | replaces | note |\n| --- | --- | --- | --- | --- |\n";
    for (const Property& one : table->properties) {
      text += "| `" + std::string(one.name) + "` | " + (one.required ? "yes" : "") + " | " +
              std::string(name_of(one.fate)) + " | " + std::string(name_of(one.replacing)) + " | " +
              (one.only.empty() ? std::string(one.note) : "`" + std::string(one.only) + "` only") +
              " |\n";
    }
  }
  return text;
}

}  // namespace aurora_global::services::cloudformation
