// Random stacks for tests: templates, a world of physical resources, and rules that nothing that a
// deployment does may break. The rules know the world and the template, not the deployment.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/rng.h"
#include "cloudformation/deployment.h"
#include "cloudformation/schema.h"

namespace aurora_global::cloudformation::testing {

// A template of at most twelve resources R0, R1, ... whose references lead to earlier ones in a
// random order. As text, and what its author knows of it.
struct RandomTemplate {
  std::string text;
  std::map<std::string, std::set<std::string>> depends_on;
  std::map<std::string, std::string> deletion_policy;  // Those that are not Delete.
};
RandomTemplate random_template(Rng& rng);

// "Name" can only be changed by replacing the resource.
class NameReplaces final : public Schema {
 public:
  Replacing replacing(const std::string&, const std::string& property, const nlohmann::json&,
                      const nlohmann::json&) const override {
    return property == "Name" ? Replacing::always : Replacing::never;
  }
  bool is_stable(const std::string&, const std::string& attribute) const override {
    return attribute == "Arn";
  }
  TagsProperty tags_property(const std::string&) const override { return TagsProperty::none; }
};

// What is there, and what each of it needs.
struct WorldResource {
  std::string logical_id;
  std::set<std::string> needs;  // Physical ids.
  // Before an operation that found it unchanged: a rollback returns to these without a step.
  std::optional<std::set<std::string>> former_needs;
  bool is_exempt = false;  // Retained, given up or skipped: it may lose what it needs.
};

// Drives a stack through operations with random outcomes. Every expectation that fails is reported
// with the seed.
class RandomStack {
 public:
  explicit RandomStack(std::uint64_t seed) : rng_(seed) {}

  // One operation, chosen by what the stack's status takes, to its end. False: the stack is gone.
  bool run_operation();
  StackStatus status() const { return status_; }

 private:
  void begin(StackEvent event, OnFailure on_failure);
  void begin_import();
  void continue_rollback();
  void drive();
  void take_a_turn();
  void round_trip();
  void begin_step(const Step& step);
  void begin_apply(const Step& step);
  void finish_step(const Step& step);
  void finish_apply(const Step& step, bool fails);
  void make(const Step& step, const std::string& physical_id);
  void remove(const std::string& physical_id);
  void check_end(const Inventory& before);
  void check_world();
  void exempt_retained();
  void return_to_former_needs();
  std::set<std::string> needs_of(const std::string& logical_id, const nlohmann::json& properties,
                                 const std::map<std::string, std::set<std::string>>& graph) const;

  Rng rng_;
  StackStatus status_ = StackStatus::review_in_progress;
  Inventory inventory_;
  RandomTemplate current_;
  Template read_;
  std::optional<Deployment> deployment_;
  std::map<std::string, WorldResource> world_;  // By physical id.
  std::uint64_t next_id_ = 0;
  bool may_fail_ = true;
};

}  // namespace aurora_global::cloudformation::testing
