// What a region says of itself: to its services, to `aurora-global status`, and in part to its
// peers. docs/reference/control.md, "Status", says what each member means.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/codec.h"

namespace aurora_global::model {

// A region's head instance, as its daemon last saw it.
struct HeadStatus {
  bool running = false;
  bool in_recovery = false;
  Lsn position;
  Lsn received;
  bool streaming = false;
  std::uint32_t timeline = 0;
  std::int64_t replay_lag_ms = 0;
  int sessions = 0;
  bool replay_paused = false;
};

struct ForwardingInstance {
  std::string instance;
  std::string role;  // replica | writer
  bool local = false;
  bool on = false;
  std::map<std::string, std::int64_t> counters;
};

struct ForwardingStatus {
  bool on = false;
  std::int64_t open_sessions = 0;
  std::int64_t accepted_sessions = 0;
  std::optional<double> mean_latency_ms;
  std::vector<ForwardingInstance> instances;
};

struct PeerStatus {
  RegionId region;
  bool heard = false;
  std::int64_t heard_ms_ago = -1;
  Lsn position;
  bool streaming = false;
};

struct FenceStatus {
  std::string operation_id;
  Epoch epoch;
};

struct RegionStatus {
  RegionId region;
  std::string duty;
  bool epoch_confirmed = false;
  std::string engine_version;
  HeadStatus head;
  ForwardingStatus forwarding;
  std::optional<FenceStatus> fence;
  std::vector<DbCluster> clusters;
  std::vector<GlobalCluster> globals;
  std::vector<Operation> operations;
  std::vector<PeerStatus> peers;
  std::vector<std::string> warnings;     // What an operator should know, as sentences.
  std::optional<nlohmann::json> router;  // As the router says it.
};

void to_json(nlohmann::json& json, const HeadStatus& value);
void read(Fields& fields, HeadStatus& value);
void to_json(nlohmann::json& json, const RegionStatus& value);
void read(Fields& fields, RegionStatus& value);

}  // namespace aurora_global::model
