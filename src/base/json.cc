#include "base/json.h"

namespace aurora_global {
namespace {

// Brackets, commas and colons outside of texts. Of what is no JSON this may say anything: the
// parser refuses it anyway.
bool is_within(std::string_view text, std::size_t values_max) {
  int depth = 0;
  std::size_t values = 1;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kJsonDepthMax || ++values > values_max) return false;
    } else if (c == ']' || c == '}') {
      --depth;
    } else if (c == ',' || c == ':') {
      if (++values > values_max) return false;
    }
  }
  return true;
}

}  // namespace

nlohmann::json parse_json(std::string_view text, std::size_t values_max) {
  if (!is_within(text, values_max)) return nlohmann::json(nlohmann::json::value_t::discarded);
  return nlohmann::json::parse(text, nullptr, false);
}

bool is_json(std::string_view text) {
  return is_within(text, text.size() + 1) && nlohmann::json::accept(text);
}

}  // namespace aurora_global
