#include "region/codec.h"

namespace aurora_global::model {
namespace {

using nlohmann::json;

template <typename T>
void read(const json& from, const char* key, T& out) {
  if (const auto it = from.find(key); it != from.end() && !it->is_null()) it->get_to(out);
}
void read(const json& from, const char* key, WallTime& out) {
  std::int64_t micros = 0;
  read(from, key, micros);
  out = WallTime(std::chrono::microseconds(micros));
}
void read(const json& from, const char* key, RegionId& out) { read(from, key, out.name); }
void read(const json& from, const char* key, Epoch& out) { read(from, key, out.value); }
void read(const json& from, const char* key, Lsn& out) { read(from, key, out.value); }

std::int64_t micros(WallTime time) { return time.time_since_epoch().count(); }

}  // namespace

void to_json(json& j, const Tag& v) { j = {{"key", v.key}, {"value", v.value}}; }
void from_json(const json& j, Tag& v) {
  read(j, "key", v.key);
  read(j, "value", v.value);
}

void to_json(json& j, const GlobalMember& v) {
  j = {{"region", v.region.name},
       {"cluster_arn", v.cluster_arn},
       {"global_write_forwarding", v.global_write_forwarding},
       {"connected", v.connected}};
}
void from_json(const json& j, GlobalMember& v) {
  read(j, "region", v.region);
  read(j, "cluster_arn", v.cluster_arn);
  read(j, "global_write_forwarding", v.global_write_forwarding);
  read(j, "connected", v.connected);
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
       {"version", v.version}};
}
void from_json(const json& j, GlobalCluster& v) {
  read(j, "identifier", v.identifier);
  read(j, "resource_id", v.resource_id);
  read(j, "status", v.status);
  read(j, "engine_version", v.engine_version);
  read(j, "database_name", v.database_name);
  read(j, "storage_encrypted", v.storage_encrypted);
  read(j, "deletion_protection", v.deletion_protection);
  read(j, "deleted", v.deleted);
  read(j, "writer_region", v.writer_region);
  read(j, "members", v.members);
  read(j, "tags", v.tags);
  read(j, "epoch", v.epoch);
  read(j, "version", v.version);
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
}
void from_json(const json& j, DbInstance& v) {
  read(j, "identifier", v.identifier);
  read(j, "cluster_identifier", v.cluster_identifier);
  read(j, "resource_id", v.resource_id);
  read(j, "instance_class", v.instance_class);
  read(j, "status", v.status);
  read(j, "engine_version", v.engine_version);
  read(j, "address", v.address);
  read(j, "port", v.port);
  read(j, "promotion_tier", v.promotion_tier);
  read(j, "slot", v.slot);
  read(j, "availability_zone", v.availability_zone);
  read(j, "created", v.created);
  read(j, "tags", v.tags);
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
       {"created", micros(v.created)},
       {"instances", v.instances},
       {"tags", v.tags}};
}
void from_json(const json& j, DbCluster& v) {
  read(j, "identifier", v.identifier);
  read(j, "arn", v.arn);
  read(j, "resource_id", v.resource_id);
  read(j, "status", v.status);
  read(j, "engine_version", v.engine_version);
  read(j, "database_name", v.database_name);
  read(j, "master_username", v.master_username);
  read(j, "global_cluster_identifier", v.global_cluster_identifier);
  read(j, "endpoint", v.endpoint);
  read(j, "reader_endpoint", v.reader_endpoint);
  read(j, "port", v.port);
  read(j, "storage_encrypted", v.storage_encrypted);
  read(j, "kms_key_id", v.kms_key_id);
  read(j, "deletion_protection", v.deletion_protection);
  read(j, "global_write_forwarding", v.global_write_forwarding);
  read(j, "local_write_forwarding", v.local_write_forwarding);
  read(j, "backup_retention_days", v.backup_retention_days);
  read(j, "min_capacity", v.min_capacity);
  read(j, "max_capacity", v.max_capacity);
  read(j, "created", v.created);
  read(j, "instances", v.instances);
  read(j, "tags", v.tags);
}

void to_json(json& j, const Event& v) {
  j = {{"source_identifier", v.source_identifier},
       {"source_type", v.source_type},
       {"source_arn", v.source_arn},
       {"message", v.message},
       {"categories", v.categories},
       {"date", micros(v.date)}};
}
void from_json(const json& j, Event& v) {
  read(j, "source_identifier", v.source_identifier);
  read(j, "source_type", v.source_type);
  read(j, "source_arn", v.source_arn);
  read(j, "message", v.message);
  read(j, "categories", v.categories);
  read(j, "date", v.date);
}

void to_json(json& j, const StepTiming& v) {
  j = {{"step", name_of(v.step)},
       {"started_us", micros(v.started)},
       {"ended_us", micros(v.ended)},
       {"note", v.note}};
}
void from_json(const json& j, StepTiming& v) {
  std::string step;
  read(j, "step", step);
  v.step = step_named(step).value_or(Step::aborted);
  read(j, "started_us", v.started);
  read(j, "ended_us", v.ended);
  read(j, "note", v.note);
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
       {"steps", v.timings}};
}
void from_json(const json& j, Operation& v) {
  std::string kind, step, policy;
  std::int64_t drain_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(v.drain.timeout).count();
  read(j, "id", v.id);
  read(j, "kind", kind);
  v.kind = kind_named(kind).value_or(OperationKind::switchover);
  read(j, "global_cluster", v.global_cluster);
  read(j, "from", v.from);
  read(j, "to", v.to);
  read(j, "from_arn", v.from_arn);
  read(j, "to_arn", v.to_arn);
  read(j, "epoch", v.epoch);
  read(j, "drain_timeout_ms", drain_ms);
  v.drain.timeout = std::chrono::milliseconds(drain_ms);
  read(j, "drain_policy", policy);
  v.drain.policy = drain_policy_named(policy).value_or(DrainPolicy::terminate);
  read(j, "step", step);
  v.step = step_named(step).value_or(Step::aborted);
  read(j, "final_lsn", v.final_lsn);
  read(j, "started_us", v.started);
  read(j, "ended_us", v.ended);
  read(j, "reason", v.reason);
  read(j, "steps", v.timings);
}

}  // namespace aurora_global::model
