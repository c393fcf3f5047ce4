// The load: connections that create, read, update and delete rows, and log what they were told.
//
// Every write is one autocommit statement that changes an item and adds its operation id to a
// ledger. Repeating it with the same id has no second effect, so a write whose answer was lost is
// repeated until the server says whether it had been committed; and every acknowledged write can
// be looked up afterwards.
//
// Knows a PostgreSQL and nothing of regions, drills or AWS. One thread; one task per connection.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "load/history.h"
#include "net/task.h"
#include "pgclient/connection.h"

namespace aurora_global::load {

inline constexpr int kConcurrencyMax = 1000;
inline constexpr int kWorkersOfARunMax = 65'536;
inline constexpr std::size_t kItemsPerWorkerMax = 10'000;

enum class OperationMix { create, read, update, remove, mixed };

// What a connection keeps in the server's session.
enum class Sessions {
  plain,  // Statements that SQL PREPARE named.
  // Statements named by the extended protocol; app.tenant, search_path, TimeZone and a role set.
  // Every operation checks them in its own statement and fails with kStateLost if one is gone.
  stateful,
};
inline constexpr std::string_view kStateLost = "ST001";  // SQLSTATE

struct LoadOptions {
  OperationMix operation_type = OperationMix::mixed;
  Sessions sessions = Sessions::plain;
  int concurrency = 8;
  // The load ends when each amount given is reached; with none of them, when stop() is called.
  std::optional<std::uint64_t> operations;
  std::optional<std::uint64_t> acknowledged_writes;
  std::optional<Duration> duration;
  std::optional<double> rate;  // Operations per second over all connections; open pacing.
  Duration think{};
  Duration attempt_timeout = std::chrono::seconds(5);
  Duration give_up_after = std::chrono::seconds(60);  // From the first attempt.
  int retries = 50;
  Duration backoff_base = std::chrono::milliseconds(5);
  Duration backoff_max = std::chrono::milliseconds(500);
  int prefill = 50;  // Items of each worker before the load begins.
  int payload_bytes = 100;
  std::uint64_t seed = 1;
  std::string run;       // Names the rows of this load in the tables.
  int first_worker = 0;  // Of several loads of one run, each has its own worker numbers.
};

// Whether each amount that the options give has been reached; false if they give none.
bool amounts_reached(const LoadOptions& options, const History& history);

// What the items must look like at the end, as far as the client knows.
struct ExpectedItem {
  std::uint64_t item = 0;
  std::uint64_t op_id = 0;  // The last write; 0: as prefilled.
  bool removed = false;
};

// Makes the tables and the prefilled items. Idempotent.
net::Task<Result<void>> prepare_tables(pgclient::Connection& connection, LoadOptions options,
                                       Deadline deadline);

// Waits until `connection`, which may be to a standby, sees what prepare_tables() made.
net::Task<Result<void>> await_prepared(pgclient::Connection& connection, LoadOptions options,
                                       Deadline deadline);

class Load {
 public:
  // `history` outlives the load.
  Load(boost::asio::any_io_executor executor, LoadOptions options, pgclient::Parameters parameters,
       History& history);
  ~Load();

  // Runs to the end. Fails with `denied` or `invalid` when no connection ever worked because the
  // server refused the login for good.
  net::Task<Result<void>> run();
  // Starts no more operations; those under way end in their own time.
  void stop();
  // The clients go elsewhere: each connection is opened anew there before its next operation, which
  // is no reconnection.
  void go_to(pgclient::Parameters parameters);
  // With true, the amounts do not end the load (steps are still to come).
  void hold_open(bool open) { held_open_ = open; }

  std::vector<ExpectedItem> expected_items() const;

 private:
  struct Worker;
  struct Operation;

  net::Task<void> open(Worker& worker);
  net::Task<void> work(Worker& worker);
  net::Task<void> follow(Worker& worker);
  net::Task<void> operate(Worker& worker, std::int64_t started);
  net::Task<std::optional<Error>> attempt(Worker& worker, Operation& operation, Deadline deadline);
  net::Task<Result<void>> ensure_connected(Worker& worker, Deadline deadline);
  net::Task<Result<void>> set_up(pgclient::Connection& connection, int worker, Deadline deadline);
  // When the next operation begins; waits for it. nullopt: none does.
  net::Task<std::optional<std::int64_t>> next_slot(Worker& worker);
  Operation choose(Worker& worker);
  void worker_learns(Worker& worker, const Operation& operation);
  bool ending() const { return stopped_ || tasks_.stopping(); }
  bool no_more() const;

  boost::asio::any_io_executor executor_;
  LoadOptions options_;
  pgclient::Parameters parameters_;
  std::uint64_t place_ = 0;  // Grows with each go_to().
  History& history_;
  net::TaskGroup tasks_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::uint64_t paced_ = 0;
  std::uint64_t begun_ = 0;
  bool stopped_ = false;
  bool held_open_ = false;
  std::optional<Error> fatal_;
};

}  // namespace aurora_global::load
