// `failover --dry-run`: who would be the new primary, and what would be lost, as the regions know
// it.
#include <cstdio>

#include "cli/command.h"
#include "cli/words.h"

namespace aurora_global::cli {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr Duration kForeseeAskLimit = 2s;

Lsn lsn_in(const json& of, const char* name) { return Lsn{of.value(name, std::uint64_t{0})}; }

// All that a region has: what lies past it, its head has not seen.
Lsn end_of(const json& status) {
  const json head = status.value("head", json::object());
  return std::max(lsn_in(head, "received"), lsn_in(head, "position"));
}

std::uint64_t past(Lsn one, Lsn other) { return one > other ? one.value - other.value : 0; }

// Regions that have received more than the target has: a failover to them would lose less.
net::Task<json> ahead_of(Connected& connected, const Situation& now, RegionId to, Lsn end) {
  json all = json::array();
  for (const model::GlobalMember& member : now.global.members) {
    const RegionId region = member.region;
    if (region == to || region == now.global.writer_region) continue;
    if (!connected.clients.contains(region)) continue;
    auto asking = connected.at(region).platform_status(region, Deadline::in(kForeseeAskLimit));
    const auto status = co_await std::move(asking);
    if (status.has_error()) continue;
    const std::uint64_t more = past(end_of(*status), end);
    if (more > 0) all.push_back({{"region", region.name}, {"bytes", more}});
  }
  co_return all;
}

net::Task<Result<json>> foreseen(const Home& home, RegionId to,
                                 boost::asio::any_io_executor executor) {
  CO_TRY(Connected connected, connect_to(home, executor));
  CO_TRY_VOID(region_number(connected.platform, to));
  CO_TRY_VOID(require_running(home, connected.platform));
  CO_TRY(const Situation now, co_await situation(connected, Deadline::in(5s)));
  if (now.global.member_in(to) == nullptr) {
    co_return make_error(ErrorKind::not_found,
                         "region " + to.name + " is not a member of " + now.global.identifier);
  }
  const RegionId writer = now.global.writer_region;
  if (writer == to) {
    co_return make_error(ErrorKind::conflict, "region " + to.name + " is the primary already");
  }
  CO_TRY(const json target,
         co_await connected.at(to).platform_status(to, Deadline::in(kForeseeAskLimit)));
  const Lsn end = end_of(target);
  json told = {
      {"to", to.name},          {"writer", writer.name},
      {"position", end.text()}, {"heard_ms_ago", -1},
      {"lost_bytes", nullptr},  {"two_writers", false},
      {"is_asked", false},      {"can_take_over", target.at("head").value("running", false)}};
  for (const json& peer : target.value("peers", json::array())) {
    if (peer.value("region", "") != writer.name || !peer.value("heard", false)) continue;
    told["heard_ms_ago"] = peer.value("heard_ms_ago", std::int64_t{-1});
    told["writer_position"] = lsn_in(peer, "position").text();
    told["lost_bytes"] = past(lsn_in(peer, "position"), end);
  }
  const bool cut_off = told["heard_ms_ago"] < 0 || told["heard_ms_ago"] >= kCutOffAfterMs;
  auto asking = connected.at(writer).platform_status(writer, Deadline::in(kForeseeAskLimit));
  const auto theirs = co_await std::move(asking);
  if (theirs.has_value() && theirs->value("duty", "") == "primary") {
    told["is_asked"] = true;
    told["two_writers"] = cut_off;
    told["writer_position"] = end_of(*theirs).text();
    told["lost_bytes"] = past(end_of(*theirs), end);
  }
  auto looking = ahead_of(connected, now, to, end);
  told["ahead"] = co_await std::move(looking);
  co_return told;
}

std::string words_of(const json& told) {
  const std::string to = told.value("to", ""), writer = told.value("writer", "");
  std::string text = "Dry run: nothing was changed.\n  " + to +
                     " would become the primary in place of " + writer + ", from " +
                     told.value("position", "") + " on\n";
  if (!told.at("can_take_over").get<bool>()) {
    text += "  but its DB instance does not run: it would be refused\n";
  }
  if (told.at("lost_bytes").is_null()) {
    text +=
        "  what it has not received cannot be told: " + to + " has not heard of " + writer + "\n";
  } else {
    const auto heard_ms = told.at("heard_ms_ago").get<std::int64_t>();
    if (told.at("is_asked") == false && heard_ms >= 0) {
      text += "  as last heard, " + std::to_string(heard_ms / 1000) + " s ago:\n";
    }
    text += "  not received: " + bytes_text(told.at("lost_bytes").get<std::uint64_t>()) +
            " of WAL, up to " + told.value("writer_position", "") + "; and what " + writer +
            " writes from now on\n";
  }
  for (const json& one : told.at("ahead")) {
    text += "  " + one.value("region", "") + " has received " +
            bytes_text(one.value("bytes", std::uint64_t{0})) +
            " more: a failover to it would lose less\n";
  }
  if (told.at("two_writers").get<bool>()) {
    text += "  " + writer + " still takes writes and would go on until the link heals\n";
  }
  return text + "  What is lost comes back as SQL when " + writer + " does: `lost-writes list`.\n";
}

}  // namespace

int foresee_failover(const Home& home, const std::string& to, bool as_json) {
  json told;
  const auto done = run_quietly([&](auto executor) -> net::Task<Result<void>> {
    auto looking = foreseen(home, RegionId{to}, executor);
    CO_TRY(told, co_await std::move(looking));
    co_return ok();
  });
  if (done.has_error()) return report(done.error());
  std::fputs(as_json ? (printable(told) + "\n").c_str() : words_of(told).c_str(), stdout);
  return told.at("can_take_over").get<bool>() ? kExitOk : kExitFailed;
}

}  // namespace aurora_global::cli
