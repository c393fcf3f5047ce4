#include "services/rds/parameters.h"

#include <time.h>

#include <algorithm>
#include <charconv>

namespace aurora_global::services::rds {

Parameters::Parameters(awsapi::Form form) : form_(std::move(form)) {
  read_ = {"Action", "Version"};
}

void Parameters::problem(std::string code, std::string message) {
  if (!problem_) {
    problem_ = make_error(ErrorKind::invalid, std::move(message), std::move(code));
  }
}

const std::string* Parameters::find(const std::string& name) {
  read_.insert(name);
  const auto found = form_.find(name);
  return found == form_.end() ? nullptr : &found->second;
}

std::string Parameters::required(const std::string& name) {
  const std::string* value = find(name);
  if (value != nullptr && !value->empty()) return *value;
  problem("MissingParameter", "The request must contain the parameter " + name);
  return "";
}

std::string Parameters::text(const std::string& name) {
  const std::string* value = find(name);
  return value == nullptr ? "" : *value;
}

std::optional<std::string> Parameters::optional_text(const std::string& name) {
  const std::string* value = find(name);
  if (value == nullptr) return std::nullopt;
  return *value;
}

bool Parameters::flag(const std::string& name) { return optional_flag(name).value_or(false); }

std::optional<bool> Parameters::optional_flag(const std::string& name) {
  const std::string* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (*value == "true" || *value == "True") return true;
  if (*value == "false" || *value == "False") return false;
  problem("InvalidParameterValue",
          "The parameter " + name + " must be true or false; given: " + *value);
  return std::nullopt;
}

std::optional<int> Parameters::number(const std::string& name, int min, int max) {
  const std::string* value = find(name);
  if (value == nullptr) return std::nullopt;
  int parsed = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), parsed);
  if (error == std::errc() && end == value->data() + value->size() && parsed >= min &&
      parsed <= max) {
    return parsed;
  }
  problem("InvalidParameterValue", "The parameter " + name + " must be a whole number from " +
                                       std::to_string(min) + " to " + std::to_string(max) +
                                       "; given: " + *value);
  return std::nullopt;
}

std::optional<double> Parameters::decimal(const std::string& name, double min, double max) {
  const std::string* value = find(name);
  if (value == nullptr) return std::nullopt;
  double parsed = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), parsed);
  if (error == std::errc() && end == value->data() + value->size() && parsed >= min &&
      parsed <= max) {
    return parsed;
  }
  problem("InvalidParameterValue", "The parameter " + name + " is out of range: " + *value);
  return std::nullopt;
}

std::optional<WallTime> Parameters::time(const std::string& name) {
  const std::string* value = find(name);
  if (value == nullptr) return std::nullopt;
  std::tm utc{};
  const char* rest = strptime(value->c_str(), "%Y-%m-%dT%H:%M:%S", &utc);
  if (rest == nullptr) rest = strptime(value->c_str(), "%Y-%m-%dT%H:%M", &utc);
  if (rest == nullptr || (*rest != '\0' && *rest != 'Z' && *rest != '.' && *rest != '+')) {
    problem(
        "InvalidParameterValue",
        "The parameter " + name + " must be a time such as 2026-01-31T12:00:00Z; given: " + *value);
    return std::nullopt;
  }
  return WallTime(std::chrono::seconds(timegm(&utc)));
}

std::vector<model::Tag> Parameters::tags() {
  std::vector<model::Tag> tags;
  for (int i = 1;; ++i) {
    const std::string prefix = "Tags.Tag." + std::to_string(i);
    const std::string* key = find(prefix + ".Key");
    if (key == nullptr) return tags;
    tags.push_back({*key, text(prefix + ".Value")});
  }
}

Filters Parameters::filters(std::initializer_list<std::string_view> known) {
  std::map<std::string, std::set<std::string>> filters;
  for (int i = 1;; ++i) {
    const std::string prefix = "Filters.Filter." + std::to_string(i);
    const std::string* name = find(prefix + ".Name");
    if (name == nullptr) return Filters(std::move(filters));
    if (std::find(known.begin(), known.end(), *name) == known.end()) {
      problem("InvalidParameterValue", "Unrecognized filter name: " + *name);
    }
    const std::vector<std::string> values = list(prefix + ".Values.Value");
    if (values.empty()) {
      problem("InvalidParameterValue", "The filter " + *name + " has no values");
    }
    filters[*name].insert(values.begin(), values.end());
  }
}

bool Filters::take(const std::string& name, const std::vector<std::string>& values) const {
  const auto filter = wanted_.find(name);
  return filter == wanted_.end() ||
         std::any_of(values.begin(), values.end(),
                     [&](const std::string& value) { return filter->second.contains(value); });
}

Page Parameters::page() {
  Page page;
  page.size = static_cast<std::size_t>(number("MaxRecords", 20, 100).value_or(100));
  const std::string* marker = find("Marker");
  if (marker == nullptr || marker->empty()) return page;
  const char* last = marker->data() + marker->size();
  const auto [end, error] = std::from_chars(marker->data(), last, page.from);
  if (error != std::errc() || end != last) {
    problem("InvalidParameterValue", "The Marker is none that this region gave: " + *marker);
  }
  return page;
}

std::vector<std::string> Parameters::list(const std::string& prefix) {
  std::vector<std::string> values;
  for (int i = 1;; ++i) {
    const std::string* value = find(prefix + "." + std::to_string(i));
    if (value == nullptr) return values;
    values.push_back(*value);
  }
}

void Parameters::ignore(std::initializer_list<std::string_view> names) {
  for (const auto& [given, value] : form_) {
    for (const std::string_view name : names) {
      const bool member =
          given.size() > name.size() && given.rfind(name, 0) == 0 && given[name.size()] == '.';
      if (given == name || member) read_.insert(given);
    }
  }
}

Result<void> Parameters::finish() {
  if (problem_) return *problem_;
  for (const auto& [name, value] : form_) {
    if (!read_.contains(name)) {
      return make_error(ErrorKind::invalid,
                        "The parameter " + name + " is not known for this action",
                        "InvalidParameterValue");
    }
  }
  return ok();
}

}  // namespace aurora_global::services::rds
