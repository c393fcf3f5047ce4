#include "services/cloudwatch/alarm_rule.h"

#include <algorithm>
#include <charconv>
#include <iterator>

namespace aurora_global::services::cloudwatch {
namespace {

constexpr int kMorePeriods = 2;

struct Comparison {
  std::string_view name;
  std::string_view words;
  bool (*holds)(double value, double threshold);
};
constexpr Comparison kComparisons[] = {
    {"GreaterThanOrEqualToThreshold", "greater than or equal to",
     [](double value, double threshold) { return value >= threshold; }},
    {"GreaterThanThreshold", "greater than",
     [](double value, double threshold) { return value > threshold; }},
    {"LessThanThreshold", "less than",
     [](double value, double threshold) { return value < threshold; }},
    {"LessThanOrEqualToThreshold", "less than or equal to",
     [](double value, double threshold) { return value <= threshold; }},
};

const Comparison* comparison_named(std::string_view name) {
  const auto* found = std::find_if(std::begin(kComparisons), std::end(kComparisons),
                                   [&](const Comparison& one) { return one.name == name; });
  return found == std::end(kComparisons) ? nullptr : found;
}

std::string text_of(double value) {
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  std::string shown = error == std::errc() ? std::string(text, end) : "?";
  if (shown.find_first_of(".en") == std::string::npos) shown += ".0";
  return shown;
}

// "Threshold Crossed: 2 out of the last 3 datapoints [5.0, 6.0] were greater than the threshold
// (4.0)."
std::string reason_of(const AlarmRule& rule, const std::vector<double>& shown,
                      std::size_t breaching, AlarmState state) {
  const Comparison* comparison = comparison_named(rule.comparison);
  const bool crossed = state == AlarmState::alarm;
  const std::size_t count = crossed ? breaching : shown.size() - breaching;
  std::string values;
  for (const double value : shown) values += (values.empty() ? "" : ", ") + text_of(value);
  return "Threshold Crossed: " + std::to_string(count) + " out of the last " +
         std::to_string(rule.periods) + (rule.periods == 1 ? " datapoint [" : " datapoints [") +
         values + "] " + (count == 1 ? "was " : "were ") + (crossed ? "" : "not ") +
         std::string(comparison == nullptr ? "" : comparison->words) + " the threshold (" +
         text_of(rule.threshold) + ").";
}

std::string reason_without_data(const AlarmRule& rule, AlarmState state) {
  if (state == AlarmState::insufficient_data) {
    return "Insufficient Data: no datapoints were received for " + std::to_string(rule.periods) +
           (rule.periods == 1 ? " period." : " periods.");
  }
  const bool breaching = state == AlarmState::alarm;
  return "Threshold Crossed: no datapoints were received for " + std::to_string(rule.periods) +
         (rule.periods == 1 ? " period" : " periods") + " and " + std::to_string(rule.periods) +
         " missing " + (rule.periods == 1 ? "datapoint was" : "datapoints were") + " treated as [" +
         (breaching ? "Breaching" : "NonBreaching") + "].";
}

AlarmState state_of(const AlarmRule& rule, std::size_t real, std::size_t breaching,
                    AlarmState now) {
  const auto needed = static_cast<std::size_t>(rule.datapoints);
  const std::size_t filled = static_cast<std::size_t>(rule.periods) - real;
  if (breaching >= needed) return AlarmState::alarm;
  switch (rule.missing) {
    case MissingData::breaching:
      return breaching + filled >= needed ? AlarmState::alarm : AlarmState::ok;
    case MissingData::not_breaching: return AlarmState::ok;
    case MissingData::ignore: return filled > 0 && breaching == real ? now : AlarmState::ok;
    case MissingData::missing:
      if (real == 0) return AlarmState::insufficient_data;
      return filled > 0 && breaching == real ? AlarmState::alarm : AlarmState::ok;
  }
  return AlarmState::insufficient_data;
}

}  // namespace

std::string_view name_of(AlarmState state) {
  switch (state) {
    case AlarmState::ok: return "OK";
    case AlarmState::alarm: return "ALARM";
    case AlarmState::insufficient_data: return "INSUFFICIENT_DATA";
  }
  return "";
}

std::optional<AlarmState> alarm_state_named(std::string_view name) {
  for (const AlarmState one : {AlarmState::ok, AlarmState::alarm, AlarmState::insufficient_data}) {
    if (name_of(one) == name) return one;
  }
  return std::nullopt;
}

std::optional<MissingData> missing_data_named(std::string_view name) {
  if (name == "missing") return MissingData::missing;
  if (name == "ignore") return MissingData::ignore;
  if (name == "breaching") return MissingData::breaching;
  if (name == "notBreaching") return MissingData::not_breaching;
  return std::nullopt;
}

bool is_comparison(std::string_view name) { return comparison_named(name) != nullptr; }

bool breaches(const AlarmRule& rule, double value) {
  const Comparison* comparison = comparison_named(rule.comparison);
  return comparison != nullptr && comparison->holds(value, rule.threshold);
}

int range_of(const AlarmRule& rule) { return rule.periods + kMorePeriods; }

// Where enough data points are in the range, what is missing between them does not matter.
Verdict judge(const AlarmRule& rule, const std::vector<std::optional<double>>& points,
              AlarmState now) {
  std::vector<double> real;  // The newest of those that are there, oldest first.
  for (auto point = points.rbegin(); point != points.rend(); ++point) {
    if (*point && real.size() < static_cast<std::size_t>(rule.periods)) real.push_back(**point);
  }
  std::reverse(real.begin(), real.end());
  const auto breaching = static_cast<std::size_t>(
      std::count_if(real.begin(), real.end(), [&](double value) { return breaches(rule, value); }));
  Verdict verdict;
  verdict.state = state_of(rule, real.size(), breaching, now);
  verdict.reason = real.empty() ? reason_without_data(rule, verdict.state)
                                : reason_of(rule, real, breaching, verdict.state);
  return verdict;
}

}  // namespace aurora_global::services::cloudwatch
