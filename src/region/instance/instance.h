// One PostgreSQL instance of this region, as the rest of the region sees it: a door, so that tests
// and the simulator put an engine of their own behind it.
//
// All methods run on the daemon's thread. Methods that change the instance (init, seed, start,
// stop, promote, rewind ...) must not overlap: the caller holds the instance's lock(). Questions
// may be asked at any time.
#pragma once

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/ids.h"
#include "model/operation.h"
#include "net/mutex.h"

namespace aurora_global::region {

// Where a standby gets its WAL from.
struct WalSource {
  std::string conninfo;  // libpq connection string; names files, holds no secret.
  std::string slot;      // Empty: none.
  RegionId upstream;     // The region it comes from; a reader's own for its head.
};

// Where and whether a standby forwards writes to.
struct Forwarding {
  bool on = false;
  std::string conninfo;  // To the primary, without user and database.
  std::string primary_region;
  std::string primary_instance;  // Empty: not known here.
  Epoch epoch;
  friend bool operator==(const Forwarding&, const Forwarding&) = default;
};

// What a running instance says of itself.
struct InstanceState {
  // All that it has: what lies past it, nobody has seen here.
  Lsn end() const { return std::max(received, position); }

  bool in_recovery = false;
  Lsn position;  // Last written (primary) or last replayed (standby).
  Lsn received;  // Standby: last received from upstream.
  bool streaming = false;
  std::uint32_t timeline = 0;
  // Standby: how old what it shows may be. It grows while nothing arrives.
  std::int64_t replay_lag_ms = 0;
  bool replay_paused = false;  // Standby: it replays nothing until somebody resumes it.
  int sessions = 0;            // Client backends.
  Epoch fenced_for;            // Zero: the engine is not fenced, or has no extension.
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
  Instance(boost::asio::any_io_executor executor, std::string identifier, int slot)
      : identifier_(std::move(identifier)), slot_(slot), lock_(std::move(executor)) {}
  virtual ~Instance() = default;
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  const std::string& identifier() const { return identifier_; }
  int slot() const { return slot_; }
  net::AsyncMutex& lock() { return lock_; }
  virtual std::string address() const = 0;
  // Directory of its Unix socket, for connections inside the region.
  virtual std::filesystem::path socket_dir() const = 0;

  // A whole database: the writer may move here.
  virtual bool has_data() const = 0;
  // It may run as a standby: whole, or it will be with WAL that its source still has.
  virtual bool can_follow() const { return has_data(); }
  // The data directory is set up as a standby (its standby.signal is there).
  virtual bool is_standby_directory() const = 0;
  virtual bool running() = 0;
  // What a server that does not answer yet is replaying; another text: it goes on.
  virtual std::string startup_progress() const { return ""; }

  // Creates a primary from nothing. Not started afterwards.
  virtual net::Task<Result<void>> init(Bootstrap bootstrap, Deadline deadline) = 0;
  // Copies a primary or standby through `source`. Not started afterwards.
  virtual net::Task<Result<void>> seed(WalSource source, Deadline deadline) = 0;
  // Writes the configuration and starts it as a primary (no source) or standby; returns when it
  // accepts connections. Fails with `unavailable` and the end of its log.
  virtual net::Task<Result<void>> start(std::optional<WalSource> source, Deadline deadline) = 0;
  // Ends it and waits. One that does not end in a part of that time is killed with all of its
  // backends. On `timeout` it may still be there.
  virtual net::Task<Result<void>> stop(StopMode mode, Deadline deadline) = 0;
  // A running standby follows another source from now on; no effect if it does already.
  virtual net::Task<Result<void>> follow(WalSource source, Deadline deadline) = 0;
  // How it forwards writes from now on, or from its next start.
  virtual const Forwarding& forwarding() const = 0;
  virtual net::Task<Result<void>> set_forwarding(Forwarding forwarding, Deadline deadline) = 0;
  // What its PostgreSQL is configured with beside what this platform needs, from now on or from its
  // next start. Names and values are checked already.
  using Parameters = std::map<std::string, std::string>;
  virtual net::Task<Result<void>> set_parameters(Parameters parameters, Deadline deadline);
  // One of them waits for the next start.
  virtual bool restart_pending() const { return false; }
  // Primary: the system's roles have the rights that this version relies on; a database that an
  // earlier one has made may lack some.
  virtual net::Task<Result<void>> keep_rights(Deadline deadline);
  // A slot for each of these names, and none for anyone else who is not streaming.
  virtual net::Task<Result<void>> keep_slots(std::vector<std::string> names, Deadline deadline) = 0;
  // Opens the connection that the next four use, so that none of them pays for it.
  virtual net::Task<Result<void>> warm(Deadline deadline) = 0;
  // The engine refuses every write from now on. Returns a position: all that a client was told of
  // lies before it. Nullopt: it has no extension, and nothing has changed. After an error it
  // may be fenced. With the policy `abort` fails with `conflict` if sessions still write.
  virtual net::Task<Result<std::optional<Lsn>>> fence(Epoch epoch, model::DrainPolicy policy,
                                                      Deadline deadline) = 0;
  // No effect on one that is not fenced.
  virtual net::Task<Result<void>> unfence(Deadline deadline) = 0;
  virtual net::Task<Result<void>> await_replay(Lsn position, Deadline deadline) = 0;
  // Standby to primary, at once; returns when it is out of recovery and has stored `epoch` by a
  // write. Lifts a fence. Idempotent.
  virtual net::Task<Result<void>> promote(Epoch epoch, std::string region, Deadline deadline) = 0;
  // Makes a stopped former primary fit to follow `source`: rewinds if the histories differ.
  // Returns what pg_rewind said.
  virtual net::Task<Result<std::string>> rewind(WalSource source, Deadline deadline) = 0;
  // Standby: ends the sessions that replay waits for. Returns how many those were.
  virtual net::Task<Result<int>> clear_the_way_of_replay(Deadline deadline) = 0;
  // Standby: what replay waits for, as a sentence; empty: nothing.
  virtual net::Task<Result<std::string>> what_blocks_replay(Deadline deadline) = 0;
  // Standby: the settings for which its replay waits ("max_connections is 200 here and 300 in the
  // primary"); a start raises them.
  virtual net::Task<Result<std::vector<std::string>>> settings_below_primary(Deadline deadline) = 0;
  // Primary: tables whose content a move does not carry (UNLOGGED), in all databases, at most
  // `kNamedMax` of them.
  static constexpr std::size_t kNamedMax = 20;
  virtual net::Task<Result<std::vector<std::string>>> unlogged_tables(Deadline deadline) = 0;
  virtual net::Task<Result<InstanceState>> state(Deadline deadline) = 0;
  virtual net::Task<Result<void>> checkpoint(Deadline deadline) = 0;
  // Changes the password of a role; `verifier` is a SCRAM verifier.
  virtual net::Task<Result<void>> set_password(std::string role, std::string verifier,
                                               Deadline deadline) = 0;

  // Where its WAL ends after a clean shutdown; fails with `internal` if it was none.
  virtual net::Task<Result<Lsn>> end_of_clean_shutdown() = 0;
  // The timeline that a server which was open for writing has written last.
  virtual net::Task<Result<std::uint32_t>> last_timeline() = 0;
  // Where the newest timeline of this instance, or one between, left `timeline`. Fails with
  // `not_found` if it does not descend from it.
  virtual net::Task<Result<Lsn>> fork_of(std::uint32_t timeline) = 0;
  // Whether the WAL on disk has, or may have, a record of `timeline` at or after `lsn`.
  virtual net::Task<Result<bool>> wal_goes_past(std::uint32_t timeline, Lsn lsn) = 0;

  // Moves the data directory aside and forgets it; returns where it is kept.
  virtual net::Task<Result<std::filesystem::path>> set_aside(std::string why) = 0;
  // Takes that off a stopped former primary where all of it changes nothing (notes of the running
  // transactions and of a fence), so that it needs no rewind. False: it may change something, and
  // nothing was done.
  virtual net::Task<Result<bool>> drop_idle_wal(std::uint32_t timeline, Lsn from,
                                                Deadline deadline);
  // Copies the WAL of `timeline` from `fork` on, which a rewind takes away, and returns where it is
  // kept; empty if it is kept already, or the engine has no files.
  virtual net::Task<Result<std::filesystem::path>> keep_wal(std::uint32_t timeline, Lsn fork);
  // What a stopped former primary has committed on `timeline` from `fork` on and no other region
  // has, as it is decoded out of its WAL; the rewind comes after it.
  struct LostWrites {
    std::filesystem::path place;  // With transactions.sql and report.json.
    std::uint64_t transactions = 0, changes = 0;
    std::uint64_t without_rows = 0;  // Commits that have changed no row: DDL, sequences, upkeep.
    std::string incomplete;          // Why something may be missing; empty: nothing is.
  };
  struct LostFrom {
    std::uint32_t timeline = 0;
    Lsn fork;
  };
  // Nullopt where it is kept already, or the engine has no files.
  virtual net::Task<Result<std::optional<LostWrites>>> keep_lost(LostFrom from, Deadline deadline);
  // What these three have kept and nobody has removed.
  virtual std::vector<std::filesystem::path> kept() const { return {}; }
  virtual net::Task<Result<void>> remove_files() = 0;
  // Makes a cluster's kept volume this instance's data directory (false: there is none), and the
  // other way round.
  virtual net::Task<Result<bool>> take_volume(std::filesystem::path volume) = 0;
  virtual net::Task<Result<void>> leave_volume(std::filesystem::path volume) = 0;

 private:
  std::string identifier_;
  int slot_;
  net::AsyncMutex lock_;
};

inline net::Task<Result<bool>> Instance::drop_idle_wal(std::uint32_t, Lsn, Deadline) {
  co_return false;
}
inline net::Task<Result<std::filesystem::path>> Instance::keep_wal(std::uint32_t, Lsn) {
  co_return std::filesystem::path();
}
inline net::Task<Result<std::optional<Instance::LostWrites>>> Instance::keep_lost(LostFrom,
                                                                                  Deadline) {
  co_return std::nullopt;
}
inline net::Task<Result<void>> Instance::keep_rights(Deadline) { co_return ok(); }
inline net::Task<Result<void>> Instance::set_parameters(Parameters, Deadline) { co_return ok(); }

using MakeInstance = std::function<std::unique_ptr<Instance>(std::string identifier, int slot)>;

// Where a server began a timeline, and which one it left there.
struct Beginning {
  Lsn at;
  std::uint32_t parent = 0;
};
// The parent is the next lower one that it has left, for numbers are left out. Fails with
// `not_found` if it has had no other, and as fork_of().
inline net::Task<Result<Beginning>> beginning_of(Instance& head, std::uint32_t timeline) {
  for (std::uint32_t parent = timeline; parent > 1;) {
    --parent;
    const auto fork = co_await head.fork_of(parent);
    if (fork.has_value()) co_return Beginning{*fork, parent};
    if (fork.error().kind != ErrorKind::not_found) co_return fork.error();
  }
  co_return make_error(ErrorKind::not_found, "it has left no timeline");
}

}  // namespace aurora_global::region
