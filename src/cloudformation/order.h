// The order of things that depend on each other.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

namespace aurora_global::cloudformation {

// Name -> the names that it depends on. Each name that occurs is a key.
using Dependencies = std::map<std::string, std::set<std::string>>;

// The order, or who is in the way: `order` has every name, each behind those that it depends on,
// unless `cycle` has the names that depend on themselves.
struct Ordered {
  std::vector<std::string> order;
  std::set<std::string> cycle;
};
Ordered in_order(const Dependencies& dependencies);

// Who depends on whom, the other way round: for removal.
Dependencies reversed(const Dependencies& dependencies);

}  // namespace aurora_global::cloudformation
