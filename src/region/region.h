// What a region can be asked for: the public face of the region daemon's core.
//
// The services (RDS and, later, the others) sit on this interface and on nothing else of the
// region. Every call is made on the daemon's one thread and suspends until it is answered.
//
// Errors carry the AWS error code in Error::code (e.g. "GlobalClusterNotFoundFault"), because the
// rules that lead to them are AWS's.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/db_group.h"
#include "model/global_cluster.h"
#include "model/operation.h"
#include "model/region_status.h"
#include "net/task.h"

namespace aurora_global::region {

struct CreateGlobalCluster {
  std::string identifier;
  std::string source_cluster_arn;  // Empty: none.
  std::string engine;
  std::string engine_version;
  std::string database_name;
  std::optional<bool> storage_encrypted;
  bool deletion_protection = false;
  std::vector<model::Tag> tags;
};

struct ModifyGlobalCluster {
  std::string identifier;
  std::string new_identifier;  // Empty: keep.
  std::string engine_version;  // Empty: keep.
  std::optional<bool> deletion_protection;
  std::optional<std::vector<model::Tag>> tags;
};

// SwitchoverGlobalCluster, and FailoverGlobalCluster without AllowDataLoss, is `lossless`.
enum class MoveKind { lossless, data_loss_allowed };

struct CreateDbCluster {
  std::string identifier;
  std::string engine;
  std::string engine_version;
  std::string global_cluster_identifier;
  std::string database_name;
  std::string master_username;
  std::string master_password;
  bool storage_encrypted = false;
  std::string kms_key_id;
  bool deletion_protection = false;
  bool global_write_forwarding = false;
  bool local_write_forwarding = false;
  int backup_retention_days = 1;
  std::optional<double> min_capacity;
  std::optional<double> max_capacity;
  std::optional<int> port;
  std::string parameter_group;
  std::string subnet_group;
  std::vector<std::string> security_groups;
  std::vector<std::string> log_exports;
  std::vector<model::Tag> tags;
};

struct ModifyDbCluster {
  std::string identifier;
  std::optional<std::string> master_password;
  std::optional<bool> deletion_protection;
  std::optional<bool> global_write_forwarding;
  std::optional<bool> local_write_forwarding;
  std::optional<int> backup_retention_days;
  std::optional<double> min_capacity;
  std::optional<double> max_capacity;
  std::optional<std::string> parameter_group;
  std::optional<std::vector<std::string>> security_groups;
  std::optional<std::vector<std::string>> log_exports;
  std::optional<std::vector<model::Tag>> tags;
};

struct CreateDbInstance {
  std::string identifier;
  std::string cluster_identifier;
  std::string engine;
  std::string instance_class;
  std::string availability_zone;
  std::optional<int> promotion_tier;
  std::string parameter_group;
  std::vector<model::Tag> tags;
};

struct ModifyDbInstance {
  std::string identifier;
  std::optional<std::string> instance_class;
  std::optional<int> promotion_tier;
  std::optional<std::string> parameter_group;
  std::optional<std::vector<model::Tag>> tags;
};

// An HTTP request that is meant for another region, passed on byte for byte.
struct RawRequest {
  std::string method;
  std::string target;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};
struct RawResponse {
  int status = 500;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

// What never changes while the daemon runs.
struct Facts {
  RegionId region;
  std::string account_id;
  std::string engine_version;      // Of the PostgreSQL found on this machine, e.g. "15.18".
  std::string global_writer_host;  // This region's global writer endpoint, without port.
  std::vector<RegionId> regions;   // All of the platform, this one among them.
  // What the hosts of APIs end with: ID.execute-api.REGION.SUFFIX.
  std::string url_suffix = "amazonaws.com";
};

class KeyRing;

// A secret in two parts, so that what it is called can be told without its key.
struct Secret {
  std::string about;
  std::string values;
  // The key that seals the values, by region; a region that is not named has a key for that.
  std::map<std::string, std::string> keys;
};

// Sees a secret, nullopt if there is none, and returns what it shall be; nullopt: as it is.
using EditedSecret = Result<std::optional<Secret>>;
using SecretEdit = std::function<EditedSecret(std::optional<Secret>)>;

// Sees a group, nullopt if there is none, and returns what it shall be; nullopt: gone.
using EditedGroup = Result<std::optional<model::DbGroup>>;
using GroupEdit = std::function<EditedGroup(std::optional<model::DbGroup>)>;

// Groups of subnets and of parameters, without the default ones. The parameters of a group that a
// cluster or an instance names reach its PostgreSQL within a moment; those that PostgreSQL takes at
// its start only wait for that.
class DbGroups {
 public:
  virtual ~DbGroups() = default;
  virtual std::vector<model::DbGroup> db_groups(model::GroupKind kind) const = 0;
  // Nothing else changes the group meanwhile. Fails with what `edit` fails with.
  virtual net::Task<Result<void>> update_db_group(model::GroupKind kind, std::string name,
                                                  GroupEdit edit) = 0;
};

// Global clusters, DB clusters and DB instances: what may be created, changed and deleted.
class Provisioning {
 public:
  virtual ~Provisioning() = default;

  virtual net::Task<Result<model::GlobalCluster>> create_global_cluster(CreateGlobalCluster) = 0;
  virtual net::Task<Result<model::GlobalCluster>> modify_global_cluster(ModifyGlobalCluster) = 0;
  virtual net::Task<Result<model::GlobalCluster>> delete_global_cluster(std::string identifier) = 0;
  virtual net::Task<Result<model::GlobalCluster>> remove_from_global_cluster(
      std::string identifier, std::string cluster_arn) = 0;
  virtual std::vector<model::GlobalCluster> global_clusters() const = 0;

  virtual net::Task<Result<model::DbCluster>> create_db_cluster(CreateDbCluster) = 0;
  virtual net::Task<Result<model::DbCluster>> modify_db_cluster(ModifyDbCluster) = 0;
  // `final_snapshot` is refused: this platform takes no snapshots (see docs/reference/api.md).
  virtual net::Task<Result<model::DbCluster>> delete_db_cluster(std::string identifier) = 0;
  virtual std::vector<model::DbCluster> db_clusters() const = 0;

  virtual net::Task<Result<model::DbInstance>> create_db_instance(CreateDbInstance) = 0;
  virtual net::Task<Result<model::DbInstance>> modify_db_instance(ModifyDbInstance) = 0;
  virtual net::Task<Result<model::DbInstance>> delete_db_instance(std::string identifier) = 0;
  // Returns when it is down; it comes up again by itself, and is `rebooting` until it does.
  virtual net::Task<Result<model::DbInstance>> reboot_db_instance(std::string identifier) = 0;
};

class WriterMoves {
 public:
  virtual ~WriterMoves() = default;
  // Returns as soon as the operation is accepted and durable; DescribeGlobalClusters and events
  // tell how it goes on. Refuses with the reason (InvalidGlobalClusterStateFault ...).
  virtual net::Task<Result<model::GlobalCluster>> move_writer(std::string identifier,
                                                              std::string target_arn, MoveKind kind,
                                                              model::Drain drain) = 0;
};

// Sealed on disk, the same in every region (region/secret_book.h). What the parts hold is in
// secret_document.h.
class Secrets {
 public:
  virtual ~Secrets() = default;
  virtual std::vector<std::string> secret_names() const = 0;
  // Fail with ResourceNotFoundException, or `corrupt` for one that was tampered with; the values
  // also with KMS's codes, when their key may not be used.
  virtual Result<std::string> about_secret(const std::string& name) const = 0;
  virtual Result<std::string> secret_values(const std::string& name) const = 0;
  // Nothing else changes the secret meanwhile. Fails with what `edit` fails with, and with KMS's
  // codes when the key of this region may not be used.
  virtual net::Task<Result<void>> update_secret(std::string name, SecretEdit edit) = 0;
  // The same for what is told of a secret that is there: `edit` sees no values, and needs no key.
  virtual net::Task<Result<void>> update_about_secret(std::string name, SecretEdit edit) = 0;
  // Gives the user that the secret names a new password, in the writer's region, wherever that is,
  // and makes it the AWSCURRENT version `version_id`. What fails leaves AWSCURRENT as it is. Asked
  // again with the same id it does nothing.
  virtual net::Task<Result<void>> rotate_secret(std::string name, std::string version_id) = 0;
};

class Peers {
 public:
  virtual ~Peers() = default;
  // Passes a call on to the daemon of another region, which verifies it itself. Fails with
  // `not_found` for an unknown region and `unavailable` or `timeout` when it cannot be reached.
  virtual net::Task<Result<RawResponse>> pass_on(RegionId region, RawRequest request) = 0;
};

// An instance, as it was last seen.
struct InstanceHealth {
  std::string identifier;
  std::string address;   // Of its PostgreSQL, without a port.
  bool running = false;  // It answers.
  bool writes = false;   // It is the writer, and its region has the right to write.
  bool in_recovery = true;
  bool streams = false;
  // Of WAL that the writer is known to have written and this one has not replayed; nullopt: of the
  // writer nothing was heard lately.
  std::optional<std::uint64_t> lag_bytes;
};

class StatusSource {
 public:
  virtual ~StatusSource() = default;
  virtual std::vector<InstanceHealth> instance_health() const = 0;
  // The platform's own view: role, epoch, fence, lag, operation with step timings.
  virtual net::Task<Result<model::RegionStatus>> status() = 0;
  // Events of this region with from <= date < to, oldest first.
  virtual net::Task<Result<std::vector<model::Event>>> events(WallTime from, WallTime to) = 0;
};

class Region : public Provisioning,
               public DbGroups,
               public WriterMoves,
               public Secrets,
               public Peers,
               public StatusSource {
 public:
  virtual const Facts& facts() const = 0;
  // The secret that belongs to an access key, or nullopt.
  virtual std::optional<std::string> secret_key(std::string_view access_key_id) const = 0;
  // The keys of this region; they are in no other.
  virtual KeyRing& keys() = 0;
};

}  // namespace aurora_global::region
