// The load generator against pgbench: `SELECT 1`, prepared, the same number of connections, one
// thread each, against one throwaway server; runs alternate, so that both see the same machine.
//
//   generator_bench [connections] [seconds per run] [pairs]
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "pgclient/testing/postgres.h"

namespace {

using namespace aurora_global;
using namespace std::chrono_literals;

struct Run {
  int ready = 0;  // Connections that are open; pgbench, too, does not count that time.
  std::uint64_t done = 0;
};

net::Task<void> client(pgclient::Parameters parameters, Duration length, int all, Run* run) {
  auto connection = co_await pgclient::Connection::connect(parameters, Deadline::in(20s));
  if (connection.has_error()) co_return;
  if ((co_await connection->prepare("q", "SELECT 1", Deadline::in(20s))).has_error()) co_return;
  ++run->ready;
  while (run->ready < all) co_await net::sleep_for(1ms);
  const SystemClock clock;
  const Deadline end = Deadline::in(length);
  std::vector<pgclient::Param> none;
  for (;;) {
    const Instant now = clock.now();
    if (now >= end.at()) co_return;
    const auto rows = co_await connection->execute_prepared("q", none, Deadline(now + 10s));
    if (rows.has_error()) co_return;
    ++run->done;
  }
}

double ours(const pgclient::Parameters& parameters, int connections, int seconds) {
  boost::asio::io_context context(1);
  Run run;
  {
    net::TaskGroup tasks(context.get_executor());
    for (int i = 0; i < connections; ++i) {
      tasks.spawn("client", client(parameters, std::chrono::seconds(seconds), connections, &run));
    }
    context.run();
  }
  return static_cast<double>(run.done) / seconds;
}

double pgbench(const pgclient::testing::Postgres& server, int connections, int seconds) {
  const std::string script = server.directory() + "/select.sql";
  std::ofstream(script) << "SELECT 1;\n";
  const std::string command =
      "/usr/lib/postgresql/15/bin/pgbench -n -M prepared -j 1 -f " + script + " -h " +
      server.host() + " -p " + std::to_string(server.port()) + " -U postgres -c " +
      std::to_string(connections) + " -T " + std::to_string(seconds) + " postgres 2>/dev/null";
  FILE* out = popen(command.c_str(), "r");
  char line[256];
  double rate = 0;
  while (out != nullptr && std::fgets(line, sizeof line, out) != nullptr) {
    std::sscanf(line, "tps = %lf", &rate);
  }
  if (out != nullptr) pclose(out);
  return rate;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int argument(int argc, char** argv, int index, int otherwise) {
  return argc > index ? std::max(1, std::atoi(argv[index])) : otherwise;
}

}  // namespace

int main(int argc, char** argv) {
  const int connections = argument(argc, argv, 1, 8);
  const int seconds = argument(argc, argv, 2, 3);
  const int pairs = argument(argc, argv, 3, 3);
  const auto server = pgclient::testing::Postgres::start("max_connections = 300");
  if (server.has_error()) {
    std::fprintf(stderr, "generator_bench: %s\n", server.error().message.c_str());
    return 1;
  }
  std::printf("SELECT 1, prepared, %d connections, one client thread, %d s a run\n", connections,
              seconds);
  std::vector<double> ratios;
  for (int i = 0; i < pairs; ++i) {
    const double theirs = pgbench(**server, connections, seconds);
    const double mine = ours((*server)->parameters(), connections, seconds);
    if (theirs <= 0 || mine <= 0) {
      std::fprintf(stderr, "generator_bench: a run did nothing (pgbench %.0f, ours %.0f)\n", theirs,
                   mine);
      return 1;
    }
    ratios.push_back(mine / theirs);
    std::printf("  pgbench %8.0f/s   generator %8.0f/s   ratio %.2f\n", theirs, mine,
                ratios.back());
    std::fflush(stdout);
  }
  std::printf("generator / pgbench = %.2f (median of %d)\n", median(ratios), pairs);
  return 0;
}
