// CloudFormation templates, and deployments as they are stored. Whatever the text is: no exception,
// no refusal without a reason, and a stack of it is made or rolled back in bounded time. The first
// byte says which of the two it is to be.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/json.h"
#include "cloudformation/deployment.h"
#include "cloudformation/dynamic_references.h"
#include "cloudformation/errors.h"
#include "cloudformation/evaluate.h"
#include "cloudformation/graph.h"
#include "cloudformation/plan.h"

namespace {

using namespace aurora_global;
using namespace aurora_global::cloudformation;

template <typename T>
bool is_there(const Result<T>& result) {
  if (result.has_error() && result.error().message.size() < 10) std::abort();
  return result.has_value();
}

// Half of the world is there.
class Outside final : public Lookups {
 public:
  std::optional<std::string> physical_id(const std::string& name) const override {
    if (name.size() % 2 == 0) return std::nullopt;
    return "id-" + name;
  }
  Result<std::optional<nlohmann::json>> attribute(const std::string& name,
                                                  const std::string& what) const override {
    if (name.size() % 2 == 0) return std::optional<nlohmann::json>();
    return std::optional<nlohmann::json>(what);
  }
  std::optional<std::string> export_value(const std::string& name) const override { return name; }
  Result<nlohmann::json> stack_output(const std::string&, const std::string& output,
                                      const std::string&) const override {
    return nlohmann::json(output);
  }
  Result<std::vector<std::string>> availability_zones(const std::string& region) const override {
    return std::vector<std::string>{region + "a", region + "b"};
  }
};

class AnySchema final : public Schema {
 public:
  Replacing replacing(const std::string&, const std::string& property, const nlohmann::json&,
                      const nlohmann::json&) const override {
    return static_cast<Replacing>(property.size() % 3);
  }
  bool is_stable(const std::string&, const std::string& name) const override {
    return name.size() % 2 == 0;
  }
  TagsProperty tags_property(const std::string& type) const override {
    return static_cast<TagsProperty>(type.size() % 3);
  }
};

// Every third step fails; so does every ninth that takes something back.
void run(Deployment deployment) {
  int steps = 0;
  while (!deployment.is_over()) {
    if (++steps > 20'000) std::abort();
    auto back = Deployment::from_json(deployment.to_json());
    if (back.has_error()) std::abort();
    deployment = std::move(*back);
    if (deployment.awaits_outputs()) {
      if (deployment.conclude(steps % 2 == 0 ? "no value" : "").has_error()) std::abort();
      continue;
    }
    const auto running = deployment.running();
    if (running.empty()) {
      const auto ready = deployment.ready();
      if (ready.empty()) return;  // Only what was stored by nobody comes to this.
      const Step& step = ready[0];
      const bool is_new = step.physical_id.empty();
      const auto begun = step.kind == StepKind::apply
                             ? deployment.begin_apply(step.id, step.former_properties,
                                                      is_new ? Decision::create : Decision::replace)
                             : deployment.begin(step.id);
      if (begun.has_error()) std::abort();
      continue;
    }
    const Step& step = running[0];
    const bool fails = steps % 3 == 0 && (step.kind == StepKind::apply || steps % 9 == 0);
    const auto told =
        fails ? deployment.failed(step.id, "no", "left-" + step.logical_id)
              : deployment.succeeded(step.id, {.physical_id = "p" + std::to_string(steps)});
    if (told.has_error()) std::abort();
  }
}

void try_template(std::string_view text) {
  const auto made = read_template(text);
  if (!is_there(made)) return;
  ParameterInput input;
  for (const auto& [name, definition] : made->parameters) {
    if (!definition.default_value) input.given[name] = "1";
  }
  const auto ssm = [](const std::string& name) { return Result<std::string>(name); };
  const auto parameters = parameter_values(made->parameters, input, ssm);
  if (!is_there(parameters)) return;
  const PseudoParameters pseudo{.account_id = "111122223333", .region = "us-east-1"};
  Scope scope{.of = &*made, .parameters = &*parameters, .pseudo = &pseudo};
  const auto conditions = evaluate_conditions(scope);
  if (!is_there(conditions)) return;
  scope.conditions = &*conditions;
  is_there(check_rules(scope));
  const auto graph = resource_graph(*made, *conditions);
  if (!is_there(graph)) return;
  const Outside outside;
  scope.lookups = &outside;
  for (const auto& [name, on] : *graph) {
    const auto value = evaluate(scope, made->resources.at(name).properties);
    if (is_there(value)) is_there(dynamic_references(value->json));
  }
  const auto changes = plan_changes(scope, {}, AnySchema(), {{"team", "a"}});
  if (is_there(changes)) {
    for (const ResourceChange& change : *changes) {
      describe_change(change, PropertyValues::included);
    }
  }
  auto deployment = Deployment::begin(StackStatus::review_in_progress, StackEvent::created, {},
                                      targets_of(*made, *graph), OnFailure::roll_back);
  if (graph->size() <= 20 && is_there(deployment)) run(std::move(*deployment));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string text(data + 1, data + size);
  if (data[0] % 4 != 0) {
    try_template(text);
    return 0;
  }
  const auto json = parse_json(text);
  if (json.is_discarded()) return 0;
  auto stored = Deployment::from_json(json);
  if (is_there(stored)) run(std::move(*stored));
  return 0;
}
