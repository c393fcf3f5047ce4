#include "drill/report.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "drill/report_page.h"

namespace aurora_global::drill {
namespace {

using nlohmann::json;

constexpr std::int64_t kTerminalPause = 100'000;
constexpr std::int64_t kPlainPause = 1'000'000;
constexpr std::size_t kScatterPointsMax = 3000;
constexpr std::size_t kZoomOperationsMax = 4000;
constexpr std::size_t kZoomsMax = 40;
constexpr std::int64_t kOverviewBins = 240;

double ms(std::int64_t micros) { return static_cast<double>(micros) / 1000; }

json latency_json(const Latency& latency) {
  return {{"count", latency.count},
          {"p50_ms", ms(latency.p50)},
          {"p90_ms", ms(latency.p90)},
          {"p99_ms", ms(latency.p99)},
          {"max_ms", ms(latency.max)}};
}

json summary_json(const Summary& sum) {
  return {{"operations", sum.operations},
          {"ok", sum.ok},
          {"failed", sum.failed},
          {"unknown", sum.unknown},
          {"success_rate", sum.success_rate() ? json(*sum.success_rate()) : json()},
          {"retries", sum.retries},
          {"retried_operations", sum.retried_operations},
          {"reconnects", sum.reconnects},
          {"read_back", sum.read_back},
          {"stale", sum.stale},
          {"stale_reads", sum.stale_reads},
          {"stale_reads_after_reconnect", sum.stale_after_reconnect},
          {"acknowledged_writes", sum.acknowledged_writes},
          {"operations_per_second", sum.per_second},
          {"reads", latency_json(sum.reads)},
          {"writes", latency_json(sum.writes)}};
}

json gap_json(const std::optional<Gap>& gap) {
  if (!gap) return nullptr;
  return {{"ms", ms(gap->length())}, {"from_ms", ms(gap->span.from)}, {"to_ms", ms(gap->span.to)}};
}

json step_json(const StepRun& step) {
  json phases = json::array();
  for (const Phase& phase : step.phases) {
    phases.push_back({{"step", phase.name},
                      {"from_ms", ms(phase.span.from)},
                      {"ms", ms(phase.span.length())},
                      {"note", phase.note}});
  }
  return {{"do", name_of(step.act)},
          {"title", step.title},
          {"started_ms", ms(step.started)},
          {"accepted_ms", step.accepted < 0 ? json(nullptr) : json(ms(step.accepted))},
          {"ended_ms", ms(step.ended)},
          {"refusals", step.refusals},
          {"error", step.error},
          {"write_unavailability", gap_json(step.window)},
          {"worst_connection", gap_json(step.worst_connection)},
          {"phases", std::move(phases)}};
}

json verification_json(const std::optional<Verification>& found) {
  if (!found) return nullptr;
  return {{"acknowledged_writes", found->acknowledged},
          {"lost_writes", found->lost},
          {"unknown_writes", found->unknown},
          {"unknown_writes_committed", found->unknown_committed},
          {"writes_nobody_asked_for", found->unasked},
          {"rows_checked", found->items},
          {"rows_wrong", found->items_wrong},
          {"lost_operation_ids", found->lost_sample},
          {"checked_in", found->checked_in}};
}

json bins_json(const std::vector<Bin>& all) {
  json out = json::array();
  for (const Bin& bin : all) {
    out.push_back(
        {ms(bin.from), bin.ok, bin.failed, bin.unknown, bin.retried, ms(bin.p50), ms(bin.max)});
  }
  return out;
}

json point_json(const Record& record) {
  return {record.worker,    ms(record.started),
          ms(record.ended), is_write(record.type) ? 1 : 0,
          record.region,    static_cast<int>(record.outcome),
          record.attempts};
}

// Everything odd; of the rest equally many from each stretch of time, so that a slow time shows.
json scatter_json(const std::vector<Record>& records, std::int64_t length) {
  constexpr std::size_t kStretches = 300;
  constexpr std::size_t kPerStretch = kScatterPointsMax / kStretches;
  std::vector<std::size_t> totals(kStretches), seen(kStretches);
  const auto stretch = [&](const Record& record) {
    const auto at = static_cast<std::size_t>(std::max<std::int64_t>(record.ended, 0)) * kStretches /
                    static_cast<std::size_t>(length + 1);
    return std::min(at, kStretches - 1);
  };
  for (const Record& record : records) ++totals[stretch(record)];
  json points = json::array();
  std::size_t odd = 0;
  for (const Record& record : records) {
    const std::size_t at = stretch(record);
    const std::size_t every = totals[at] / kPerStretch + 1;
    const bool is_odd = record.attempts > 1 || record.outcome != Outcome::ok;
    const bool sampled = seen[at]++ % every == 0;
    if (sampled || (is_odd && odd++ < kScatterPointsMax)) points.push_back(point_json(record));
  }
  return points;
}

// What the page shows large: the time around each step's window.
json zoom_json(const StepRun& step, std::size_t number, const std::vector<Record>& records,
               std::int64_t length) {
  if (!step.window) return nullptr;
  Span span = step.window->span;
  for (const Phase& phase : step.phases) {
    if (phase.name == "validate" || phase.name == "prepare") continue;
    span.from = std::min(span.from, phase.span.from);
    span.to = std::max(span.to, phase.span.to);
  }
  const std::int64_t margin = std::clamp<std::int64_t>(span.length() / 3, 20'000, 2'000'000);
  span = {std::max<std::int64_t>(0, span.from - margin), std::min(length, span.to + margin)};
  std::vector<const Record*> inside;
  for (const Record& record : records) {
    if (record.ended >= span.from && record.started <= span.to) inside.push_back(&record);
  }
  const std::size_t every = inside.size() / kZoomOperationsMax + 1;
  json operations = json::array();
  for (std::size_t i = 0; i < inside.size(); ++i) {
    const bool slow = inside[i]->ended - inside[i]->started > step.window->length() / 2;
    if (slow || i % every == 0) operations.push_back(point_json(*inside[i]));
  }
  return {{"step", number},
          {"from", ms(span.from)},
          {"to", ms(span.to)},
          {"ops", std::move(operations)}};
}

json checks_json(const Results& results) {
  json checks = json::array();
  for (const Check& check : results.checks) {
    checks.push_back({{"name", check.name},
                      {"expected", check.expected},
                      {"actual", check.actual},
                      {"held", check.held}});
  }
  return checks;
}

json loads_json(const Results& results) {
  json loads = json::array();
  for (const LoadResults& load : results.loads) {
    loads.push_back({{"endpoint", load.endpoint},
                     {"client_region", load.client_region},
                     {"run", load.run},
                     {"connections", load.connections},
                     {"first_worker", load.first_worker},
                     {"total", summary_json(load.total)},
                     {"before", summary_json(load.before)},
                     {"during", summary_json(load.during)},
                     {"after", summary_json(load.after)},
                     {"write_unavailability", gap_json(load.worst_window)},
                     {"longest_gap", gap_json(load.longest_gap)},
                     {"verification", verification_json(load.verification)}});
  }
  return loads;
}

// What has not arrived is null, never 0.
json cloudwatch_json(const std::optional<CloudWatchReport>& report) {
  if (!report) return nullptr;
  json metrics = json::array();
  for (const MetricReading& metric : report->metrics) {
    json one = {{"region", metric.region.name},
                {"namespace", metric.query.name_space},
                {"metric", metric.query.name},
                {"dimensions", metric.query.dimensions},
                {"error", metric.error}};
    const auto& found = metric.found;
    one["unit"] = found ? json(found->unit) : json(nullptr);
    one["samples"] = found ? json(found->samples) : json(nullptr);
    one["samples_expected"] = metric.samples_expected;
    one["sum"] = found ? json(found->sum) : json(nullptr);
    one["average"] = found ? json(found->average()) : json(nullptr);
    one["minimum"] = found ? json(found->minimum) : json(nullptr);
    one["maximum"] = found ? json(found->maximum) : json(nullptr);
    metrics.push_back(std::move(one));
  }
  return {{"from", iso8601(report->from)},
          {"to", iso8601(report->to)},
          {"metrics", std::move(metrics)}};
}

// What all loads have alike, else every one's: "global-writer, write-forwarding".
std::string together(const Results& results, std::string LoadResults::*member) {
  std::string text;
  for (const LoadResults& load : results.loads) {
    if (!text.empty() && load.*member == results.loads.front().*member) continue;
    text += (text.empty() ? "" : ", ") + load.*member;
  }
  return text;
}

int connections_of(const Results& results) {
  int all = 0;
  for (const LoadResults& load : results.loads) all += load.connections;
  return all;
}

const char* operation_type_of(const Results& results) {
  switch (results.file.loads.front().options.operation_type) {
    case OperationMix::create: return "create";
    case OperationMix::read: return "read";
    case OperationMix::update: return "update";
    case OperationMix::remove: return "delete";
    case OperationMix::mixed: return "mixed";
  }
  return "";
}

void append_row(std::string& out, const char* name, const Summary& sum) {
  char line[200];
  const std::string bad = std::to_string(sum.failed) + "/" + std::to_string(sum.unknown);
  std::snprintf(line, sizeof line, "  %-6s %8llu %8s %7llu %6.0f  %8s  %8s %8s %8s\n", name,
                static_cast<unsigned long long>(sum.operations), bad.c_str(),
                static_cast<unsigned long long>(sum.retries), sum.per_second,
                duration_text(sum.reads.p50).c_str(), duration_text(sum.writes.p50).c_str(),
                duration_text(sum.writes.p99).c_str(), duration_text(sum.writes.max).c_str());
  out += line;
}

void append_steps(std::string& out, const Results& results) {
  if (results.steps.empty()) return;
  char line[300];
  std::snprintf(line, sizeof line, "\n  %-34s %8s %9s %9s %11s\n", "step", "at", "took",
                "no writes", "worst conn.");
  out += line;
  for (const StepRun& step : results.steps) {
    std::snprintf(
        line, sizeof line, "  %-34s %8s %9s %9s %11s%s%s\n", step.title.c_str(),
        duration_text(step.started).c_str(), duration_text(step.ended - step.started).c_str(),
        step.window ? duration_text(step.window->length()).c_str() : "-",
        step.worst_connection ? duration_text(step.worst_connection->length()).c_str() : "-",
        step.error.empty() ? "" : "  FAILED: ", step.error.c_str());
    out += line;
    std::string phases;
    for (const Phase& phase : step.phases) {
      phases +=
          (phases.empty() ? "" : ", ") + phase.name + " " + duration_text(phase.span.length());
    }
    if (!phases.empty()) out += wrapped(phases, 6) + "\n";
  }
}

void append_summaries(std::string& out, const Results& results) {
  char line[300];
  std::snprintf(line, sizeof line, "\n  %-6s %8s %8s %7s %6s  %8s  %8s %8s %8s\n", "", "ops",
                "fail/unk", "retries", "ops/s", "read p50", "write", "p99", "max");
  out += line;
  append_row(out, "total", results.total);
  if (!results.steps.empty()) {
    append_row(out, "before", results.before);
    append_row(out, "during", results.during);
    append_row(out, "after", results.after);
  }
  if (results.total.failed + results.total.unknown > 0) {
    out += "  (fail/unk: failed without effect / sent and never answered)\n";
  }
}

void append_loads(std::string& out, const Results& results) {
  if (results.loads.size() < 2) return;
  for (const LoadResults& load : results.loads) {
    out += "\n  " + load.name() + ", " + std::to_string(load.connections) + " connections";
    if (load.worst_window) out += "; no write for " + duration_text(load.worst_window->length());
    if (load.verification) {
      out += "; lost " + std::to_string(load.verification->lost) + " of " +
             std::to_string(load.verification->acknowledged) + " writes";
    }
    out += "\n";
    append_row(out, "total", load.total);
    if (results.steps.empty()) continue;
    append_row(out, "before", load.before);
    append_row(out, "during", load.during);
    append_row(out, "after", load.after);
  }
}

void append_verification(std::string& out, const Verification& found) {
  out += "  acknowledged writes: " + std::to_string(found.acknowledged) +
         ", lost: " + std::to_string(found.lost) + " (counted by SQL in " +
         (found.checked_in.empty() ? "the writer" : found.checked_in) + ")\n";
  if (found.unknown > 0) {
    out += "  writes without an answer: " + std::to_string(found.unknown) + ", of which " +
           std::to_string(found.unknown_committed) + " are stored\n";
  }
  out += "  rows in the state the client was told: " +
         std::to_string(found.items - found.items_wrong) + " of " + std::to_string(found.items) +
         "\n";
}

std::string metric_owner(const MetricReading& metric) {
  const auto& dimensions = metric.query.dimensions;
  for (const char* name : {"FunctionName", "DBClusterIdentifier"}) {
    if (const auto at = dimensions.find(name); at != dimensions.end()) return at->second;
  }
  return "";
}

void append_cloudwatch(std::string& out, const CloudWatchReport& report) {
  char line[300];
  std::snprintf(line, sizeof line, "\n  %-30s %8s %12s %12s\n", "CloudWatch", "samples", "average",
                "max");
  out += line;
  std::string last;
  for (const MetricReading& metric : report.metrics) {
    const std::string owner = metric_owner(metric) + ", " + metric.region.name;
    if (owner != last) out += "  " + owner + "\n";
    last = owner;
    std::snprintf(line, sizeof line, "    %-28s ", metric.query.name.c_str());
    out += line;
    if (!metric.found) {
      out += metric.error.empty() ? "  absent: it has not arrived\n" : "  " + metric.error + "\n";
      continue;
    }
    const auto& found = *metric.found;
    std::snprintf(line, sizeof line, "%8.0f %12.3f %12.3f %s\n", found.samples, found.average(),
                  found.maximum, found.unit.c_str());
    out += line;
  }
}

Result<void> write_file(const std::filesystem::path& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) return make_error(ErrorKind::unavailable, "cannot write " + file.string());
  return ok();
}

Result<void> write_csv(const std::filesystem::path& file, const History& history) {
  constexpr std::size_t kChunk = 1024 * 1024;
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  std::string text = csv_header();
  for (const Record& record : history.records()) {
    append_csv(text, record, history);
    if (text.size() < kChunk) continue;
    out << text;
    text.clear();
  }
  out << text;
  out.close();
  if (!out) return make_error(ErrorKind::unavailable, "cannot write " + file.string());
  return ok();
}

}  // namespace

std::string wrapped(const std::string& text, std::size_t indent) {
  constexpr std::size_t kWidth = 78;
  const std::string margin(indent, ' ');
  std::string out = margin;
  std::size_t column = indent;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const bool first = column == indent;
    if (!first && column + 1 + end - at > kWidth) {
      out += "\n" + margin;
      column = indent;
    } else if (!first) {
      out += " ";
      ++column;
    }
    out += text.substr(at, end - at);
    column += end - at;
    at = end + 1;
  }
  return out;
}

json results_json(const Results& results, const History& history) {
  json steps = json::array();
  for (const StepRun& step : results.steps) steps.push_back(step_json(step));
  json timeline = json::array();
  for (const Bin& bin :
       bins(history.records(), {0, results.length + 1}, 1'000'000, history.regions().size())) {
    json by_region = json::object();
    for (std::size_t i = 0; i < bin.ok.size(); ++i) {
      if (bin.ok[i] != 0) by_region[history.regions()[i]] = bin.ok[i];
    }
    timeline.push_back({{"from_s", static_cast<double>(bin.from) / 1e6},
                        {"ok", std::move(by_region)},
                        {"failed", bin.failed},
                        {"unknown", bin.unknown},
                        {"retried", bin.retried},
                        {"p50_ms", ms(bin.p50)},
                        {"max_ms", ms(bin.max)}});
  }
  return {{"drill", results.file.name},
          {"description", results.file.description},
          {"target", name_of(results.file.target)},
          {"notes", results.file.notes},
          {"run", results.run},
          {"began", iso8601(results.began)},
          {"passed", results.passed()},
          {"failures", results.failures},
          {"explanation", results.explanation},
          {"expectations", checks_json(results)},
          {"client_region", together(results, &LoadResults::client_region)},
          {"endpoint", together(results, &LoadResults::endpoint)},
          {"connections", connections_of(results)},
          {"length_ms", ms(results.length)},
          {"total", summary_json(results.total)},
          {"before", summary_json(results.before)},
          {"during", summary_json(results.during)},
          {"after", summary_json(results.after)},
          {"write_unavailability", gap_json(results.worst_window)},
          {"longest_gap", gap_json(results.longest_gap)},
          {"loads", loads_json(results)},
          {"steps", std::move(steps)},
          {"verification", verification_json(results.verification)},
          {"cloudwatch", cloudwatch_json(results.cloudwatch)},
          {"healthy_at_end", results.healthy ? json(*results.healthy) : json(nullptr)},
          {"timeline", std::move(timeline)}};
}

std::string results_text(const Results& results, const History&) {
  std::string out;
  append_summaries(out, results);
  append_loads(out, results);
  append_steps(out, results);
  out += "\n";
  if (!results.explanation.empty()) out += wrapped(results.explanation, 2) + "\n\n";
  if (results.worst_window) {
    out += "  longest time without an acknowledged write: " +
           duration_text(results.worst_window->length()) + "\n";
  }
  if (const auto& found = results.verification) append_verification(out, *found);
  const Summary& total = results.total;
  out += "  " + std::to_string(total.failed + total.unknown) + " failed, " +
         std::to_string(total.retries) + " retries, " + std::to_string(total.reconnects) +
         " reconnects, " +
         (results.verification ? std::to_string(results.verification->lost) + " lost"
                               : std::string("losses not counted")) +
         "\n";
  if (total.stale_reads + total.stale_after_reconnect > 0) {
    out += "  reads that missed the connection's own last write: " +
           std::to_string(total.stale_reads) +
           "; one of before a reconnection: " + std::to_string(total.stale_after_reconnect) + "\n";
  }
  if (results.cloudwatch) append_cloudwatch(out, *results.cloudwatch);
  out += "\n";
  for (const Check& check : results.checks) {
    out += std::string(check.held ? "  ok      " : "  FAILED  ") + check.name + ": expected " +
           check.expected + ", got " + check.actual + "\n";
  }
  for (const std::string& problem : results.problems) out += "  FAILED  " + problem + "\n";
  out += results.passed() ? "\n  PASSED\n" : "\n  FAILED\n";
  return out;
}

std::string results_html(const Results& results, const History& history) {
  json data = results_json(results, history);
  data.erase("timeline");
  data["regions"] = history.regions();
  data["operation_type"] = operation_type_of(results);
  const Span whole{0, results.length + 1};
  const std::int64_t width = std::max<std::int64_t>(10'000, bin_width(whole, kOverviewBins));
  data["bin_ms"] = ms(width);
  data["bins"] = bins_json(bins(history.records(), whole, width, history.regions().size()));
  data["points"] = scatter_json(history.records(), results.length);
  data["zooms"] = json::array();
  for (std::size_t i = 0; i < results.steps.size() && data["zooms"].size() < kZoomsMax; ++i) {
    if (!results.steps[i].moves_writer()) continue;
    json zoom = zoom_json(results.steps[i], i, history.records(), results.length);
    if (!zoom.is_null()) data["zooms"].push_back(std::move(zoom));
  }
  return fill_page(data.dump(-1, ' ', true));
}

Result<void> write_report(const Results& results, const History& history,
                          const std::filesystem::path& dir) {
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  if (error) {
    return make_error(ErrorKind::unavailable,
                      "cannot make the directory " + dir.string() + ": " + error.message());
  }
  TRY_VOID(write_file(dir / "results.json", results_json(results, history).dump(2) + "\n"));
  TRY_VOID(write_file(dir / "report.html", results_html(results, history)));
  return write_csv(dir / "ops.csv", history);
}

Progress::Progress(bool quiet) : quiet_(quiet), terminal_(isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
  if (!quiet_ && terminal_ && shown_at_ >= 0) std::fprintf(stderr, "\r\033[K");
}

void Progress::show(const History& history, const std::string& doing) {
  const std::int64_t now = history.now();
  const std::int64_t since = now - shown_at_;
  if (quiet_ || (shown_at_ >= 0 && since < (terminal_ ? kTerminalPause : kPlainPause))) return;
  const auto& counts = history.counts();
  const double rate = static_cast<double>(counts.ok - shown_ok_) * 1e6 /
                      static_cast<double>(std::max<std::int64_t>(since, 1));
  // Smooth on a terminal, where the samples are short.
  rate_ = terminal_ && shown_at_ >= 0 ? 0.8 * rate_ + 0.2 * rate : rate;
  shown_at_ = now;
  shown_ok_ = counts.ok;
  const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  char text[400];
  int size = std::snprintf(text, sizeof text, "%7.1f s %8llu ops %6.0f/s %8llu writes",
                           static_cast<double>(now) / 1e6, number(counts.ok), rate_,
                           number(counts.acknowledged_writes));
  std::string line(text, static_cast<std::size_t>(size));
  for (const auto& [count, name] : {std::pair{counts.retries, "retries"},
                                    {counts.failed, "failed"},
                                    {counts.unknown, "unknown"}}) {
    if (count > 0) line += "  " + std::to_string(count) + " " + name;
  }
  if (!doing.empty()) line += "  | " + doing;
  // A longer line would wrap, and each redraw would leave a line behind. Asked each time: the
  // window may have changed.
  winsize window{};
  const bool known = terminal_ && ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0;
  if (known && window.ws_col > 1) line = line.substr(0, window.ws_col - 1u);
  std::fprintf(stderr, "%s%s%s", terminal_ ? "\r\033[K" : "", line.c_str(), terminal_ ? "" : "\n");
  std::fflush(stderr);
}

void Progress::say(const std::string& line) {
  if (quiet_) return;
  std::fprintf(stderr, "%s%s\n", terminal_ ? "\r\033[K" : "", line.c_str());
  std::fflush(stderr);
}

}  // namespace aurora_global::drill
