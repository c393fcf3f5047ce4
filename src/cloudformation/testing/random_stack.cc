#include "cloudformation/testing/random_stack.h"

#include <gtest/gtest.h>

#include <utility>

#include "cloudformation/graph.h"
#include "cloudformation/testing/world.h"

namespace aurora_global::cloudformation::testing {
namespace {

using nlohmann::json;

constexpr int kResourcesAtMost = 12;
constexpr int kTurnsAtMost = 2000;

// What the deployment has made so far, as a world for the functions.
World lookups_of(const Deployment& deployment) {
  World world;
  for (int i = 0; i < kResourcesAtMost; ++i) {
    const std::string name = "R" + std::to_string(i);
    if (const auto id = deployment.physical_id(name)) {
      world.ids[name] = *id;
      world.attributes[{name, "Arn"}] = "arn:" + *id;
    }
  }
  return world;
}

json reference_to(Rng& rng, const std::string& name) {
  switch (rng.below(3)) {
    case 0: return {{"Ref", name}};
    case 1: return {{"Fn::GetAtt", {name, "Arn"}}};
    default: return {{"Fn::Sub", "<${" + name + "}>"}};
  }
}

}  // namespace

RandomTemplate random_template(Rng& rng) {
  RandomTemplate made;
  std::vector<int> order(kResourcesAtMost);
  for (int i = 0; i < kResourcesAtMost; ++i) order[i] = i;
  for (int i = kResourcesAtMost - 1; i > 0; --i) std::swap(order[i], order[rng.below(i + 1)]);
  order.resize(1 + rng.below(kResourcesAtMost));
  json resources = json::object();
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::string name = "R" + std::to_string(order[i]);
    json resource = {{"Type", "Test::Random::Thing"},
                     {"Properties", {{"Size", rng.below(3)}, {"Refs", json::array()}}}};
    if (rng.below(2) == 0) resource["Properties"]["Name"] = "n" + std::to_string(rng.below(2));
    made.depends_on[name];
    for (std::size_t k = 0; k < i; ++k) {
      if (rng.below(4) != 0) continue;
      const std::string other = "R" + std::to_string(order[k]);
      made.depends_on[name].insert(other);
      if (rng.below(4) == 0) {
        resource["DependsOn"].push_back(other);
      } else {
        resource["Properties"]["Refs"].push_back(reference_to(rng, other));
      }
    }
    if (rng.below(6) == 0) {
      constexpr const char* kPolicies[] = {"Retain", "RetainExceptOnCreate", "Snapshot"};
      made.deletion_policy[name] = kPolicies[rng.below(3)];
      resource["DeletionPolicy"] = made.deletion_policy[name];
    }
    resources[name] = std::move(resource);
  }
  made.text = json{{"Resources", std::move(resources)}}.dump();
  return made;
}

// The physical ids that a resource needs: those in its texts, and of its DependsOn.
std::set<std::string> RandomStack::needs_of(
    const std::string& logical_id, const json& properties,
    const std::map<std::string, std::set<std::string>>& graph) const {
  std::set<std::string> needs;
  const std::string text = properties.dump();
  for (std::size_t at = 0; (at = text.find("p-", at)) != text.npos; at += 2) {
    needs.insert(text.substr(at, text.find_first_not_of("0123456789", at + 2) - at));
  }
  const auto on = graph.find(logical_id);
  if (on == graph.end()) return needs;
  for (const std::string& other : on->second) {
    if (const auto id = deployment_->physical_id(other)) needs.insert(*id);
  }
  return needs;
}

bool RandomStack::run_operation() {
  using enum StackStatus;
  const Inventory before = inventory_;
  may_fail_ = rng_.below(3) != 0;
  const OnFailure on_failure = rng_.below(4) == 0 ? OnFailure::keep : OnFailure::roll_back;
  switch (status_) {
    case review_in_progress:
      if (rng_.below(8) == 0) {
        begin_import();
      } else {
        begin(StackEvent::created, on_failure);
      }
      break;
    case import_complete:
    case import_rollback_complete:
    case create_complete:
    case update_complete:
    case update_rollback_complete:
    case update_failed:
    case create_failed:
      if (next_row(status_, StackEvent::imported) != nullptr && rng_.below(6) == 0) {
        begin_import();
      } else if (rng_.below(5) == 0) {
        begin(StackEvent::deleted, on_failure);
      } else if (next_row(status_, StackEvent::rolled_back) != nullptr && rng_.below(2) == 0) {
        EXPECT_TRUE(deployment_->request(StackEvent::rolled_back).has_value());
        drive();
        check_world();
        return !is_gone(status_);
      } else {
        begin(StackEvent::updated, on_failure);
      }
      break;
    case update_rollback_failed:
      if (rng_.below(3) != 0) {
        continue_rollback();
        check_world();
        return true;
      }
      begin(StackEvent::deleted, on_failure);
      break;
    default: begin(StackEvent::deleted, on_failure); break;
  }
  drive();
  check_end(before);
  return !is_gone(status_);
}

void RandomStack::begin(StackEvent event, OnFailure on_failure) {
  std::map<std::string, Target> targets;
  if (event != StackEvent::deleted) {
    current_ = random_template(rng_);
    auto read = read_template(current_.text);
    ASSERT_TRUE(read.has_value()) << read.error().message;
    read_ = std::move(*read);
    const auto graph = resource_graph(read_, {});
    ASSERT_TRUE(graph.has_value()) << graph.error().message;
    ASSERT_EQ(*graph, current_.depends_on);
    targets = targets_of(read_, *graph);
  }
  auto made = Deployment::begin(status_, event, inventory_, std::move(targets), on_failure);
  ASSERT_TRUE(made.has_value()) << made.error().message;
  deployment_ = std::move(*made);
  for (auto& [id, resource] : world_) resource.former_needs.reset();
}

// Of names that the stack does not have, with physical resources that somebody else has made.
void RandomStack::begin_import() {
  RandomTemplate wanted = random_template(rng_);
  json resources = json::parse(wanted.text)["Resources"];
  for (const auto& [key, what] : inventory_.existing) {
    resources.erase(key.first);
    wanted.depends_on.erase(key.first);
  }
  for (json& one : resources) {
    one["Properties"]["Refs"] = json::array();
    one.erase("DependsOn");
  }
  for (auto& [name, on] : wanted.depends_on) on.clear();
  wanted.text = json{{"Resources", resources}}.dump();
  if (resources.empty()) return begin(StackEvent::updated, OnFailure::roll_back);
  current_ = std::move(wanted);
  read_ = *read_template(current_.text);
  auto targets = targets_of(read_, current_.depends_on);
  for (auto& [name, target] : targets) {
    target.import_id = "p-" + std::to_string(next_id_++);
    world_[target.import_id] = {.logical_id = name, .is_exempt = true};
  }
  auto made = Deployment::begin(status_, StackEvent::imported, inventory_, std::move(targets),
                                OnFailure::keep);
  ASSERT_TRUE(made.has_value()) << made.error().message;
  deployment_ = std::move(*made);
}

void RandomStack::continue_rollback() {
  std::set<std::string> skip;
  if (rng_.below(2) == 0) {
    for (const auto& [name, resource] : deployment_->inventory().resources) {
      if (rng_.below(2) == 0) skip.insert(name);
    }
    for (auto& [id, resource] : world_) {
      if (skip.contains(resource.logical_id)) resource.is_exempt = true;
    }
  }
  ASSERT_TRUE(deployment_->request(StackEvent::rollback_continued, skip).has_value());
  drive();
}

void RandomStack::drive() {
  int turns = 0;
  while (!deployment_->is_over() && !::testing::Test::HasFailure()) {
    ASSERT_LT(++turns, kTurnsAtMost) << "it does not end in " << name_of(deployment_->status());
    take_a_turn();
  }
  status_ = deployment_->status();
  inventory_ = deployment_->inventory();
}

void RandomStack::take_a_turn() {
  round_trip();
  exempt_retained();
  return_to_former_needs();
  if (rng_.below(60) == 0) {
    const bool is_update = deployment_->status() == StackStatus::update_in_progress;
    (void)deployment_->request(is_update ? StackEvent::cancelled : StackEvent::deleted);
    return;
  }
  const auto ready = deployment_->ready();
  const auto running = deployment_->running();
  ASSERT_FALSE(ready.empty() && running.empty() && !deployment_->is_over());
  if (running.empty() || (!ready.empty() && rng_.below(2) == 0)) {
    begin_step(ready[rng_.below(ready.size())]);
  } else {
    finish_step(running[rng_.below(running.size())]);
  }
}

void RandomStack::round_trip() {
  const json before = deployment_->to_json();
  const auto events = deployment_->take_events();
  auto back = Deployment::from_json(json::parse(before.dump()));
  ASSERT_TRUE(back.has_value()) << back.error().message;
  ASSERT_EQ(back->to_json(), before);
  ASSERT_EQ(back->ready().size(), deployment_->ready().size());
  ASSERT_EQ(back->inventory(), deployment_->inventory());
  deployment_ = std::move(*back);
}

// What a policy keeps is not removed by a step: it is still in the world, and not the stack's.
void RandomStack::exempt_retained() {
  const Inventory now = deployment_->inventory();
  for (auto& [id, resource] : world_) {
    if (!now.existing.contains({resource.logical_id, id})) resource.is_exempt = true;
  }
}

void RandomStack::return_to_former_needs() {
  if (!name_of(deployment_->status()).starts_with("UPDATE_ROLLBACK")) return;
  for (auto& [id, resource] : world_) {
    if (resource.former_needs) resource.needs = *std::exchange(resource.former_needs, std::nullopt);
  }
}

void RandomStack::begin_step(const Step& step) {
  if (step.kind == StepKind::apply) return begin_apply(step);
  ASSERT_TRUE(world_.contains(step.physical_id)) << step.physical_id;
  if (step.kind == StepKind::restore) {
    for (const std::string& id : needs_of(step.logical_id, step.properties, {})) {
      ASSERT_TRUE(world_.contains(id)) << "restored to what is not there: " << id;
      world_[step.physical_id].needs.insert(id);
    }
  }
  ASSERT_TRUE(deployment_->begin(step.id).has_value());
}

void RandomStack::begin_apply(const Step& step) {
  static const ParameterValues kNoParameters;
  static const PseudoParameters kPseudo;
  static const ConditionValues kNoConditions;
  const World lookups = lookups_of(*deployment_);
  const Scope scope{&read_, &kNoParameters, &kPseudo, &kNoConditions, &lookups};
  const auto value = evaluate(scope, read_.resources.at(step.logical_id).properties);
  ASSERT_TRUE(value.has_value()) << value.error().message;
  ASSERT_TRUE(value->known()) << step.logical_id << " is applied before what it depends on";
  for (const std::string& other : current_.depends_on.at(step.logical_id)) {
    const auto id = deployment_->physical_id(other);
    ASSERT_TRUE(id && world_.contains(*id)) << step.logical_id << " needs " << other;
  }
  const auto needs = needs_of(step.logical_id, value->json, current_.depends_on);
  for (const std::string& id : needs) ASSERT_TRUE(world_.contains(id)) << id;
  if (may_fail_ && rng_.below(60) == 0) {
    ASSERT_TRUE(deployment_->refuse(step.id, "no value").has_value());
    return;
  }
  Decision decision = step.decision;
  if (decision != Decision::adopt && !step.physical_id.empty()) {
    decision = decide(NameReplaces(), step.type, step.former_properties, value->json);
    WorldResource& what = world_[step.physical_id];
    if (decision == Decision::unchanged) what.former_needs = std::exchange(what.needs, needs);
    if (decision == Decision::modify) what.needs.insert(needs.begin(), needs.end());
  }
  ASSERT_TRUE(deployment_->begin_apply(step.id, value->json, decision).has_value());
}

void RandomStack::finish_step(const Step& step) {
  const std::uint64_t one_in = step.kind == StepKind::apply     ? 12
                               : step.kind == StepKind::restore ? 3
                                                                : 10;
  const bool fails = may_fail_ && rng_.below(one_in) == 0;
  if (step.kind == StepKind::apply) return finish_apply(step, fails);
  if (fails) {
    ASSERT_TRUE(deployment_->failed(step.id, "it does not want to").has_value());
    return;
  }
  if (step.kind == StepKind::remove) {
    remove(step.physical_id);
  } else {
    world_[step.physical_id].needs = needs_of(step.logical_id, step.properties, {});
  }
  ASSERT_TRUE(deployment_->succeeded(step.id).has_value());
}

void RandomStack::finish_apply(const Step& step, bool fails) {
  const bool is_new = step.decision == Decision::create || step.decision == Decision::replace;
  const std::string id = is_new ? "p-" + std::to_string(next_id_++) : step.physical_id;
  if (fails) {
    const bool leaves = is_new && rng_.below(2) == 0;
    if (leaves) make(step, id);
    ASSERT_TRUE(deployment_->failed(step.id, "no", leaves ? id : "").has_value());
    return;
  }
  if (is_new) make(step, id);
  if (step.decision == Decision::adopt) world_[id].is_exempt = false;
  world_[id].needs = needs_of(step.logical_id, step.properties, current_.depends_on);
  ASSERT_TRUE(
      deployment_->succeeded(step.id, {.physical_id = id, .attributes = {{"Arn", "arn:" + id}}})
          .has_value());
}

void RandomStack::make(const Step& step, const std::string& physical_id) {
  const auto needs = needs_of(step.logical_id, step.properties, current_.depends_on);
  for (const std::string& id : needs) {
    ASSERT_TRUE(world_.contains(id)) << step.logical_id << " was made before " << id;
  }
  world_[physical_id] = {.logical_id = step.logical_id, .needs = needs};
}

void RandomStack::remove(const std::string& physical_id) {
  for (const auto& [id, resource] : world_) {
    if (id == physical_id || resource.is_exempt) continue;
    ASSERT_FALSE(resource.needs.contains(physical_id))
        << physical_id << " is removed before " << id << " of " << resource.logical_id << " in "
        << name_of(deployment_->status());
  }
  ASSERT_EQ(world_.erase(physical_id), 1u) << "removed twice: " << physical_id;
}

// What is the stack's is in the world, and what is in the world is the stack's or let go.
void RandomStack::check_world() {
  exempt_retained();
  for (const auto& [key, what] : inventory_.existing) {
    EXPECT_TRUE(world_.contains(key.second)) << key.first << " " << key.second;
  }
  for (const auto& [name, resource] : inventory_.resources) {
    EXPECT_TRUE(inventory_.existing.contains({name, resource.physical_id}));
  }
}

void RandomStack::check_end(const Inventory& before) {
  using enum StackStatus;
  check_world();
  if (::testing::Test::HasFailure()) return;
  if (status_ == create_complete || status_ == update_complete) {
    for (const auto& [name, on] : current_.depends_on) {
      EXPECT_TRUE(inventory_.resources.contains(name)) << name;
    }
    EXPECT_EQ(inventory_.resources.size(), current_.depends_on.size());
    EXPECT_EQ(inventory_.existing.size(), current_.depends_on.size());
  }
  if (status_ == rollback_complete || status_ == delete_complete) {
    EXPECT_TRUE(inventory_.existing.empty());
  }
  if (status_ == rollback_complete) {
    for (const auto& [id, resource] : world_) {
      const auto policy = current_.deletion_policy.find(resource.logical_id);
      ASSERT_NE(policy, current_.deletion_policy.end()) << "left: " << resource.logical_id;
      EXPECT_NE(policy->second, "RetainExceptOnCreate");
    }
  }
  if (status_ == import_complete) {
    EXPECT_EQ(inventory_.existing.size(), before.existing.size() + current_.depends_on.size());
  }
  if (status_ == import_rollback_complete) EXPECT_EQ(inventory_.existing, before.existing);
  if (status_ == update_rollback_complete) {
    ASSERT_EQ(inventory_.resources.size(), before.resources.size());
    for (const auto& [name, resource] : before.resources) {
      const PhysicalKey key{name, resource.physical_id};
      ASSERT_EQ(inventory_.resources.at(name).physical_id, resource.physical_id) << name;
      EXPECT_EQ(inventory_.existing.at(key).properties, before.existing.at(key).properties);
    }
  }
}

}  // namespace aurora_global::cloudformation::testing
