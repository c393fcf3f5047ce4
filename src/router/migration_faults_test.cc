// Goal: whichever I/O step of a migration fails, the client goes on with all its state or gets one
// honest word; nothing that was acknowledged is missing, nothing runs twice, and nobody hangs.
//
// Method: one fixed migration between two fake servers, replayed once for each message that either
// of them reads or writes, failing exactly there.
#include <algorithm>
#include <iostream>

#include "net/testing/run.h"
#include "router/testing/run_world.h"

namespace aurora_global::router {
namespace {

using namespace std::chrono_literals;
using testing::FakeServer;
using testing::Outcome;
using testing::World;
using Strings = std::vector<std::string>;

struct Failing {
  bool old_server = false;
  FakeServer::Plan plan;
};

// What one migration came to.
struct MigrationRun {
  std::size_t east_steps = 0;
  std::size_t west_steps = 0;
  std::size_t prepared_steps = 0;  // Of the west, when it was prepared.
  bool went_on = false;            // To its end, without a word to the client.
  std::string trouble;             // What must not be.
};

// Follows what one client is told, from a migration on.
struct Witness {
  MigrationRun& run;
  bool over = false;
  bool check(const std::string& what, const Outcome& outcome, const std::string& expected) {
    if (over) return false;
    if (outcome.good()) {
      if (!expected.empty() && outcome.value() != expected) {
        run.trouble += what + " is " + outcome.value() + " instead of " + expected + "; ";
      }
      return true;
    }
    over = true;
    const bool honest = outcome.sqlstate == "57P01" || outcome.sqlstate == "08007";
    if (!honest || !outcome.closed) {
      run.trouble += what + " got '" + outcome.sqlstate + " " + outcome.message + "'" +
                     (outcome.closed ? "" : " and an open connection") + "; ";
    }
    return false;
  }
};

// A region starts its server again.
net::Task<void> keep_up(FakeServer& server) {
  for (;;) {
    if (!server.serving()) {
      co_await net::sleep_for(1500ms);
      EXPECT_TRUE(server.revive().has_value());
    }
    if (!co_await World::until([&] { return !server.serving(); }, 60s)) co_return;
  }
}

net::Task<void> migrate(int block, std::optional<Failing> failing, MigrationRun& run) {
  const auto executor = co_await net::asio::this_coro::executor;
  World w(executor, block);
  w.config.hold_timeout = 8s;
  EXPECT_TRUE((co_await w.start()).has_value());
  co_await w.writer_is(w.east, 1);
  const auto client = co_await w.client();
  EXPECT_TRUE((co_await client->query("SET a 1")).good());
  EXPECT_TRUE((co_await client->query("LISTEN news")).good());
  EXPECT_TRUE((co_await client->prepare("named", "ECHO $1", {25})).good());
  EXPECT_TRUE((co_await client->query("WRITE before")).good());
  EXPECT_TRUE((co_await client->prepare("", "WHO")).good());
  w.east.steps = w.west.steps = 0;
  if (failing) (failing->old_server ? w.east : w.west).plan = failing->plan;

  co_await w.prepare(w.west, 2, 1500);
  run.prepared_steps = w.west.steps;
  co_await w.hold(2, 1500);
  co_await client->send_query("WRITE during");
  const bool moves = w.west.serving();  // Otherwise the region calls it off.
  FakeServer& writer = moves ? w.west : w.east;
  if (moves) {
    EXPECT_TRUE(co_await w.swap());
  } else {
    co_await w.release();
  }
  net::TaskGroup tasks(executor);
  tasks.spawn("region", keep_up(writer));

  Witness witness{run};
  Strings acknowledged = {"before"};
  const Outcome during = co_await client->hear();
  if (witness.check("WRITE during", during, "")) acknowledged.push_back("during");
  const bool refused = during.sqlstate == "57P01";
  if (!witness.over) witness.check("WHO", co_await client->query("WHO"), writer.name());
  if (!witness.over) witness.check("a", co_await client->query("SHOW a"), "1");
  if (!witness.over) witness.check("named", co_await client->run("named", {"x"}), "x");
  if (!witness.over && writer.listeners("news") != 1) run.trouble += "it does not listen; ";
  if (!witness.over) {
    if (witness.check("WRITE after", co_await client->query("WRITE after"), "")) {
      acknowledged.push_back("after");
    }
  }
  const auto count = [&](const std::string& what) {
    return std::count(writer.stored.begin(), writer.stored.end(), what);
  };
  for (const std::string& one : acknowledged) {
    if (count(one) != 1) run.trouble += one + " is stored " + std::to_string(count(one)) + "x; ";
  }
  if (count("during") > 1 || (refused && count("during") > 0)) {
    run.trouble += "'during' is stored, whatever the client was told; ";
  }
  run.went_on = !witness.over;
  run.east_steps = w.east.steps;
  run.west_steps = w.west.steps;
  client->close();
  tasks.stop();
  co_await tasks.join();
  co_await w.stop();
}

TEST(Migration, WhicheverStepFailsNothingIsLostAndNobodyHangs) {
  const auto run_all = [](std::vector<std::optional<Failing>> all) {
    std::vector<MigrationRun> runs(all.size());
    net::testing::run([&](net::TaskGroup& tasks) -> net::Task<void> {
      for (std::size_t i = 0; i < all.size(); ++i) {
        tasks.spawn("migration", migrate(2 + static_cast<int>(i), all[i], runs[i]));
      }
      co_await tasks.join();
    });
    return runs;
  };
  const MigrationRun clean = run_all({std::nullopt})[0];
  ASSERT_TRUE(clean.went_on);
  ASSERT_EQ(clean.trouble, "");
  ASSERT_GT(clean.east_steps, 5u);
  ASSERT_GT(clean.west_steps, 10u);

  std::size_t went_on = 0;
  std::size_t in_all = 0;
  for (const auto fault :
       {FakeServer::Fault::close, FakeServer::Fault::die, FakeServer::Fault::silence}) {
    std::vector<std::optional<Failing>> all;
    for (std::size_t i = 1; i <= clean.east_steps; ++i) all.push_back(Failing{true, {i, fault}});
    for (std::size_t i = 1; i <= clean.west_steps; ++i) all.push_back(Failing{false, {i, fault}});
    const std::vector<MigrationRun> runs = run_all(all);
    for (std::size_t i = 0; i < runs.size(); ++i) {
      EXPECT_EQ(runs[i].trouble, "") << (all[i]->old_server ? "old" : "new") << " server, fault "
                                     << static_cast<int>(fault) << ", step " << all[i]->plan.step;
      // It is opened anew, or called off.
      if (!all[i]->old_server && all[i]->plan.step <= clean.prepared_steps) {
        EXPECT_TRUE(runs[i].went_on) << "step " << all[i]->plan.step << " of the preparation";
      }
      went_on += runs[i].went_on ? 1 : 0;
      ++in_all;
    }
  }
  RecordProperty("runs", static_cast<int>(in_all));
  RecordProperty("went_on", static_cast<int>(went_on));
  std::cout << went_on << " of " << in_all << " sessions went on without a word\n";
}

}  // namespace
}  // namespace aurora_global::router
