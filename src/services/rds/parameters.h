// The parameters of one Query request: read by name, checked, and none left unread.
#pragma once

#include <initializer_list>
#include <map>
#include <optional>
#include <set>

#include "awsapi/query.h"
#include "model/global_cluster.h"

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

// The first problem is remembered; finish() tells it. Reading goes on meanwhile with empty values.
class Parameters {
 public:
  explicit Parameters(awsapi::Form form);

  std::string required(const std::string& name);
  std::string text(const std::string& name);
  std::optional<std::string> optional_text(const std::string& name);
  bool flag(const std::string& name);
  std::optional<bool> optional_flag(const std::string& name);
  std::optional<int> number(const std::string& name, int min, int max);
  std::optional<double> decimal(const std::string& name, double min, double max);
  std::optional<WallTime> time(const std::string& name);
  // Name.Tag.N.Key and .Value.
  std::vector<model::Tag> tags();
  // Filters.Filter.N.Name and .Values.Value.M; a name that is not in `known` is a problem.
  Filters filters(std::initializer_list<std::string_view> known);
  // MaxRecords (20 to 100) and Marker.
  Page page();
  // Values of Prefix.N.
  std::vector<std::string> list(const std::string& prefix);
  // Known to AWS, kept nowhere by us: taken and ignored.
  void ignore(std::initializer_list<std::string_view> names);

  // Fails with MissingParameter, InvalidParameterValue (also for a parameter nobody has read).
  Result<void> finish();

 private:
  const std::string* find(const std::string& name);
  void problem(std::string code, std::string message);

  awsapi::Form form_;
  std::set<std::string> read_;
  std::optional<Error> problem_;
};

}  // namespace aurora_global::services::rds
