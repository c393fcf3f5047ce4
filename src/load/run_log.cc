#include "load/run_log.h"

#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <unordered_map>

namespace aurora_global::load {
namespace {

using nlohmann::json;

constexpr std::size_t kFields = 11;
constexpr int kReadBack = 1;
constexpr int kStale = 2;
constexpr int kReconnected = 4;

Record record_of(const json& from) {
  Record record;
  if (from.size() != kFields) throw std::runtime_error("a record that is none");
  record.started = from.at(0).get<std::int64_t>();
  record.ended = from.at(1).get<std::int64_t>();
  record.op_id = from.at(2).get<std::uint64_t>();
  record.attempts = from.at(3).get<std::uint32_t>();
  record.worker = from.at(4).get<std::uint16_t>();
  record.region = from.at(5).get<std::uint16_t>();
  std::snprintf(record.sqlstate, sizeof record.sqlstate, "%s",
                from.at(6).get_ref<const std::string&>().c_str());
  const int type = from.at(7).get<int>();
  const int outcome = from.at(8).get<int>();
  const int flags = from.at(9).get<int>();
  record.reconnects = from.at(10).get<std::uint16_t>();
  const bool known = type >= 0 && type <= 3 && outcome >= 0 && outcome <= 2;
  if (!known || record.attempts == 0) throw std::runtime_error("a record that is none");
  record.type = static_cast<OperationType>(type);
  record.outcome = static_cast<Outcome>(outcome);
  record.read_back = (flags & kReadBack) != 0;
  record.stale = (flags & kStale) != 0;
  record.reconnected = (flags & kReconnected) != 0;
  return record;
}

}  // namespace

json log_json(const History& history, const std::vector<ExpectedItem>& items) {
  json records = json::array();
  for (const Record& one : history.records()) {
    records.push_back({one.started, one.ended, one.op_id, one.attempts, one.worker, one.region,
                       one.sqlstate, static_cast<int>(one.type), static_cast<int>(one.outcome),
                       (one.read_back ? kReadBack : 0) | (one.stale ? kStale : 0) |
                           (one.reconnected ? kReconnected : 0),
                       one.reconnects});
  }
  json rows = json::array();
  for (const ExpectedItem& one : items) rows.push_back({one.item, one.op_id, one.removed});
  const auto began = std::chrono::duration_cast<std::chrono::microseconds>(
      history.wall_began().time_since_epoch());
  return {{"began_us", began.count()},
          {"regions", history.regions()},
          {"records", std::move(records)},
          {"items", std::move(rows)}};
}

Result<void> merge_log(const json& log, History& history, std::vector<ExpectedItem>& items) {
  std::vector<Record> records;
  std::vector<ExpectedItem> expected;
  std::vector<std::string> regions;
  std::int64_t shift = 0;
  try {
    shift =
        history.offset(WallTime(std::chrono::microseconds(log.at("began_us").get<std::int64_t>())));
    regions = log.at("regions").get<std::vector<std::string>>();
    for (const json& one : log.at("records").get_ref<const json::array_t&>()) {
      records.push_back(record_of(one));
      if (records.back().region >= regions.size()) {
        throw std::runtime_error("a region without a name");
      }
    }
    for (const json& one : log.at("items").get_ref<const json::array_t&>()) {
      expected.push_back(
          {one.at(0).get<std::uint64_t>(), one.at(1).get<std::uint64_t>(), one.at(2).get<bool>()});
    }
  } catch (const std::exception& error) {
    return make_error(ErrorKind::corrupt, std::string("the log of a load: ") + error.what());
  }
  for (Record& record : records) {
    record.started += shift;
    record.ended += shift;
    record.region = history.region_index(regions[record.region]);
    history.add(record);
  }
  items.insert(items.end(), expected.begin(), expected.end());
  return ok();
}

Verification compare(const History& history, const std::vector<ExpectedItem>& items,
                     const TableRows& rows) {
  Verification found;
  std::vector<std::uint64_t> ledger = rows.ledger;
  std::sort(ledger.begin(), ledger.end());
  const auto in_ledger = [&](std::uint64_t id) {
    return std::binary_search(ledger.begin(), ledger.end(), id);
  };
  std::uint64_t asked_for = 0;
  for (const Record& record : history.records()) {
    if (!is_write(record.type) || record.outcome == Outcome::failed) continue;
    const bool committed = in_ledger(record.op_id);
    if (committed) ++asked_for;
    if (record.outcome == Outcome::unknown) {
      ++found.unknown;
      if (committed) ++found.unknown_committed;
      continue;
    }
    ++found.acknowledged;
    if (committed) continue;
    ++found.lost;
    if (found.lost_sample.size() < kLostSampleMax) found.lost_sample.push_back(record.op_id);
  }
  found.unasked = ledger.size() - asked_for;
  std::unordered_map<std::uint64_t, std::uint64_t> last(rows.items.begin(), rows.items.end());
  found.items = items.size();
  for (const ExpectedItem& item : items) {
    const auto at = last.find(item.item);
    const bool right =
        item.removed ? at == last.end() : at != last.end() && at->second == item.op_id;
    if (!right) ++found.items_wrong;
  }
  return found;
}

}  // namespace aurora_global::load
