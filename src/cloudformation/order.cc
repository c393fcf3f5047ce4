#include "cloudformation/order.h"

#include <utility>

namespace aurora_global::cloudformation {
namespace {

// Appends to `order`, one after another, the names of which nothing in `dependencies` is left, and
// takes them out of it. What remains depends on a cycle, or is in one.
void take_free(Dependencies& dependencies, std::vector<std::string>& order) {
  Dependencies dependents = reversed(dependencies);
  std::set<std::string> free;
  for (const auto& [name, on] : dependencies) {
    if (on.empty()) free.insert(name);
  }
  while (!free.empty()) {
    std::string name = std::move(free.extract(free.begin()).value());
    for (const std::string& dependent : dependents[name]) {
      std::set<std::string>& on = dependencies[dependent];
      on.erase(name);
      if (on.empty()) free.insert(dependent);
    }
    dependencies.erase(name);
    order.push_back(std::move(name));
  }
}

}  // namespace

Ordered in_order(const Dependencies& dependencies) {
  Ordered result;
  Dependencies left = dependencies;
  take_free(left, result.order);
  if (left.empty()) return result;
  // From the other end: those that only depend on a cycle go as well.
  Dependencies back = reversed(left);
  std::vector<std::string> outside;
  take_free(back, outside);
  for (const auto& [name, on] : back) result.cycle.insert(name);
  return result;
}

Dependencies reversed(const Dependencies& dependencies) {
  Dependencies result;
  for (const auto& [name, on] : dependencies) {
    result[name];
    for (const std::string& one : on) result[one].insert(name);
  }
  return result;
}

}  // namespace aurora_global::cloudformation
