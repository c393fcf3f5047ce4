#include "drill/drill_file.h"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <functional>
#include <set>
#include <sstream>

#include "net/file.h"

namespace aurora_global::drill {
namespace {

constexpr std::array kActs = {
    Act::switchover,  Act::failover,  Act::kill_instance, Act::kill_region,  Act::kill_daemon,
    Act::kill_router, Act::kill_link, Act::start_link,    Act::start_region, Act::partition,
    Act::heal,        Act::link,      Act::wait_healthy};

// Reads one table and remembers which keys it was asked for; the rest are unknown.
class Reader {
 public:
  Reader(const toml::table& table, std::string what, const std::string& file)
      : table_(table), what_(std::move(what)), file_(file) {}

  Error problem(const toml::node* node, const std::string& sentence) const {
    const auto line = (node != nullptr ? node->source() : table_.source()).begin.line;
    std::string where = file_;
    if (line != 0) where += " line " + std::to_string(line);
    return make_error(ErrorKind::invalid, where + ": " + sentence);
  }

  template <typename T>
  void text(const char* key, T set) {
    const toml::node* node = take(key);
    if (node == nullptr) return;
    const auto value = node->value_exact<std::string>();
    if (!value) return fail(node, key, "a string in quotes");
    if (const std::string wrong = set(*value); !wrong.empty()) fail(node, key, wrong);
  }
  template <typename T>
  void number(const char* key, double least, double most, T set) {
    const toml::node* node = take(key);
    if (node == nullptr) return;
    std::optional<double> value;
    if (node->is_number()) value = node->value<double>();
    if (!value || !(*value >= least && *value <= most)) {
      std::ostringstream range;
      range << "a number from " << least << " to " << most;
      return fail(node, key, range.str());
    }
    set(*value);
  }
  template <typename T>
  void whole(const char* key, double least, double most, T set) {
    const toml::node* node = take(key);
    if (node == nullptr) return;
    const auto value = node->value_exact<std::int64_t>();
    if (!value || static_cast<double>(*value) < least || static_cast<double>(*value) > most) {
      std::ostringstream range;
      range << std::fixed;
      range.precision(0);
      range << "a whole number from " << least << " to " << most;
      return fail(node, key, range.str());
    }
    set(static_cast<std::uint64_t>(*value));
  }
  void flag(const char* key, std::optional<bool>& out) {
    const toml::node* node = take(key);
    if (node == nullptr) return;
    const auto value = node->value_exact<bool>();
    if (!value) return fail(node, key, "true or false");
    out = *value;
  }
  const toml::node* take(const char* key) {
    known_.insert(key);
    return table_.get(key);
  }
  bool has(const char* key) const { return table_.contains(key); }

  // The first thing that was wrong.
  Result<void> end() {
    if (error_) return *error_;
    for (const auto& [key, node] : table_) {
      if (known_.contains(std::string(key.str()))) continue;
      std::string names;
      for (const std::string& name : known_) names += (names.empty() ? "" : ", ") + name;
      return problem(&node, "unknown key '" + std::string(key.str()) + "' in " + what_ +
                                "; known are: " + names);
    }
    return ok();
  }
  void fail(const toml::node* node, const char* key, const std::string& right) {
    if (!error_) error_ = problem(node, std::string(key) + " in " + what_ + " must be " + right);
  }

 private:
  const toml::table& table_;
  std::string what_;
  const std::string& file_;
  std::set<std::string> known_;
  std::optional<Error> error_;
};

Duration millis(double ms) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::milli>(ms));
}

std::string read_endpoint(const std::string& value, std::string& out) {
  if (value != "global-writer" && value != "cluster" && value != "reader" &&
      value != "write-forwarding") {
    return "global-writer, cluster, reader or write-forwarding";
  }
  out = value;
  return "";
}

std::string read_mix(const std::string& value, OperationMix& out) {
  const std::pair<const char*, OperationMix> all[] = {{"create", OperationMix::create},
                                                      {"read", OperationMix::read},
                                                      {"update", OperationMix::update},
                                                      {"delete", OperationMix::remove},
                                                      {"mixed", OperationMix::mixed}};
  for (const auto& [name, mix] : all) {
    if (value == name) {
      out = mix;
      return "";
    }
  }
  return "create, read, update, delete or mixed";
}

std::string read_sessions(const std::string& value, Sessions& out) {
  if (value != "plain" && value != "stateful") return "plain or stateful";
  out = value == "stateful" ? Sessions::stateful : Sessions::plain;
  return "";
}

std::string read_via(const std::string& value, Via& out) {
  if (value != "connections" && value != "lambda") return "connections or lambda";
  out = value == "lambda" ? Via::lambda : Via::connections;
  return "";
}

// What an invocation of a CRUD function cannot be told.
Result<void> check_via_lambda(const toml::table& table, const Reader& in, const LoadPlan& plan,
                              Target target) {
  const bool aws = target == Target::aws;
  const std::string lambda = aws ? "--target aws" : "via = \"lambda\"";
  const std::string needs =
      aws ? " in [load] cannot be given with --target aws: there the load runs in functions"
          : " in [load] needs via = \"connections\"";
  for (const char* key :
       {"conninfo", "think_ms", "op_timeout_ms", "give_up_ms", "retries", "backoff_base_ms",
        "backoff_max_ms", "prefill", "payload_bytes", "seed", "sessions"}) {
    const toml::node* node = table.get(key);
    if (node == nullptr) continue;
    return in.problem(node, key + needs);
  }
  const LoadOptions& load = plan.options;
  if (plan.endpoint == "cluster") {
    return in.problem(
        table.get("endpoint"),
        "endpoint in [load] must be global-writer or write-forwarding with " + lambda);
  }
  if (load.rate && (*load.rate < kLambdaRateMin || *load.rate > kLambdaRateMax)) {
    return in.problem(table.get("rate"), "rate in [load] must be 40 to 4000 with " + lambda);
  }
  if (load.concurrency > kLambdaConcurrencyMax) {
    return in.problem(table.get("concurrency"),
                      "concurrency in [load] must be at most 200 with " + lambda);
  }
  return ok();
}

constexpr double kHourMs = 3'600'000;
constexpr double kCountMax = 1e9;

Result<LoadPlan> read_load(const toml::table& table, const std::string& file,
                           std::optional<Duration>& tail, Target target) {
  Reader in(table, "[load]", file);
  LoadPlan plan;
  LoadOptions& load = plan.options;
  in.text("endpoint", [&](const std::string& v) { return read_endpoint(v, plan.endpoint); });
  in.text("via", [&](const std::string& v) { return read_via(v, plan.via); });
  in.text("conninfo", [&](const std::string& v) { return plan.conninfo = v, std::string(); });
  in.text("client_region", [&](const std::string& v) {
    plan.follows = v == "follow";
    if (!plan.follows) plan.client_region.name = v;
    return std::string();
  });
  in.text("operation_type", [&](const std::string& v) { return read_mix(v, load.operation_type); });
  in.text("sessions", [&](const std::string& v) { return read_sessions(v, load.sessions); });
  in.whole("concurrency", 1, kConcurrencyMax,
           [&](std::uint64_t v) { load.concurrency = static_cast<int>(v); });
  in.whole("operations", 1, kHistoryRecordsMax, [&](std::uint64_t v) { load.operations = v; });
  in.whole("acknowledged_writes", 1, kHistoryRecordsMax,
           [&](std::uint64_t v) { load.acknowledged_writes = v; });
  in.number("duration_s", 0.1, 24 * 3600, [&](double v) { load.duration = millis(v * 1000); });
  in.number("rate", 0.001, 1e6, [&](double v) { load.rate = v; });
  in.number("think_ms", 0, kHourMs, [&](double v) { load.think = millis(v); });
  in.number("op_timeout_ms", 1, kHourMs, [&](double v) { load.attempt_timeout = millis(v); });
  in.number("give_up_ms", 1, kHourMs, [&](double v) { load.give_up_after = millis(v); });
  in.number("tail_s", 0, 3600,
            [&](double v) { tail = std::max(tail.value_or(Duration::zero()), millis(v * 1000)); });
  in.whole("retries", 0, 100'000, [&](std::uint64_t v) { load.retries = static_cast<int>(v); });
  in.number("backoff_base_ms", 0.1, kHourMs, [&](double v) { load.backoff_base = millis(v); });
  in.number("backoff_max_ms", 0.1, kHourMs, [&](double v) { load.backoff_max = millis(v); });
  in.whole("prefill", 1, static_cast<double>(kItemsPerWorkerMax),
           [&](std::uint64_t v) { load.prefill = static_cast<int>(v); });
  in.whole("payload_bytes", 1, 1024 * 1024,
           [&](std::uint64_t v) { load.payload_bytes = static_cast<int>(v); });
  in.whole("seed", 0, kCountMax, [&](std::uint64_t v) { load.seed = v; });
  TRY_VOID(in.end());
  if (plan.via == Via::lambda || target == Target::aws) {
    TRY_VOID(check_via_lambda(table, in, plan, target));
  }
  return plan;
}

// [load], or several [[load]].
Result<std::vector<const toml::table*>> load_tables(Reader& in) {
  std::vector<const toml::table*> tables;
  const toml::node* node = in.take("load");
  if (node == nullptr) return tables;
  if (const toml::table* one = node->as_table()) {
    tables.push_back(one);
    return tables;
  }
  const toml::array* several = node->as_array();
  if (several == nullptr || !several->is_homogeneous(toml::node_type::table)) {
    return in.problem(node, "load is a section: [load], or [[load]] for each of several");
  }
  if (several->size() > kDrillLoadsMax) {
    return in.problem(node, "a drill has at most " + std::to_string(kDrillLoadsMax) + " loads");
  }
  for (const toml::node& one : *several) tables.push_back(one.as_table());
  return tables;
}

// Loads do not share worker numbers. Functions use up new ones with every invocation.
void number_workers(std::vector<LoadPlan>& loads) {
  int next = 0;
  int open = 0;
  for (LoadPlan& plan : loads) {
    if (plan.via == Via::lambda) {
      ++open;
      continue;
    }
    plan.options.first_worker = next;
    plan.workers_end = next += plan.options.concurrency;
  }
  const int share = open == 0 ? 0 : (kWorkersOfARunMax - next) / open;
  for (LoadPlan& plan : loads) {
    if (plan.via != Via::lambda) continue;
    plan.options.first_worker = next;
    plan.workers_end = next += share;
  }
}

void run_via_lambda(DrillFile& drill) {
  bool changed = false;
  for (LoadPlan& plan : drill.loads) {
    changed = changed || plan.via != Via::lambda;
    plan.via = Via::lambda;
  }
  if (changed) {
    drill.notes.emplace_back(
        "the load runs in the Lambda functions, not over connections of the drill: on AWS the "
        "endpoints cannot be reached from outside their VPC");
  }
}

Result<void> read_loads(const std::vector<const toml::table*>& tables, const std::string& file,
                        DrillFile& drill) {
  std::optional<Duration> tail;
  if (!tables.empty()) drill.loads.clear();
  for (const toml::table* table : tables) {
    TRY(LoadPlan plan, read_load(*table, file, tail, drill.target));
    drill.loads.push_back(std::move(plan));
  }
  if (drill.target == Target::aws) run_via_lambda(drill);
  number_workers(drill.loads);
  drill.tail = tail.value_or(drill.tail);
  return ok();
}

std::string read_act(const std::string& value, Act& out) {
  std::string names;
  for (const Act act : kActs) {
    if (value == name_of(act)) {
      out = act;
      return "";
    }
    names += (names.empty() ? "" : ", ") + std::string(name_of(act));
  }
  return "one of " + names + "; given: '" + value + "'";
}

Result<DrillStep> read_step(const toml::table& table, const std::string& file, Target target) {
  Reader in(table, "[[step]]", file);
  DrillStep step;
  step.limit = target == Target::aws ? kStepLimitOnAws : kStepLimit;
  step.line = static_cast<int>(table.source().begin.line);
  if (!in.has("do"))
    return in.problem(nullptr, "a [[step]] needs do = \"switchover\" (or another)");
  in.text("do", [&](const std::string& v) { return read_act(v, step.act); });
  in.number("at_s", 0, 24 * 3600, [&](double v) { step.at = millis(v * 1000); });
  in.whole("after_writes", 0, kHistoryRecordsMax, [&](std::uint64_t v) { step.after_writes = v; });
  in.number("limit_s", 0.1, 3600, [&](double v) { step.limit = millis(v * 1000); });
  const auto region = [](RegionId& out) {
    return [&out](const std::string& v) { return out.name = v, std::string(); };
  };
  const bool moves = step.act == Act::switchover || step.act == Act::failover;
  if (moves) in.text("to", region(step.to));
  if (step.act == Act::switchover) {
    in.whole("repeat", 1, kDrillRepeatMax,
             [&](std::uint64_t v) { step.repeat = static_cast<int>(v); });
    in.whole("min_writes_between", 0, kCountMax,
             [&](std::uint64_t v) { step.min_writes_between = v; });
  }
  switch (step.act) {
    case Act::kill_instance:
      in.whole("instance", 1, 15, [&](std::uint64_t v) { step.instance = static_cast<int>(v); });
      [[fallthrough]];
    case Act::kill_region:
    case Act::kill_daemon:
    case Act::kill_router:
    case Act::start_region: in.text("region", region(step.region)); break;
    case Act::partition:
      in.text("how", [&](const std::string& v) -> std::string {
        if (v != "both" && v != "out") return "both or out";
        step.partition = v;
        return "";
      });
      [[fallthrough]];
    case Act::link:
      in.text("from", region(step.region));
      in.text("to", region(step.to));
      break;
    case Act::switchover:
    case Act::failover:
    case Act::kill_link:
    case Act::start_link:
    case Act::heal:
    case Act::wait_healthy: break;
  }
  if (step.act == Act::link) {
    in.number("latency_ms", 0, 10'000, [&](double v) { step.latency_ms = v; });
    in.number("jitter_ms", 0, 60'000, [&](double v) { step.jitter_ms = v; });
    in.number("bandwidth_mbit_s", 0, 1e6, [&](double v) { step.bandwidth_mbit_s = v; });
  }
  TRY_VOID(in.end());
  if (step.act == Act::link && !step.latency_ms && !step.jitter_ms && !step.bandwidth_mbit_s) {
    return in.problem(nullptr, "do = \"link\" needs latency_ms, jitter_ms or bandwidth_mbit_s");
  }
  return step;
}

Result<void> read_expect(const toml::table& table, const std::string& file, Expectations& expect) {
  Reader in(table, "[expect]", file);
  in.number("max_write_unavailability_ms", 0, 24 * kHourMs,
            [&](double v) { expect.max_write_unavailability_ms = v; });
  in.whole("failed_operations", 0, kCountMax,
           [&](std::uint64_t v) { expect.failed_operations = v; });
  in.whole("retries", 0, kCountMax, [&](std::uint64_t v) { expect.retries = v; });
  in.whole("reconnects", 0, kCountMax, [&](std::uint64_t v) { expect.reconnects = v; });
  in.whole("lost_writes", 0, kCountMax, [&](std::uint64_t v) { expect.lost_writes = v; });
  in.whole("min_lost_writes", 0, kCountMax, [&](std::uint64_t v) { expect.min_lost_writes = v; });
  in.number("min_success_rate", 0, 1, [&](double v) { expect.min_success_rate = v; });
  in.whole("min_acknowledged_writes", 0, kHistoryRecordsMax,
           [&](std::uint64_t v) { expect.min_acknowledged_writes = v; });
  in.whole("stale_reads", 0, kCountMax, [&](std::uint64_t v) { expect.stale_reads = v; });
  in.flag("healthy_at_end", expect.healthy_at_end);
  return in.end();
}

Result<void> read_steps(Reader& in, const std::string& file, DrillFile& drill) {
  const toml::node* node = in.take("step");
  if (node == nullptr) return ok();
  const toml::array* steps = node->as_array();
  if (steps == nullptr) return in.problem(node, "steps are written [[step]], with two brackets");
  for (const toml::node& one : *steps) {
    const toml::table* table = one.as_table();
    if (table == nullptr) return in.problem(&one, "steps are written [[step]], with two brackets");
    TRY(DrillStep step, read_step(*table, file, drill.target));
    drill.steps.push_back(std::move(step));
  }
  return ok();
}

Result<const toml::table*> section(Reader& in, const char* name) {
  const toml::node* node = in.take(name);
  if (node == nullptr) return nullptr;
  if (const toml::table* table = node->as_table()) return table;
  return in.problem(node, std::string(name) + " is a section: [" + name + "]");
}

Result<toml::table> parse_toml(std::string_view text, const std::string& file) {
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    std::ostringstream what;
    what << file << " line " << error.source().begin.line << ": " << error.description();
    return make_error(ErrorKind::invalid, what.str());
  }
}

Result<void> apply_overrides(toml::table& root, const std::vector<std::string>& overrides) {
  if (overrides.empty()) return ok();
  std::string text;
  for (const std::string& line : overrides) text += line + "\n";
  TRY(const toml::table given, parse_toml(text, "--set"));
  if (!root.contains("load")) root.insert("load", toml::table{});
  const auto apply = [&](toml::table* load) {
    if (load == nullptr) return;  // Refused below, with its line.
    for (const auto& [key, node] : given) load->insert_or_assign(key, node);
  };
  if (toml::array* several = root["load"].as_array()) {
    for (toml::node& one : *several) apply(one.as_table());
  } else {
    apply(root["load"].as_table());
  }
  return ok();
}

}  // namespace

std::string_view name_of(Target target) { return target == Target::aws ? "aws" : "local"; }

std::string_view name_of(Act act) {
  switch (act) {
    case Act::switchover: return "switchover";
    case Act::failover: return "failover";
    case Act::kill_instance: return "kill-instance";
    case Act::kill_region: return "kill-region";
    case Act::kill_daemon: return "kill-daemon";
    case Act::kill_router: return "kill-router";
    case Act::kill_link: return "kill-link";
    case Act::start_link: return "start-link";
    case Act::start_region: return "start-region";
    case Act::partition: return "partition";
    case Act::heal: return "heal";
    case Act::link: return "link";
    case Act::wait_healthy: return "wait-healthy";
  }
  return "";
}

bool is_local(Act act) {
  return act != Act::switchover && act != Act::failover && act != Act::wait_healthy;
}

Result<void> refuse_faults(const DrillFile& file) {
  std::string found;
  for (std::size_t i = 0; i < file.steps.size(); ++i) {
    if (!is_local(file.steps[i].act)) continue;
    found += (found.empty() ? "step " : ", step ") + std::to_string(i + 1) + " (line " +
             std::to_string(file.steps[i].line) + ") '" + std::string(name_of(file.steps[i].act)) +
             "'";
  }
  if (found.empty()) return ok();
  return make_error(ErrorKind::invalid,
                    file.name + ": " + found +
                        ": needs a platform on this machine; only switchover, failover and "
                        "wait-healthy work elsewhere");
}

Result<DrillFile> parse_drill(std::string_view text, std::string name,
                              const std::vector<std::string>& overrides, Target target) {
  if (text.size() > kDrillFileBytesMax) {
    return make_error(ErrorKind::invalid, name + " is larger than 256 KiB; is it a drill file?");
  }
  TRY(toml::table root, parse_toml(text, name));
  TRY_VOID(apply_overrides(root, overrides));
  DrillFile drill;
  drill.name = name;
  drill.target = target;
  Reader in(root, "the file", name);
  in.text("description",
          [&](const std::string& v) { return drill.description = v, std::string(); });
  TRY(const auto loads, load_tables(in));
  TRY(const toml::table* expect, section(in, "expect"));
  TRY_VOID(read_steps(in, name, drill));
  TRY_VOID(in.end());
  TRY_VOID(read_loads(loads, name, drill));
  if (expect != nullptr) TRY_VOID(read_expect(*expect, name, drill.expect));
  if (target == Target::aws) TRY_VOID(refuse_faults(drill));
  const bool endless = std::any_of(drill.loads.begin(), drill.loads.end(),
                                   [](const LoadPlan& plan) { return !plan.has_amount(); });
  if (drill.steps.empty() && endless) {
    return make_error(ErrorKind::invalid,
                      name +
                          ": nothing would end this load; give duration_s, operations or "
                          "acknowledged_writes in [load], or a [[step]]");
  }
  return drill;
}

Result<DrillFile> load_drill(const std::string& path, const std::vector<std::string>& overrides,
                             Target target) {
  const auto text = net::read_file(path, kDrillFileBytesMax);
  if (text.has_error() && text.error().kind == ErrorKind::not_found) {
    return make_error(ErrorKind::not_found,
                      "cannot read the drill file " + path + "; examples are in drills/");
  }
  if (text.has_error()) return make_error(ErrorKind::invalid, text.error().message);
  TRY(DrillFile drill, parse_drill(*text, path, overrides, target));
  drill.name = std::filesystem::path(path).stem().string();
  return drill;
}

}  // namespace aurora_global::drill
