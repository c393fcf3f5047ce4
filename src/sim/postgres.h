// A model of one PostgreSQL server: its data directory, its WAL with timelines, its process.
//
// It knows what matters to those who move a writer: which records a server has, which timelines
// they are on, whether it takes writes, and what survives which crash. It lives as long as its
// machine; the daemon that orders it about comes and goes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "sim/kernel.h"

namespace aurora_global::sim {

// A client's write, or one of the server's own records (the high bit is set).
using WriteId = std::uint64_t;

struct WalRecord {
  WriteId id = 0;
  std::uint32_t timeline = 0;
  std::uint64_t chain = 0;  // Of this record and all before it: equal chains are equal histories.
};

// Where a timeline ended because a newer one began.
struct Fork {
  std::uint32_t parent = 0;
  std::size_t end = 0;  // Records of the parent that the newer one has, too.
};

struct DataDirectory {
  bool complete = false;
  bool half_rewound = false;  // A rewind has begun and not ended: no server may run on it.
  bool standby_signal = false;
  bool shut_down_cleanly = false;
  std::uint32_t timeline = 1;
  std::vector<Fork> forks;     // As the newest .history file has them, oldest first.
  std::vector<WalRecord> wal;  // Flushed; what a crash leaves.
  std::size_t replayed = 0;    // A standby that starts replays all that it has.
  std::optional<Epoch> fence;  // The extension's file.

  void append(WriteId id);
};

inline constexpr std::uint64_t kRecordBytes = 64;
inline Lsn lsn_of(std::size_t records) { return Lsn{0x1000000 + records * kRecordBytes}; }
inline std::size_t records_before(Lsn lsn) {
  return lsn.value <= 0x1000000 ? 0 : (lsn.value - 0x1000000) / kRecordBytes;
}

class Postgres;

// How servers find each other, and whether bytes pass between two regions.
class Wire {
 public:
  virtual ~Wire() = default;
  virtual Postgres* server_in(const RegionId& region) = 0;
  virtual bool passes(const RegionId& from, const RegionId& to) = 0;
  virtual Duration latency(const RegionId& from, const RegionId& to) = 0;
};

class Postgres {
 public:
  enum class Process { down, starting, running };
  struct Source {
    RegionId upstream;
    friend bool operator==(const Source&, const Source&) = default;
  };

  Postgres(Kernel& kernel, Wire& wire, RegionId region)
      : kernel_(kernel), wire_(wire), region_(std::move(region)) {}

  const RegionId& region() const { return region_; }
  DataDirectory& data() { return data_; }
  const DataDirectory& data() const { return data_; }
  Process process() const { return process_; }
  bool answers() const { return process_ == Process::running && !frozen_; }
  bool in_recovery() const { return in_recovery_; }
  bool streaming() const { return streaming_; }
  bool promoting() const { return promoting_; }
  std::size_t replayed() const { return in_recovery_ ? data_.replayed : data_.wal.size(); }
  // Whether a write that reaches it now is committed.
  bool takes_writes() const { return answers() && !in_recovery_ && !data_.fence; }
  Time ordered() const { return ordered_; }  // When it was last told to start.
  // Counts starts: what was asked of an earlier process is not answered by a later one.
  int incarnation() const { return incarnation_; }

  // Counts what took the place of its data: a copy of another server's, or a rewind to them.
  int histories() const { return histories_; }

  void init();
  // Copies what the server at `source` has. False: it does not answer, or is no server.
  bool copy_from(const Source& source);
  void start(std::optional<Source> source, Duration takes);
  // As SIGQUIT, or the machine's end: what is flushed stays.
  void crash();
  void shut_down();
  // SIGSTOP of its postmaster and backends.
  void freeze() { frozen_ = true; }
  void thaw();
  bool frozen() const { return frozen_; }
  void follow(Source source);
  // Returns the record's number; requires takes_writes().
  std::size_t write(WriteId id);
  void fence(Epoch epoch) { data_.fence = epoch; }
  void unfence() { data_.fence.reset(); }
  // `timeline`: as the history files in its directory make it choose.
  void begin_promotion(Duration takes, std::uint32_t timeline);
  // Makes a stopped server's directory that of a standby of `source`, which answers. False: it
  // cannot be done. A rewind that has begun and not ended leaves half of it.
  bool begin_rewind(const Source& source);
  bool end_rewind(const Source& source);
  // A standby that neither receives nor replays, though it looks as if it did.
  void pause_replay(bool paused);

  // Called for each promotion that has ended.
  std::function<void()> on_promoted;
  // Called before a rewind takes records away, from the first of them on.
  std::function<void(std::size_t first)> on_discard;
  // Called when it has started, and is no standby.
  std::function<void()> on_started;

 private:
  void connect_later(Duration pause);
  void try_to_stream();
  void pull();
  void replay_later();
  void end_stream();
  // How many records both have by the numbers of their timelines, as pg_rewind compares them.
  std::optional<std::size_t> common_with(const Source& source) const;

  Kernel& kernel_;
  Wire& wire_;
  RegionId region_;
  DataDirectory data_;
  Process process_ = Process::down;
  int incarnation_ = 0;
  Time ordered_{};
  int histories_ = 0;
  bool in_recovery_ = false;
  bool frozen_ = false;
  bool promoting_ = false;
  bool paused_ = false;
  std::optional<Source> source_;
  bool streaming_ = false;
  bool connecting_ = false;
  bool pulling_ = false;
  bool replaying_ = false;
  int stream_ = 0;  // Counts streams, as incarnation_ counts starts.
};

}  // namespace aurora_global::sim
