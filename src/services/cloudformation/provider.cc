#include "services/cloudformation/provider.h"

namespace aurora_global::services::cloudformation {

using nlohmann::json;

Result<void> Provider::check(const json&) const { return ok(); }

void Providers::add(std::unique_ptr<Provider> provider) {
  providers_.push_back(std::move(provider));
}

Provider* Providers::find(std::string_view type) const {
  const std::string_view family = type.starts_with("Custom::") ? "Custom::*" : type;
  for (const auto& provider : providers_) {
    if (provider->table().type == family) return provider.get();
  }
  return nullptr;
}

std::vector<const TypeTable*> Providers::tables() const {
  std::vector<const TypeTable*> tables;
  for (const auto& provider : providers_) tables.push_back(&provider->table());
  return tables;
}

core::Replacing ProviderSchema::replacing(const std::string& type, const std::string& property,
                                          const json&, const json&) const {
  const Provider* provider = providers_.find(type);
  if (provider == nullptr) return Replacing::never;
  const Property* known = find_property(provider->table(), property);
  return known == nullptr ? Replacing::never : known->replacing;
}

bool ProviderSchema::is_stable(const std::string& type, const std::string& attribute) const {
  const Provider* provider = providers_.find(type);
  if (provider == nullptr) return false;
  for (const Attribute& one : provider->table().attributes) {
    if (one.name == attribute) return one.stable;
  }
  return false;
}

core::TagsProperty ProviderSchema::tags_property(const std::string& type) const {
  const Provider* provider = providers_.find(type);
  const Property* tags = provider == nullptr ? nullptr : find_property(provider->table(), "Tags");
  if (tags == nullptr || tags->fate == Fate::refused) return core::TagsProperty::none;
  return tags->kind == Kind::object ? core::TagsProperty::object : core::TagsProperty::list;
}

}  // namespace aurora_global::services::cloudformation
