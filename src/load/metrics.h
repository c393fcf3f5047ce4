// The numbers of a drill, computed from the client's log alone. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "load/history.h"

namespace aurora_global::load {

// Microseconds.
struct Latency {
  std::uint64_t count = 0;
  std::int64_t p50 = 0, p90 = 0, p99 = 0, max = 0;
};

struct Summary {
  std::uint64_t operations = 0, ok = 0, failed = 0, unknown = 0;
  std::uint64_t retries = 0, retried_operations = 0, reconnects = 0, read_back = 0, stale = 0;
  // Reads that missed the worker's own last write, made over the same or an earlier connection.
  std::uint64_t stale_reads = 0, stale_after_reconnect = 0;
  std::uint64_t acknowledged_writes = 0;
  double per_second = 0;
  Latency reads, writes;

  // Of the operations that ended; empty if there were none.
  std::optional<double> success_rate() const {
    if (operations == 0) return std::nullopt;
    return static_cast<double>(ok) / static_cast<double>(operations);
  }
};

// A stretch of time, [from, to), in microseconds since the load began.
struct Span {
  std::int64_t from = 0;
  std::int64_t to = 0;
  std::int64_t length() const { return to - from; }
};

// Operations that *ended* in the span; those that waited through an outage count where they ended.
Summary summarize(const std::vector<Record>& records, Span span);
// The same over several spans, which do not overlap.
Summary summarize(const std::vector<Record>& records, const std::vector<Span>& spans);

// A gap between two successive acknowledged writes.
struct Gap {
  Span span;
  std::int64_t length() const { return span.length(); }
};

// When writes were acknowledged: over all connections, and of each.
class WriteTimes {
 public:
  explicit WriteTimes(const std::vector<Record>& records);

  // The longest gap that touches the span; nullopt if no two acknowledged writes surround or meet
  // it. A gap that is still open at `end` (the end of the load) counts up to there.
  std::optional<Gap> longest_gap(Span span, std::int64_t end) const;
  // The same for the connection that had the longest.
  std::optional<Gap> worst_connection(Span span, std::int64_t end) const;
  // The first write acknowledged at or after `at`.
  std::optional<std::int64_t> first_after(std::int64_t at) const;

 private:
  std::vector<std::int64_t> all_;
  std::vector<std::vector<std::int64_t>> by_worker_;
};

// One column of a chart.
struct Bin {
  std::int64_t from = 0;
  std::vector<std::uint32_t> ok;  // By History::regions() index.
  std::uint32_t failed = 0, unknown = 0, retried = 0;
  std::int64_t p50 = 0, max = 0;  // Latency of what ended here; 0 if nothing did.
};
// Bins of `width` over the span; at most kBinsMax, so the width may be made larger (see Bin::from).
inline constexpr std::int64_t kBinsMax = 600;
std::vector<Bin> bins(const std::vector<Record>& records, Span span, std::int64_t width,
                      std::size_t regions);
// A round width that gives about `wanted` bins.
std::int64_t bin_width(Span span, std::int64_t wanted);

// 50'000 -> "50.0 ms", 1'300'000 -> "1.30 s".
std::string duration_text(std::int64_t micros);

}  // namespace aurora_global::load
