// What the actions of RDS have in common beside what Members reads: tags, filters, pages.
#pragma once

#include <initializer_list>
#include <map>
#include <optional>
#include <set>

#include "model/global_cluster.h"
#include "services/json_protocol.h"

namespace aurora_global::services::rds {

// Which part of a list is asked for; the marker is the number of the first item.
struct Page {
  std::size_t from = 0;
  std::size_t size = 100;
};

// Name -> the values of which one must match.
class Filters {
 public:
  explicit Filters(std::map<std::string, std::set<std::string>> wanted)
      : wanted_(std::move(wanted)) {}
  // Whether a thing with these values passes the filter `name`; without such a filter, it does.
  bool take(const std::string& name, const std::vector<std::string>& values) const;

 private:
  std::map<std::string, std::set<std::string>> wanted_;
};

// The input of an action; finish() tells the first problem.
class Parameters : public Members {
 public:
  Parameters(Members members) : Members(std::move(members)) {}  // NOLINT: they are the same.

  std::optional<int> number(const std::string& name, int min, int max);
  std::optional<double> decimal(const std::string& name, double min, double max);
  std::vector<model::Tag> tags();
  // A name that is not in `known` is a problem.
  Filters filters(std::initializer_list<std::string_view> known);
  // MaxRecords (20 to 100) and Marker.
  Page page();
};

}  // namespace aurora_global::services::rds
