#include "model/codec.h"

#include <algorithm>

namespace aurora_global::model {
namespace {

constexpr std::size_t kTriesMax = 100'000;
constexpr std::size_t kBackendsMax = 64;

using nlohmann::json;

std::int64_t micros(WallTime time) { return time.time_since_epoch().count(); }

}  // namespace

void to_json(json& j, const Tag& v) { j = {{"key", v.key}, {"value", v.value}}; }
void read(Fields& fields, Tag& v) {
  fields.get("key", v.key);
  fields.get("value", v.value);
}

void to_json(json& j, const Decision& v) { j = {{"region", v.region.name}, {"id", v.id}}; }
void read(Fields& fields, Decision& v) {
  fields.get("region", v.region);
  fields.get("id", v.id, 64);
}

void to_json(json& j, const GlobalMember& v) {
  j = {{"region", v.region.name},
       {"cluster_arn", v.cluster_arn},
       {"global_write_forwarding", v.global_write_forwarding},
       {"connected", v.connected}};
  if (!v.resource_id.empty()) j["resource_id"] = v.resource_id;
}
void read(Fields& fields, GlobalMember& v) {
  fields.get("region", v.region);
  fields.get("cluster_arn", v.cluster_arn);
  fields.get("global_write_forwarding", v.global_write_forwarding);
  fields.get("connected", v.connected);
  fields.get("resource_id", v.resource_id, 64);
}

void to_json(json& j, const GlobalCluster& v) {
  j = {{"identifier", v.identifier},
       {"resource_id", v.resource_id},
       {"status", v.status},
       {"engine_version", v.engine_version},
       {"database_name", v.database_name},
       {"storage_encrypted", v.storage_encrypted},
       {"deletion_protection", v.deletion_protection},
       {"deleted", v.deleted},
       {"writer_region", v.writer_region.name},
       {"members", v.members},
       {"tags", v.tags},
       {"epoch", v.epoch.value},
       {"decision", v.decision},
       {"version", v.version}};
}
void read(Fields& fields, GlobalCluster& v) {
  fields.require({"identifier"});
  fields.get("identifier", v.identifier);
  fields.get("resource_id", v.resource_id);
  fields.get("status", v.status);
  fields.get("engine_version", v.engine_version);
  fields.get("database_name", v.database_name);
  fields.get("storage_encrypted", v.storage_encrypted);
  fields.get("deletion_protection", v.deletion_protection);
  fields.get("deleted", v.deleted);
  fields.get("writer_region", v.writer_region);
  fields.get("members", v.members);
  fields.get("tags", v.tags);
  fields.get("epoch", v.epoch);
  // Copies of version 1 name no decision: the region that their epoch made the writer decided it.
  v.decision.region = v.writer_region;
  fields.get("decision", v.decision);
  fields.get("version", v.version);
}

void to_json(json& j, const DbInstance& v) {
  j = {{"identifier", v.identifier},
       {"cluster_identifier", v.cluster_identifier},
       {"resource_id", v.resource_id},
       {"instance_class", v.instance_class},
       {"status", v.status},
       {"engine_version", v.engine_version},
       {"address", v.address},
       {"port", v.port},
       {"promotion_tier", v.promotion_tier},
       {"slot", v.slot},
       {"availability_zone", v.availability_zone},
       {"created", micros(v.created)},
       {"tags", v.tags}};
  if (!v.parameter_group.empty()) j["parameter_group"] = v.parameter_group;
}
void read(Fields& fields, DbInstance& v) {
  fields.get("identifier", v.identifier);
  fields.get("cluster_identifier", v.cluster_identifier);
  fields.get("resource_id", v.resource_id);
  fields.get("instance_class", v.instance_class);
  fields.get("status", v.status);
  fields.get("engine_version", v.engine_version);
  fields.get("address", v.address);
  fields.get("port", v.port);
  fields.get("promotion_tier", v.promotion_tier);
  fields.get("slot", v.slot);
  fields.get("availability_zone", v.availability_zone);
  fields.get("parameter_group", v.parameter_group);
  fields.get("created", v.created);
  fields.get("tags", v.tags);
}

void to_json(json& j, const DbCluster& v) {
  j = {{"identifier", v.identifier},
       {"arn", v.arn},
       {"resource_id", v.resource_id},
       {"status", v.status},
       {"engine_version", v.engine_version},
       {"database_name", v.database_name},
       {"master_username", v.master_username},
       {"global_cluster_identifier", v.global_cluster_identifier},
       {"endpoint", v.endpoint},
       {"reader_endpoint", v.reader_endpoint},
       {"port", v.port},
       {"storage_encrypted", v.storage_encrypted},
       {"kms_key_id", v.kms_key_id},
       {"deletion_protection", v.deletion_protection},
       {"global_write_forwarding", v.global_write_forwarding},
       {"local_write_forwarding", v.local_write_forwarding},
       {"backup_retention_days", v.backup_retention_days},
       {"min_capacity", v.min_capacity},
       {"max_capacity", v.max_capacity},
       {"parameter_group", v.parameter_group},
       {"subnet_group", v.subnet_group},
       {"security_groups", v.security_groups},
       {"log_exports", v.log_exports},
       {"created", micros(v.created)},
       {"instances", v.instances},
       {"tags", v.tags}};
}
void read(Fields& fields, DbCluster& v) {
  fields.get("identifier", v.identifier);
  fields.get("arn", v.arn);
  fields.get("resource_id", v.resource_id);
  fields.get("status", v.status);
  fields.get("engine_version", v.engine_version);
  fields.get("database_name", v.database_name);
  fields.get("master_username", v.master_username);
  fields.get("global_cluster_identifier", v.global_cluster_identifier);
  fields.get("endpoint", v.endpoint);
  fields.get("reader_endpoint", v.reader_endpoint);
  fields.get("port", v.port);
  fields.get("storage_encrypted", v.storage_encrypted);
  fields.get("kms_key_id", v.kms_key_id);
  fields.get("deletion_protection", v.deletion_protection);
  fields.get("global_write_forwarding", v.global_write_forwarding);
  fields.get("local_write_forwarding", v.local_write_forwarding);
  fields.get("backup_retention_days", v.backup_retention_days);
  fields.get("min_capacity", v.min_capacity);
  fields.get("max_capacity", v.max_capacity);
  fields.get("parameter_group", v.parameter_group);
  fields.get("subnet_group", v.subnet_group);
  fields.get("security_groups", v.security_groups);
  fields.get("log_exports", v.log_exports);
  fields.get("created", v.created);
  fields.get("instances", v.instances);
  fields.get("tags", v.tags);
}

void to_json(json& j, const DbGroup& v) {
  j = {{"name", v.name},       {"description", v.description}, {"family", v.family},
       {"subnets", v.subnets}, {"parameters", v.parameters},   {"tags", v.tags}};
}
void read(Fields& fields, DbGroup& v) {
  fields.require({"name"}).get("name", v.name);
  fields.get("description", v.description);
  fields.get("family", v.family);
  fields.get("subnets", v.subnets);
  fields.get("parameters", v.parameters);
  fields.get("tags", v.tags);
}

void to_json(json& j, const Event& v) {
  j = {{"source_identifier", v.source_identifier},
       {"source_type", v.source_type},
       {"source_arn", v.source_arn},
       {"message", v.message},
       {"categories", v.categories},
       {"date", micros(v.date)}};
}
void read(Fields& fields, Event& v) {
  fields.get("source_identifier", v.source_identifier);
  fields.get("source_type", v.source_type);
  fields.get("source_arn", v.source_arn);
  fields.get("message", v.message);
  fields.get("categories", v.categories);
  fields.get("date", v.date);
}

void to_json(json& j, const StepTiming& v) {
  j = {{"step", name_of(v.step)},
       {"started_us", micros(v.started)},
       {"ended_us", micros(v.ended)},
       {"note", v.note}};
}
void read(Fields& fields, StepTiming& v) {
  fields.get_named("step", v.step, step_named);
  fields.get("started_us", v.started);
  fields.get("ended_us", v.ended);
  fields.get("note", v.note);
}

void to_json(json& j, const Operation& v) {
  j = {{"id", v.id},
       {"kind", name_of(v.kind)},
       {"global_cluster", v.global_cluster},
       {"from", v.from.name},
       {"to", v.to.name},
       {"from_arn", v.from_arn},
       {"to_arn", v.to_arn},
       {"epoch", v.epoch.value},
       {"drain_timeout_ms",
        std::chrono::duration_cast<std::chrono::milliseconds>(v.drain.timeout).count()},
       {"drain_policy", name_of(v.drain.policy)},
       {"step", name_of(v.step)},
       {"final_lsn", v.final_lsn.value},
       {"started_us", micros(v.started)},
       {"ended_us", micros(v.ended)},
       {"reason", v.reason},
       {"lost_bytes", v.lost_bytes ? json(*v.lost_bytes) : json()},
       {"steps", v.timings}};
}
void read(Fields& fields, Operation& v) {
  using std::chrono::milliseconds;
  auto drain_ms = std::chrono::duration_cast<milliseconds>(v.drain.timeout).count();
  const auto limit_ms = std::chrono::duration_cast<milliseconds>(kDrainTimeoutMax).count();
  fields.require({"id", "kind", "global_cluster", "step"});
  fields.get("id", v.id, 64);
  fields.get_named("kind", v.kind, kind_named);
  fields.get("global_cluster", v.global_cluster, 64);
  fields.get("from", v.from);
  fields.get("to", v.to);
  fields.get("from_arn", v.from_arn);
  fields.get("to_arn", v.to_arn);
  fields.get("epoch", v.epoch);
  fields.get("drain_timeout_ms", drain_ms);
  v.drain.timeout = milliseconds(std::clamp<std::int64_t>(drain_ms, 0, limit_ms));
  fields.get_named("drain_policy", v.drain.policy, drain_policy_named);
  fields.get_named("step", v.step, step_named);
  fields.get("final_lsn", v.final_lsn);
  fields.get("started_us", v.started);
  fields.get("ended_us", v.ended);
  fields.get("reason", v.reason);
  if (v.kind == OperationKind::failover) v.lost_bytes.reset();
  fields.get("lost_bytes", v.lost_bytes);
  // Daemons before this one kept an entry for each try.
  std::vector<StepTiming> tries;
  fields.get("steps", tries, kTriesMax);
  v.timings.clear();
  for (StepTiming& timing : tries) v.add(std::move(timing));
}

void to_json(json& j, const Backend& v) {
  j = {{"address", v.address}};
  if (!v.socket.empty()) j["socket"] = v.socket;
  if (v.tls) j["tls"] = true;
  if (v.draining) j["draining"] = true;
}
void read(Fields& fields, Backend& v) {
  fields.require({"address"});
  fields.get("address", v.address);
  fields.get("socket", v.socket);
  fields.get("tls", v.tls);
  fields.get("draining", v.draining);
}

void to_json(json& j, const EndpointBackends& v) {
  j = {{"name", v.name}, {"backends", v.backends}};
}
void read(Fields& fields, EndpointBackends& v) {
  fields.require({"name", "backends"});
  fields.get("name", v.name);
  fields.get("backends", v.backends, kBackendsMax);
}

void to_json(json& j, const Topology& v) {
  j = {{"version", v.version},
       {"epoch", v.epoch.value},
       {"region", v.region.name},
       {"writer_region", v.writer_region.name},
       {"endpoints", v.endpoints}};
}
void read(Fields& fields, Topology& v) {
  fields.require({"version", "epoch", "region", "writer_region", "endpoints"});
  fields.get("version", v.version);
  fields.get("epoch", v.epoch);
  fields.get("region", v.region);
  fields.get("writer_region", v.writer_region);
  fields.get("endpoints", v.endpoints, kBackendsMax);
}

}  // namespace aurora_global::model
