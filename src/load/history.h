// What happened to every operation of a load: the client's own log, which all numbers come from.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace aurora_global::load {

inline constexpr std::size_t kHistoryRecordsMax = 5'000'000;  // 200 MB; the load ends there.

enum class OperationType : std::uint8_t { create, read, update, remove };
enum class Outcome : std::uint8_t {
  ok,       // Acknowledged, or read back after its answer was lost.
  failed,   // Certainly without effect, or (a read) without an answer.
  unknown,  // Sent at least once, never answered, and not read back.
};
std::string_view name_of(OperationType type);
std::string_view name_of(Outcome outcome);
inline bool is_write(OperationType type) { return type != OperationType::read; }

// Times are microseconds since the load began.
struct Record {
  std::int64_t started = 0;
  std::int64_t ended = 0;
  std::uint64_t op_id = 0;  // Writes: the key in the ledger. Unique within the run.
  std::uint32_t attempts = 1;
  std::uint16_t worker = 0;
  std::uint16_t region = 0;  // Index in History::regions(), of the server that answered; 0: none.
  char sqlstate[6] = "";     // Of the last failed attempt; "CONN " connection, "TIME " deadline.
  OperationType type = OperationType::read;
  Outcome outcome = Outcome::ok;
  bool read_back = false;    // An earlier attempt whose answer was lost turned out to be committed.
  bool stale = false;        // A read that did not see the worker's own last write.
  bool reconnected = false;  // Stale, and that write was made over an earlier connection.
  std::uint16_t reconnects = 0;  // Connections opened for it because the last one was gone.
};

class History {
 public:
  explicit History(const Clock& clock);
  // The log of one of several loads: what is added here is added to `whole`, too, which outlives
  // it and lends it its beginning and its regions.
  explicit History(History& whole);

  // The load begins now. Called once, before the first add(); the first part begins for all.
  void begin();
  bool has_begun() const { return begun_; }
  Instant began() const { return began_; }
  WallTime wall_began() const { return wall_began_; }
  std::int64_t now() const { return offset(clock_.now()); }
  std::int64_t offset(Instant at) const;
  std::int64_t offset(WallTime at) const;

  // False when the history is full; the record is then dropped.
  bool add(const Record& record);
  bool full() const {
    return records_.size() >= kHistoryRecordsMax || (whole_ != nullptr && whole_->full());
  }
  const std::vector<Record>& records() const { return records_; }

  // A small number for the name of a serving region; "" is 0.
  std::uint16_t region_index(std::string_view name);
  const std::vector<std::string>& regions() const {
    return whole_ != nullptr ? whole_->regions_ : regions_;
  }

  // Running counts, for progress.
  struct Counts {
    std::uint64_t ok = 0, failed = 0, unknown = 0, retries = 0, reconnects = 0;
    std::uint64_t acknowledged_writes = 0;
    std::int64_t last_acknowledged_write = -1;
    std::uint64_t all() const { return ok + failed + unknown; }
  };
  const Counts& counts() const { return counts_; }

 private:
  const Clock& clock_;
  History* whole_ = nullptr;
  Instant began_;
  WallTime wall_began_;
  bool begun_ = false;
  std::vector<Record> records_;
  std::vector<std::string> regions_{""};
  Counts counts_;
};

// One line per operation, with a header line.
std::string csv_header();
void append_csv(std::string& out, const Record& record, const History& history);

}  // namespace aurora_global::load
