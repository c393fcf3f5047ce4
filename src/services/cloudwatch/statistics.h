// What CloudWatch computes from the values of one period. Pure.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace aurora_global::services::cloudwatch {

// Values with how often each occurred.
using Sample = std::vector<std::pair<double, double>>;

// SampleCount, Average, Sum, Minimum, Maximum, p0 to p100 ("p99", "p99.9": the smallest value that
// at least that part of all occurrences does not exceed). nullopt for a name that is none of these.
// `sample` is sorted and not empty.
std::optional<double> statistic(const Sample& sample, const std::string& name);
bool is_statistic(const std::string& name);

}  // namespace aurora_global::services::cloudwatch
