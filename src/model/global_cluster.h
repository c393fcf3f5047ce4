// The things a region knows about, as plain data: global cluster, DB clusters, DB instances,
// events.
//
// Names and status values are AWS's (RDS API 2014-10-31). Times are wall-clock UTC.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"

namespace aurora_global::model {

inline constexpr std::string_view kEngine = "aurora-postgresql";

struct Tag {
  std::string key;
  std::string value;
};

// A DB cluster as a member of a global cluster.
struct GlobalMember {
  RegionId region;
  std::string cluster_arn;
  bool global_write_forwarding = false;
  bool connected = false;   // SynchronizationStatus: connected | pending-resync
  std::string resource_id;  // Of its DB cluster; another one of the same name has another.
};

// The operation that moves the writer, as DescribeGlobalClusters shows it.
struct FailoverState {
  std::string status;  // pending | switching-over | failing-over | cancelling
  std::string from_arn;
  std::string to_arn;
  bool data_loss_allowed = false;
};

// Who decided an epoch. Two regions that cannot hear each other may decide the same number; then
// one of the two decisions wins, and everybody agrees which: see model/merge.h.
struct Decision {
  RegionId region;  // Whose daemon stored the epoch first, and became the writer by it.
  std::string id;   // Random.
  auto operator<=>(const Decision&) const = default;
};

// Shared by all member regions; the copy with the highest (epoch, decision, version) is the truth.
struct GlobalCluster {
  std::string identifier;
  std::string resource_id;
  std::string status = "available";
  std::string engine_version;
  std::string database_name;
  bool storage_encrypted = false;
  bool deletion_protection = false;
  bool deleted = false;    // A tombstone, so that a late copy does not bring it back.
  RegionId writer_region;  // Empty while there is no primary cluster.
  std::vector<GlobalMember> members;
  std::optional<FailoverState> failover;
  std::vector<Tag> tags;
  Epoch epoch;
  Decision decision;
  std::uint64_t version = 0;  // Counts the changes that the writer's region made in this epoch.

  const GlobalMember* member_in(const RegionId& region) const;
  GlobalMember* member_in(const RegionId& region);
  const GlobalMember* member_by_arn(std::string_view arn) const;
};

struct DbInstance {
  std::string identifier;
  std::string cluster_identifier;
  std::string resource_id;
  std::string instance_class;
  std::string status = "creating";
  std::string engine_version;
  std::string address;  // Without port.
  int port = 5432;
  int promotion_tier = 1;
  int slot = 1;  // 1 is the head; gives the address.
  std::string availability_zone;
  std::string parameter_group;   // Empty: the default one.
  bool restart_pending = false;  // Derived: a parameter waits for the instance's next start.
  WallTime created{};
  std::vector<Tag> tags;
};

struct DbCluster {
  std::string identifier;
  std::string arn;
  std::string resource_id;
  std::string status = "creating";
  std::string engine_version;
  std::string database_name;
  std::string master_username;
  std::string global_cluster_identifier;  // Empty: standalone.
  std::string endpoint;                   // Address without port.
  std::string reader_endpoint;
  int port = 5432;
  bool storage_encrypted = false;
  std::string kms_key_id;
  bool deletion_protection = false;
  bool global_write_forwarding = false;
  bool local_write_forwarding = false;
  int backup_retention_days = 1;
  std::string parameter_group;               // Empty: the default one.
  std::string subnet_group;                  // Kept and shown, as the next three are.
  std::vector<std::string> security_groups;  // Their ids.
  std::vector<std::string> log_exports;
  double min_capacity = 0.5;  // ACU; kept and shown, nothing scales here.
  double max_capacity = 128;
  bool writer = false;                 // Derived when described: this region holds the writer.
  bool forwarding_settled = true;      // Derived: all instances forward as asked.
  std::string replication_source_arn;  // Derived: the primary's ARN, on a secondary.
  std::vector<std::string> read_replica_arns;  // Derived: the secondaries' ARNs, on the primary.
  WallTime created{};
  std::vector<DbInstance> instances;
  std::vector<Tag> tags;
};

struct Event {
  std::string source_identifier;
  std::string source_type;  // db-cluster | db-instance
  std::string source_arn;
  std::string message;
  std::vector<std::string> categories;
  WallTime date{};
};

// "arn:aws:rds:REGION:ACCOUNT:cluster:ID" and its kin.
std::string cluster_arn(const RegionId& region, std::string_view account, std::string_view id);
std::string instance_arn(const RegionId& region, std::string_view account, std::string_view id);
std::string global_cluster_arn(std::string_view account, std::string_view id);

struct ClusterArn {
  RegionId region;
  std::string account;
  std::string identifier;
};
// Fails with `invalid` ("Malformed db cluster arn ...", code InvalidParameterValue).
Result<ClusterArn> parse_cluster_arn(std::string_view arn);

// Aurora's identifier rule: 1 to 63 letters, digits or hyphens, first a letter, no hyphen at the
// end, no two in a row. Returns it in lower case, as it is stored. Fails with `invalid`, code
// InvalidParameterValue, naming `parameter`.
Result<std::string> checked_identifier(std::string_view parameter, std::string_view given);

}  // namespace aurora_global::model
