// Hunts for stale reads: sessions on a standby write and read at once, and every value read is held
// against what had been acknowledged before the read began.
//
//   stale_hunt CONNINFO MODE PROTOCOL SESSIONS ITERATIONS
//
// MODE: session or global; PROTOCOL: simple, extended or prepared. The table hunt(id, n) exists
// with one row per session. Prints one JSON object. Exit code 1 if a read was stale. The program
// ends by itself: after ITERATIONS in all, or after ten minutes.
#include <libpq-fe.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kTimeMax = std::chrono::minutes(10);

enum class Protocol { simple, extended, prepared };

// How an iteration reads back. Each has a way of its own through the standby.
enum class Reading { select, for_copy, cursor, snapshot, in_block, join, kCount };

struct Totals {
  std::mutex lock;
  std::uint64_t reads = 0;
  std::uint64_t stale = 0;
  std::map<std::string, int> errors;  // By SQLSTATE.
  std::vector<double> read_ms;
  std::string first_stale;
};

struct Options {
  std::string conninfo;
  bool global = false;
  Protocol protocol = Protocol::simple;
  int sessions = 32;
  int iterations = 1000;
};

// What each row has at least: its writer was told so.
std::vector<std::atomic<int>> acknowledged(1024);
std::atomic<int> left;

class Hunter {
 public:
  Hunter(const Options& options, Totals& totals, int id)
      : options_(options), totals_(totals), id_(id), other_(id) {}

  void run() {
    connect();
    const auto ends = Clock::now() + kTimeMax;
    for (int value = 1; left.fetch_sub(1) > 0 && Clock::now() < ends; ++value) iterate(value);
    PQfinish(connection_);
    const std::lock_guard guard(totals_.lock);
    totals_.reads += reads_;
    totals_.stale += stale_;
    for (const auto& [state, count] : errors_) totals_.errors[state] += count;
    totals_.read_ms.insert(totals_.read_ms.end(), read_ms_.begin(), read_ms_.end());
    if (totals_.first_stale.empty()) totals_.first_stale = first_stale_;
  }

 private:
  void connect() {
    connection_ = PQconnectdb(options_.conninfo.c_str());
    if (PQstatus(connection_) != CONNECTION_OK) {
      std::fprintf(stderr, "stale_hunt: %s", PQerrorMessage(connection_));
      std::exit(2);
    }
    PQsetNoticeProcessor(
        connection_, [](void*, const char*) {}, nullptr);
    prepared_.clear();
    run_simple(options_.global ? "SET apg_write_forward.consistency_mode = 'global'"
                               : "SET apg_write_forward.consistency_mode = 'session'");
  }

  // The first column of the first row, "" if there is none; nullptr-free. False on an error.
  bool take(PGresult* result, std::string* value) {
    const ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COPY_OUT) {
      char* line = nullptr;
      while (PQgetCopyData(connection_, &line, 0) > 0) {
        if (value != nullptr) *value = line;
        PQfreemem(line);
      }
      PQclear(result);
      result = PQgetResult(connection_);
      const bool good = PQresultStatus(result) == PGRES_COMMAND_OK;
      if (!good) note_error(result);
      PQclear(result);
      PQclear(PQgetResult(connection_));
      return good;
    }
    const bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (!good) {
      note_error(result);
    } else if (value != nullptr && PQntuples(result) > 0) {
      *value = PQgetvalue(result, 0, 0);
    }
    PQclear(result);
    return good;
  }

  void note_error(PGresult* result) {
    const char* state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    ++errors_[state == nullptr ? "none" : state];
    if (PQstatus(connection_) == CONNECTION_BAD) {
      PQfinish(connection_);
      connect();
    }
  }

  bool run_simple(const std::string& sql, std::string* value = nullptr) {
    return take(PQexec(connection_, sql.c_str()), value);
  }

  // `sql` has $1 and $2.
  bool run(const std::string& sql, int first, int second, std::string* value = nullptr) {
    const std::string texts[] = {std::to_string(first), std::to_string(second)};
    const char* values[] = {texts[0].c_str(), texts[1].c_str()};
    const int count = sql.find("$2") != std::string::npos   ? 2
                      : sql.find("$1") != std::string::npos ? 1
                                                            : 0;
    if (options_.protocol == Protocol::simple) {
      std::string text = sql;
      for (int i = count; i > 0; --i) {
        const std::string name = "$" + std::to_string(i);
        for (auto at = text.find(name); at != std::string::npos; at = text.find(name)) {
          text.replace(at, name.size(), texts[i - 1]);
        }
      }
      return run_simple(text, value);
    }
    if (options_.protocol == Protocol::extended) {
      return take(
          PQexecParams(connection_, sql.c_str(), count, nullptr, values, nullptr, nullptr, 0),
          value);
    }
    auto [at, fresh] = prepared_.try_emplace(sql, "s" + std::to_string(prepared_.size()));
    if (fresh &&
        !take(PQprepare(connection_, at->second.c_str(), sql.c_str(), 0, nullptr), nullptr)) {
      prepared_.erase(sql);
      return false;
    }
    return take(PQexecPrepared(connection_, at->second.c_str(), count, values, nullptr, nullptr, 0),
                value);
  }

  bool write(int value) {
    if (!run("UPDATE hunt SET n = $1 WHERE id = $2 AND n < $1", value, id_)) return false;
    acknowledged[static_cast<std::size_t>(id_)].store(value);
    return true;
  }

  bool read(Reading how, int row, std::string* value) {
    const std::string number = std::to_string(row);
    switch (how) {
      case Reading::for_copy:  // COPY takes no parameters.
        return run_simple("COPY (SELECT n FROM hunt WHERE id = " + number + ") TO STDOUT", value);
      case Reading::cursor:
        return run_simple("BEGIN READ ONLY; DECLARE c CURSOR FOR SELECT n FROM hunt WHERE id = " +
                          number) &&
               run_simple("FETCH 1 FROM c", value) && run_simple("COMMIT");
      case Reading::snapshot:
        return run_simple("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY") &&
               run("SELECT n FROM hunt WHERE id = $1", row, 0, value) && run_simple("COMMIT");
      case Reading::in_block:
        return run_simple("BEGIN") && run("SELECT n FROM hunt WHERE id = $1", row, 0, value) &&
               run_simple("COMMIT");
      case Reading::join:
        return run("SELECT max(a.n) FROM hunt a JOIN hunt b USING (id) WHERE id = $1", row, 0,
                   value);
      default: return run("SELECT n FROM hunt WHERE id = $1", row, 0, value);
    }
  }

  void iterate(int value) {
    if (!write(value)) {
      run_simple("ROLLBACK");
      return;
    }
    const auto how = static_cast<Reading>(value % static_cast<int>(Reading::kCount));
    // In SESSION mode only the own row is promised; in GLOBAL every other session's too.
    int row = id_;
    if (options_.global && value % 2 == 0) row = other_ = (other_ + 1) % options_.sessions;
    const int least = acknowledged[static_cast<std::size_t>(row)].load();
    std::string got;
    const auto start = Clock::now();
    if (!read(how, row, &got)) {
      run_simple("ROLLBACK");
      return;
    }
    const std::chrono::duration<double, std::milli> took = Clock::now() - start;
    read_ms_.push_back(took.count());
    ++reads_;
    if (std::atoi(got.c_str()) >= least) return;
    ++stale_;
    if (first_stale_.empty()) {
      first_stale_ = "reading " + std::to_string(static_cast<int>(how)) + " of row " +
                     std::to_string(row) + " gave " + got + ", acknowledged was " +
                     std::to_string(least);
    }
  }

  const Options& options_;
  Totals& totals_;
  int id_;
  int other_;
  PGconn* connection_ = nullptr;
  std::map<std::string, std::string> prepared_;
  std::uint64_t reads_ = 0;
  std::uint64_t stale_ = 0;
  std::map<std::string, int> errors_;
  std::vector<double> read_ms_;
  std::string first_stale_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr,
                 "Usage: stale_hunt CONNINFO session|global simple|extended|prepared SESSIONS "
                 "ITERATIONS\n");
    return 2;
  }
  Options options;
  options.conninfo = argv[1];
  options.global = std::strcmp(argv[2], "global") == 0;
  options.protocol = std::strcmp(argv[3], "extended") == 0   ? Protocol::extended
                     : std::strcmp(argv[3], "prepared") == 0 ? Protocol::prepared
                                                             : Protocol::simple;
  options.sessions = std::clamp(std::atoi(argv[4]), 1, 1000);
  options.iterations = std::atoi(argv[5]);
  left = options.iterations;
  Totals totals;
  std::vector<std::thread> threads;
  for (int id = 0; id < options.sessions; ++id) {
    threads.emplace_back([&options, &totals, id] { Hunter(options, totals, id).run(); });
  }
  for (std::thread& thread : threads) thread.join();
  std::sort(totals.read_ms.begin(), totals.read_ms.end());
  const auto at = [&](double share) {
    if (totals.read_ms.empty()) return 0.0;
    return totals
        .read_ms[static_cast<std::size_t>(share * static_cast<double>(totals.read_ms.size() - 1))];
  };
  std::string errors;
  for (const auto& [state, count] : totals.errors) {
    errors += (errors.empty() ? "\"" : ", \"") + state + "\": " + std::to_string(count);
  }
  std::printf(
      "{\"reads\": %llu, \"stale\": %llu, \"read_ms\": {\"p50\": %.2f, \"p99\": %.2f, \"max\": "
      "%.2f}, \"errors\": {%s}, \"first_stale\": \"%s\"}\n",
      static_cast<unsigned long long>(totals.reads), static_cast<unsigned long long>(totals.stale),
      at(0.5), at(0.99), at(1), errors.c_str(), totals.first_stale.c_str());
  return totals.stale == 0 ? 0 : 1;
}
