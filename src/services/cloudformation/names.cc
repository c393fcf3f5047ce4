#include "services/cloudformation/names.h"

#include <algorithm>

#include "base/rng.h"
#include "cloudformation/members.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;

constexpr std::size_t kDigits = 13;

std::string lowered(std::string text) {
  for (char& one : text) {
    if (one >= 'A' && one <= 'Z') one = static_cast<char>(one - 'A' + 'a');
  }
  return text;
}

void add_tag(Tags& tags, std::string key, std::string value) {
  const bool is_there =
      std::any_of(tags.begin(), tags.end(), [&key](const auto& one) { return one.first == key; });
  if (!is_there) tags.emplace_back(std::move(key), std::move(value));
}

}  // namespace

std::string digits_of(std::string_view token, std::size_t digits) {
  // FNV-1a: the same on every machine and in every version.
  std::uint64_t seed = 14695981039346656037ULL;
  for (const char one : token) {
    seed = (seed ^ static_cast<unsigned char>(one)) * 1099511628211ULL;
  }
  Rng rng(seed);
  std::string text;
  while (text.size() < digits) text += "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[rng.below(36)];
  return text;
}

std::string generated_name(const ResourceRequest& request, NameRule rule) {
  const std::string last = digits_of(request.token, std::min(kDigits, rule.bytes_max));
  std::string name;
  if (rule.bytes_max >= last.size() + 4) {
    const std::size_t room = rule.bytes_max - last.size() - 2;
    // Half of the room each; what one leaves, the other may have.
    const std::size_t half = room / 2;
    const std::size_t of_id =
        std::min(request.logical_id.size(),
                 std::max(half, room - std::min(room, request.stack_name.size())));
    name = request.stack_name.substr(0, room - of_id) + "-" + request.logical_id.substr(0, of_id) +
           "-";
  }
  name += last;
  // A stack's name may have or end in several hyphens, which RDS's names may not.
  const auto both = [](char one, char next) { return one == '-' && next == '-'; };
  name.erase(std::unique(name.begin(), name.end(), both), name.end());
  return rule.letter_case == LetterCase::lower ? lowered(name) : name;
}

std::string name_or_generated(const ResourceRequest& request, const char* property, NameRule rule) {
  const std::string given = text_of(request.properties, property);
  return given.empty() ? generated_name(request, rule) : given;
}

std::pair<std::string, std::string> step_tag(const ResourceRequest& request) {
  return {std::string(kStepTag), request.token};
}

Tags tags_of(const json& properties) {
  Tags tags;
  const json& own = core::property_or_null(properties, "Tags");
  if (own.is_array()) {
    for (const json& one : own) add_tag(tags, text_of(one, "Key"), text_of(one, "Value"));
  } else if (own.is_object()) {
    for (const auto& [key, value] : own.items()) {
      add_tag(tags, key, core::as_text(value).value_or(""));
    }
  }
  return tags;
}

json list_of(const Tags& tags, const char* key, const char* value) {
  json list = json::array();
  for (const auto& [name, text] : tags) list.push_back({{key, name}, {value, text}});
  return list;
}

json object_of(const Tags& tags) {
  json object = json::object();
  for (const auto& [name, text] : tags) object[name] = text;
  return object;
}

std::string text_of(const json& properties, const char* name) {
  return core::as_text(core::property_or_null(properties, name)).value_or("");
}

json members_of(const json& properties, std::initializer_list<const char*> names) {
  json members = json::object();
  for (const char* name : names) {
    const json& value = core::property_or_null(properties, name);
    if (!value.is_null()) members[name] = value;
  }
  return members;
}

}  // namespace aurora_global::services::cloudformation
