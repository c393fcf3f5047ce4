// Goal: each role of a move does its part, and no more, whatever the others do.
// Method: one real daemon; the other regions are scripts that answer what the test wants.
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include "region/peers/messages.h"
#include "region/truth.h"
#include "sim/node.h"
#include "sim/world.h"

namespace aurora_global::sim {
namespace {

using namespace std::chrono_literals;
namespace messages = region::messages;

class NobodyWatches final : public Watch {
 public:
  int started_open = 0;
  void promotion_ordered(Machine&, Epoch) override {}
  void opened(Machine&) override {}
  void started(Machine&) override { ++started_open; }
  void published(Machine&, const model::Topology&) override {}
  void stored(Machine&) override {}
  void discarded(Machine&, std::size_t) override {}
  void answered(const RegionId&, const region::PeerRequest&, const region::PeerReply&) override {}
};

// Three regions that replicate; the daemon of region `real` runs, for the other two the test
// speaks. Their servers run.
class Bench : public Wire {
 public:
  explicit Bench(int real) : real_(real), kernel_(7), network_(kernel_, 1ms) {
    static const Beginning beginning = make_beginning(kRegions);
    for (int i = 0; i < kRegions; ++i) {
      machines_.push_back(std::make_unique<Machine>(kernel_, *this, watch_, region_number(i)));
      machine(i).disk.documents = beginning.documents[static_cast<std::size_t>(i)];
      machine(i).postgres.data() = beginning.data[static_cast<std::size_t>(i)];
      if (i == real) continue;
      std::optional<Postgres::Source> source;
      if (i != 0) source = Postgres::Source{region_number(0)};
      machine(i).postgres.start(source, 1ms);
    }
    config_ = config_of(real, kRegions);
    node_ = std::make_unique<Node>(kernel_, machine(real), network_, config_, 1);
    for (int i = 0; i < kRegions; ++i) {
      if (i == real) continue;
      groups_.push_back(std::make_unique<net::TaskGroup>(machine(i).clients.executor()));
      network_.listen(region_number(i), {groups_.back().get(),
                                         [this, i](RegionId, region::PeerRequest request) {
                                           return speak(i, std::move(request));
                                         },
                                         &machine(i).clients});
    }
    run(2s);
  }
  ~Bench() override {
    node_.reset();
    for (auto& one : machines_) one->clients.kill();
  }

  Machine& machine(int i) { return *machines_[static_cast<std::size_t>(i)]; }
  Machine& here() { return machine(real_); }
  // How often a server has started that is no standby.
  int started_open() const { return watch_.started_open; }
  region::Daemon& daemon() { return *node_->core; }
  void run(Duration time) { kernel_.run_until(kernel_.now() + time); }
  // Until the daemon starts again, which it does at once, with what was on its disk.
  void restart() {
    network_.forget(&node_->loop);
    node_.reset();
    node_ = std::make_unique<Node>(kernel_, here(), network_, config_, 2);
    run(1s);
  }

  model::Operation operation(int to, std::uint64_t epoch, std::string id = "op") {
    model::Operation one;
    one.id = std::move(id);
    one.global_cluster = "global";
    one.from = region_number(0);
    one.to = region_number(to);
    one.epoch = Epoch{epoch};
    one.step = model::Step::fence;
    one.drain.timeout = 100ms;
    one.started = here().clock.wall_now();
    return one;
  }

  // Asks the daemon as region `from` does. An error if there is no answer within 30 s.
  template <typename Request>
  Result<typename Request::Answer> ask(int from, const Request& request) {
    const auto call = std::make_shared<Network::Call>();
    call->arrived = std::make_shared<net::Event>(machine(from).clients.executor());
    call->caller = &machine(from).clients;
    network_.send(region_number(from), here().region, messages::encode(request), call);
    for (int i = 0; i < 3000 && !call->reply; ++i) run(10ms);
    if (!call->reply) return make_error(ErrorKind::timeout, "no answer");
    if (call->reply->has_error()) return call->reply->error();
    return messages::decode_answer<typename Request::Answer>(**call->reply, here().region, "ask");
  }
  // An operator's request to the daemon.
  Result<void> move_here(region::MoveKind kind) {
    std::optional<Result<void>> outcome;
    static constexpr auto ask = [](Bench& self, region::MoveKind what,
                                   std::optional<Result<void>>& said) -> net::Task<void> {
      const auto arn =
          model::cluster_arn(self.here().region, kAccount, "cluster-" + std::to_string(self.real_));
      const auto moved = co_await self.daemon().move_writer("global", arn, what, {});
      said = moved.has_error() ? Result<void>(moved.error()) : ok();
    };
    const ClockOfThread in_force(here().clock);
    node_->operators.spawn("operator", ask(*this, kind, outcome));
    for (int i = 0; i < 1500 && !outcome; ++i) run(10ms);
    return outcome ? *outcome : make_error(ErrorKind::timeout, "no answer");
  }
  // Its outcome is nobody's business here: it is under way when this returns.
  void begin_to_delete_the_instance() {
    static constexpr auto ask = [](Bench& self) -> net::Task<void> {
      (void)co_await self.daemon().delete_db_instance("instance-" + std::to_string(self.real_));
    };
    const ClockOfThread in_force(here().clock);
    node_->operators.spawn("operator", ask(*this));
  }
  model::Operation last_operation() {
    const auto* one = daemon().truth().operation("global");
    return one == nullptr ? model::Operation{} : *one;
  }
  int heard(std::string_view what) {
    return static_cast<int>(std::count(asked_.begin(), asked_.end(), what));
  }

  // What the other regions answer; without a word here: as healthy ones do. Nullopt: nothing.
  std::map<std::string, std::function<std::optional<region::PeerReply>(int region)>> script;
  bool silent = false;
  int mute = -1;  // This one alone.

  Postgres* server_in(const RegionId& region) override {
    for (auto& one : machines_) {
      if (one->region == region) return &one->postgres;
    }
    return nullptr;
  }
  bool passes(const RegionId& a, const RegionId& b) override { return network_.passes(a, b); }
  Duration latency(const RegionId& a, const RegionId& b) override { return network_.latency(a, b); }

 private:
  static constexpr int kRegions = 3;

  net::Task<region::PeerReply> speak(int i, region::PeerRequest request) {
    asked_.push_back(request.what);
    while (silent || mute == i) co_await net::sleep_for(1s);
    if (const auto found = script.find(request.what); found != script.end()) {
      auto reply = found->second(i);
      while (!reply) co_await net::sleep_for(3600s);
      co_return *reply;
    }
    Postgres& server = machine(i).postgres;
    if (request.what == messages::Gossip::kName) {
      messages::Gossip word;
      word.from = region_number(i);
      word.engine_version = "15.18";
      word.head.running = true;
      word.head.in_recovery = server.in_recovery();
      word.head.position = word.head.received = lsn_of(server.data().wal.size());
      word.head.streaming = server.streaming();
      co_return messages::encode_answer(word);
    }
    if (request.what == messages::Inspect::kName) {
      co_return messages::encode_answer(
          messages::Inspected{"15.18", lsn_of(server.data().wal.size()), false, {}});
    }
    if (request.what == messages::FenceOrder::kName) {
      server.fence(Epoch{2});
      co_return messages::encode_answer(messages::Fenced{lsn_of(server.data().wal.size())});
    }
    if (request.what == messages::Hold::kName) {
      co_return messages::encode_answer(messages::HoldAnswer{});
    }
    co_return messages::encode_answer(messages::Nothing{});
  }

  int real_;
  Kernel kernel_;
  Network network_;
  NobodyWatches watch_;
  std::vector<std::unique_ptr<Machine>> machines_;
  region::RegionConfig config_;
  std::vector<std::unique_ptr<net::TaskGroup>> groups_;
  std::unique_ptr<Node> node_;
  std::vector<std::string> asked_;
};

bool has_promise(Bench& bench) { return bench.here().disk.documents.contains("fence"); }

class Roles : public testing::Test {
 protected:
  static void SetUpTestSuite() { spdlog::set_level(spdlog::level::off); }
};
using Giver = Roles;
using Bystander = Roles;
using Coordinator = Roles;

TEST_F(Giver, PromisesOnDiskAndNamesTheLastPosition) {
  Bench bench(0);
  ASSERT_TRUE(bench.here().postgres.takes_writes());
  const auto fenced = bench.ask(1, messages::FenceOrder{bench.operation(1, 2)});
  ASSERT_TRUE(fenced.has_value()) << fenced.error().message;
  EXPECT_EQ(fenced->final_lsn, lsn_of(bench.here().postgres.data().wal.size()));
  EXPECT_TRUE(has_promise(bench));
  EXPECT_FALSE(bench.here().postgres.takes_writes());
  // The same order again has the same answer.
  const auto again = bench.ask(1, messages::FenceOrder{bench.operation(1, 2)});
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->final_lsn, fenced->final_lsn);
}

TEST_F(Giver, KeepsItsPromiseOverARestartAndACrashOfTheServer) {
  Bench bench(0);
  ASSERT_TRUE(bench.ask(1, messages::FenceOrder{bench.operation(1, 2)}).has_value());
  bench.silent = true;
  bench.restart();
  bench.here().postgres.crash();
  bench.run(60s);
  EXPECT_TRUE(has_promise(bench));
  EXPECT_FALSE(bench.here().postgres.takes_writes());
}

TEST_F(Giver, RefusesAnEpochThatIsOver) {
  Bench bench(0);
  const auto fenced = bench.ask(1, messages::FenceOrder{bench.operation(1, 1)});
  ASSERT_TRUE(fenced.has_error());
  EXPECT_EQ(fenced.error().kind, ErrorKind::superseded);
  EXPECT_FALSE(has_promise(bench));
  EXPECT_TRUE(bench.here().postgres.takes_writes());
}

TEST_F(Giver, GoesOnWhenItIsToldTo) {
  Bench bench(0);
  ASSERT_TRUE(bench.ask(1, messages::FenceOrder{bench.operation(1, 2)}).has_value());
  // Not by another operation's word.
  ASSERT_TRUE(bench.ask(2, messages::Unfence{bench.operation(2, 2, "other")}).has_value());
  EXPECT_FALSE(bench.here().postgres.takes_writes());
  ASSERT_TRUE(bench.ask(1, messages::Unfence{bench.operation(1, 2)}).has_value());
  bench.run(1s);
  EXPECT_FALSE(has_promise(bench));
  EXPECT_TRUE(bench.here().postgres.takes_writes());
  EXPECT_FALSE(bench.here().router.gate->closed());
  // The order that comes late fences nobody.
  EXPECT_TRUE(bench.ask(1, messages::FenceOrder{bench.operation(1, 2)}).has_error());
  EXPECT_TRUE(bench.here().postgres.takes_writes());
}

// The keeper has begun to look at a fenced server, which is slow to answer.
TEST_F(Giver, AFenceThatIsLiftedWhileTheKeeperLooksStopsNoServer) {
  Bench bench(0);
  const int before = bench.started_open();
  ASSERT_TRUE(bench.ask(1, messages::FenceOrder{bench.operation(1, 2)}).has_value());
  bench.here().postgres.freeze();
  bench.run(300ms);
  ASSERT_TRUE(bench.ask(1, messages::Unfence{bench.operation(1, 2)}).has_value());
  bench.here().postgres.thaw();
  bench.run(5s);
  EXPECT_TRUE(bench.here().postgres.takes_writes());
  EXPECT_EQ(bench.started_open(), before);
}

TEST_F(Giver, APromiseThatCannotBeStoredIsNotGiven) {
  Bench bench(0);
  bench.here().disk.full = true;
  EXPECT_TRUE(bench.ask(1, messages::FenceOrder{bench.operation(1, 2)}).has_error());
  EXPECT_TRUE(bench.here().postgres.takes_writes());
  EXPECT_FALSE(bench.here().router.gate->closed());
}

// The coordinator says that its operation is over; what another member has decided meanwhile, it
// need not know.
TEST_F(Giver, ThatHasRestartedAsksEveryMemberAllTheSame) {
  Bench bench(0);
  ASSERT_TRUE(bench.ask(1, messages::FenceOrder{bench.operation(1, 2)}).has_value());
  bench.mute = 2;
  bench.restart();
  bench.here().postgres.crash();
  ASSERT_TRUE(bench.ask(1, messages::Unfence{bench.operation(1, 2)}).has_value());
  bench.run(30s);
  EXPECT_FALSE(has_promise(bench));
  EXPECT_FALSE(bench.here().postgres.takes_writes());
  bench.mute = -1;
  bench.run(30s);
  EXPECT_TRUE(bench.here().postgres.takes_writes());
}

TEST_F(Bystander, HoldsItsClientsUntilTheOperationIsCalledOff) {
  Bench bench(2);
  ASSERT_TRUE(bench.ask(1, messages::Hold{bench.operation(1, 2)}).has_value());
  EXPECT_TRUE(bench.here().router.gate->closed());
  auto over = bench.operation(1, 2);
  over.step = model::Step::aborted;
  messages::Gossip word;
  word.from = region_number(1);
  word.operations = {over};
  ASSERT_TRUE(bench.ask(1, word).has_value());
  bench.run(1s);
  EXPECT_FALSE(bench.here().router.gate->closed());
  // A request that comes late holds nobody.
  EXPECT_TRUE(bench.ask(1, messages::Hold{bench.operation(1, 2)}).has_error());
  EXPECT_FALSE(bench.here().router.gate->closed());
}

TEST_F(Bystander, LetsItsClientsGoWhenTheCoordinatorIsSilent) {
  Bench bench(2);
  ASSERT_TRUE(bench.ask(1, messages::Hold{bench.operation(1, 2)}).has_value());
  bench.run(60s);
  EXPECT_FALSE(bench.here().router.gate->closed());
}

TEST_F(Bystander, LetsItsClientsGoAlsoAfterARestart) {
  Bench bench(2);
  ASSERT_TRUE(bench.ask(1, messages::Hold{bench.operation(1, 2)}).has_value());
  bench.silent = true;
  bench.restart();
  EXPECT_TRUE(bench.here().router.gate->closed());
  bench.run(60s);
  EXPECT_FALSE(bench.here().router.gate->closed());
}

TEST_F(Coordinator, PromotesAfterTheFenceAndStoresTheEpochFirst) {
  Bench bench(1);
  const auto accepted = bench.move_here(region::MoveKind::lossless);
  ASSERT_TRUE(accepted.has_value()) << accepted.error().message;
  bench.run(5s);
  EXPECT_EQ(bench.last_operation().step, model::Step::done);
  EXPECT_EQ(bench.heard("fence"), 1);
  EXPECT_EQ(bench.heard("retire"), 1);
  EXPECT_TRUE(bench.here().postgres.takes_writes());
  EXPECT_EQ(bench.here().opened_in, Epoch{2});
  EXPECT_EQ(bench.here().router.writer, bench.here().region);
}

TEST_F(Coordinator, CallsItOffWhenTheOldRegionRefuses) {
  Bench bench(1);
  bench.script["fence"] = [](int) {
    return messages::encode_error(make_error(ErrorKind::conflict, "transactions did not end"));
  };
  ASSERT_TRUE(bench.move_here(region::MoveKind::lossless).has_value());
  bench.run(5s);
  EXPECT_EQ(bench.last_operation().step, model::Step::aborted);
  EXPECT_NE(bench.last_operation().reason.find("transactions did not end"), std::string::npos);
  EXPECT_EQ(bench.heard("unfence"), 1);
  EXPECT_FALSE(bench.here().postgres.takes_writes());
  EXPECT_FALSE(bench.here().router.gate->closed());
}

TEST_F(Coordinator, SaysAgainThatItIsCalledOffUntilThatIsHeard) {
  Bench bench(1);
  bool deaf = true;
  bench.script["fence"] = [](int) { return std::nullopt; };
  bench.script["unfence"] = [&](int) -> std::optional<region::PeerReply> {
    if (deaf) return std::nullopt;
    return messages::encode_answer(messages::Nothing{});
  };
  ASSERT_TRUE(bench.move_here(region::MoveKind::lossless).has_value());
  bench.run(120s);
  EXPECT_EQ(bench.last_operation().step, model::Step::abort);
  EXPECT_GE(bench.heard("unfence"), 2);
  // Nor does a restart make it forget.
  bench.restart();
  EXPECT_EQ(bench.last_operation().step, model::Step::abort);
  deaf = false;
  bench.run(60s);
  EXPECT_EQ(bench.last_operation().step, model::Step::aborted);
  EXPECT_FALSE(bench.here().postgres.takes_writes());
}

TEST_F(Coordinator, AFailoverNeedsNobody) {
  Bench bench(1);
  bench.silent = true;
  ASSERT_TRUE(bench.move_here(region::MoveKind::data_loss_allowed).has_value());
  bench.run(20s);
  const model::Operation ended = bench.last_operation();
  EXPECT_EQ(ended.step, model::Step::done);
  EXPECT_TRUE(bench.here().postgres.takes_writes());
  // Of simulated time: a partition does not make it wait longer for the fence.
  ASSERT_EQ(ended.timings.front().step, model::Step::fence);
  EXPECT_LE(ended.timings.front().ended - ended.timings.front().started, 350ms);
}

// A part of another server's data is no database that could be opened; a copy takes its place.
TEST_F(Coordinator, AFailoverToHalfARewindIsRefused) {
  Bench bench(1);
  bench.here().postgres.crash();
  bench.here().postgres.data().half_rewound = true;
  bench.silent = true;
  const auto refused = bench.move_here(region::MoveKind::data_loss_allowed);
  ASSERT_TRUE(refused.has_error());
  EXPECT_NE(refused.error().message.find("no DB instance with data"), std::string::npos);
  bench.silent = false;
  bench.run(60s);
  EXPECT_TRUE(bench.here().postgres.streaming());
  EXPECT_FALSE(bench.here().postgres.data().half_rewound);
}

// Its operation would wait for data that are gone, and keep everybody from bringing them back.
TEST_F(Coordinator, AFailoverToAnInstanceThatIsBeingDeletedIsRefused) {
  Bench bench(1);
  bench.begin_to_delete_the_instance();
  const auto refused = bench.move_here(region::MoveKind::data_loss_allowed);
  ASSERT_TRUE(refused.has_error());
  bench.run(60s);
  EXPECT_EQ(bench.last_operation().id, "");
  EXPECT_FALSE(bench.here().postgres.takes_writes());
}

// The list of members that comes with the fence is not on disk: the move is called off.
TEST_F(Coordinator, CallsItOffWhenItCannotKeepWhatTheFenceTellsIt) {
  Bench bench(1);
  PutFaults faults;
  bench.here().disk.puts = &faults;
  const model::GlobalCluster before = *bench.daemon().truth().own_global();
  model::GlobalCluster newer = before;
  ++newer.version;
  bench.script["fence"] = [&](int) {
    faults.arm(1);
    return messages::encode_answer(
        messages::Fenced{lsn_of(bench.here().postgres.data().wal.size()), newer});
  };
  ASSERT_TRUE(bench.move_here(region::MoveKind::lossless).has_value());
  bench.run(10s);
  EXPECT_GE(faults.seen, 1u);
  EXPECT_EQ(bench.last_operation().step, model::Step::aborted);
  EXPECT_EQ(bench.heard("unfence"), 1);
  EXPECT_EQ(bench.daemon().truth().own_global()->version, before.version);
  EXPECT_FALSE(bench.here().postgres.takes_writes());
}

TEST_F(Coordinator, ARefusalLeavesNoTrace) {
  Bench bench(1);
  const auto before = bench.here().disk.documents;
  bench.script["inspect"] = [](int) {
    return messages::encode_answer(messages::Inspected{"15.99", Lsn{1}, false, {}});
  };
  const auto refused = bench.move_here(region::MoveKind::lossless);
  ASSERT_TRUE(refused.has_error());
  EXPECT_NE(refused.error().message.find("versions differ"), std::string::npos);
  EXPECT_EQ(bench.here().disk.documents, before);
}

}  // namespace
}  // namespace aurora_global::sim
