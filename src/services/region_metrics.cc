#include "services/region_metrics.h"

namespace aurora_global::services {
namespace {

using Dimensions = std::vector<std::pair<std::string, std::string>>;
using Counters = std::map<std::string, std::int64_t>;

constexpr const char* kNamespace = "AWS/RDS";

// The replication lag of this region's own DB cluster, as Aurora publishes it: in secondaries only.
void add_cluster_metrics(const model::RegionStatus& status, WallTime now,
                         std::vector<MetricDatum>& data) {
  const Dimensions dimensions = {
      {"DBClusterIdentifier", status.clusters.empty() ? "" : status.clusters.front().identifier}};
  data.push_back({kNamespace,
                  "DatabaseConnections",
                  dimensions,
                  "Count",
                  now,
                  {static_cast<double>(status.head.sessions)},
                  {}});
  const bool follows = status.duty == "standby" && status.head.running;
  if (!follows || status.clusters.empty()) return;
  const auto lag = static_cast<double>(status.head.replay_lag_ms);
  for (const char* name :
       {"AuroraGlobalDBReplicationLag", "AuroraGlobalDBRPOLag", "AuroraGlobalDBProgressLag"}) {
    data.push_back({kNamespace, name, dimensions, "Milliseconds", now, {lag}, {}});
  }
}

// One instance between two looks at its counters.
struct Forwarded {
  Counters now, before;
  double seconds = 0;  // Between the two; 0: this is the first look.

  std::int64_t at(const char* name) const { return of(now, name); }
  double added(const char* name) const {
    // A counter that went back began again at zero, with its server.
    const std::int64_t then = of(before, name);
    return static_cast<double>(at(name) >= then ? at(name) - then : at(name));
  }

 private:
  static std::int64_t of(const Counters& counters, const char* name) {
    const auto found = counters.find(name);
    return found == counters.end() ? 0 : found->second;
  }
};

// Collects what AuroraForwarding... of one instance is.
class MetricSheet {
 public:
  MetricSheet(std::string prefix, std::string instance, const Forwarded& seen, WallTime now,
              std::vector<MetricDatum>& data)
      : prefix_(std::move(prefix)),
        dimensions_({{"DBInstanceIdentifier", std::move(instance)}}),
        seen_(seen),
        now_(now),
        data_(data) {}

  void value(const char* name, const char* counter) {
    put(name, "Count", static_cast<double>(seen_.at(counter)));
  }
  void added(const char* name, const char* counter) {
    if (seen_.seconds > 0) put(name, "Count", seen_.added(counter));
  }
  void rate(const char* name, const char* counter) {
    if (seen_.seconds > 0) put(name, "Count/Second", seen_.added(counter) / seen_.seconds);
  }
  // The mean of what was added; nothing where nothing was.
  void mean_ms(const char* name, const char* micros, const char* counter) {
    const double times = seen_.added(counter);
    if (seen_.seconds > 0 && times > 0) {
      put(name, "Milliseconds", seen_.added(micros) / 1000 / times);
    }
  }

 private:
  void put(const char* name, const char* unit, double value) {
    data_.push_back({kNamespace, prefix_ + name, dimensions_, unit, now_, {value}, {}});
  }

  std::string prefix_;
  Dimensions dimensions_;
  const Forwarded& seen_;
  WallTime now_;
  std::vector<MetricDatum>& data_;
};

void add_forwarding_metrics(const model::ForwardingInstance& instance, const Forwarded& seen,
                            WallTime now, std::vector<MetricDatum>& data) {
  const std::string prefix = instance.local ? "AuroraLocalForwarding" : "AuroraForwarding";
  MetricSheet sheet(prefix, instance.instance, seen, now, data);
  if (instance.role == "writer") {
    sheet.rate("WriterDMLThroughput", "writer_statements");
    sheet.value("WriterOpenSessions", "writer_open_sessions");
    sheet.value("WriterTotalSessions", "writer_total_sessions");
    return;
  }
  sheet.rate("ReplicaCommitThroughput", "replica_commits");
  sheet.mean_ms("ReplicaDMLLatency", "replica_statement_us", "replica_statements");
  sheet.rate("ReplicaDMLThroughput", "replica_statements");
  sheet.added("ReplicaErrorSessionsLimit", "replica_sessions_limit_errors");
  sheet.value("ReplicaOpenSessions", "replica_open_sessions");
  sheet.mean_ms("ReplicaReadWaitLatency", "replica_read_wait_us", "replica_read_waits");
}

}  // namespace

std::vector<MetricDatum> RegionMetrics::take(const model::RegionStatus& status, WallTime now) {
  std::vector<MetricDatum> data;
  add_cluster_metrics(status, now, data);
  for (const model::ForwardingInstance& instance : status.forwarding.instances) {
    Forwarded seen;
    seen.now = instance.counters;
    if (const auto last = last_.find(instance.instance); last != last_.end()) {
      seen.before = last->second.counters;
      seen.seconds = std::chrono::duration<double>(now - last->second.at).count();
    }
    add_forwarding_metrics(instance, seen, now, data);
    last_[instance.instance] = {now, seen.now};
  }
  return data;
}

}  // namespace aurora_global::services
