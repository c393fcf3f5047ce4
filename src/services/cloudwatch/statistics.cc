#include "services/cloudwatch/statistics.h"

#include <charconv>
#include <cmath>

namespace aurora_global::services::cloudwatch {
namespace {

std::optional<double> percentile_named(const std::string& name) {
  if (name.size() < 2 || name[0] != 'p') return std::nullopt;
  double percent = 0;
  const char* last = name.data() + name.size();
  const auto [end, error] = std::from_chars(name.data() + 1, last, percent);
  if (error != std::errc() || end != last || !(percent >= 0 && percent <= 100)) {
    return std::nullopt;
  }
  return percent;
}

}  // namespace

bool is_statistic(const std::string& name) { return statistic({{0, 1}}, name).has_value(); }

std::optional<double> statistic(const Sample& sample, const std::string& name) {
  double count = 0;
  double sum = 0;
  for (const auto& [value, times] : sample) {
    count += times;
    sum += value * times;
  }
  if (name == "SampleCount") return count;
  if (name == "Sum") return sum;
  if (name == "Average") return sum / count;
  if (name == "Minimum") return sample.front().first;
  if (name == "Maximum") return sample.back().first;
  const auto percent = percentile_named(name);
  if (!percent) return std::nullopt;
  const double wanted = std::ceil(count * *percent / 100 - 1e-9);
  double seen = 0;
  for (const auto& [value, times] : sample) {
    seen += times;
    if (seen >= wanted) return value;
  }
  return sample.back().first;
}

}  // namespace aurora_global::services::cloudwatch
