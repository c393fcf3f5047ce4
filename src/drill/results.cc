#include "drill/results.h"

#include <algorithm>
#include <cstdio>

namespace aurora_global::drill {
namespace {

std::string number(double value, const char* unit) {
  char text[64];
  std::snprintf(text, sizeof text, "%.4g%s", value, unit);
  return text;
}

void add_check(Results& results, std::string name, std::string expected, std::string actual,
               bool held) {
  results.checks.push_back({std::move(name), std::move(expected), std::move(actual), held});
}

// What a step may have caused lasts until it has ended; where no end can be observed (a kill, a
// cut), until the next step begins.
Span effect_of(const Results& results, std::size_t index) {
  const StepRun& step = results.steps[index];
  std::int64_t to = step.ended;
  if (!step.moves_writer() && step.act != Act::wait_healthy) {
    to = index + 1 < results.steps.size() ? results.steps[index + 1].started : results.length;
  }
  return {step.started, std::max(to, step.started)};
}

void measure(Results& results, const History& history) {
  const std::vector<Record>& records = history.records();
  const WriteTimes times(records);
  const Span whole{0, results.length + 1};
  results.total = summarize(records, whole);
  results.longest_gap = times.longest_gap(whole, results.length);
  results.worst_window.reset();
  std::vector<Span> during;
  for (std::size_t i = 0; i < results.steps.size(); ++i) {
    StepRun& step = results.steps[i];
    const Span effect = effect_of(results, i);
    step.window = times.longest_gap(effect, results.length);
    // Connections of functions come and go with each invocation.
    if (results.file.via == Via::connections) {
      step.worst_connection = times.worst_connection(effect, results.length);
    }
    if (step.window &&
        (!results.worst_window || step.window->length() > results.worst_window->length())) {
      results.worst_window = step.window;
    }
    // A cut or a kill lasts until the next step does something about it.
    const bool is_last = i + 1 == results.steps.size();
    const std::int64_t until = is_last ? step.ended : effect.to;
    const std::int64_t from =
        during.empty() ? step.started : std::max(step.started, during.back().to);
    if (until > from) during.push_back({from, until});
  }
  if (results.steps.empty()) {
    results.worst_window = results.longest_gap;
    results.before = results.total;
    return;
  }
  results.before = summarize(records, Span{0, results.steps.front().started});
  results.during = summarize(records, during);
  results.after = summarize(records, Span{results.steps.back().ended, results.length + 1});
}

void check_counts(Results& results, const Expectations& expect) {
  const Summary& total = results.total;
  if (expect.failed_operations) {
    const std::uint64_t bad = total.failed + total.unknown;
    add_check(results, "failed_operations", "at most " + std::to_string(*expect.failed_operations),
              std::to_string(bad), bad <= *expect.failed_operations);
  }
  if (expect.min_success_rate) {
    add_check(results, "min_success_rate", number(*expect.min_success_rate * 100, " %"),
              number(total.success_rate() * 100, " %"),
              total.success_rate() >= *expect.min_success_rate);
  }
  if (expect.min_acknowledged_writes) {
    add_check(results, "min_acknowledged_writes", std::to_string(*expect.min_acknowledged_writes),
              std::to_string(total.acknowledged_writes),
              total.acknowledged_writes >= *expect.min_acknowledged_writes);
  }
}

void check_losses(Results& results, const Expectations& expect) {
  const auto& found = results.verification;
  const std::string lost = found ? std::to_string(found->lost) : "not counted";
  if (expect.lost_writes) {
    add_check(results, "lost_writes", "at most " + std::to_string(*expect.lost_writes), lost,
              found && found->lost <= *expect.lost_writes);
    // Nothing lost means that the rows, too, are as the client was told.
    if (*expect.lost_writes == 0 && found) {
      add_check(results, "rows as acknowledged", std::to_string(found->items),
                std::to_string(found->items - found->items_wrong), found->items_wrong == 0);
    }
  }
  if (expect.min_lost_writes) {
    add_check(results, "min_lost_writes", std::to_string(*expect.min_lost_writes), lost,
              found && found->lost >= *expect.min_lost_writes);
  }
}

}  // namespace

void conclude(Results& results, const History& history) {
  measure(results, history);
  const Expectations& expect = results.file.expect;
  results.checks.clear();
  results.failures = results.problems;
  if (expect.max_write_unavailability_ms) {
    const auto& window = results.worst_window;
    const double limit = *expect.max_write_unavailability_ms;
    add_check(results, "max_write_unavailability_ms",
              duration_text(static_cast<std::int64_t>(limit * 1000)),
              window ? duration_text(window->length()) : "no write was acknowledged",
              window && static_cast<double>(window->length()) / 1000 <= limit);
  }
  check_counts(results, expect);
  check_losses(results, expect);
  if (expect.healthy_at_end) {
    const char* actual = !results.healthy ? "nobody answered" : *results.healthy ? "yes" : "no";
    add_check(results, "healthy_at_end", *expect.healthy_at_end ? "yes" : "no", actual,
              results.healthy == expect.healthy_at_end);
  }
  for (const StepRun& step : results.steps) {
    if (!step.error.empty()) results.failures.push_back(step.title + ": " + step.error);
  }
  for (const Check& check : results.checks) {
    if (check.held) continue;
    results.failures.push_back(check.name + ": expected " + check.expected + ", got " +
                               check.actual);
  }
}

}  // namespace aurora_global::drill
