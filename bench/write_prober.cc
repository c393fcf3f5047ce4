// Writes through an endpoint as fast as it goes and logs what was acknowledged: one prober for
// every system of bench/switchover.py, so that all windows are measured alike.
//
//   write_prober CONNINFO VERIFY_CONNINFO CONNECTIONS RUN
//
// Each connection inserts rows into write_probe, one autocommit statement each, and connects anew
// after an error. SIGTERM ends it: it reads back through VERIFY_CONNINFO and prints one JSON object
// with the longest gaps between successive acknowledgements over all connections (CLOCK_MONOTONIC,
// nanoseconds), what failed, and how many acknowledged rows are absent.
#include <libpq-fe.h>
#include <signal.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

namespace {

constexpr int kWorkersMax = 64;
constexpr std::size_t kGaps = 10;
constexpr timespec kBackOff{0, 2'000'000};
constexpr timespec kVerifyPause{0, 100'000'000};
constexpr int kVerifyTries = 300;

std::atomic<bool> stopping{false};

std::int64_t now_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

struct Acknowledged {
  std::int64_t at;
  std::int64_t id;
};

struct Worker {
  std::vector<Acknowledged> acknowledged;
  std::uint64_t failed = 0;    // Sent, and not acknowledged.
  std::uint64_t connects = 0;  // Connections that worked.
  std::uint64_t refused = 0;   // Attempts to connect that did not.
};

void write_rows(int number, const std::string& conninfo, const std::string& run, Worker& worker) {
  PGconn* connection = nullptr;
  for (std::int64_t next = 0; !stopping;) {
    if (connection == nullptr) {
      connection = PQconnectdb(conninfo.c_str());
      if (PQstatus(connection) != CONNECTION_OK) {
        ++worker.refused;
        PQfinish(connection);
        connection = nullptr;
        nanosleep(&kBackOff, nullptr);
        continue;
      }
      ++worker.connects;
    }
    const std::int64_t id = next++ * kWorkersMax + number;
    const std::string sql =
        "INSERT INTO write_probe(run, id) VALUES (" + run + ", " + std::to_string(id) + ")";
    PGresult* result = PQexec(connection, sql.c_str());
    const bool stored = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    if (stored) {
      worker.acknowledged.push_back({now_ns(), id});
      continue;
    }
    ++worker.failed;
    PQfinish(connection);
    connection = nullptr;
    nanosleep(&kBackOff, nullptr);
  }
  PQfinish(connection);
}

// False: it could not be read.
bool read_back(const std::string& conninfo, const std::string& run,
               std::unordered_set<std::int64_t>& stored) {
  const std::string sql = "SELECT id FROM write_probe WHERE run = " + run;
  for (int i = 0; i < kVerifyTries; ++i) {
    PGconn* connection = PQconnectdb(conninfo.c_str());
    PGresult* result = PQexec(connection, sql.c_str());
    const bool answered = PQresultStatus(result) == PGRES_TUPLES_OK;
    for (int row = 0; answered && row < PQntuples(result); ++row) {
      stored.insert(std::atoll(PQgetvalue(result, row, 0)));
    }
    PQclear(result);
    PQfinish(connection);
    if (answered) return true;
    nanosleep(&kVerifyPause, nullptr);
  }
  return false;
}

void print_gaps(std::vector<Acknowledged> all) {
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
  std::vector<std::pair<std::int64_t, std::int64_t>> gaps;  // Length, beginning.
  for (std::size_t i = 1; i < all.size(); ++i) {
    gaps.emplace_back(all[i].at - all[i - 1].at, all[i - 1].at);
  }
  const std::size_t kept = std::min(kGaps, gaps.size());
  std::partial_sort(gaps.begin(), gaps.begin() + static_cast<std::ptrdiff_t>(kept), gaps.end(),
                    std::greater<>());
  std::printf("\"gaps\":[");
  for (std::size_t i = 0; i < kept; ++i) {
    const auto& [length, begin] = gaps[i];
    std::printf("%s{\"from_ns\":%" PRId64 ",\"to_ns\":%" PRId64 "}", i == 0 ? "" : ",", begin,
                begin + length);
  }
  std::printf("]");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: write_prober CONNINFO VERIFY_CONNINFO CONNECTIONS RUN\n");
    return 2;
  }
  const std::string conninfo = argv[1];
  const std::string run = argv[4];
  const int connections = std::atoi(argv[3]);
  if (connections < 1 || connections > kWorkersMax) {
    std::fprintf(stderr, "write_prober: 1 to %d connections\n", kWorkersMax);
    return 2;
  }
  sigset_t term;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigaddset(&term, SIGINT);
  pthread_sigmask(SIG_BLOCK, &term, nullptr);  // The threads inherit it; we wait for it below.
  std::vector<Worker> workers(static_cast<std::size_t>(connections));
  std::vector<std::thread> threads;
  threads.reserve(workers.size());
  for (int i = 0; i < connections; ++i) {
    threads.emplace_back(write_rows, i, conninfo, run,
                         std::ref(workers[static_cast<std::size_t>(i)]));
  }
  int signal = 0;
  sigwait(&term, &signal);
  stopping = true;
  for (std::thread& thread : threads) thread.join();
  std::unordered_set<std::int64_t> stored;
  const bool verified = read_back(argv[2], run, stored);
  std::vector<Acknowledged> all;
  std::uint64_t failed = 0, connects = 0, refused = 0, lost = 0;
  for (const Worker& worker : workers) {
    failed += worker.failed;
    connects += worker.connects;
    refused += worker.refused;
    all.insert(all.end(), worker.acknowledged.begin(), worker.acknowledged.end());
  }
  for (const Acknowledged& one : all) lost += stored.contains(one.id) ? 0 : 1;
  std::printf("{\"acknowledged\":%zu,\"failed\":%llu,\"reconnects\":%llu,\"refused\":%llu,",
              all.size(), static_cast<unsigned long long>(failed),
              static_cast<unsigned long long>(connects - static_cast<std::uint64_t>(connections)),
              static_cast<unsigned long long>(refused));
  std::printf("\"verified\":%s,\"lost\":%llu,", verified ? "true" : "false",
              static_cast<unsigned long long>(lost));
  print_gaps(std::move(all));
  std::printf("}\n");
  return verified ? 0 : 1;
}
