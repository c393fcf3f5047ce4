#include "cloudformation/errors.h"

namespace aurora_global::cloudformation {

Error validation_error(std::string message) {
  return make_error(ErrorKind::invalid, std::move(message), "ValidationError");
}

Error format_error(std::string_view what) {
  return validation_error("Template format error: " + std::string(what));
}

Error template_validation_error(std::string_view what) {
  return validation_error("Template validation error: " + std::string(what));
}

Error template_error(std::string_view what) {
  return validation_error("Template error: " + std::string(what));
}

std::string listed(const std::set<std::string>& names) {
  constexpr std::size_t kShown = 20;
  std::string text = "[";
  std::size_t count = 0;
  for (const std::string& name : names) {
    if (count != 0) text += ", ";
    if (++count > kShown) {
      text += "...";
      break;
    }
    text += shown(name);
  }
  return text + "]";
}

Error unresolved_resources(const std::set<std::string>& names, std::string_view block) {
  return format_error("Unresolved resource dependencies " + listed(names) + " in the " +
                      std::string(block) + " block of the template");
}

}  // namespace aurora_global::cloudformation
