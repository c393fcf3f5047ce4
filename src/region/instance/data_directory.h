// The files of one PostgreSQL instance: its data directory, its configuration, its logs, and the
// marks that say what they are. File trees are copied and removed beside the daemon's thread.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "net/process.h"
#include "net/task.h"
#include "region/config.h"
#include "region/instance/instance.h"
#include "region/instance/postgres_files.h"

namespace aurora_global::region {

// For a server in single-user mode: no WAL goes that is still to be decoded.
inline constexpr const char* kKeepsWal = "wal_keep_size=2000000";  // MB.

// Creates `directory`, whose parents exist, and gives it to `user`. Fails with `denied` for one
// that somebody else was first to make.
Result<void> make_directory(const std::filesystem::path& directory, const net::SystemUser& user,
                            int mode);

class DataDirectory {
 public:
  DataDirectory(const RegionConfig& config, net::SystemUser user, std::string identifier, int slot);

  const std::filesystem::path& data() const { return data_; }
  std::filesystem::path configuration_file() const { return directory_ / "postgresql.conf"; }
  std::string address() const;
  std::filesystem::path socket_dir() const;
  // A whole database, and one that is whole or will be with its source's WAL.
  bool has_data() const;
  bool can_follow() const;
  bool is_standby() const;
  // The end of what it said while starting.
  std::string startup_log_tail() const;

  Result<void> prepare();
  Result<void> mark_complete();
  Result<void> mark_standby();
  void unmark_standby();
  // Between the first two the data are neither what they were nor what they are to become: a copy
  // has to take their place. Between the last two they are a standby's that lacks WAL of its source
  // until it is consistent; `it_answers` means that it is. Has no effect on other data.
  Result<void> begin_rewind();
  Result<void> end_rewind();
  Result<void> it_answers();
  Result<void> write_configuration(const std::optional<WalSource>& source,
                                   const Forwarding& forwarding,
                                   const Instance::Parameters& parameters);
  // What must be so before its postmaster starts.
  Result<void> begin_start(bool as_standby);
  // What must be so before its standby is promoted: see timelines.h.
  Result<void> begin_promotion(Epoch epoch) const;
  // The data are to go, and with them what they know of timelines that were begun here.
  Result<void> note_timeline() const;
  // A program of PostgreSQL's, as its user. Everything but the postmaster ends with the daemon.
  net::CommandLine command(std::string program, std::vector<std::string> arguments) const;
  // SQL that makes the extension; empty: there is none.
  Result<std::string> extension_script() const;

  // Removes the data.
  net::Task<Result<void>> clear();
  // Moves them aside; returns where they are kept, beside what was kept before.
  net::Task<Result<std::filesystem::path>> set_aside(std::string why);
  // Copies the WAL of `timeline` from `fork` on beside the data; of more than kKeptMax such copies
  // the oldest is removed.
  static constexpr std::size_t kKeptMax = 16;
  net::Task<Result<std::filesystem::path>> keep_wal(std::uint32_t timeline, Lsn fork);
  // Where what was lost in the failover of `epoch` is kept; a fresh directory of PostgreSQL's user
  // for it, which takes that place. Of more than kKeptMax the oldest is removed.
  std::filesystem::path lost_place(Epoch epoch) const;
  net::Task<Result<std::filesystem::path>> make_lost() const;
  net::Task<Result<void>> take_lost(std::filesystem::path fresh, std::filesystem::path place) const;
  const RegionId& region() const { return config_.region; }
  // What set_aside(), keep_wal() and take_lost() have kept.
  std::vector<std::filesystem::path> kept() const;
  // Removes everything of the instance.
  net::Task<Result<void>> remove();
  net::Task<Result<bool>> take_volume(std::filesystem::path volume);
  net::Task<Result<void>> leave_volume(std::filesystem::path volume);

 private:
  // Marks lie beside the data directory, which pg_rewind makes equal to another one.
  static constexpr const char* kComplete = "complete";
  static constexpr const char* kRewinding = "rewinding";
  static constexpr const char* kRewound = "rewound";

  Result<void> unmark(const char* mark) const;
  Result<void> write(const std::filesystem::path& file, std::string_view text, int mode) const;
  PostgresSettings settings(std::optional<WalSource> source, Forwarding forwarding) const;
  std::vector<std::filesystem::path> kept(std::string_view prefix) const;
  std::filesystem::path library_dir() const;
  Result<void> install_extension();
  std::uint32_t noted_timeline() const;

  const RegionConfig& config_;
  net::SystemUser user_;
  std::string identifier_;
  int slot_;
  std::filesystem::path directory_;
  std::filesystem::path data_;
};

}  // namespace aurora_global::region
