// `status`, and the commands that move the writer and watch it move.
#include <unistd.h>

#include <cstdio>

#include "cli/command.h"
#include "net/control_socket.h"

namespace aurora_global::cli {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr Duration kMoveLimit = 180s;

// The routers are asked by themselves: what each session does is no concern of the daemons.
net::Task<void> collect_sessions(Connected& connected, json& regions,
                                 boost::asio::any_io_executor executor) {
  for (json& status : regions) {
    const RegionId region{status.value("region", "")};
    net::ControlClient router(executor, connected.home.run_dir(region) / "router.sock");
    const json question = {{"do", "sessions"}};
    const auto answer = co_await router.call(question, Deadline::in(2s));
    if (answer.has_value()) status["sessions"] = answer->value("sessions", json::array());
  }
}

net::Task<json> collect(Connected& connected, StatusOptions options,
                        boost::asio::any_io_executor executor) {
  json all = {{"home", connected.home.root().string()},
              {"global_cluster", connected.platform.global_cluster},
              {"regions", json::array()}};
  for (const RegionId& region : connected.platform.regions) {
    const auto status = co_await connected.at(region).platform_status(region, Deadline::in(2s));
    if (status.has_value()) {
      all["regions"].push_back(*status);
    } else {
      all["regions"].push_back({{"region", region.name}, {"error", status.error().message}});
    }
  }
  if (options.sessions) co_await collect_sessions(connected, all["regions"], executor);
  net::ControlClient link(executor, connected.home.link_dir() / "link.sock");
  const json question = {{"do", "status"}};
  const auto pairs = co_await link.call(question, Deadline::in(1s));
  if (pairs.has_value()) {
    all["link"] = pairs->at("pairs");
  } else {
    all["link"] = {{"error", pairs.error().message}};
  }
  co_return all;
}

std::string lag_text(const json& region, std::uint64_t writer_position) {
  const json head = region.value("head", json::object());
  if (!head.value("in_recovery", false)) return "-";
  const std::uint64_t at = head.value("position", std::uint64_t{0});
  const std::uint64_t bytes = writer_position > at ? writer_position - at : 0;
  return std::to_string(bytes) + " B, " +
         std::to_string(head.value("replay_lag_ms", std::int64_t{0})) + " ms";
}

std::string sessions_text(const json& region) {
  std::string text;
  for (const json& endpoint :
       region.value("router", json::object()).value("endpoints", json::array())) {
    text += (text.empty() ? "" : "/") + std::to_string(endpoint.value("sessions", 0));
  }
  return text.empty() ? "no router" : text;
}

// A line for each endpoint that has or had sessions to speak of.
void print_endpoints(const json& region) {
  const auto count = [](const json& endpoint, const char* name) {
    return static_cast<long long>(endpoint.value(name, std::int64_t{0}));
  };
  for (const json& endpoint :
       region.value("router", json::object()).value("endpoints", json::array())) {
    const long long sessions = count(endpoint, "sessions");
    const long long held = count(endpoint, "held");
    const long long moved = count(endpoint, "moved_total");
    if (sessions == 0 && held == 0 && moved == 0) continue;
    std::printf(
        "  %-14s at %s: %lld sessions, %lld held; moved so far %lld, cut %lld, refused "
        "%lld\n",
        endpoint.value("name", "").c_str(), endpoint.value("listen", "").c_str(), sessions, held,
        moved, count(endpoint, "cut_total"), count(endpoint, "refused_total"));
  }
}

void print_sessions(const json& region) {
  for (const json& session : region.value("sessions", json::array())) {
    const auto text = [&](const char* name) { return session.value(name, ""); };
    const std::string who = text("user") + "@" + text("database");
    const std::string server = text("server") + ", process " +
                               std::to_string(session.value("server_pid", std::int64_t{0}));
    std::printf("    %-14s %-22s %-24s %-20s %-14s %s\n", text("endpoint").c_str(),
                text("client").c_str(), who.c_str(), text("application_name").c_str(),
                text("state").c_str(), server.c_str());
  }
}

// "on, 4 open, 31.8 ms": what this region forwards; "4 in": what its writer gets from others.
std::string forwarding_text(const json& region) {
  const json forwarding = region.value("forwarding", json::object());
  if (forwarding.value("instances", json::array()).empty()) return "-";
  std::string text = forwarding.value("on", false) ? "on" : "off";
  const auto accepted = forwarding.value("accepted_sessions", 0);
  const auto open = forwarding.value("open_sessions", 0);
  if (region.value("duty", "") == "primary" && text == "off") text.clear();
  const auto append = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (region.value("duty", "") == "primary") append(std::to_string(accepted) + " in");
  if (forwarding.value("on", false) || open > 0) append(std::to_string(open) + " open");
  const json latency = forwarding.value("mean_latency_ms", json());
  if (latency.is_number() && forwarding.value("on", false)) {
    char mean[32];
    std::snprintf(mean, sizeof mean, "%.1f ms", latency.get<double>());
    append(mean);
  }
  return text;
}

void print_table(const json& all) {
  std::uint64_t writer_position = 0;
  for (const json& region : all["regions"]) {
    const json head = region.value("head", json::object());
    if (region.value("duty", "") == "primary") {
      writer_position = head.value("position", std::uint64_t{0});
    }
  }
  // Sessions: at the global writer, the cluster and the reader endpoint.
  std::printf("%-14s %-17s %-6s %-9s %-18s %-16s %s\n", "REGION", "DUTY", "EPOCH", "INSTANCES",
              "LAG", "SESSIONS (w/c/r)", "FORWARDING");
  for (const json& region : all["regions"]) {
    const std::string name = region.value("region", "");
    if (region.contains("error")) {
      std::printf("%-14s down: %s\n", name.c_str(), region.value("error", "").c_str());
      continue;
    }
    int running = 0, instances = 0;
    for (const json& cluster : region["clusters"]) {
      for (const json& instance : cluster["instances"]) {
        ++instances;
        if (instance.value("status", "") == "available") ++running;
      }
    }
    std::uint64_t epoch = 0;
    for (const json& global : region["globals"]) epoch = global.value("epoch", std::uint64_t{0});
    const std::string up = std::to_string(running) + "/" + std::to_string(instances);
    std::printf("%-14s %-17s %-6llu %-9s %-18s %-16s %s\n", name.c_str(),
                region.value("duty", "").c_str(), static_cast<unsigned long long>(epoch),
                up.c_str(), lag_text(region, writer_position).c_str(),
                sessions_text(region).c_str(), forwarding_text(region).c_str());
    print_endpoints(region);
    print_sessions(region);
    for (const json& operation : region["operations"]) {
      const std::string step = operation.value("step", "");
      if (step == "done" || step == "aborted" || operation.value("to", "") != name) continue;
      std::printf("  %s to %s: in step %s\n", operation.value("kind", "").c_str(),
                  operation.value("to", "").c_str(), step.c_str());
    }
  }
  if (!all["link"].is_array()) {
    std::printf("link           down: %s\n", all["link"].value("error", "").c_str());
    return;
  }
  for (const json& pair : all["link"]) {
    std::printf("link %s -> %s: %g ms%s\n", pair.value("from", "").c_str(),
                pair.value("to", "").c_str(), pair.value("latency_ms", 0.0),
                pair.value("blocked", false) ? ", PARTITIONED" : "");
  }
}

net::Task<Result<void>> show_status(const Home& home, StatusOptions options,
                                    boost::asio::any_io_executor executor) {
  CO_TRY(Connected connected, connect_to(home, executor));
  for (;;) {
    const json all = co_await collect(connected, options, executor);
    if (options.watch && isatty(STDOUT_FILENO) != 0) std::printf("\033[H\033[2J");
    if (options.json) {
      std::printf("%s\n", all.dump(2).c_str());
    } else {
      print_table(all);
    }
    std::fflush(stdout);
    if (!options.watch) co_return ok();
    co_await net::sleep_for(1s);
  }
}

void print_step(const json& timing) {
  const double ms = static_cast<double>(timing.value("ended_us", std::int64_t{0}) -
                                        timing.value("started_us", std::int64_t{0})) /
                    1000;
  const std::string note = timing.value("note", "");
  std::printf("  %-9s %8.1f ms%s%s\n", timing.value("step", "").c_str(), ms,
              note.empty() ? "" : "  ", note.c_str());
  std::fflush(stdout);
}

net::Task<Result<void>> move_and_watch(const Home& home, RegionId to,
                                       std::optional<model::Drain> drain,
                                       boost::asio::any_io_executor executor) {
  const auto kind = drain ? model::OperationKind::switchover : model::OperationKind::failover;
  CO_TRY(Connected connected, connect_to(home, executor));
  CO_TRY_VOID(region_number(connected.platform, to));
  CO_TRY(const Situation before, co_await situation(connected, Deadline::in(5s)));
  const model::GlobalMember* target = before.global.member_in(to);
  if (target == nullptr) {
    co_return make_error(ErrorKind::not_found,
                         "region " + to.name + " is not a member of " + before.global.identifier);
  }
  const Instant called = SystemClock().now();
  CO_TRY_VOID(co_await connected.at(to).move_writer(
      to, before.global.identifier, target->cluster_arn, kind, Deadline::in(10s), drain));
  std::printf("%s of %s from %s to %s\n", std::string(model::name_of(kind)).c_str(),
              before.global.identifier.c_str(), before.global.writer_region.name.c_str(),
              to.name.c_str());
  std::size_t shown = 0;
  const Deadline deadline = Deadline::in(kMoveLimit + (drain ? 3 * drain->timeout : Duration(0)));
  for (;;) {
    const auto status = co_await connected.at(to).platform_status(to, Deadline::in(5s));
    if (status.has_value()) {
      for (const json& operation : status->at("operations")) {
        if (operation.value("global_cluster", "") != before.global.identifier) continue;
        const json& steps = operation.at("steps");
        for (; shown < steps.size(); ++shown) print_step(steps[shown]);
        const std::string step = operation.value("step", "");
        if (step == "done") {
          const std::chrono::duration<double, std::milli> took = SystemClock().now() - called;
          std::printf("the writer is in %s (%.0f ms from the call)\n", to.name.c_str(),
                      took.count());
          co_return ok();
        }
        if (step == "aborted") {
          co_return make_error(ErrorKind::conflict,
                               "called off, nothing has changed: " + operation.value("reason", ""));
        }
      }
    }
    if (deadline.passed()) {
      co_return make_error(ErrorKind::timeout,
                           "it goes on; `aurora-global status` tells what it waits for");
    }
    co_await net::sleep_for(20ms);
  }
}

}  // namespace

int status(const Home& home, StatusOptions options) {
  return run_command(
      [&](boost::asio::any_io_executor executor) { return show_status(home, options, executor); });
}

int move_writer(const Home& home, const std::string& to, std::optional<model::Drain> drain) {
  return run_command([&](boost::asio::any_io_executor executor) {
    return move_and_watch(home, RegionId{to}, drain, executor);
  });
}

int link_set(const Home& home, const json& request) {
  return run_command([&](boost::asio::any_io_executor executor) -> net::Task<Result<void>> {
    net::ControlClient link(executor, home.link_dir() / "link.sock");
    CO_TRY_VOID(co_await link.call(request, Deadline::in(5s)));
    co_return ok();
  });
}

int link_status(const Home& home, bool as_json) {
  return run_command([&](boost::asio::any_io_executor executor) -> net::Task<Result<void>> {
    net::ControlClient link(executor, home.link_dir() / "link.sock");
    const json question = {{"do", "status"}};
    CO_TRY(const json answer, co_await link.call(question, Deadline::in(5s)));
    if (as_json) {
      std::printf("%s\n", answer.dump(2).c_str());
      co_return ok();
    }
    for (const json& pair : answer.at("pairs")) {
      std::printf("%-14s -> %-14s %7.1f ms  jitter %g ms  limit %g Mbit/s  %s\n",
                  pair.value("from", "").c_str(), pair.value("to", "").c_str(),
                  pair.value("latency_ms", 0.0), pair.value("jitter_ms", 0.0),
                  pair.value("bandwidth_mbit_s", 0.0),
                  pair.value("blocked", false) ? "partitioned" : "open");
    }
    co_return ok();
  });
}

}  // namespace aurora_global::cli
