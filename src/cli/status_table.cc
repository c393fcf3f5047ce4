#include "cli/status_table.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "cli/command.h"
#include "cli/words.h"

namespace aurora_global::cli {
namespace {

using nlohmann::json;

// printf() into a string.
template <typename... Arguments>
void append(std::string& out, const char* format, Arguments... arguments) {
  const int size = std::snprintf(nullptr, 0, format, arguments...);
  std::string text(static_cast<std::size_t>(size) + 1, '\0');  // And its end.
  std::snprintf(text.data(), text.size(), format, arguments...);
  out.append(text, 0, text.size() - 1);
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

struct Row {
  std::vector<std::string> cells;
  std::string down;  // Why; instead of all cells but the first.
};

const Row kHeads = {{"REGION", "DUTY", "SERVERS", "BEHIND THE WRITER", "SESSIONS", "FORWARDING"},
                    ""};
// What a column usually needs, so that --watch does not move it to and fro.
constexpr std::size_t kUsualWidths[] = {15, 8, 8, 20, 9, 0};

bool waits_for_epoch(const json& region) { return text_of(region, "duty") == "waiting-for-epoch"; }

Row row_of(const json& region, const json& writer) {
  const std::string name = text_of(region, "region");
  if (region.contains("error")) return {{name}, text_of(region, "error")};
  int running = 0, instances = 0;
  for (const json& cluster : region.value("clusters", json::array())) {
    for (const json& instance : cluster.value("instances", json::array())) {
      ++instances;
      if (text_of(instance, "status") == "available") ++running;
    }
  }
  return {{name, waits_for_epoch(region) ? "waiting" : text_of(region, "duty"),
           std::to_string(running) + "/" + std::to_string(instances), lag_text(region, writer),
           sessions_text(region), forwarding_text(region)},
          ""};
}

// Wide enough for every cell, whatever is in it.
std::vector<std::size_t> widths_of(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(std::begin(kUsualWidths), std::end(kUsualWidths));
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      widths[i] = std::max(widths[i], row.cells[i].size());
    }
  }
  return widths;
}

void append_row(std::string& out, const Row& row, const std::vector<std::size_t>& widths) {
  for (std::size_t i = 0; i < row.cells.size(); ++i) {
    out += row.cells[i];
    const bool last = i + 1 == row.cells.size() && row.down.empty();
    if (!last) out += std::string(widths[i] - row.cells[i].size() + 1, ' ');
  }
  out += (row.down.empty() ? "" : "down: " + row.down) + "\n";
}

// What there is to say of a region beside its row.
void append_details(std::string& out, const json& region, std::uint64_t epoch) {
  if (region.contains("error")) return;
  const std::string name = text_of(region, "region");
  if (waits_for_epoch(region)) {
    out += "  waits until every other region has said who the writer is\n";
  }
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

}  // namespace

std::string status_table(const json& all) {
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
  const json writer = writers.empty() ? json::object() : *writers[0];
  std::vector<Row> rows = {kHeads};
  for (const json& region : all["regions"]) rows.push_back(row_of(region, writer));
  const auto widths = widths_of(rows);
  out += "\n";
  append_row(out, rows[0], widths);
  for (std::size_t i = 1; i < rows.size(); ++i) {
    append_row(out, rows[i], widths);
    append_details(out, all["regions"][i - 1], epoch);
  }
  out += "\n";
  append_link(out, all);
  return out;
}

std::string status_warnings(const json& all) {
  std::string out;
  for (const json& region : all["regions"]) {
    for (const json& warning : region.value("warnings", json::array())) {
      out += "\n" + text_of(region, "region") + ": " + warning.get<std::string>() + "\n";
    }
  }
  return out;
}

}  // namespace aurora_global::cli
