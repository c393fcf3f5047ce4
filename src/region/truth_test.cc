// Goal: nothing is true before it is stored, a store that fails changes nothing, and what a daemon
// of an earlier layout has stored is taken over.
#include "region/truth.h"

#include <gtest/gtest.h>

#include "net/testing/run.h"
#include "region/testing/memory_store.h"

namespace aurora_global::region {
namespace {

using testing::MemoryStore;

const RegionId kEast{"us-east-1"};
const RegionId kWest{"us-west-2"};

model::GlobalCluster global(std::uint64_t epoch, const RegionId& writer) {
  model::GlobalCluster one;
  one.identifier = "g";
  one.writer_region = writer;
  one.epoch = Epoch{epoch};
  one.decision = {writer, "d" + std::to_string(epoch)};
  one.version = epoch;
  one.members = {{kEast, "arn:aws:rds:us-east-1:1:cluster:c", false, true},
                 {kWest, "arn:aws:rds:us-west-2:1:cluster:d", false, true}};
  return one;
}

OwnCluster own() {
  OwnCluster cluster;
  cluster.facts.identifier = "c";
  cluster.facts.global_cluster_identifier = "g";
  cluster.master_verifier = "SCRAM-SHA-256$x";
  return cluster;
}

model::Operation operation(const std::string& id, const RegionId& to, model::Step step) {
  model::Operation one;
  one.id = id;
  one.global_cluster = "g";
  one.from = kEast;
  one.to = to;
  one.epoch = Epoch{2};
  one.step = step;
  one.started = WallTime(std::chrono::seconds(1));
  return one;
}

// Everything that a change can have.
Change everything() {
  Change change;
  change.globals = {global(2, kEast)};
  change.operations = {operation("a", kWest, model::Step::fence)};
  change.cluster = own();
  change.fence = Fence({"a", "g", Epoch{3}});
  change.left = std::map<std::string, std::string>{{"other", "cluster-1"}};
  change.lost = LostEpoch{"g", Epoch{1}, {kEast, "x"}};
  change.evidence = EpochEvidence::Word::decided;
  return change;
}

std::string seen(const Truth& truth) {
  const State& now = truth.now();
  std::string text = std::to_string(now.globals.size()) + std::to_string(now.operations.size());
  text += now.cluster ? now.cluster->master_verifier : "-";
  text += now.fence.up() ? now.fence.promise()->operation_id : "-";
  text += std::to_string(now.left.size()) + (now.lost ? now.lost->decision.id : "-");
  return text + std::to_string(static_cast<int>(now.evidence.word()));
}

TEST(Truth, AStoreThatFailsChangesNothing) {
  net::testing::run([](net::TaskGroup& tasks) -> net::Task<void> {
    MemoryStore store;
    Truth truth(tasks.executor(), store, kEast);
    store.fail_put = 0;
    const std::string before = seen(truth);
    const auto failed = co_await truth.commit(everything());
    EXPECT_TRUE(failed.has_error());
    EXPECT_EQ(seen(truth), before);
    EXPECT_TRUE(store.documents.empty());
    const auto done = co_await truth.commit(everything());
    CO_ASSERT_OK(done);
    EXPECT_NE(seen(truth), before);
    EXPECT_EQ(truth.duty(), model::Duty::fenced);
  });
}

TEST(Truth, WhoHasDecidedIsKnownBesideAnOperationOfOurs) {
  net::testing::run([](net::TaskGroup& tasks) -> net::Task<void> {
    MemoryStore store;
    Truth truth(tasks.executor(), store, kEast);
    Change ours;
    ours.operations = {operation("ours", kEast, model::Step::fence)};
    const auto done = co_await truth.commit(std::move(ours));
    CO_ASSERT_OK(done);
    model::GlobalCluster decided = global(2, kWest);
    decided.decision = {kWest, "theirs"};
    EXPECT_EQ(truth.decider_of(decided), nullptr);
    EXPECT_FALSE(truth.hear(operation("theirs", kWest, model::Step::promote)));
    EXPECT_EQ(truth.operation("g")->id, "ours");  // It ends by its own table.
    const model::Operation* decider = truth.decider_of(decided);
    EXPECT_TRUE(decider != nullptr && decider->step == model::Step::promote);
    // A report that comes late takes nothing back.
    EXPECT_FALSE(truth.hear(operation("theirs", kWest, model::Step::done)));
    EXPECT_FALSE(truth.hear(operation("theirs", kWest, model::Step::fence)));
    decider = truth.decider_of(decided);
    EXPECT_TRUE(decider != nullptr && decider->step == model::Step::done);
  });
}

// Of two switchovers at the same time the later one was called off, and hid the other.
TEST(Truth, WhoHasDecidedIsKnownBesideAnOperationThatWasCalledOff) {
  net::testing::run([](net::TaskGroup& tasks) -> net::Task<void> {
    MemoryStore store;
    Truth truth(tasks.executor(), store, kEast);
    model::Operation later = operation("later", RegionId{"eu-west-1"}, model::Step::aborted);
    model::Operation decider = operation("theirs", kWest, model::Step::promote);
    later.started = decider.started + std::chrono::milliseconds(3);
    EXPECT_TRUE(truth.hear(later));
    EXPECT_FALSE(truth.hear(decider));
    model::GlobalCluster decided = global(2, kWest);
    decided.decision = {kWest, "theirs"};
    const model::Operation* known = truth.decider_of(decided);
    EXPECT_TRUE(known != nullptr && known->step == model::Step::promote);
    co_return;
  });
}

TEST(Truth, WhatIsCommittedIsThereAfterACrash) {
  net::testing::run([](net::TaskGroup& tasks) -> net::Task<void> {
    MemoryStore store;
    Truth truth(tasks.executor(), store, kEast);
    const auto done1 = co_await truth.commit(everything());
    CO_ASSERT_OK(done1);
    Truth again(tasks.executor(), store, kEast);
    const auto loaded = again.load(store.load().value());
    CO_ASSERT_OK(loaded);
    // But for the evidence, which a crash takes away.
    Change word;
    word.evidence = EpochEvidence::Word::decided;
    const auto done2 = co_await again.commit(std::move(word));
    CO_ASSERT_OK(done2);
    EXPECT_EQ(seen(again), seen(truth));
    EXPECT_EQ(store.puts, 1);
    Change nothing;
    nothing.cluster = std::optional<OwnCluster>();
    nothing.fence = Fence();
    nothing.left.emplace();
    nothing.lost = std::optional<LostEpoch>();
    const auto done3 = co_await truth.commit(std::move(nothing));
    CO_ASSERT_OK(done3);
    EXPECT_EQ(store.documents.size(), 2u);  // The global cluster and the operation.
  });
}

// Each change is decided on what the one before has made true, however they overlap.
TEST(Truth, ChangesAreDecidedOneAfterTheOther) {
  net::testing::run([](net::TaskGroup& tasks) -> net::Task<void> {
    MemoryStore store;
    Truth truth(tasks.executor(), store, kEast);
    const auto done4 = co_await truth.commit(everything());
    CO_ASSERT_OK(done4);
    static constexpr auto bump = [](Truth& at) -> net::Task<void> {
      const auto decide = [](const State& now) -> Result<Change> {
        Change change;
        change.globals = {now.globals.at("g")};
        ++change.globals.front().version;
        return change;
      };
      EXPECT_TRUE((co_await at.commit(decide)).has_value());
    };
    const auto before = truth.global("g")->version;
    for (int i = 0; i < 20; ++i) tasks.spawn("bump", bump(truth));
    while (tasks.size() > 0) co_await net::sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(truth.global("g")->version, before + 20);
  });
}

TEST(Truth, ADecisionThatRefusesStoresNothing) {
  net::testing::run([](net::TaskGroup& tasks) -> net::Task<void> {
    MemoryStore store;
    Truth truth(tasks.executor(), store, kEast);
    const auto refused = co_await truth.commit(
        [](const State&) -> Result<Change> { return make_error(ErrorKind::conflict, "no"); });
    EXPECT_EQ(refused.error().kind, ErrorKind::conflict);
    EXPECT_EQ(store.puts, 0);
  });
}

TEST(Truth, StateOfTheFirstLayoutIsTakenOver) {
  net::testing::run([](net::TaskGroup& tasks) -> net::Task<void> {
    MemoryStore store;
    store.documents = {
        {"global:g", R"({"identifier":"g","writer_region":"us-east-1","epoch":7,"version":3,
                         "members":[{"region":"us-east-1","cluster_arn":"a"},
                                    {"region":"us-west-2","cluster_arn":"b"}]})"},
        {"cluster", R"({"identifier":"c","global_cluster_identifier":"g","instances":[]})"},
        {"bootstrap", R"({"master_verifier":"v"})"},
        {"operation:g", R"({"id":"o","kind":"switchover","global_cluster":"g","from":"us-west-2",
                            "to":"us-east-1","epoch":7,"step":"done","steps":[]})"},
        {"fence", R"({"operation_id":"p","global_cluster":"g","epoch":8,"final_lsn":0})"},
        {"left:h", "h"},
        {"secret:s", "{}"}};
    Truth truth(tasks.executor(), store, kEast);
    const auto loaded = truth.load(store.load().value());
    CO_ASSERT_OK(loaded);
    EXPECT_EQ(truth.global("g")->decision, (model::Decision{kEast, ""}));
    EXPECT_EQ(truth.now().cluster->master_verifier, "v");
    EXPECT_EQ(truth.operation("g")->step, model::Step::done);
    EXPECT_TRUE(truth.now().fence.is_for("p"));
    EXPECT_EQ(truth.now().fence.closed(), nullptr);
    EXPECT_EQ(truth.duty(), model::Duty::fenced);
    EXPECT_TRUE(truth.now().left.contains("h"));
  });
}

TEST(Truth, AFileThatIsNoneIsRefusedByName) {
  for (const auto& [name, text] :
       std::map<std::string, std::string>{{"global:g", "{"},
                                          {"cluster", "[]"},
                                          {"operation:g", R"({"id":"x","kind":"switchover",
           "global_cluster":"g","step":"leap"})"},
                                          {"fence", "7"},
                                          {"global:h", R"({"epoch":-1,
           "identifier":"h"})"}}) {
    net::testing::run([&](net::TaskGroup& tasks) -> net::Task<void> {
      MemoryStore store;
      Truth truth(tasks.executor(), store, kEast);
      const auto loaded = truth.load({{name, text}});
      EXPECT_TRUE(loaded.has_error()) << name;
      EXPECT_EQ(loaded.error().kind, ErrorKind::corrupt) << name;
      EXPECT_TRUE(truth.now().globals.empty());
      co_return;
    });
  }
}

TEST(Fence, HasTheTransitionsOfItsPicture) {
  const Fence none;
  const Fence promised = none.promised({"a", "g", Epoch{2}}).value();
  const Fence closed = promised.closed_at("a", Lsn{9}).value();
  EXPECT_FALSE(none.up());
  EXPECT_EQ(promised.closed(), nullptr);
  EXPECT_EQ(closed.closed()->final_lsn, Lsn{9});
  // The same order again changes nothing; an older one is refused; a newer one begins anew.
  EXPECT_NE(closed.promised({"a", "g", Epoch{2}}).value().closed(), nullptr);
  EXPECT_TRUE(closed.promised({"b", "g", Epoch{1}}).has_error());
  EXPECT_EQ(closed.promised({"b", "g", Epoch{3}}).value().closed(), nullptr);
  // Nobody closes what was not promised.
  EXPECT_TRUE(none.closed_at("a", Lsn{9}).has_error());
  EXPECT_TRUE(promised.closed_at("b", Lsn{9}).has_error());
}

// Whoever could not read it back would not start any more.
TEST(Truth, WhatALaterDaemonCouldNotReadIsNotKept) {
  net::testing::run([](net::TaskGroup& tasks) -> net::Task<void> {
    MemoryStore store;
    Truth truth(tasks.executor(), store, kEast);
    Change change;
    change.globals = {global(2, kEast)};
    change.globals[0].tags = {{"key", std::string(100'000, 'v')}};
    const auto refused = co_await truth.commit(std::move(change));
    EXPECT_TRUE(refused.has_error());
    EXPECT_TRUE(truth.now().globals.empty());
    EXPECT_TRUE(store.load()->empty());
  });
}

TEST(EpochEvidence, NeedsEveryOtherMemberOrAWord) {
  const model::GlobalCluster three = [] {
    model::GlobalCluster one = global(2, kEast);
    one.members.push_back({RegionId{"eu-west-1"}, "e", false, true});
    return one;
  }();
  EpochEvidence evidence;
  EXPECT_FALSE(evidence.confirms(three, kEast));
  evidence.heard(kWest);
  EXPECT_FALSE(evidence.confirms(three, kEast));  // A majority is not enough.
  evidence.heard(RegionId{"eu-west-1"});
  EXPECT_TRUE(evidence.confirms(three, kEast));
  EpochEvidence word;
  for (const auto given : {EpochEvidence::Word::adopted, EpochEvidence::Word::decided,
                           EpochEvidence::Word::handed_back}) {
    word.take(given);
    EXPECT_TRUE(word.confirms(three, kEast));
  }
  word.withdraw();
  EXPECT_FALSE(word.confirms(three, kEast));
}

}  // namespace
}  // namespace aurora_global::region
