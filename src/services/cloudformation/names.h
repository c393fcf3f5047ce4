// How resources of a stack are called and marked.
#pragma once

#include "services/cloudformation/provider.h"

namespace aurora_global::services::cloudformation {

enum class LetterCase { upper, lower };
struct NameRule {
  std::size_t bytes_max = 64;
  LetterCase letter_case = LetterCase::upper;
};

// "stack-LogicalId-1A2B3C4D5E6F7": the last part comes of the step's token, so a repeated step
// finds the same name and no other step does. Stack name and logical id are cut where all of it is
// too long. In lower case all of it is.
std::string generated_name(const ResourceRequest& request, NameRule rule = {});
// What stands in `property`, or a generated name.
std::string name_or_generated(const ResourceRequest& request, const char* property,
                              NameRule rule = {});

// `digits` of 0-9 A-Z that the token stands for, the same each time.
std::string digits_of(std::string_view token, std::size_t digits);

// For a service that names its resources itself: what one looks for before it makes another one.
inline constexpr std::string_view kStepTag = "aurora-global:cloudformation-step";
std::pair<std::string, std::string> step_tag(const ResourceRequest& request);

// The property Tags, a list of {Key, Value} or an object.
Tags tags_of(const nlohmann::json& properties);
// [{"Key": ..., "Value": ...}], or with the names that the service has for the two.
nlohmann::json list_of(const Tags& tags, const char* key = "Key", const char* value = "Value");
nlohmann::json object_of(const Tags& tags);

// A property as text, number words included; empty if it is not there.
std::string text_of(const nlohmann::json& properties, const char* name);
// The members of `properties` that the two have in common, for the input of a call that has the
// same names as the type.
nlohmann::json members_of(const nlohmann::json& properties,
                          std::initializer_list<const char*> names);

}  // namespace aurora_global::services::cloudformation
