// `status`: every region asked, and shown as a table that a terminal of 80 columns holds.
#include <unistd.h>

#include <cstdio>

#include <algorithm>

#include "cli/command.h"
#include "cli/words.h"
#include "net/control_socket.h"

namespace aurora_global::cli {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

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

// printf() into a string.
template <typename... Arguments>
void append(std::string& out, const char* format, Arguments... arguments) {
  char line[1024];
  std::snprintf(line, sizeof line, format, arguments...);
  out += line;
}

std::string text_of(const json& from, const char* name) { return from.value(name, ""); }

std::uint64_t epoch_of(const json& region) {
  std::uint64_t epoch = 0;
  for (const json& global : region.value("globals", json::array())) {
    epoch = std::max(epoch, global.value("epoch", std::uint64_t{0}));
  }
  return epoch;
}

// The regions that take writes, the one with the highest epoch first.
std::vector<const json*> primaries(const json& all) {
  std::vector<const json*> found;
  for (const json& region : all["regions"]) {
    if (text_of(region, "duty") == "primary") found.push_back(&region);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const json* a, const json* b) { return epoch_of(*a) > epoch_of(*b); });
  return found;
}

// A stream notices a partition seconds later than the peers do.
bool hears(const json& region, const std::string& other) {
  for (const json& peer : region.value("peers", json::array())) {
    if (text_of(peer, "region") != other) continue;
    return peer.value("heard", false) && peer.value("heard_ms_ago", 0) < kCutOffAfterMs;
  }
  return true;
}

std::string lag_text(const json& region, const json& writer) {
  const json head = region.value("head", json::object());
  if (!head.value("in_recovery", false)) return "-";
  const std::uint64_t at = head.value("position", std::uint64_t{0});
  const std::uint64_t ahead =
      writer.value("head", json::object()).value("position", std::uint64_t{0});
  const std::string bytes = bytes_text(ahead > at ? ahead - at : 0);
  if (!head.value("streaming", false) || !hears(region, text_of(writer, "region"))) {
    return at > ahead ? "cut off, past the writer" : "cut off, " + bytes;
  }
  return bytes + ", " + std::to_string(head.value("replay_lag_ms", std::int64_t{0})) + " ms";
}

std::string sessions_text(const json& region) {
  const json router = region.value("router", json::object());
  if (!router.contains("endpoints")) return "no router";
  std::int64_t sessions = 0;
  for (const json& endpoint : router["endpoints"]) sessions += endpoint.value("sessions", 0);
  return std::to_string(sessions);
}

// A line for each endpoint that has or had sessions to speak of.
void append_endpoints(std::string& out, const json& region) {
  const auto count = [](const json& endpoint, const char* name) {
    return static_cast<long long>(endpoint.value(name, std::int64_t{0}));
  };
  for (const json& endpoint :
       region.value("router", json::object()).value("endpoints", json::array())) {
    const long long sessions = count(endpoint, "sessions");
    const long long held = count(endpoint, "held");
    const long long moved = count(endpoint, "moved_total");
    if (sessions == 0 && held == 0 && moved == 0) continue;
    append(out, "  %s at %s: %s, %lld held; moved %lld, cut %lld, refused %lld\n",
           text_of(endpoint, "name").c_str(), text_of(endpoint, "listen").c_str(),
           counted(static_cast<std::uint64_t>(sessions), "session").c_str(), held, moved,
           count(endpoint, "cut_total"), count(endpoint, "refused_total"));
  }
}

void append_sessions(std::string& out, const json& region) {
  for (const json& session : region.value("sessions", json::array())) {
    const std::string who = text_of(session, "user") + "@" + text_of(session, "database");
    const std::string server = text_of(session, "server") + ", process " +
                               std::to_string(session.value("server_pid", std::int64_t{0}));
    append(out, "    %-14s %-22s %-24s %-20s %-14s %s\n", text_of(session, "endpoint").c_str(),
           text_of(session, "client").c_str(), who.c_str(),
           text_of(session, "application_name").c_str(), text_of(session, "state").c_str(),
           server.c_str());
  }
}

// Of a standby: whether it forwards. The numbers have a line of their own.
std::string forwarding_text(const json& region) {
  const json forwarding = region.value("forwarding", json::object());
  if (forwarding.value("instances", json::array()).empty()) return "-";
  if (forwarding.value("on", false)) return "on";
  return text_of(region, "duty") == "primary" ? "-" : "off";
}

void append_forwarding(std::string& out, const json& region) {
  const json forwarding = region.value("forwarding", json::object());
  const auto open = forwarding.value("open_sessions", std::uint64_t{0});
  const auto accepted = forwarding.value("accepted_sessions", std::uint64_t{0});
  if (open > 0) {
    const json latency = forwarding.value("mean_latency_ms", json());
    append(out, "  forwards writes over %s", counted(open, "connection").c_str());
    if (latency.is_number()) append(out, ", %.1f ms on average", latency.get<double>());
    out += "\n";
  }
  if (accepted > 0 && text_of(region, "duty") == "primary") {
    append(out, "  executes what others forward over %s\n",
           counted(accepted, "connection").c_str());
  }
}

void append_region(std::string& out, const json& region, const json& writer, std::uint64_t epoch) {
  const std::string name = text_of(region, "region");
  if (region.contains("error")) {
    append(out, "%-15s down: %s\n", name.c_str(), text_of(region, "error").c_str());
    return;
  }
  int running = 0, instances = 0;
  for (const json& cluster : region["clusters"]) {
    for (const json& instance : cluster["instances"]) {
      ++instances;
      if (text_of(instance, "status") == "available") ++running;
    }
  }
  const std::string duty = text_of(region, "duty");
  const bool waits = duty == "waiting-for-epoch";
  append(out, "%-15s %-8s %-8s %-20s %-9s %s\n", name.c_str(), waits ? "waiting" : duty.c_str(),
         (std::to_string(running) + "/" + std::to_string(instances)).c_str(),
         lag_text(region, writer).c_str(), sessions_text(region).c_str(),
         forwarding_text(region).c_str());
  if (waits) out += "  waits until every other region has said who the writer is\n";
  if (epoch_of(region) < epoch) {
    append(out, "  knows of epoch %llu only\n", static_cast<unsigned long long>(epoch_of(region)));
  }
  append_endpoints(out, region);
  append_forwarding(out, region);
  append_sessions(out, region);
  for (const json& operation : region["operations"]) {
    const std::string step = text_of(operation, "step");
    if (step == "done" || step == "aborted" || text_of(operation, "to") != name) continue;
    append(out, "  %s to %s: in step %s\n", text_of(operation, "kind").c_str(), name.c_str(),
           step.c_str());
  }
}

void append_link(std::string& out, const json& all) {
  if (!all["link"].is_array()) {
    append(out, "link            down: %s\n", text_of(all["link"], "error").c_str());
    return;
  }
  for (const json& pair : all["link"]) {
    append(out, "link %s -> %s: %g ms%s\n", text_of(pair, "from").c_str(),
           text_of(pair, "to").c_str(), pair.value("latency_ms", 0.0),
           pair.value("blocked", false) ? ", PARTITIONED" : "");
  }
}

// Two that take writes: what is the case, and what becomes of it.
void append_conflict(std::string& out, const std::vector<const json*>& writers) {
  if (writers.size() < 2) return;
  const std::string newer = text_of(*writers[0], "region");
  const std::string older = text_of(*writers[1], "region");
  out += "\nCONFLICT: two regions take writes, for they do not hear of each other.\n";
  append(out, "  %s (epoch %llu) is the primary. What %s (epoch %llu) takes\n", newer.c_str(),
         static_cast<unsigned long long>(epoch_of(*writers[0])), older.c_str(),
         static_cast<unsigned long long>(epoch_of(*writers[1])));
  out += "  is discarded when it hears of that. Keep applications away from it until then.\n";
}

std::string table_of(const json& all) {
  std::string out;
  const auto writers = primaries(all);
  std::uint64_t epoch = 0;
  for (const json& region : all["regions"]) epoch = std::max(epoch, epoch_of(region));
  append(out, "%s: ", text_of(all, "global_cluster").c_str());
  if (writers.empty()) {
    out += "no region takes writes";
  } else {
    append(out, "the writer is in %s", text_of(*writers[0], "region").c_str());
  }
  append(out, ", epoch %llu\n", static_cast<unsigned long long>(epoch));
  append_conflict(out, writers);
  append(out, "\n%-15s %-8s %-8s %-20s %-9s %s\n", "REGION", "DUTY", "SERVERS", "BEHIND THE WRITER",
         "SESSIONS", "FORWARDING");
  const json writer = writers.empty() ? json::object() : *writers[0];
  for (const json& region : all["regions"]) append_region(out, region, writer, epoch);
  out += "\n";
  append_link(out, all);
  return out;
}

// What an operator should know, as the regions say it.
void append_warnings(std::string& out, const json& all) {
  for (const json& region : all["regions"]) {
    for (const json& warning : region.value("warnings", json::array())) {
      out += "\n" + text_of(region, "region") + ": " + warning.get<std::string>() + "\n";
    }
  }
}

void append_connections(std::string& out, const Connected& connected) {
  out += "\nconnect to the global writer endpoint of\n";
  for (const RegionId& region : connected.platform.regions) {
    out += "  " + region.name + "\n    " +
           connection_url(connected.home, connected.platform, region, kGlobalWriterHost) + "\n";
  }
}

// Lines that are longer than the terminal would wrap and tear the table; more lines than it has
// would scroll.
std::string fit(const std::string& text, TerminalSize terminal, bool watch) {
  if (terminal.columns == 0) return text;
  std::string out;
  std::size_t lines = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (watch && terminal.rows > 0 && ++lines >= terminal.rows) break;
    out += text.substr(at, std::min(end - at, terminal.columns));
    out += watch ? "\033[K\n" : "\n";
    at = end + 1;
  }
  return out;
}

void show_table(const Connected& connected, const json& all, StatusOptions options) {
  const TerminalSize terminal = terminal_size(STDOUT_FILENO);
  std::string out = table_of(all);
  std::string warnings;
  append_warnings(warnings, all);
  if (options.watch && terminal.columns > 0) {
    out += warnings;
    // Over what stands there, the rest erased: no flicker.
    out = "\033[H" + fit(out, terminal, true) + "\033[J";
  } else {
    out = fit(out, terminal, false) + warnings;  // Which have names of files: not cut.
    if (!options.watch) append_connections(out, connected);
  }
  std::fputs(out.c_str(), stdout);
}

net::Task<Result<void>> show_status(const Home& home, StatusOptions options,
                                    boost::asio::any_io_executor executor) {
  CO_TRY(Connected connected, connect_to(home, executor));
  for (bool first = true;; first = false) {
    const auto running = require_running(home, connected.platform);
    const json all = co_await collect(connected, options, executor);
    if (options.json) {
      std::printf("%s\n", all.dump(2).c_str());
    } else if (running.has_value()) {
      if (first && options.watch && isatty(STDOUT_FILENO) != 0) std::printf("\033[2J");
      show_table(connected, all, options);
    }
    if (std::fflush(stdout) != 0) co_return ok();  // Nobody reads any more.
    if (running.has_error() && !options.watch) co_return running;
    if (!options.watch) co_return ok();
    if (running.has_error()) std::printf("%s\n", running.error().message.c_str());
    co_await net::sleep_for(1s);
  }
}

}  // namespace

int status(const Home& home, StatusOptions options) {
  const auto shown = run_quietly(
      [&](boost::asio::any_io_executor executor) { return show_status(home, options, executor); });
  // Watching has no other end.
  if (shown.has_error() && options.watch && shown.error().kind == ErrorKind::cancelled) {
    std::printf("\n");
    return kExitOk;
  }
  return shown.has_value() ? kExitOk : report(shown.error());
}

}  // namespace aurora_global::cli
