#include "drill/results.h"

#include <algorithm>
#include <cstdio>

namespace aurora_global::drill {
namespace {

constexpr std::int64_t kNearlyTheSame = 3;  // Times the latency before.

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

// The times of the drill's steps: what each may have caused, and, without overlaps, the time in
// which something was going on.
struct Effects {
  std::vector<Span> each, during;
};

Effects effects_of(const Results& results) {
  Effects effects;
  for (std::size_t i = 0; i < results.steps.size(); ++i) {
    const StepRun& step = results.steps[i];
    effects.each.push_back(effect_of(results, i));
    // A cut or a kill lasts until the next step does something about it.
    const bool is_last = i + 1 == results.steps.size();
    const std::int64_t until = is_last ? step.ended : effects.each.back().to;
    const std::int64_t from =
        effects.during.empty() ? step.started : std::max(step.started, effects.during.back().to);
    if (until > from) effects.during.push_back({from, until});
  }
  return effects;
}

void keep_longer(std::optional<Gap>& longest, const std::optional<Gap>& gap) {
  if (gap && (!longest || gap->length() > longest->length())) longest = gap;
}

// Fills the computed members that all loads together and each one have alike.
template <typename Of>
void measure(Of& of, const Results& results, const Effects& effects,
             const std::vector<Record>& records, const WriteTimes& times) {
  const Span whole{0, results.length + 1};
  of.total = summarize(records, whole);
  of.longest_gap = times.longest_gap(whole, results.length);
  of.worst_window.reset();
  for (const Span& effect : effects.each) {
    keep_longer(of.worst_window, times.longest_gap(effect, results.length));
  }
  if (results.steps.empty()) {
    of.worst_window = of.longest_gap;
    of.before = of.total;
    return;
  }
  of.before = summarize(records, Span{0, results.steps.front().started});
  of.during = summarize(records, effects.during);
  of.after = summarize(records, Span{results.steps.back().ended, results.length + 1});
}

void measure_all(Results& results, const History& history,
                 const std::vector<const History*>& parts) {
  const Effects effects = effects_of(results);
  const WriteTimes times(history.records());
  measure(results, results, effects, history.records(), times);
  // Connections of functions come and go with each invocation.
  const bool lasting = std::all_of(results.file.loads.begin(), results.file.loads.end(),
                                   [](const auto& one) { return one.via == Via::connections; });
  for (std::size_t i = 0; i < results.steps.size(); ++i) {
    results.steps[i].window = times.longest_gap(effects.each[i], results.length);
    if (lasting) {
      results.steps[i].worst_connection = times.worst_connection(effects.each[i], results.length);
    }
  }
  for (std::size_t i = 0; i < results.loads.size() && i < parts.size(); ++i) {
    const WriteTimes own(parts[i]->records());
    measure(results.loads[i], results, effects, parts[i]->records(), own);
  }
}

void add_up(Verification& sum, const Verification& one) {
  sum.acknowledged += one.acknowledged;
  sum.lost += one.lost;
  sum.unknown += one.unknown;
  sum.unknown_committed += one.unknown_committed;
  sum.unasked += one.unasked;
  sum.items += one.items;
  sum.items_wrong += one.items_wrong;
  sum.checked_in = one.checked_in;
  for (const std::uint64_t id : one.lost_sample) {
    if (sum.lost_sample.size() < kLostSampleMax) sum.lost_sample.push_back(id);
  }
}

// The clients of a load stay where they are while the writer goes away: every statement then
// crosses the link, and fewer of them end in a second.
std::string explain(const Results& results) {
  const bool moved =
      std::any_of(results.steps.begin(), results.steps.end(),
                  [](const StepRun& step) { return step.moves_writer() && step.error.empty(); });
  if (!moved) return "";
  for (std::size_t i = 0; i < results.loads.size(); ++i) {
    const LoadResults& load = results.loads[i];
    const std::int64_t before = load.before.reads.p50;
    const std::int64_t after = load.after.reads.p50;
    const bool stays = load.endpoint == "global-writer" && !results.file.loads[i].follows;
    if (!stays || before <= 0 || after < kNearlyTheSame * before) continue;
    return "After the move a read takes " + duration_text(after) + " instead of " +
           duration_text(before) + " (medians): the clients stayed in " + load.client_region +
           ", and the writer is in another region, so each statement crosses the link. With "
           "client_region = \"follow\" they go where the writer goes.";
  }
  return "";
}

void check_counts(Results& results, const LoadResults& load, const std::string& whose) {
  const Expectations& expect = results.file.expect;
  const Summary& total = load.total;
  const auto at_most = [&](const char* name, const std::optional<std::uint64_t>& limit,
                           std::uint64_t actual) {
    if (!limit) return;
    add_check(results, name + whose, "at most " + std::to_string(*limit), std::to_string(actual),
              actual <= *limit);
  };
  at_most("failed_operations", expect.failed_operations, total.failed + total.unknown);
  at_most("retries", expect.retries, total.retries);
  at_most("reconnects", expect.reconnects, total.reconnects);
  if (expect.min_success_rate) {
    add_check(results, "min_success_rate" + whose, number(*expect.min_success_rate * 100, " %"),
              total.success_rate() ? number(*total.success_rate() * 100, " %") : "no operation",
              total.success_rate() && *total.success_rate() >= *expect.min_success_rate);
  }
  if (expect.min_acknowledged_writes) {
    add_check(results, "min_acknowledged_writes" + whose,
              std::to_string(*expect.min_acknowledged_writes),
              std::to_string(total.acknowledged_writes),
              total.acknowledged_writes >= *expect.min_acknowledged_writes);
  }
  at_most("stale_reads", expect.stale_reads, total.stale_reads);
}

void check_window(Results& results, const LoadResults& load, const std::string& whose) {
  const auto& limit = results.file.expect.max_write_unavailability_ms;
  if (!limit) return;
  const auto& window = load.worst_window;
  add_check(results, "max_write_unavailability_ms" + whose,
            duration_text(static_cast<std::int64_t>(*limit * 1000)),
            window ? duration_text(window->length()) : "no write was acknowledged",
            window && static_cast<double>(window->length()) / 1000 <= *limit);
}

void check_losses(Results& results, const LoadResults& load, const std::string& whose) {
  const Expectations& expect = results.file.expect;
  const auto& found = load.verification;
  const std::string lost = found ? std::to_string(found->lost) : "not counted";
  if (expect.lost_writes) {
    add_check(results, "lost_writes" + whose, "at most " + std::to_string(*expect.lost_writes),
              lost, found && found->lost <= *expect.lost_writes);
    // Nothing lost means that the rows, too, are as the client was told.
    if (*expect.lost_writes == 0 && found) {
      add_check(results, "rows as acknowledged" + whose, std::to_string(found->items),
                std::to_string(found->items - found->items_wrong), found->items_wrong == 0);
    }
  }
  if (expect.min_lost_writes) {
    add_check(results, "min_lost_writes" + whose, std::to_string(*expect.min_lost_writes), lost,
              found && found->lost >= *expect.min_lost_writes);
  }
}

}  // namespace

void conclude(Results& results, const History& history, const std::vector<const History*>& parts) {
  measure_all(results, history, parts);
  results.explanation = explain(results);
  results.verification.reset();
  if (std::all_of(results.loads.begin(), results.loads.end(),
                  [](const LoadResults& load) { return load.verification.has_value(); })) {
    results.verification.emplace();
    for (const LoadResults& load : results.loads) add_up(*results.verification, *load.verification);
  }
  results.checks.clear();
  results.failures = results.problems;
  for (const LoadResults& load : results.loads) {
    const std::string whose = results.loads.size() > 1 ? " (" + load.name() + ")" : "";
    check_window(results, load, whose);
    check_counts(results, load, whose);
    check_losses(results, load, whose);
  }
  if (const auto& expected = results.file.expect.healthy_at_end) {
    const char* actual = !results.healthy ? "nobody answered" : *results.healthy ? "yes" : "no";
    add_check(results, "healthy_at_end", *expected ? "yes" : "no", actual,
              results.healthy == expected);
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
