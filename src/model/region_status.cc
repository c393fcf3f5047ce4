#include "model/region_status.h"

namespace aurora_global::model {
namespace {

using nlohmann::json;

json json_of(const ForwardingInstance& v) {
  return {{"instance", v.instance},
          {"role", v.role},
          {"local", v.local},
          {"on", v.on},
          {"counters", v.counters}};
}

json json_of(const ForwardingStatus& v) {
  json instances = json::array();
  for (const auto& instance : v.instances) instances.push_back(json_of(instance));
  return {{"on", v.on},
          {"open_sessions", v.open_sessions},
          {"accepted_sessions", v.accepted_sessions},
          {"mean_latency_ms", v.mean_latency_ms ? json(*v.mean_latency_ms) : json(nullptr)},
          {"instances", std::move(instances)}};
}

json json_of(const PeerStatus& v) {
  return {{"region", v.region.name},
          {"heard", v.heard},
          {"heard_ms_ago", v.heard_ms_ago},
          {"position", v.position.value},
          {"streaming", v.streaming}};
}

}  // namespace

void read(Fields& fields, ForwardingInstance& v) {
  fields.get("instance", v.instance);
  fields.get("role", v.role);
  fields.get("local", v.local);
  fields.get("on", v.on);
  fields.get("counters", v.counters);
}

void read(Fields& fields, ForwardingStatus& v) {
  fields.get("on", v.on);
  fields.get("open_sessions", v.open_sessions);
  fields.get("accepted_sessions", v.accepted_sessions);
  fields.get("mean_latency_ms", v.mean_latency_ms);
  fields.get("instances", v.instances);
}

void read(Fields& fields, PeerStatus& v) {
  fields.get("region", v.region);
  fields.get("heard", v.heard);
  fields.get("heard_ms_ago", v.heard_ms_ago);
  fields.get("position", v.position);
  fields.get("streaming", v.streaming);
}

void read(Fields& fields, FenceStatus& v) {
  fields.get("operation_id", v.operation_id);
  fields.get("epoch", v.epoch);
}

void to_json(json& j, const HeadStatus& v) {
  j = {{"running", v.running},
       {"in_recovery", v.in_recovery},
       {"position", v.position.value},
       {"received", v.received.value},
       {"streaming", v.streaming},
       {"timeline", v.timeline},
       {"replay_lag_ms", v.replay_lag_ms},
       {"sessions", v.sessions},
       {"replay_paused", v.replay_paused}};
}
void read(Fields& fields, HeadStatus& v) {
  fields.get("running", v.running);
  fields.get("in_recovery", v.in_recovery);
  fields.get("position", v.position);
  fields.get("received", v.received);
  fields.get("streaming", v.streaming);
  fields.get("timeline", v.timeline);
  fields.get("replay_lag_ms", v.replay_lag_ms);
  fields.get("sessions", v.sessions);
  fields.get("replay_paused", v.replay_paused);
}

void to_json(json& j, const RegionStatus& v) {
  j = {{"region", v.region.name},
       {"duty", v.duty},
       {"epoch_confirmed", v.epoch_confirmed},
       {"engine_version", v.engine_version},
       {"head", v.head},
       {"forwarding", json_of(v.forwarding)},
       {"clusters", v.clusters},
       {"globals", v.globals},
       {"operations", v.operations},
       {"warnings", v.warnings},
       {"peers", json::array()}};
  if (v.fence) {
    j["fence"] = {{"operation_id", v.fence->operation_id}, {"epoch", v.fence->epoch.value}};
  }
  for (const PeerStatus& peer : v.peers) j["peers"].push_back(json_of(peer));
  if (v.router) j["router"] = *v.router;
}
void read(Fields& fields, RegionStatus& v) {
  fields.require({"region"});
  fields.get("region", v.region);
  fields.get("duty", v.duty);
  fields.get("epoch_confirmed", v.epoch_confirmed);
  fields.get("engine_version", v.engine_version);
  fields.get("head", v.head);
  fields.get("forwarding", v.forwarding);
  fields.get("fence", v.fence);
  fields.get("clusters", v.clusters);
  fields.get("globals", v.globals);
  fields.get("operations", v.operations);
  fields.get("peers", v.peers);
  fields.get("warnings", v.warnings);
  fields.get("router", v.router);
}

}  // namespace aurora_global::model
