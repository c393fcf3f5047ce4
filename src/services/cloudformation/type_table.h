// What a resource type has: the properties that it takes, and what becomes of each; the attributes
// that Fn::GetAtt gives. Checked before anything is made, and written down in
// docs/reference/cloudformation.md.
#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cloudformation/schema.h"

namespace aurora_global::services::cloudformation {

namespace core = aurora_global::cloudformation;
using core::Replacing;

enum class Fate {
  real,      // It has the effect that it has at AWS.
  recorded,  // Kept, compared, shown; nothing comes of it here.
  refused    // Nothing is made of a template that has it.
};

// What a value is. Texts, numbers and truth values may be written for each other, as in
// CloudFormation.
enum class Kind { any, text, number, truth, list, object };

struct Property {
  // "QueueName", or inside of a top-level one: "VpcConfig.Ipv6AllowedForDualStack", through lists,
  // too. Those inside are documented and, where they are refused, looked for; `kind`, `replacing`
  // and `required` are of top-level properties.
  std::string_view name;
  Kind kind = Kind::any;
  Fate fate = Fate::real;
  Replacing replacing = Replacing::never;
  bool required = false;
  std::string_view note = "";  // Why it is refused, what comes of it instead.
  std::string_view only = "";  // The one value that there is here; empty: any.
};

struct Attribute {
  std::string_view name;  // "Arn", "Endpoint.Address".
  bool stable = true;     // It stays what it is when the resource is modified in place.
};

struct TypeTable {
  std::string_view type;  // "AWS::SQS::Queue"; "Custom::*".
  std::span<const Property> properties;
  std::span<const Attribute> attributes;
  // Nothing is behind the type but its own record.
  bool recorded_only = false;
  // Properties that the table does not have are the resource's own business.
  bool takes_any = false;
};

// Null: the table does not have it.
const Property* find_property(const TypeTable& table, std::string_view name);

// Properties as a template has them, with `unknown` for the names of those whose value is not known
// yet: required ones are there, none is unknown or refused, each is of its kind. One that is
// refused may be false: that asks for nothing. Fails with `invalid` and a sentence that names type
// and property.
Result<void> check_properties(const TypeTable& table, const nlohmann::json& properties,
                              const std::set<std::string>& unknown);

// Whether the attribute is one of the table's, or leads into one or out of one.
bool has_attribute(const TypeTable& table, std::string_view name);

// The tables as a document.
std::string document_of(std::span<const TypeTable* const> tables);

}  // namespace aurora_global::services::cloudformation
