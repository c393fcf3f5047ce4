#include "services/rds/parameters.h"

#include <algorithm>
#include <set>

#include "services/rds/rules.h"

namespace aurora_global::services::rds {

using nlohmann::json;

std::optional<int> Parameters::number(const std::string& name, int min, int max) {
  const auto value = Members::number(name, min, max);
  return value ? std::optional(static_cast<int>(*value)) : std::nullopt;
}

std::optional<double> Parameters::decimal(const std::string& name, double min, double max) {
  const auto value = real(name);
  if (value && (*value < min || *value > max)) {
    problem("The parameter " + name + " is out of range: " + std::to_string(*value));
    return std::nullopt;
  }
  return value;
}

std::vector<model::Tag> Parameters::tags() {
  std::vector<model::Tag> tags;
  for (const json& one : list("Tags")) {
    tags.push_back({one.value("Key", ""), one.value("Value", "")});
    if (const auto fine = check_tag(tags.back()); fine.has_error()) problem(fine.error().message);
    if (tags.size() > kTagsMax) {
      problem("A resource has at most " + std::to_string(kTagsMax) + " tags");
      break;
    }
  }
  std::set<std::string_view> keys;
  for (const model::Tag& tag : tags) {
    if (!keys.insert(tag.key).second) problem("The tag key " + tag.key + " is given twice");
  }
  return tags;
}

Filters Parameters::filters(std::initializer_list<std::string_view> known) {
  std::map<std::string, std::set<std::string>> filters;
  for (const json& one : list("Filters")) {
    const std::string name = one.value("Name", "");
    const auto values = one.value("Values", std::vector<std::string>());
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      problem("Unrecognized filter name: " + name);
    }
    if (values.empty()) problem("The filter " + name + " has no values");
    filters[name].insert(values.begin(), values.end());
  }
  return Filters(std::move(filters));
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
  page.from = static_cast<std::size_t>(page_token("Marker").value_or(0));
  return page;
}

}  // namespace aurora_global::services::rds
