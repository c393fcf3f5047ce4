// The parameters of one Query request: read by name, checked, and none left unread.
#pragma once

#include <optional>
#include <set>

#include "awsapi/query.h"
#include "model/global_cluster.h"

namespace aurora_global::services::rds {

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
  // Filters.Filter.N.Name and .Values.Value.M.
  std::map<std::string, std::set<std::string>> filters();
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
