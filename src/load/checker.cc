#include "load/checker.h"

#include <charconv>

namespace aurora_global::load {
namespace {

using pgclient::Connection;
using pgclient::Param;

constexpr std::size_t kBatchBytes = 1024 * 1024;

std::uint64_t number(const pgclient::Rows& rows, int row, int column) {
  std::uint64_t value = 0;
  const std::string_view text = rows.text(row, column);
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

net::Task<Result<void>> upload_log(Connection& connection, const History& history,
                                   Deadline deadline) {
  CO_TRY_VOID(co_await connection.execute_simple(
      "CREATE TEMP TABLE client_log(op_id bigint, outcome text)", deadline));
  const std::vector<Record>& records = history.records();
  std::size_t at = 0;
  while (at < records.size()) {
    std::string batch;
    for (; at < records.size() && batch.size() < kBatchBytes; ++at) {
      const Record& record = records[at];
      if (!is_write(record.type) || record.outcome == Outcome::failed) continue;
      batch += std::to_string(record.op_id);
      batch += '\t';
      batch += name_of(record.outcome);
      batch += '\n';
    }
    CO_TRY_VOID(
        co_await connection.copy_in("COPY client_log FROM STDIN", std::move(batch), deadline));
  }
  CO_TRY_VOID(co_await connection.execute_simple("ANALYZE client_log", deadline));
  co_return ok();
}

net::Task<Result<void>> upload_items(Connection& connection, std::vector<ExpectedItem> items,
                                     Deadline deadline) {
  CO_TRY_VOID(co_await connection.execute_simple(
      "CREATE TEMP TABLE client_items(id bigint, op_id bigint, removed boolean)", deadline));
  std::size_t at = 0;
  while (at < items.size()) {
    std::string batch;
    for (; at < items.size() && batch.size() < kBatchBytes; ++at) {
      batch += std::to_string(items[at].item) + '\t' + std::to_string(items[at].op_id) +
               (items[at].removed ? "\tt\n" : "\tf\n");
    }
    CO_TRY_VOID(
        co_await connection.copy_in("COPY client_items FROM STDIN", std::move(batch), deadline));
  }
  CO_TRY_VOID(co_await connection.execute_simple("ANALYZE client_items", deadline));
  co_return ok();
}

}  // namespace

net::Task<Result<Verification>> verify(Connection& connection, const History& history,
                                       std::vector<ExpectedItem> items, std::string run,
                                       Deadline deadline) {
  CO_TRY_VOID(co_await upload_log(connection, history, deadline));
  CO_TRY_VOID(co_await upload_items(connection, std::move(items), deadline));
  Verification found;
  const std::vector<Param> params = {run};
  CO_TRY(const auto counts,
         co_await connection.execute(
             "WITH ledger AS (SELECT op_id FROM drill_ledger WHERE run = $1) "
             "SELECT count(*) FILTER (WHERE c.outcome = 'ok'), "
             "count(*) FILTER (WHERE c.outcome = 'ok' AND l.op_id IS NULL), "
             "count(*) FILTER (WHERE c.outcome = 'unknown'), "
             "count(*) FILTER (WHERE c.outcome = 'unknown' AND l.op_id IS NOT NULL), "
             "count(*) FILTER (WHERE c.op_id IS NULL), "
             "coalesce(current_setting('aurora_global.region', true), '') "
             "FROM client_log c FULL JOIN ledger l USING (op_id)",
             params, deadline));
  found.acknowledged = number(counts, 0, 0);
  found.lost = number(counts, 0, 1);
  found.unknown = number(counts, 0, 2);
  found.unknown_committed = number(counts, 0, 3);
  found.unasked = number(counts, 0, 4);
  found.checked_in = counts.text(0, 5);
  CO_TRY(const auto wrong,
         co_await connection.execute(
             "SELECT count(*), count(*) FILTER (WHERE "
             "CASE WHEN c.removed THEN i.id IS NOT NULL ELSE i.op_id IS DISTINCT FROM c.op_id END) "
             "FROM client_items c LEFT JOIN drill_items i ON i.run = $1 AND i.id = c.id",
             params, deadline));
  found.items = number(wrong, 0, 0);
  found.items_wrong = number(wrong, 0, 1);
  const std::vector<Param> sample = {run, std::to_string(kLostSampleMax)};
  CO_TRY(const auto lost, co_await connection.execute(
                              "SELECT c.op_id FROM client_log c WHERE c.outcome = 'ok' AND NOT "
                              "EXISTS (SELECT FROM drill_ledger l WHERE l.run = $1 AND l.op_id = "
                              "c.op_id) ORDER BY 1 LIMIT $2::int",
                              sample, deadline));
  for (int row = 0; row < lost.rows(); ++row) found.lost_sample.push_back(number(lost, row, 0));
  co_return found;
}

}  // namespace aurora_global::load
