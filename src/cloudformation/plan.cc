#include "cloudformation/plan.h"

#include <algorithm>

#include "cloudformation/errors.h"
#include "cloudformation/functions.h"
#include "cloudformation/lookups.h"
#include "cloudformation/references.h"

namespace aurora_global::cloudformation {
namespace {

using nlohmann::json;

// The stack as it will be, as far as that is known: what is planned already has its say.
class PlannedLookups final : public LookupsOutside {
 public:
  PlannedLookups(const Lookups& outside, const OldStack& old, const Schema& schema)
      : LookupsOutside(outside), old_(old), schema_(schema) {}

  std::optional<std::string> physical_id(const std::string& logical_id) const override {
    const PhysicalKey* key = known(logical_id);
    return key == nullptr ? std::nullopt : std::optional(key->second);
  }
  Result<std::optional<json>> attribute(const std::string& logical_id,
                                        const std::string& name) const override {
    const PhysicalKey* key = known(logical_id);
    if (key == nullptr) return std::optional<json>();
    const PhysicalResource& what = old_.inventory->existing.at(*key);
    if (modified_.contains(logical_id) && !schema_.is_stable(what.type, name)) {
      return std::optional<json>();
    }
    TRY(json found, attribute_or_error(logical_id, what, name));
    return std::optional<json>(std::move(found));
  }
  // The resource keeps its physical one. What is not said to is not known.
  void keeps(const PhysicalKey& key) { kept_.emplace(key.first, key); }
  void modifies(const std::string& logical_id) { modified_.insert(logical_id); }

 private:
  const PhysicalKey* known(const std::string& logical_id) const {
    const auto found = kept_.find(logical_id);
    return found == kept_.end() ? nullptr : &found->second;
  }

  const OldStack& old_;
  const Schema& schema_;
  std::map<std::string, PhysicalKey> kept_;
  std::set<std::string> modified_;
};

class Planner {
 public:
  Planner(const Scope& scope, const OldStack& old, const Schema& schema, const Tags& stack_tags)
      : scope_(scope),
        old_(old),
        schema_(schema),
        stack_tags_(stack_tags),
        lookups_(*scope.lookups, old, schema) {
    scope_.lookups = &lookups_;
  }

  Result<std::vector<ResourceChange>> run();

 private:
  using Values = std::map<std::string, Value>;

  Result<void> plan(const std::string& name, const StackResource* present);
  Result<Values> values_of(const json& properties);
  Result<void> add_property(const std::string& name, const Value& after, ResourceChange& change);
  void add_parts(const ResourceDefinition& now, ResourceChange& change) const;
  std::set<std::string> parameters_in(const Template& of, const std::string& resource,
                                      const std::string& property) const;
  bool is_hidden(const std::string& resource, const std::string& property) const;
  void hide(ResourceChange& change) const;
  void remove_others(const Dependencies& graph);
  Result<void> check_imports_only() const;

  Scope scope_;
  const OldStack& old_;
  const Schema& schema_;
  const Tags& stack_tags_;
  PlannedLookups lookups_;
  std::vector<ResourceChange> changes_;
  std::set<std::string> other_types_;
};

Replacement replacement_of(const ResourceChange& change) {
  Replacement most = Replacement::no;
  for (const ChangeDetail& detail : change.details) {
    if (detail.recreation == Replacing::never) continue;
    const bool is_certain = detail.recreation == Replacing::always && !detail.is_dynamic;
    most = std::max(most, is_certain ? Replacement::yes : Replacement::conditional);
  }
  return most;
}

// Each property by itself, so that one knows which of them waits for what.
Result<Planner::Values> Planner::values_of(const json& properties) {
  Values values;
  if (call_in(properties)) {
    TRY(const Value whole, evaluate(scope_, properties));
    if (!whole.json.is_object()) return template_error("Properties must be an object");
    for (const auto& [name, value] : whole.json.items()) {
      values[name] = {.json = value, .awaited = whole.awaited};
    }
    return values;
  }
  for (const auto& [name, given] : properties.items()) {
    TRY(Value value, evaluate(scope_, given));
    if (!value.is_no_value) values[name] = std::move(value);
  }
  return values;
}

std::set<std::string> Planner::parameters_in(const Template& of, const std::string& resource,
                                             const std::string& property) const {
  std::set<std::string> names;
  const auto found = of.resources.find(resource);
  if (found == of.resources.end()) return names;
  References references;
  const json& given = property_or_null(found->second.properties, property);
  if (add_references(given, {}, references).has_error()) return names;
  for (const std::string& name : references.names) {
    if (of.parameters.contains(name)) names.insert(name);
  }
  return names;
}

Result<void> Planner::add_property(const std::string& name, const Value& after,
                                   ResourceChange& change) {
  const bool is_tags = name == "Tags" && schema_.tags_property(change.type) != TagsProperty::none;
  ChangeDetail detail{.part = is_tags ? ChangedPart::tags : ChangedPart::properties,
                      .property = name,
                      .is_dynamic = !after.known(),
                      .before = property_or_null(change.before, name),
                      .after = after.json};
  detail.recreation = schema_.replacing(change.type, name, detail.before, detail.after);
  for (const auto& [resource, attribute] : after.awaited) {
    detail.source =
        attribute.empty() ? ChangeSource::resource_reference : ChangeSource::resource_attribute;
    detail.causing_entity = attribute.empty() ? resource : resource + "." + attribute;
    change.details.push_back(detail);
  }
  if (!after.known()) return ok();
  for (const std::string& parameter : parameters_in(*scope_.of, change.logical_id, name)) {
    const auto now = scope_.parameters->find(parameter);
    const auto then = old_.parameters->find(parameter);
    const bool is_same = now != scope_.parameters->end() && then != old_.parameters->end() &&
                         now->second.value == then->second.value;
    if (is_same) continue;
    detail.source = ChangeSource::parameter_reference;
    detail.causing_entity = parameter;
    change.details.push_back(detail);
  }
  const bool has_cause = !change.details.empty() && change.details.back().property == name;
  if (!has_cause) change.details.push_back(std::move(detail));
  return ok();
}

// What is not properties, as the two templates say it.
void Planner::add_parts(const ResourceDefinition& now, ResourceChange& change) const {
  const auto found = old_.of->resources.find(change.logical_id);
  if (found == old_.of->resources.end()) return;
  const ResourceDefinition& then = found->second;
  const auto compare = [&](ChangedPart part, const json& before, const json& after) {
    if (before == after) return;
    change.details.push_back({.part = part, .before = before, .after = after});
  };
  compare(ChangedPart::metadata, then.metadata, now.metadata);
  compare(ChangedPart::creation_policy, then.creation_policy, now.creation_policy);
  compare(ChangedPart::update_policy, then.update_policy, now.update_policy);
  compare(ChangedPart::deletion_policy, name_of(then.deletion_policy),
          name_of(now.deletion_policy));
  compare(ChangedPart::update_replace_policy, name_of(then.update_replace_policy),
          name_of(now.update_replace_policy));
}

bool Planner::is_hidden(const std::string& resource, const std::string& property) const {
  for (const Template* of : {scope_.of, old_.of}) {
    if (of == nullptr) continue;
    for (const std::string& name : parameters_in(*of, resource, property)) {
      if (of->parameters.at(name).no_echo) return true;
    }
  }
  return false;
}

void Planner::hide(ResourceChange& change) const {
  for (json* shown_to_all : {&change.before, &change.after}) {
    for (auto& [name, value] : shown_to_all->items()) {
      if (is_hidden(change.logical_id, name)) value = kHidden;
    }
  }
  for (ChangeDetail& detail : change.details) {
    if (detail.property.empty() || !is_hidden(change.logical_id, detail.property)) continue;
    if (!detail.before.is_null()) detail.before = kHidden;
    if (!detail.after.is_null()) detail.after = kHidden;
  }
}

Result<void> Planner::plan(const std::string& name, const StackResource* present) {
  const ResourceDefinition& now = scope_.of->resources.at(name);
  ResourceChange change{.logical_id = name, .type = now.type};
  TRY(Values values, values_of(now.properties));
  for (const auto& [property, value] : values) change.after[property] = value.json;
  const bool is_import = present == nullptr && old_.imports != nullptr;
  if (!is_import) add_stack_tags(schema_.tags_property(now.type), stack_tags_, change.after);
  if (present == nullptr) {
    if (is_import) {
      change.action = ChangeAction::adopt;
      change.physical_id = old_.imports->at(name);
    }
    hide(change);
    changes_.push_back(std::move(change));
    return ok();
  }
  const PhysicalKey key{name, present->physical_id};
  const PhysicalResource& what = old_.inventory->existing.at(key);
  if (what.type != now.type) other_types_.insert(name);
  change.action = ChangeAction::modify;
  change.physical_id = present->physical_id;
  change.before = what.properties;
  for (const std::string& property : changed_properties(change.before, change.after)) {
    Value& after = values[property];
    after.json = property_or_null(change.after, property);
    TRY_VOID(add_property(property, after, change));
  }
  const bool is_modified = !change.details.empty();
  change.replacement = replacement_of(change);
  if (change.replacement == Replacement::no) {
    lookups_.keeps(key);
    if (is_modified) lookups_.modifies(name);
  } else {
    change.policy = now.update_replace_policy;
  }
  add_parts(now, change);
  // Nobody knows how far a modification came that failed: it is done again.
  const bool is_uncertain = present->status == ResourceStatus::update_failed;
  if (change.details.empty() && is_uncertain) change.details.emplace_back();
  if (change.details.empty()) return ok();
  hide(change);
  changes_.push_back(std::move(change));
  return ok();
}

void Planner::remove_others(const Dependencies& graph) {
  if (old_.of == nullptr) return;
  for (const auto& [name, resource] : old_.inventory->resources) {
    if (graph.contains(name)) continue;
    const PhysicalResource& what = old_.inventory->existing.at({name, resource.physical_id});
    ResourceChange change{.action = ChangeAction::remove,
                          .logical_id = name,
                          .type = what.type,
                          .physical_id = resource.physical_id,
                          .policy = what.deletion_policy,
                          .before = what.properties};
    hide(change);
    changes_.push_back(std::move(change));
  }
}

Result<void> Planner::check_imports_only() const {
  std::set<std::string> others;
  for (const ResourceChange& change : changes_) {
    if (change.action != ChangeAction::adopt) others.insert(change.logical_id);
  }
  if (others.empty()) return ok();
  return validation_error("You have modified resources " + listed(others) +
                          " in your template that are not being imported. Update, create or delete "
                          "operations cannot be executed during import operations.");
}

Result<std::vector<ResourceChange>> Planner::run() {
  TRY(const Dependencies graph, resource_graph(*scope_.of, *scope_.conditions));
  for (const std::string& name : in_order(graph).order) {
    const StackResource* present = nullptr;
    if (old_.of != nullptr) {
      const auto found = old_.inventory->resources.find(name);
      if (found != old_.inventory->resources.end()) present = &found->second;
    }
    TRY_VOID(plan(name, present));
  }
  if (!other_types_.empty()) {
    return validation_error(
        "Update of resource type is not permitted. The new template modifies resource type of the "
        "following resources: " +
        listed(other_types_));
  }
  remove_others(graph);
  if (old_.imports != nullptr) TRY_VOID(check_imports_only());
  return std::move(changes_);
}

}  // namespace

Result<std::vector<ResourceChange>> plan_changes(const Scope& scope, const OldStack& old,
                                                 const Schema& schema, const Tags& stack_tags) {
  return Planner(scope, old, schema, stack_tags).run();
}

}  // namespace aurora_global::cloudformation
