// The files PostgreSQL reads and writes, as text and numbers: configuration out, control file in.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "net/file.h"
#include "net/process.h"
#include "region/instance/instance.h"
#include "region/instance/primary_settings.h"

namespace aurora_global::region {

using net::replace_file;
using net::sync_directory;
using net::sync_file;

struct PostgresSettings {
  std::string listen_address;
  int port = 5432;
  std::filesystem::path socket_dir;
  std::filesystem::path data_dir;
  std::filesystem::path hba_file;
  std::filesystem::path ident_file;
  std::filesystem::path log_dir;
  std::filesystem::path tls_dir;
  int max_connections = 200;
  std::string region;
  std::string instance;
  std::optional<WalSource> source;    // Nullopt: a primary.
  std::filesystem::path library_dir;  // With the extension's library; empty: none.
  Forwarding forwarding;
  std::map<std::string, std::string> parameters;  // What a parameter group adds.
};

// postgresql.conf, whole. Lies outside the data directory, which pg_rewind overwrites.
std::string render_postgresql_conf(const PostgresSettings& settings);

// pg_hba.conf: the bootstrap superuser only through the Unix socket, replication by client
// certificate, everybody else by SCRAM over TLS. From `forwarding_address` members of the role
// aurora_clients log in by the certificate of a forwarding standby, and nobody else does.
std::string render_pg_hba(std::string_view forwarding_address);

// A libpq connection string: `'` and `\` in values are escaped.
std::string conninfo(const std::map<std::string, std::string>& values);

enum class ClusterState { starting, shut_down, shut_down_in_recovery, running, other };

// What global/pg_control says (PostgreSQL 15; control file version 1300).
struct ControlFile {
  std::uint64_t system_identifier = 0;
  ClusterState state = ClusterState::other;
  Lsn checkpoint;  // Start of the latest checkpoint record.
  Lsn redo;
  std::uint32_t timeline = 0;           // Of the latest checkpoint.
  std::uint32_t recovery_timeline = 0;  // That it has to recover at least; zero after a checkpoint.
  bool has_logical_wal = false;         // wal_level = logical.
  PrimarySettings primary{};  // Of this server, or of the primary whose WAL it has replayed.
};
// Fails with `not_found`, or `corrupt` for a control file of another version.
Result<ControlFile> read_control_file(const std::filesystem::path& data_dir);

// The file by which the extension keeps a server fenced over the crash of a backend; in the data
// directory.
inline constexpr char kFenceFile[] = "aurora_global.fence";

// The postmaster of this data directory, if it runs (its working directory is the data directory).
std::optional<int> running_postmaster(const std::filesystem::path& data_dir);

// All processes whose working directory is this data directory: a server's, also one whose
// postmaster has died.
std::vector<int> processes_in(const std::filesystem::path& data_dir);

// What the startup process of this data directory's server says of itself ("... recovering
// 000000010000000000000003"); empty: there is none.
std::string title_of_startup(const std::filesystem::path& data_dir);

// Removes the lock file of a postmaster that has ended, if no other process of it works in the data
// directory any more. PostgreSQL itself keeps the lock when the pid in it was given to another
// process, or is a zombie that its parent has not collected. Fails with `conflict` while backends
// of the dead postmaster still run.
Result<void> clear_stale_lock(const std::filesystem::path& data_dir);

// Who PostgreSQL runs as, for it refuses root: the user `postgres` when we are root (fails with
// `not_found` if there is none), else ourselves.
Result<net::SystemUser> postgres_user();

// "15.18" of the PostgreSQL programs in `bin`. Fails with `not_found` if there are none and with
// `invalid` for another major version than 15.
Result<std::string> postgres_version(const std::filesystem::path& bin);

}  // namespace aurora_global::region
