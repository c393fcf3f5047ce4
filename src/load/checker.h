// Counts lost writes: the client's own log against the database, by SQL, whatever servers said.
#pragma once

#include <string>
#include <vector>

#include "load/history.h"
#include "load/load.h"

namespace aurora_global::load {

struct Verification {
  std::uint64_t acknowledged = 0;          // Writes that the client was told are done.
  std::uint64_t lost = 0;                  // Of these, absent from the ledger.
  std::uint64_t unknown = 0;               // Writes without an answer.
  std::uint64_t unknown_committed = 0;     // Of these, in the ledger.
  std::uint64_t unasked = 0;               // In the ledger, but in no log of ours.
  std::uint64_t items = 0;                 // Rows whose final state the client knows.
  std::uint64_t items_wrong = 0;           // Of these, with another state.
  std::vector<std::uint64_t> lost_sample;  // The first lost operation ids, at most kLostSampleMax.
  std::string checked_in;                  // The region that answered.
};
inline constexpr std::size_t kLostSampleMax = 20;

// Uploads the log into temporary tables of `connection` (the writer) and compares. A failed
// operation that is in the ledger counts as unasked.
net::Task<Result<Verification>> verify(pgclient::Connection& connection, const History& history,
                                       std::vector<ExpectedItem> items, std::string run,
                                       Deadline deadline);

}  // namespace aurora_global::load
