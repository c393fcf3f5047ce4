// One PostgreSQL instance of this region: its files, its process, its role.
//
// All methods run on the daemon's thread. Methods that change the instance (init, seed, start,
// stop, promote, rewind) must not overlap: the caller holds the instance's lock(). Queries may be
// made at any time.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "model/operation.h"
#include "net/mutex.h"
#include "net/process.h"
#include "pgclient/connection.h"
#include "region/config.h"
#include "region/postgres_files.h"

namespace aurora_global::region {

// What a running instance says of itself.
struct InstanceState {
  bool in_recovery = false;
  Lsn position;  // Last written (primary) or last replayed (standby).
  Lsn received;  // Standby: last received from upstream.
  bool streaming = false;
  std::uint32_t timeline = 0;
  std::int64_t replay_lag_ms = 0;  // Standby: age of the last replayed commit while behind.
  int sessions = 0;                // Client backends.
  Epoch fenced_for;                // Zero: the engine is not fenced, or has no extension.
  // What the extension has counted of write forwarding since the server's start, by the names of
  // aurora_global_forwarding_status(); empty without the extension.
  std::map<std::string, std::int64_t> forwarding;
};

// What a new primary is created with.
struct Bootstrap {
  std::string database;
  std::string master_username;
  std::string master_verifier;  // SCRAM verifier, never the password.
};

enum class StopMode { fast, immediate };

class Instance {
 public:
  Instance(boost::asio::any_io_executor executor, const RegionConfig& config, net::SystemUser user,
           std::string identifier, int slot);

  const std::string& identifier() const { return identifier_; }
  int slot() const { return slot_; }
  std::string address() const;
  net::AsyncMutex& lock() { return lock_; }
  const std::filesystem::path& data_dir() const { return data_dir_; }
  // Directory of its Unix socket, for connections inside the region.
  std::filesystem::path socket_dir() const;

  bool has_data() const;
  // The data directory is set up as a standby (its standby.signal is there).
  bool is_standby_directory() const;
  bool running();

  // Creates a primary from nothing. Not started afterwards.
  net::Task<Result<void>> init(Bootstrap bootstrap, Deadline deadline);
  // Copies a primary or standby through `source`. Not started afterwards.
  net::Task<Result<void>> seed(WalSource source, Deadline deadline);
  // Writes the configuration and starts it as a primary (no source) or standby; returns when it
  // accepts connections. Fails with `unavailable` and the end of its log.
  net::Task<Result<void>> start(std::optional<WalSource> source, Deadline deadline);
  // Ends it and waits. On `timeout` it may still be shutting down.
  net::Task<Result<void>> stop(StopMode mode, Deadline deadline);
  // A running standby follows another source from now on; no effect if it does already.
  net::Task<Result<void>> follow(WalSource source, Deadline deadline);
  const Forwarding& forwarding() const { return forwarding_; }
  // How it forwards writes from now on, or from its next start.
  net::Task<Result<void>> set_forwarding(Forwarding forwarding, Deadline deadline);
  // Opens the connection that the next four use, so that none of them pays for it.
  net::Task<Result<void>> warm(Deadline deadline);
  // The engine refuses every write from now on; returns the position after which nothing is that a
  // client was told of. Nullopt: it has no extension, and nothing has changed. After an error it
  // may be fenced. With the policy `abort` fails with `conflict` if sessions still write.
  net::Task<Result<std::optional<Lsn>>> fence(Epoch epoch, model::DrainPolicy policy,
                                              Deadline deadline);
  // No effect on one that is not fenced.
  net::Task<Result<void>> unfence(Deadline deadline);
  net::Task<Result<void>> await_replay(Lsn position, Deadline deadline);
  // Standby to primary, at once; returns when it is out of recovery and has stored `epoch` by a
  // write. Lifts a fence. Idempotent.
  net::Task<Result<void>> promote(Epoch epoch, std::string region, Deadline deadline);
  // Makes a stopped former primary fit to follow `source`: rewinds if the histories differ.
  // Returns what pg_rewind said.
  net::Task<Result<std::string>> rewind(WalSource source, Deadline deadline);
  // Moves the data directory aside (one is kept) and forgets it.
  Result<void> set_aside(std::string_view why);
  Result<void> remove_files();
  // Makes a cluster's kept volume this instance's data directory.
  Result<void> take_volume(const std::filesystem::path& volume);

  net::Task<Result<InstanceState>> state(Deadline deadline);
  net::Task<Result<void>> checkpoint(Deadline deadline);
  // One statement on the kept local connection, as rdsadmin in database rdsadmin.
  net::Task<Result<pgclient::Rows>> sql(std::string text, std::vector<pgclient::Param> params,
                                        Deadline deadline);
  net::Task<Result<ControlFile>> control_file();

 private:
  // A connection that is kept, and opened again when it has broken. One statement at a time.
  struct Kept {
    explicit Kept(boost::asio::any_io_executor executor) : lock(std::move(executor)) {}
    net::AsyncMutex lock;
    std::optional<pgclient::Connection> connection;
  };

  net::CommandLine command(std::string program, std::vector<std::string> arguments) const;
  PostgresSettings settings(std::optional<WalSource> source) const;
  Result<void> mark_complete();
  Result<void> prepare_directories();
  Result<void> install_extension();
  net::Task<Result<void>> create_extension(Deadline deadline);
  // Without the extension nothing is loaded.
  std::filesystem::path library_dir() const;
  Result<void> write_configuration(const std::optional<WalSource>& source);
  net::Task<Result<void>> wait_until_it_answers(Deadline deadline);
  net::Task<Result<void>> bootstrap_sql(Bootstrap bootstrap, Deadline deadline);
  net::Task<Result<pgclient::Connection>> connect(std::string database, Deadline deadline);
  std::string startup_log_tail() const;
  net::Task<Result<pgclient::Rows>> sql_on(Kept& kept, std::string text,
                                           std::vector<pgclient::Param> params, Deadline deadline);
  net::Task<Result<void>> open_for_writing(Deadline deadline);
  void forget_connections();

  boost::asio::any_io_executor executor_;
  const RegionConfig& config_;
  net::SystemUser user_;
  std::string identifier_;
  int slot_;
  std::filesystem::path directory_;
  std::filesystem::path data_dir_;
  net::AsyncMutex lock_;
  Kept questions_;
  Kept moves_;  // A move does not wait for an answer about the server's state.
  std::optional<net::Process> postmaster_;
  std::optional<WalSource> source_;  // As last written to the configuration.
  Forwarding forwarding_;
  bool counts_forwarding_ = true;  // Until the running server says that it does not.
};

}  // namespace aurora_global::region
