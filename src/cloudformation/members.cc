#include "cloudformation/members.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "cloudformation/errors.h"
#include "cloudformation/limits.h"

namespace aurora_global::cloudformation {

using nlohmann::json;

std::optional<std::string> as_text(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  if (value.is_number()) return value.dump();
  return std::nullopt;
}

std::optional<double> as_number(const json& value) {
  if (value.is_number()) return value.get<double>();
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  double number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = read.ec == std::errc() && read.ptr == text.data() + text.size();
  return whole && std::isfinite(number) ? std::optional(number) : std::nullopt;
}

std::optional<std::uint64_t> as_count(const json& value) {
  const auto text = as_text(value);
  if (!text) return std::nullopt;
  std::uint64_t count = 0;
  const auto read = std::from_chars(text->data(), text->data() + text->size(), count);
  const bool whole = read.ec == std::errc() && read.ptr == text->data() + text->size();
  return whole ? std::optional(count) : std::nullopt;
}

TemplateMembers::TemplateMembers(const json& object, std::string path)
    : object_(object), path_(std::move(path)) {
  if (!object.is_object()) problem_ = format_error("[" + path_ + "] must be an object");
}

const json* TemplateMembers::find(const char* name) {
  asked_.emplace_back(name);
  if (!object_.is_object()) return nullptr;
  const auto found = object_.find(name);
  return found == object_.end() ? nullptr : &*found;
}

TemplateMembers& TemplateMembers::wrong(const char* name, std::string_view what) {
  if (!problem_) {
    problem_ = format_error("[" + path_ + "/" + name + "] must be " + std::string(what));
  }
  return *this;
}

TemplateMembers& TemplateMembers::text(const char* name, std::string& out, std::size_t bytes_max) {
  const json* value = find(name);
  if (value == nullptr) return *this;
  auto read = as_text(*value);
  if (!read) return wrong(name, "a string");
  if (read->size() > bytes_max) {
    return wrong(name, "a string of at most " + std::to_string(bytes_max) + " bytes");
  }
  out = std::move(*read);
  return *this;
}

TemplateMembers& TemplateMembers::text(const char* name, std::optional<std::string>& out,
                                       std::size_t bytes_max) {
  if (!object_.is_object() || !object_.contains(name)) {
    find(name);
    return *this;
  }
  return text(name, out.emplace(), bytes_max);
}

TemplateMembers& TemplateMembers::texts(const char* name, std::vector<std::string>& out,
                                        std::size_t count_max) {
  const json* value = find(name);
  if (value == nullptr) return *this;
  if (!value->is_array() || value->size() > count_max) {
    return wrong(name, "a list of at most " + std::to_string(count_max) + " strings");
  }
  for (const json& one : *value) {
    auto read = as_text(one);
    if (!read) return wrong(name, "a list of strings");
    out.push_back(std::move(*read));
  }
  return *this;
}

TemplateMembers& TemplateMembers::truth(const char* name, bool& out) {
  const json* value = find(name);
  if (value == nullptr) return *this;
  auto read = as_text(*value).value_or("");
  std::transform(read.begin(), read.end(), read.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (read != "true" && read != "false") return wrong(name, "true or false");
  out = read == "true";
  return *this;
}

TemplateMembers& TemplateMembers::number(const char* name, std::optional<double>& out) {
  const json* value = find(name);
  if (value == nullptr) return *this;
  out = as_number(*value);
  return out ? *this : wrong(name, "a number");
}

TemplateMembers& TemplateMembers::count(const char* name, std::optional<std::uint64_t>& out) {
  const json* value = find(name);
  if (value == nullptr) return *this;
  out = as_count(*value);
  return out ? *this : wrong(name, "a whole number");
}

TemplateMembers& TemplateMembers::object(const char* name, json& out) {
  const json* value = find(name);
  if (value == nullptr) return *this;
  if (!value->is_object()) return wrong(name, "an object");
  out = *value;
  return *this;
}

Result<void> TemplateMembers::finish() {
  if (problem_) return *problem_;
  for (const auto& [name, value] : object_.items()) {
    if (std::find(asked_.begin(), asked_.end(), name) == asked_.end()) {
      return format_error("[" + path_ + "] Invalid member '" + shown(name) + "'");
    }
  }
  return ok();
}

}  // namespace aurora_global::cloudformation
