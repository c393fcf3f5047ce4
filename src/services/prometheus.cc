#include "services/prometheus.h"

#include <map>
#include <string_view>

namespace aurora_global::services {
namespace {

using nlohmann::json;

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
  void gauge(const std::string& name, const std::string& labels, double value) {
    add(name, "gauge", labels, value);
  }
  void counter(const std::string& name, const std::string& labels, double value) {
    add(name + "_total", "counter", labels, value);
  }
  std::string text() const {
    std::string out;
    for (const auto& [name, metric] : metrics_) {
      out += "# TYPE " + name + " " + metric.type + "\n" + metric.samples;
    }
    return out;
  }

 private:
  struct Metric {
    std::string type;
    std::string samples;
  };
  void add(const std::string& name, const char* type, const std::string& labels, double value) {
    Metric& metric = metrics_[name];
    metric.type = type;
    metric.samples += name + "{" + labels + "} " + json(value).dump() + "\n";
  }
  std::map<std::string, Metric> metrics_;
};

// Sums of microseconds become seconds, as Prometheus has them; what is open now is a gauge.
void add_forwarding(Sheet& sheet, const std::string& labels, const std::string& name,
                    double value) {
  const std::string full = "aurora_global_forwarding_" + name;
  if (name.ends_with("_us")) {
    sheet.counter(full.substr(0, full.size() - 2) + "seconds", labels, value / 1e6);
  } else if (name.ends_with("open_sessions")) {
    sheet.gauge(full, labels, value);
  } else {
    sheet.counter(
        full.ends_with("_total_sessions")
            ? full.substr(0, full.size() - std::string_view("total_sessions").size()) + "sessions"
            : full,
        labels, value);
  }
}

}  // namespace

std::string prometheus_text(const model::RegionStatus& status) {
  Sheet sheet;
  const std::string region = "region=" + label_value(status.region.name);
  const model::HeadStatus& head = status.head;
  sheet.gauge("aurora_global_head_running", region, head.running ? 1 : 0);
  sheet.gauge("aurora_global_head_in_recovery", region, head.in_recovery ? 1 : 0);
  sheet.gauge("aurora_global_replay_lag_seconds", region,
              static_cast<double>(head.replay_lag_ms) / 1000);
  sheet.gauge("aurora_global_replay_paused", region, head.replay_paused ? 1 : 0);
  sheet.gauge("aurora_global_sessions", region, head.sessions);
  for (const model::ForwardingInstance& instance : status.forwarding.instances) {
    const std::string labels = region + ",instance=" + label_value(instance.instance);
    for (const auto& [name, value] : instance.counters) {
      add_forwarding(sheet, labels, name, static_cast<double>(value));
    }
  }
  return sheet.text();
}

}  // namespace aurora_global::services
