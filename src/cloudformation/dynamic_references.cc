#include "cloudformation/dynamic_references.h"

#include "base/check.h"
#include "cloudformation/errors.h"
#include "cloudformation/limits.h"

namespace aurora_global::cloudformation {
namespace {

using nlohmann::json;

constexpr std::string_view kBegin = "{{resolve:";
constexpr std::string_view kEnd = "}}";

// Takes what stands before the next colon, and the colon.
std::string next_part(std::string_view& text) {
  const std::size_t colon = text.find(':');
  std::string part(text.substr(0, colon));
  text.remove_prefix(colon == text.npos ? text.size() : colon + 1);
  return part;
}

Result<DynamicReference> malformed(std::string_view text) {
  return template_error("the dynamic reference {{" + shown(text) + "}} is malformed");
}

// name[:SecretString[:json-key[:version-stage[:version-id]]]], where the name may be an ARN.
Result<DynamicReference> parse_secret(std::string_view text, std::string_view whole) {
  DynamicReference found{.service = ReferencedService::secretsmanager};
  constexpr int kPartsOfArn = 7;
  found.name = next_part(text);
  if (found.name == "arn") {
    for (int part = 1; part < kPartsOfArn; ++part) found.name += ":" + next_part(text);
  }
  const std::string what = next_part(text);
  found.json_key = next_part(text);
  found.version_stage = next_part(text);
  found.version_id = next_part(text);
  const bool two_versions = !found.version_stage.empty() && !found.version_id.empty();
  if (found.name.empty() || !text.empty() || two_versions) return malformed(whole);
  if (!what.empty() && what != "SecretString") return malformed(whole);
  return found;
}

Result<DynamicReference> parse_parameter(ReferencedService service, std::string_view text,
                                         std::string_view whole) {
  DynamicReference found{.service = service};
  found.name = next_part(text);
  found.version = next_part(text);
  const bool is_number = found.version.find_first_not_of("0123456789") == std::string::npos;
  if (found.name.empty() || !text.empty() || !is_number) return malformed(whole);
  return found;
}

// Calls `each` with the text of every reference in `text`; a Result<std::string> that takes its
// place. Returns the text that comes of it.
template <typename Each>
Result<std::string> replace_in(std::string_view text, Each each) {
  std::string whole;
  while (true) {
    const std::size_t begin = text.find(kBegin);
    const std::size_t end = begin == text.npos ? text.npos : text.find(kEnd, begin);
    whole += text.substr(0, end == text.npos ? text.npos : begin);
    if (end == text.npos) return whole;
    TRY(const std::string value, each(text.substr(begin + 2, end - begin - 2)));
    whole += value;
    text.remove_prefix(end + kEnd.size());
  }
}

template <typename Each>
Result<json> replace_in_all(const json& value, std::size_t depth, Each& each) {
  if (depth > kNestingMax) return template_error("the template is nested too deeply");
  if (value.is_string()) {
    TRY(std::string text, replace_in(value.get_ref<const std::string&>(), each));
    return json(std::move(text));
  }
  if (!value.is_structured()) return value;
  json made = value;
  for (json& inner : made) {
    TRY(inner, replace_in_all(inner, depth + 1, each));
  }
  return made;
}

}  // namespace

std::string_view name_of(ReferencedService service) {
  switch (service) {
    case ReferencedService::ssm: return "ssm";
    case ReferencedService::ssm_secure: return "ssm-secure";
    case ReferencedService::secretsmanager: return "secretsmanager";
  }
  CHECK(false);
}

Result<DynamicReference> parse_dynamic_reference(std::string_view text) {
  std::string_view rest = text;
  if (next_part(rest) != "resolve") return malformed(text);
  const std::string service = next_part(rest);
  for (const auto one : {ReferencedService::ssm, ReferencedService::ssm_secure}) {
    if (service == name_of(one)) return parse_parameter(one, rest, text);
  }
  if (service == name_of(ReferencedService::secretsmanager)) return parse_secret(rest, text);
  return template_error("dynamic references of the service '" + shown(service) +
                        "' are not supported");
}

Result<std::vector<DynamicReference>> dynamic_references(const json& value) {
  std::vector<DynamicReference> found;
  auto each = [&](std::string_view text) -> Result<std::string> {
    if (found.size() == kDynamicReferencesMax) {
      return template_error("there are more than " + std::to_string(kDynamicReferencesMax) +
                            " dynamic references");
    }
    TRY(found.emplace_back(), parse_dynamic_reference(text));
    return std::string();
  };
  TRY_VOID(replace_in_all(value, 0, each));
  return found;
}

Result<json> resolve_dynamic_references(const json& value, const Resolver& resolver) {
  std::size_t count = 0;
  auto each = [&](std::string_view text) -> Result<std::string> {
    if (++count > kDynamicReferencesMax) {
      return template_error("there are more than " + std::to_string(kDynamicReferencesMax) +
                            " dynamic references");
    }
    TRY(const DynamicReference reference, parse_dynamic_reference(text));
    return resolver(reference);
  };
  return replace_in_all(value, 0, each);
}

}  // namespace aurora_global::cloudformation
