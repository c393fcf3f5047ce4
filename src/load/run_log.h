// The log of a load as JSON: a load that runs in one process is judged in another.
#pragma once

#include <nlohmann/json.hpp>

#include "load/checker.h"

namespace aurora_global::load {

// {"began_us", "regions", "records": [[started, ended, op_id, attempts, worker, region, sqlstate,
// type, outcome, flags, reconnects]], "items": [[id, op_id, removed]]}; times as in Record,
// began_us since 1970.
nlohmann::json log_json(const History& history, const std::vector<ExpectedItem>& items);

// Adds the records, shifted to this history's time. Fails with `corrupt`, and then adds nothing.
Result<void> merge_log(const nlohmann::json& log, History& history,
                       std::vector<ExpectedItem>& items);

// The rows of a run as they are in the database.
struct TableRows {
  std::vector<std::uint64_t> ledger;                           // Operation ids.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> items;  // Id, last operation.
};
// What verify() finds by SQL, found in memory.
Verification compare(const History& history, const std::vector<ExpectedItem>& items,
                     const TableRows& rows);

}  // namespace aurora_global::load
