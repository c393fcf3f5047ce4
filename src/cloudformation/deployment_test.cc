// Goal: a deployment goes the way that its stack's table says, with the right steps at each status.
// Method: a stack A <- B <- C, driven step by step; one thing goes wrong in each test.
#include "cloudformation/deployment.h"

#include <gtest/gtest.h>

namespace aurora_global::cloudformation {
namespace {

using nlohmann::json;
using Names = std::vector<std::string>;

std::map<std::string, Target> chain() {
  return {{"A", {.type = "T"}},
          {"B", {.type = "T", .depends_on = {"A"}}},
          {"C", {.type = "T", .depends_on = {"B"}}}};
}

class DeploymentOfAChain : public ::testing::Test {
 protected:
  // "apply A": what may begin now.
  Names ready() const {
    Names names;
    for (const Step& step : deployment_->ready()) names.push_back(verb(step) + step.logical_id);
    return names;
  }
  static std::string verb(const Step& step) {
    switch (step.kind) {
      case StepKind::apply: return "apply ";
      case StepKind::restore: return "restore ";
      case StepKind::remove: return "remove ";
    }
    return "";
  }

  void begin(StackStatus from, StackEvent event, std::map<std::string, Target> targets = chain(),
             OnFailure on_failure = OnFailure::roll_back, std::set<std::string> retain = {}) {
    auto made = Deployment::begin(from, event, deployment_ ? deployment_->inventory() : Inventory{},
                                  std::move(targets), on_failure, std::move(retain));
    ASSERT_TRUE(made.has_value()) << made.error().message;
    deployment_ = std::move(*made);
  }
  // Begins the only ready step of this resource.
  Step start(const std::string& name, Decision decision = Decision::create) {
    for (const Step& step : deployment_->ready()) {
      if (step.logical_id != name) continue;
      const auto begun = step.kind == StepKind::apply
                             ? deployment_->begin_apply(step.id, {{"round", round_}}, decision)
                             : deployment_->begin(step.id);
      EXPECT_TRUE(begun.has_value()) << begun.error().message;
      return step;
    }
    ADD_FAILURE() << name << " is not ready";
    return {};
  }
  void pass(const std::string& name, Decision decision = Decision::create) {
    const Step step = start(name, decision);
    if (decision == Decision::unchanged) return;
    const std::string id = step.physical_id.empty() || decision == Decision::replace
                               ? name + std::to_string(++made_)
                               : step.physical_id;
    EXPECT_TRUE(deployment_->succeeded(step.id, {.physical_id = id}).has_value());
  }
  void fail(const std::string& name, Decision decision = Decision::create,
            const std::string& left = "") {
    const Step step = start(name, decision);
    EXPECT_TRUE(deployment_->failed(step.id, "no", left).has_value());
  }
  void create_all() {
    begin(StackStatus::review_in_progress, StackEvent::created);
    for (const char* name : {"A", "B", "C"}) pass(name);
    ASSERT_EQ(deployment_->status(), StackStatus::create_complete);
    round_ = 1;
  }
  Names statuses_of_stack() {
    Names names;
    for (const DeploymentEvent& event : deployment_->take_events()) {
      if (event.type.empty()) names.push_back(event.status);
    }
    return names;
  }

  std::optional<Deployment> deployment_;
  int round_ = 0;
  int made_ = 0;
};

TEST_F(DeploymentOfAChain, CreatesBehindWhatItDependsOn) {
  begin(StackStatus::review_in_progress, StackEvent::created);
  EXPECT_EQ(ready(), Names{"apply A"});
  pass("A");
  EXPECT_EQ(ready(), Names{"apply B"});
  pass("B");
  pass("C");
  EXPECT_EQ(deployment_->status(), StackStatus::create_complete);
  EXPECT_EQ(statuses_of_stack(), (Names{"CREATE_IN_PROGRESS", "CREATE_COMPLETE"}));
  EXPECT_EQ(deployment_->physical_id("B"), "B2");
}

TEST_F(DeploymentOfAChain, RollsACreateBack) {
  begin(StackStatus::review_in_progress, StackEvent::created);
  pass("A");
  fail("B", Decision::create, "half-made");
  EXPECT_EQ(deployment_->status(), StackStatus::rollback_in_progress);
  EXPECT_EQ(deployment_->reason(), "The following resource(s) failed to create: [B]. ");
  EXPECT_EQ(ready(), Names{"remove B"});
  pass("B");
  pass("A");
  EXPECT_EQ(deployment_->status(), StackStatus::rollback_complete);
  EXPECT_EQ(deployment_->inventory(), Inventory{});
}

TEST_F(DeploymentOfAChain, WaitsForWhatHasBegunBeforeItTurnsBack) {
  auto targets = chain();
  targets["D"] = {.type = "T"};
  begin(StackStatus::review_in_progress, StackEvent::created, targets);
  const Step other = start("D");
  fail("A");
  EXPECT_TRUE(deployment_->is_stopping());
  EXPECT_EQ(deployment_->status(), StackStatus::create_in_progress);
  EXPECT_TRUE(deployment_->ready().empty());
  EXPECT_TRUE(deployment_->succeeded(other.id, {.physical_id = "d"}).has_value());
  EXPECT_EQ(ready(), Names{"remove D"});
}

TEST_F(DeploymentOfAChain, KeepsWhatWasMadeIfAskedTo) {
  begin(StackStatus::review_in_progress, StackEvent::created, chain(), OnFailure::keep);
  pass("A");
  fail("B");
  EXPECT_EQ(deployment_->status(), StackStatus::create_failed);
  EXPECT_TRUE(deployment_->inventory().resources.contains("A"));
  ASSERT_TRUE(deployment_->request(StackEvent::rolled_back).has_value());
  EXPECT_EQ(ready(), Names{"remove A"});
}

TEST_F(DeploymentOfAChain, FailsToRollBack) {
  begin(StackStatus::review_in_progress, StackEvent::created);
  pass("A");
  pass("B");
  fail("C");
  fail("B");
  EXPECT_EQ(deployment_->status(), StackStatus::rollback_failed);
  begin(StackStatus::rollback_failed, StackEvent::deleted);
  pass("B");
  pass("A");
  EXPECT_EQ(deployment_->status(), StackStatus::delete_complete);
}

TEST_F(DeploymentOfAChain, UpdatesAndCleansUp) {
  create_all();
  auto targets = chain();
  targets.erase("C");
  begin(StackStatus::create_complete, StackEvent::updated, targets);
  pass("A", Decision::replace);
  pass("B", Decision::modify);
  EXPECT_EQ(deployment_->status(), StackStatus::update_complete_cleanup_in_progress);
  EXPECT_EQ(deployment_->physical_id("A"), "A4");
  EXPECT_EQ(ready(), (Names{"remove A", "remove C"}));
  pass("A");
  fail("C");
  EXPECT_EQ(deployment_->status(), StackStatus::update_complete);
  EXPECT_EQ(deployment_->inventory().existing.size(), 2u);
  EXPECT_EQ(statuses_of_stack(), (Names{"UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
                                        "UPDATE_COMPLETE"}));
}

TEST_F(DeploymentOfAChain, RollsAnUpdateBack) {
  create_all();
  const Inventory before = deployment_->inventory();
  auto targets = chain();
  targets["D"] = {.type = "T"};
  begin(StackStatus::create_complete, StackEvent::updated, targets);
  pass("D");
  pass("A", Decision::replace);
  pass("B", Decision::modify);
  fail("C", Decision::modify);
  EXPECT_EQ(deployment_->status(), StackStatus::update_rollback_in_progress);
  EXPECT_EQ(deployment_->physical_id("A"), "A1");
  EXPECT_EQ(ready(), Names{"restore B"});
  EXPECT_EQ(deployment_->ready()[0].properties, (json{{"round", 0}}));
  pass("B");
  pass("C");
  EXPECT_EQ(deployment_->status(), StackStatus::update_rollback_complete_cleanup_in_progress);
  EXPECT_EQ(ready(), (Names{"remove A", "remove D"}));
  pass("A");
  pass("D");
  EXPECT_EQ(deployment_->status(), StackStatus::update_rollback_complete);
  EXPECT_EQ(deployment_->inventory().existing, before.existing);
}

TEST_F(DeploymentOfAChain, ContinuesARollbackAndSkips) {
  create_all();
  begin(StackStatus::create_complete, StackEvent::updated);
  pass("A", Decision::modify);
  pass("B", Decision::modify);
  fail("C", Decision::modify);
  fail("A");
  EXPECT_EQ(deployment_->status(), StackStatus::update_rollback_failed);
  EXPECT_EQ(deployment_->reason(), "The following resource(s) failed to update: [A]. ");
  ASSERT_TRUE(deployment_->request(StackEvent::rollback_continued, {"A"}).has_value());
  EXPECT_EQ(ready(), Names{"restore B"});
  pass("B");
  pass("C");
  EXPECT_EQ(deployment_->status(), StackStatus::update_rollback_complete);
}

TEST_F(DeploymentOfAChain, ModifiesAgainWhatFailedToBeModified) {
  create_all();
  begin(StackStatus::create_complete, StackEvent::updated, chain(), OnFailure::keep);
  fail("A", Decision::modify);
  EXPECT_EQ(deployment_->status(), StackStatus::update_failed);
  begin(StackStatus::update_failed, StackEvent::updated);
  start("A", Decision::unchanged);
  ASSERT_EQ(deployment_->running().size(), 1u);
  EXPECT_EQ(deployment_->running()[0].decision, Decision::modify);
}

TEST_F(DeploymentOfAChain, TakesAnotherPhysicalIdForAReplacement) {
  create_all();
  begin(StackStatus::create_complete, StackEvent::updated);
  const Step step = start("A", Decision::modify);
  EXPECT_TRUE(deployment_->succeeded(step.id, {.physical_id = "other"}).has_value());
  pass("B", Decision::unchanged);
  pass("C", Decision::unchanged);
  EXPECT_EQ(ready(), Names{"remove A"});
  EXPECT_EQ(deployment_->ready()[0].physical_id, "A1");
}

TEST_F(DeploymentOfAChain, RetainsByPolicyAndRequest) {
  create_all();
  begin(StackStatus::create_complete, StackEvent::deleted, {}, OnFailure::roll_back, {"C"});
  EXPECT_EQ(ready(), Names{"remove B"});
  Names skipped;
  for (const DeploymentEvent& event : deployment_->take_events()) {
    if (event.status == "DELETE_SKIPPED") skipped.push_back(event.logical_id);
  }
  EXPECT_EQ(skipped, Names{"C"});

  deployment_.reset();
  auto targets = chain();
  targets["A"].deletion_policy = RemovalPolicy::retain;
  targets["B"].deletion_policy = RemovalPolicy::retain_except_on_create;
  begin(StackStatus::review_in_progress, StackEvent::created, targets);
  pass("A");
  pass("B");
  fail("C");
  EXPECT_EQ(ready(), Names{"remove B"});
  pass("B");
  EXPECT_EQ(deployment_->status(), StackStatus::rollback_complete);
}

TEST_F(DeploymentOfAChain, KeepsAReplacedResourceByItsPolicy) {
  create_all();
  auto targets = chain();
  targets["A"].update_replace_policy = RemovalPolicy::retain;
  begin(StackStatus::create_complete, StackEvent::updated, targets);
  pass("A", Decision::replace);
  pass("B", Decision::unchanged);
  pass("C", Decision::unchanged);
  EXPECT_EQ(deployment_->status(), StackStatus::update_complete);
  EXPECT_EQ(deployment_->inventory().existing.size(), 3u);
}

TEST_F(DeploymentOfAChain, IsDeletedWhileItIsMade) {
  begin(StackStatus::review_in_progress, StackEvent::created);
  pass("A");
  const Step step = start("B");
  ASSERT_TRUE(deployment_->request(StackEvent::deleted).has_value());
  EXPECT_TRUE(deployment_->is_stopping());
  EXPECT_TRUE(deployment_->succeeded(step.id, {.physical_id = "b"}).has_value());
  EXPECT_EQ(deployment_->status(), StackStatus::delete_in_progress);
  pass("B");
  pass("A");
  EXPECT_EQ(deployment_->status(), StackStatus::delete_complete);
}

TEST_F(DeploymentOfAChain, RefusesWhatIsNotItsTurn) {
  begin(StackStatus::review_in_progress, StackEvent::created);
  const std::string id = deployment_->ready()[0].id;
  EXPECT_TRUE(deployment_->succeeded(id, {.physical_id = "a"}).has_error());
  EXPECT_TRUE(deployment_->failed(id, "no").has_error());
  EXPECT_TRUE(deployment_->begin(id).has_error());
  EXPECT_TRUE(deployment_->begin_apply(id, {}, Decision::modify).has_error());
  for (const char* wrong : {"", "/", "1", "1/", "1/99", "9/0", "1/x", "1/-1"}) {
    EXPECT_TRUE(deployment_->begin_apply(wrong, {}, Decision::create).has_error()) << wrong;
  }
  EXPECT_TRUE(deployment_->begin_apply(id, {}, Decision::create).has_value());
  EXPECT_TRUE(deployment_->begin_apply(id, {}, Decision::create).has_error());
  EXPECT_TRUE(deployment_->request(StackEvent::updated).has_error());
  EXPECT_TRUE(deployment_->request(StackEvent::succeeded).has_error());
  EXPECT_TRUE(Deployment::begin(StackStatus::rollback_complete, StackEvent::updated, {}, chain(),
                                OnFailure::roll_back)
                  .has_error());
  // A provider that gives no id has failed.
  EXPECT_TRUE(deployment_->succeeded(id).has_value());
  EXPECT_EQ(deployment_->status(), StackStatus::rollback_complete);
}

TEST_F(DeploymentOfAChain, IsReadStrictly) {
  create_all();
  begin(StackStatus::create_complete, StackEvent::updated);
  start("A", Decision::modify);
  const json good = deployment_->to_json();
  ASSERT_TRUE(Deployment::from_json(good).has_value());
  EXPECT_EQ(Deployment::from_json(good)->running().size(), 1u);
  const auto refused = [&](const std::string& pointer, const json& value) {
    json bad = good;
    bad[json::json_pointer(pointer)] = value;
    const auto read = Deployment::from_json(bad);
    EXPECT_TRUE(read.has_error()) << pointer;
    if (read.has_error()) EXPECT_EQ(read.error().kind, ErrorKind::corrupt);
  };
  refused("/status", "GOING_ON");
  refused("/works/0/state", "perhaps");
  refused("/works/0/decision", "create");
  refused("/works/1/after", {99});
  refused("/works/0/after", {0});
  refused("/works/1/logical_id", "X");
  refused("/resources/A/current", "elsewhere");
  refused("/resources/A/status", 1);
  refused("/existing", json::array());
  refused("/requested", "rolled-back");
  refused("/round", -1);
  EXPECT_TRUE(Deployment::from_json(json::array()).has_error());
}

// What a failure has left under a name that cannot be kept is nobody's, and is shown nowhere.
TEST_F(DeploymentOfAChain, TakesNoPhysicalIdThatIsTooLong) {
  begin(StackStatus::review_in_progress, StackEvent::created);
  const Step step = start("A");
  ASSERT_TRUE(deployment_->failed(step.id, "no", std::string(1025, 'x')).has_value());
  for (const DeploymentEvent& event : deployment_->take_events()) {
    if (!event.type.empty()) EXPECT_EQ(event.physical_id, "");
  }
  EXPECT_TRUE(deployment_->inventory().existing.empty());
}

// A deployment that is over when its outputs have values.
Deployment awaiting_outputs(OnFailure on_failure = OnFailure::roll_back) {
  auto begun = Deployment::begin(StackStatus::review_in_progress, StackEvent::created, {},
                                 {{"A", {.type = "T"}}}, on_failure, {}, Outputs::awaited);
  EXPECT_FALSE(begun->awaits_outputs());
  EXPECT_TRUE(begun->conclude().has_error());
  const std::string step = begun->ready().at(0).id;
  EXPECT_TRUE(begun->begin_apply(step, json::object(), Decision::create).has_value());
  EXPECT_TRUE(begun->succeeded(step, {.physical_id = "a"}).has_value());
  EXPECT_EQ(begun->status(), StackStatus::create_in_progress);
  EXPECT_TRUE(begun->awaits_outputs());
  return std::move(*begun);
}

TEST(DeploymentWithOutputs, IsOverWithThem) {
  const Deployment waiting = awaiting_outputs();
  auto again = Deployment::from_json(waiting.to_json());
  ASSERT_TRUE(again->awaits_outputs());
  ASSERT_TRUE(again->conclude().has_value());
  EXPECT_EQ(again->status(), StackStatus::create_complete);
  EXPECT_TRUE(again->conclude().has_error());
}

TEST(DeploymentWithOutputs, FailsWithThem) {
  Deployment one = awaiting_outputs();
  ASSERT_TRUE(one.conclude("no value").has_value());
  EXPECT_EQ(one.status(), StackStatus::rollback_in_progress);
  EXPECT_EQ(one.reason(), "no value");
  const Step removal = one.ready().at(0);
  ASSERT_TRUE(one.begin(removal.id).has_value());
  ASSERT_TRUE(one.succeeded(removal.id).has_value());
  EXPECT_EQ(one.status(), StackStatus::rollback_complete);
  Deployment kept = awaiting_outputs(OnFailure::keep);
  ASSERT_TRUE(kept.conclude("no value").has_value());
  EXPECT_EQ(kept.status(), StackStatus::create_failed);
}

TEST(DeploymentWithOutputs, CanBeCalledOffBeforeThem) {
  Deployment one = awaiting_outputs();
  ASSERT_TRUE(one.request(StackEvent::deleted).has_value());
  EXPECT_EQ(one.status(), StackStatus::delete_in_progress);
}

TEST_F(DeploymentOfAChain, TakesInWhatExists) {
  create_all();
  auto targets = chain();
  targets["D"] = {.type = "T", .depends_on = {"A"}, .import_id = "d-outside"};
  begin(StackStatus::create_complete, StackEvent::imported, targets);
  ASSERT_EQ(ready(), Names{"apply D"});
  EXPECT_EQ(deployment_->ready()[0].physical_id, "d-outside");
  EXPECT_TRUE(
      deployment_->begin_apply(deployment_->ready()[0].id, {}, Decision::create).has_error());
  pass("D", Decision::adopt);
  EXPECT_EQ(statuses_of_stack(), (Names{"IMPORT_IN_PROGRESS", "IMPORT_COMPLETE"}));
  EXPECT_EQ(deployment_->inventory().resources.at("D").status, ResourceStatus::import_complete);
  EXPECT_EQ(deployment_->physical_id("D"), "d-outside");
  EXPECT_EQ(deployment_->physical_id("A"), "A1");

  targets["D"].import_id.clear();
  begin(StackStatus::import_complete, StackEvent::updated, targets);
  for (const char* name : {"A", "B", "C"}) pass(name, Decision::unchanged);
  pass("D", Decision::modify);
  EXPECT_EQ(deployment_->status(), StackStatus::update_complete);
}

TEST_F(DeploymentOfAChain, LetsGoWhatItTookInWhenAnImportFails) {
  create_all();
  const Inventory before = deployment_->inventory();
  auto targets = chain();
  targets["D"] = {.type = "T", .import_id = "d-outside"};
  targets["E"] = {.type = "T", .depends_on = {"D"}, .import_id = "e-outside"};
  // Rollback cannot be switched off: nothing would be kept by it.
  begin(StackStatus::create_complete, StackEvent::imported, targets, OnFailure::keep);
  pass("D", Decision::adopt);
  fail("E", Decision::adopt);
  EXPECT_EQ(deployment_->reason(), "The following resource(s) failed to import: [E]. ");
  EXPECT_EQ(deployment_->status(), StackStatus::import_rollback_complete);
  EXPECT_EQ(deployment_->inventory(), before);
  Names told;
  for (const DeploymentEvent& event : deployment_->take_events()) {
    told.push_back(event.logical_id + " " + event.status);
  }
  EXPECT_EQ(told, (Names{" IMPORT_IN_PROGRESS", "D IMPORT_IN_PROGRESS", "D IMPORT_COMPLETE",
                         "E IMPORT_IN_PROGRESS", "E IMPORT_FAILED", " IMPORT_ROLLBACK_IN_PROGRESS",
                         "D IMPORT_ROLLBACK_COMPLETE", " IMPORT_ROLLBACK_COMPLETE"}));
}

}  // namespace
}  // namespace aurora_global::cloudformation
