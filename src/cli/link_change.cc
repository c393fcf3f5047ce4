#include "cli/link_change.h"

#include "cli/command.h"

namespace aurora_global::cli {
namespace {

Result<void> check_change(const Home& home, const LinkChange& change) {
  if (!change.latency_ms && !change.jitter_ms && !change.bandwidth_mbit &&
      change.partition.empty()) {
    return make_error(ErrorKind::invalid,
                      "link set changes nothing without --latency-ms, --jitter-ms, "
                      "--bandwidth-mbit or --partition; `link status` shows what is set");
  }
  if (!change.from.empty() && change.from == change.to) {
    return make_error(ErrorKind::invalid, "no such pair: --from and --to are both " + change.from);
  }
  TRY(const Platform platform, home.load());
  for (const std::string& region : {change.from, change.to}) {
    if (region.empty()) continue;
    TRY_VOID(region_number(platform, RegionId{region}));
  }
  return ok();
}

}  // namespace

int change_link(const Home& home, const LinkChange& change) {
  const auto checked = check_change(home, change);
  if (checked.has_error()) return report(checked.error());
  nlohmann::json request = {{"do", "set"}};
  if (change.latency_ms) request["latency_ms"] = *change.latency_ms;
  if (change.jitter_ms) request["jitter_ms"] = *change.jitter_ms;
  if (change.bandwidth_mbit) request["bandwidth_mbit_s"] = *change.bandwidth_mbit;
  if (!change.partition.empty()) request["partition"] = change.partition;
  if (!change.from.empty()) request["from"] = change.from;
  if (!change.to.empty()) request["to"] = change.to;
  return link_set(home, request);
}

}  // namespace aurora_global::cli
