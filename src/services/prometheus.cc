#include "services/prometheus.h"

#include <map>
#include <string_view>

#include "model/duty.h"

namespace aurora_global::services {
namespace {

using nlohmann::json;

constexpr std::string_view kTotal = "_total";

std::string label_value(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  return out + "\"";
}

// Samples by metric, for all samples of one metric stand together.
class Sheet {
 public:
  void gauge(const std::string& name, const char* help, const std::string& labels, double value) {
    add(name, "gauge", help, labels, value);
  }
  void counter(const std::string& name, const char* help, const std::string& labels, double value) {
    add(name + "_total", "counter", help, labels, value);
  }
  std::string text() const {
    std::string out;
    for (const auto& [name, metric] : metrics_) {
      out += "# HELP " + name + " " + metric.help + "\n# TYPE " + name + " " + metric.type + "\n" +
             metric.samples;
    }
    return out;
  }

 private:
  struct Metric {
    const char* type;
    const char* help;
    std::string samples;
  };
  void add(const std::string& name, const char* type, const char* help, const std::string& labels,
           double value) {
    Metric& metric = metrics_.try_emplace(name, Metric{type, help, {}}).first->second;
    metric.samples += name + "{" + labels + "} " + json(value).dump() + "\n";
  }
  std::map<std::string, Metric> metrics_;
};

double value_of(const Lsn& lsn) { return static_cast<double>(lsn.value); }

void add_head(Sheet& sheet, const std::string& region, const model::HeadStatus& head) {
  sheet.gauge("aurora_global_head_running", "Whether the region's head instance answers.", region,
              head.running ? 1 : 0);
  sheet.gauge("aurora_global_head_in_recovery", "Whether the head instance is a standby.", region,
              head.in_recovery ? 1 : 0);
  sheet.gauge("aurora_global_head_streaming", "Whether WAL is streamed to the head instance.",
              region, head.streaming ? 1 : 0);
  sheet.gauge("aurora_global_head_position_bytes",
              "WAL position that the head instance has written, or as a standby replayed.", region,
              value_of(head.position));
  sheet.gauge("aurora_global_head_received_bytes",
              "WAL position that the head instance has received as a standby.", region,
              value_of(head.received));
  sheet.gauge("aurora_global_replay_lag_seconds",
              "How old what the head instance shows may be; 0 for a primary.", region,
              static_cast<double>(head.replay_lag_ms) / 1000);
  sheet.gauge("aurora_global_replay_paused", "Whether replay is paused.", region,
              head.replay_paused ? 1 : 0);
  sheet.gauge("aurora_global_sessions", "Client sessions of the head instance.", region,
              head.sessions);
}

void add_duty(Sheet& sheet, const std::string& region, const model::RegionStatus& status) {
  for (const model::Duty duty : {model::Duty::primary, model::Duty::standby, model::Duty::fenced,
                                 model::Duty::waiting_for_epoch}) {
    const std::string name(model::name_of(duty));
    sheet.gauge("aurora_global_duty", "1 for the duty that the region has now.",
                region + ",duty=" + label_value(name), status.duty == name ? 1 : 0);
  }
  for (const model::GlobalCluster& global : status.globals) {
    const std::string labels = region + ",global_cluster=" + label_value(global.identifier);
    sheet.gauge("aurora_global_epoch", "Epoch of the global cluster, as the region knows it.",
                labels, static_cast<double>(global.epoch.value));
    sheet.gauge("aurora_global_is_writer", "Whether the region is the global cluster's writer.",
                labels, global.writer_region == status.region ? 1 : 0);
  }
  double running = 0;
  for (const model::Operation& operation : status.operations) {
    running += model::is_end(operation.step) ? 0 : 1;
  }
  sheet.gauge("aurora_global_operations_running", "Switchovers and failovers under way.", region,
              running);
  sheet.gauge("aurora_global_warnings", "Warnings that `status` shows of the region.", region,
              static_cast<double>(status.warnings.size()));
}

void add_peers(Sheet& sheet, const std::string& region, const model::RegionStatus& status) {
  for (const model::PeerStatus& peer : status.peers) {
    const std::string labels = region + ",peer=" + label_value(peer.region.name);
    sheet.gauge("aurora_global_peer_heard", "Whether the other region was ever heard.", labels,
                peer.heard ? 1 : 0);
    if (!peer.heard) continue;
    sheet.gauge("aurora_global_peer_silence_seconds", "Time since the other region was last heard.",
                labels, static_cast<double>(peer.heard_ms_ago) / 1000);
    sheet.gauge("aurora_global_peer_position_bytes",
                "WAL position of the other region's head instance, as last heard.", labels,
                value_of(peer.position));
  }
}

// The router's own words: a member that is not there, or no number, is left out.
void add_endpoints(Sheet& sheet, const std::string& region, const json& router) {
  constexpr struct {
    const char* member;
    const char* help;
    bool is_counter;
  } kMembers[] = {
      {"sessions", "Client sessions at the endpoint.", false},
      {"held", "Sessions that wait for a writer.", false},
      {"backends", "Connections to servers.", false},
      {"accepted_total", "Sessions that were accepted.", true},
      {"refused_total", "Connections that were refused.", true},
      {"cut_total", "Sessions that a move or a lost server has ended.", true},
      {"moved_total", "Sessions that were moved to another server.", true},
  };
  const auto endpoints = router.find("endpoints");
  if (endpoints == router.end() || !endpoints->is_array()) return;
  for (const json& endpoint : *endpoints) {
    if (!endpoint.is_object()) continue;
    const std::string labels =
        region + ",endpoint=" + label_value(endpoint.value("name", std::string()));
    for (const auto& one : kMembers) {
      const auto value = endpoint.find(one.member);
      if (value == endpoint.end() || !value->is_number()) continue;
      const std::string name = std::string("aurora_global_endpoint_") + one.member;
      if (one.is_counter) {
        sheet.counter(name.substr(0, name.size() - kTotal.size()), one.help, labels,
                      value->get<double>());
      } else {
        sheet.gauge(name, one.help, labels, value->get<double>());
      }
    }
  }
}

// Sums of microseconds become seconds, as Prometheus has them; what is open now is a gauge.
void add_forwarding(Sheet& sheet, const std::string& labels, const std::string& name,
                    double value) {
  constexpr const char* kHelp = "Write forwarding, as aurora_global_forwarding_status() counts it.";
  const std::string full = "aurora_global_forwarding_" + name;
  if (name.ends_with("_us")) {
    sheet.counter(full.substr(0, full.size() - 2) + "seconds", kHelp, labels, value / 1e6);
  } else if (name.ends_with("open_sessions")) {
    sheet.gauge(full, kHelp, labels, value);
  } else {
    sheet.counter(
        full.ends_with("_total_sessions")
            ? full.substr(0, full.size() - std::string_view("total_sessions").size()) + "sessions"
            : full,
        kHelp, labels, value);
  }
}

}  // namespace

std::string prometheus_text(const model::RegionStatus& status) {
  Sheet sheet;
  const std::string region = "region=" + label_value(status.region.name);
  add_head(sheet, region, status.head);
  add_duty(sheet, region, status);
  add_peers(sheet, region, status);
  if (status.router) add_endpoints(sheet, region, *status.router);
  for (const model::ForwardingInstance& instance : status.forwarding.instances) {
    const std::string labels = region + ",instance=" + label_value(instance.instance);
    for (const auto& [name, value] : instance.counters) {
      add_forwarding(sheet, labels, name, static_cast<double>(value));
    }
  }
  return sheet.text();
}

}  // namespace aurora_global::services
