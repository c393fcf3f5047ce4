#include "region/key_ring.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include "base/json.h"
#include "net/log.h"

#include "base/rng.h"

namespace aurora_global::region {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr Duration kKeyTurnLimit = 10s;
constexpr std::string_view kKeyDocument = "key:";
constexpr std::string_view kAliasDocument = "alias:";
constexpr std::string_view kAliasPrefix = "alias/";

Error refuse(std::string code, std::string message) {
  return make_error(ErrorKind::invalid, std::move(message), std::move(code));
}

Error not_found(std::string message) {
  return make_error(ErrorKind::not_found, std::move(message), "NotFoundException");
}

std::int64_t number(WallTime time) { return time.time_since_epoch().count(); }
WallTime time_of(std::int64_t number) { return WallTime(std::chrono::microseconds(number)); }

std::string document_of(const Key& key) {
  json document = {{"description", key.description},
                   {"managed", key.managed},
                   {"enabled", key.enabled},
                   {"created", number(key.created)},
                   {"rotation_days", key.rotation_days},
                   {"rotated", number(key.rotated)},
                   {"tags", key.tags},
                   {"wrapped", key.wrapped}};
  if (key.deletion) document["deletion"] = number(*key.deletion);
  if (!key.policy.empty()) document["policy"] = key.policy;
  return document.dump();
}

Key key_from(std::string id, const json& document) {
  Key key;
  key.id = std::move(id);
  document.at("description").get_to(key.description);
  document.at("managed").get_to(key.managed);
  document.at("enabled").get_to(key.enabled);
  key.created = time_of(document.at("created").get<std::int64_t>());
  document.at("rotation_days").get_to(key.rotation_days);
  key.rotated = time_of(document.at("rotated").get<std::int64_t>());
  document.at("tags").get_to(key.tags);
  document.at("wrapped").get_to(key.wrapped);
  if (document.contains("policy")) document.at("policy").get_to(key.policy);
  if (document.contains("deletion")) {
    key.deletion = time_of(document.at("deletion").get<std::int64_t>());
  }
  return key;
}

std::string document_of(const KeyAlias& alias) {
  return json{
      {"key", alias.key_id}, {"created", number(alias.created)}, {"updated", number(alias.updated)}}
      .dump();
}

KeyAlias alias_from(const json& document) {
  return {document.at("key").get<std::string>(),
          time_of(document.at("created").get<std::int64_t>()),
          time_of(document.at("updated").get<std::int64_t>())};
}

}  // namespace

KeyRing::KeyRing(boost::asio::any_io_executor executor, Store& store, const Vault& vault,
                 const Clock& clock, RegionId region, std::string account_id)
    : store_(store),
      vault_(vault),
      clock_(clock),
      age_(clock),
      arn_prefix_("arn:aws:kms:" + region.name + ":" + account_id + ":"),
      changing_(std::move(executor)) {}

Result<void> KeyRing::load(const std::vector<Store::Document>& documents) {
  for (const Store::Document& document : documents) {
    try {
      if (document.name.rfind(kKeyDocument, 0) == 0) {
        const std::string id = document.name.substr(kKeyDocument.size());
        keys_[id] = key_from(id, parse_json(document.text));
      } else if (document.name.rfind(kAliasDocument, 0) == 0) {
        aliases_[document.name.substr(kAliasDocument.size())] =
            alias_from(parse_json(document.text));
      }
    } catch (const json::exception& error) {
      return make_error(ErrorKind::corrupt, document.name + ": " + error.what());
    }
  }
  return ok();
}

// Deletion is due by the clock, not by the sweep: between the two the key is gone already.
const Key* KeyRing::alive(const std::string& id) const {
  const auto found = keys_.find(id);
  if (found == keys_.end()) return nullptr;
  const Key& key = found->second;
  return key.deletion && age_.now() >= *key.deletion ? nullptr : &key;
}

const KeyAlias* KeyRing::alias(const std::string& name) const {
  const auto found = aliases_.find(name);
  if (found == aliases_.end() || alive(found->second.key_id) == nullptr) return nullptr;
  return &found->second;
}

// `kinds`: "key" or "key or alias".
Result<const Key*> KeyRing::lookup(const std::string& reference, std::string_view kinds) const {
  std::string name = reference;
  if (name.rfind("arn:", 0) == 0) {
    if (name.rfind(arn_prefix_, 0) != 0) {
      return not_found("Invalid arn '" + reference + "': the keys of this region are " +
                       arn_prefix_ + "key/...");
    }
    name = name.substr(arn_prefix_.size());
    if (name.rfind("key/", 0) == 0) name = name.substr(4);
  }
  if (name.rfind(kAliasPrefix, 0) == 0) {
    if (kinds == "key") {
      return not_found("Invalid keyId '" + reference +
                       "': this operation takes a key id or key ARN, no alias");
    }
    const KeyAlias* found = alias(name);
    if (found == nullptr) return not_found("Alias " + alias_arn(name) + " is not found.");
    return alive(found->key_id);
  }
  if (const Key* key = alive(name)) return key;
  return not_found("Key '" + key_arn(name) + "' does not exist");
}

Result<Key> KeyRing::find_key(const std::string& reference) const {
  TRY(const Key* key, lookup(reference, "key"));
  return *key;
}

Result<Key> KeyRing::find(const std::string& reference) const {
  TRY(const Key* key, lookup(reference, "key or alias"));
  return *key;
}

std::vector<Key> KeyRing::keys() const {
  std::vector<Key> all;
  for (const auto& [id, key] : keys_) {
    if (alive(id) != nullptr) all.push_back(key);
  }
  return all;
}

std::map<std::string, KeyAlias> KeyRing::aliases() const {
  std::map<std::string, KeyAlias> all;
  for (const auto& [name, one] : aliases_) {
    if (alias(name) != nullptr) all[name] = one;
  }
  return all;
}

Error KeyRing::pending(const Key& key) const {
  return make_error(ErrorKind::conflict, key_arn(key.id) + " is pending deletion.",
                    "KMSInvalidStateException");
}

Result<void> KeyRing::check_usable(const Key& key) const {
  switch (key.state()) {
    case KeyState::enabled: return ok();
    case KeyState::disabled:
      return make_error(ErrorKind::conflict, key_arn(key.id) + " is disabled.",
                        "DisabledException");
    case KeyState::pending_deletion: return pending(key);
  }
  return ok();
}

Key KeyRing::new_key() const {
  Key key;
  key.id = random_uuid();
  key.created = key.rotated = clock_.wall_now();
  key.wrapped = {new_material(key.id, 0)};
  return key;
}

net::Task<Result<void>> KeyRing::put_key(Key key) {
  std::vector<Store::Document> documents = {{std::string(kKeyDocument) + key.id, document_of(key)}};
  CO_TRY_VOID(co_await store_.put(std::move(documents)));
  const std::string id = key.id;
  keys_[id] = std::move(key);
  co_return ok();
}

net::Task<Result<void>> KeyRing::put_alias(std::string name, KeyAlias alias) {
  std::vector<Store::Document> documents = {
      {std::string(kAliasDocument) + name, document_of(alias)}};
  CO_TRY_VOID(co_await store_.put(std::move(documents)));
  aliases_[name] = std::move(alias);
  co_return ok();
}

net::Task<Result<Key>> KeyRing::create(std::string description,
                                       std::map<std::string, std::string> tags,
                                       std::string policy) {
  CO_TRY(const auto turn, co_await changing_.lock(Deadline::in(kKeyTurnLimit)));
  if (keys_.size() >= kKeysMax) {
    co_return refuse("LimitExceededException", "A region keeps at most 1000 keys");
  }
  Key key = new_key();
  key.description = std::move(description);
  key.policy = std::move(policy);
  CO_TRY_VOID(add_tags(key, tags));
  CO_TRY_VOID(co_await put_key(key));
  co_return key;
}

net::Task<Result<Key>> KeyRing::managed_key(std::string name) {
  CO_TRY(const auto turn, co_await changing_.lock(Deadline::in(kKeyTurnLimit)));
  if (const KeyAlias* present = alias(name)) co_return *alive(present->key_id);
  Key key = new_key();
  key.managed = true;
  key.rotation_days = kRotationDays;
  key.description = "Default key of " + name.substr(kAliasPrefix.size());
  const WallTime now = clock_.wall_now();
  std::vector<Store::Document> documents = {
      {std::string(kKeyDocument) + key.id, document_of(key)},
      {std::string(kAliasDocument) + name, document_of(KeyAlias{key.id, now, now})}};
  CO_TRY_VOID(co_await store_.put(std::move(documents)));
  keys_[key.id] = key;
  aliases_[name] = {key.id, now, now};
  co_return key;
}

net::Task<Result<Key>> KeyRing::change_key(std::string reference, Change change) {
  CO_TRY(const auto turn, co_await changing_.lock(Deadline::in(kKeyTurnLimit)));
  CO_TRY(Key key, find_key(reference));
  if (key.managed) {
    co_return make_error(ErrorKind::denied,
                         key_arn(key.id) + " is managed by the platform and cannot be changed",
                         "AccessDeniedException");
  }
  CO_TRY_VOID(change(key));
  CO_TRY_VOID(co_await put_key(key));
  co_return key;
}

net::Task<Result<Key>> KeyRing::set_enabled(std::string reference) {
  Change change = [this](Key& key) -> Result<void> {
    if (key.deletion) return pending(key);
    key.enabled = true;
    return ok();
  };
  co_return co_await change_key(std::move(reference), std::move(change));
}

net::Task<Result<Key>> KeyRing::set_disabled(std::string reference) {
  Change change = [this](Key& key) -> Result<void> {
    if (key.deletion) return pending(key);
    key.enabled = false;
    return ok();
  };
  co_return co_await change_key(std::move(reference), std::move(change));
}

net::Task<Result<Key>> KeyRing::set_rotation(std::string reference, int days) {
  Change change = [this, days](Key& key) -> Result<void> {
    TRY_VOID(check_usable(key));
    if (key.rotation_days != days) key.rotated = clock_.wall_now();
    key.rotation_days = days;
    return ok();
  };
  co_return co_await change_key(std::move(reference), std::move(change));
}

net::Task<Result<Key>> KeyRing::schedule_deletion(std::string reference, std::chrono::days window) {
  Change change = [this, window](Key& key) -> Result<void> {
    if (key.deletion) return pending(key);
    key.deletion = clock_.wall_now() + window;
    return ok();
  };
  co_return co_await change_key(std::move(reference), std::move(change));
}

net::Task<Result<Key>> KeyRing::cancel_deletion(std::string reference) {
  Change change = [this](Key& key) -> Result<void> {
    if (!key.deletion) {
      return make_error(ErrorKind::conflict, key_arn(key.id) + " is not pending deletion.",
                        "KMSInvalidStateException");
    }
    key.deletion.reset();
    key.enabled = false;
    return ok();
  };
  co_return co_await change_key(std::move(reference), std::move(change));
}

net::Task<Result<void>> KeyRing::create_alias(std::string name, std::string key_reference) {
  CO_TRY(const auto turn, co_await changing_.lock(Deadline::in(kKeyTurnLimit)));
  CO_TRY(const Key key, find_key(key_reference));
  if (alias(name) != nullptr) {
    co_return make_error(ErrorKind::conflict,
                         "An alias with the name " + alias_arn(name) + " already exists",
                         "AlreadyExistsException");
  }
  if (key.deletion) co_return pending(key);
  if (aliases_.size() >= kAliasesMax) {
    co_return refuse("LimitExceededException", "A region keeps at most 1000 aliases");
  }
  const WallTime now = clock_.wall_now();
  co_return co_await put_alias(std::move(name), KeyAlias{key.id, now, now});
}

net::Task<Result<void>> KeyRing::update_alias(std::string name, std::string key_reference) {
  CO_TRY(const auto turn, co_await changing_.lock(Deadline::in(kKeyTurnLimit)));
  const KeyAlias* present = alias(name);
  if (present == nullptr) co_return not_found("Alias " + alias_arn(name) + " is not found.");
  CO_TRY(const Key key, find_key(key_reference));
  if (key.deletion) co_return pending(key);
  KeyAlias changed{key.id, present->created, clock_.wall_now()};
  co_return co_await put_alias(std::move(name), std::move(changed));
}

net::Task<Result<void>> KeyRing::delete_alias(std::string name) {
  CO_TRY(const auto turn, co_await changing_.lock(Deadline::in(kKeyTurnLimit)));
  if (alias(name) == nullptr) co_return not_found("Alias " + alias_arn(name) + " is not found.");
  CO_TRY_VOID(co_await store_.erase(std::string(kAliasDocument) + name));
  aliases_.erase(name);
  co_return ok();
}

// Aliases first: a crash in between leaves the key, which the next sweep finds again.
net::Task<Result<void>> KeyRing::destroy(std::string id) {
  std::vector<std::string> names;
  for (const auto& [name, one] : aliases_) {
    if (one.key_id == id) names.push_back(name);
  }
  for (const std::string& name : names) {
    CO_TRY_VOID(co_await store_.erase(std::string(kAliasDocument) + name));
    aliases_.erase(name);
  }
  CO_TRY_VOID(co_await store_.erase(std::string(kKeyDocument) + id));
  CO_TRY_VOID(co_await store_.forget());
  keys_.erase(id);
  log::info("key {}: its deletion was due; the material is destroyed", id);
  co_return ok();
}

net::Task<Result<void>> KeyRing::sweep() {
  CO_TRY(const auto turn, co_await changing_.lock(Deadline::in(kKeyTurnLimit)));
  std::vector<std::string> due;
  std::vector<Key> old;
  for (const auto& [id, key] : keys_) {
    const bool ages = key.rotation_days > 0 && key.state() == KeyState::enabled;
    if (alive(id) == nullptr) {
      due.push_back(id);
    } else if (ages && clock_.wall_now() >= key.rotated + std::chrono::days(key.rotation_days)) {
      old.push_back(key);
    }
  }
  for (const std::string& id : due) CO_TRY_VOID(co_await destroy(id));
  for (Key& key : old) {
    key.wrapped.push_back(new_material(key.id, key.wrapped.size()));
    key.rotated = clock_.wall_now();
    log::info("key {}: rotated", key.id);
    CO_TRY_VOID(co_await put_key(std::move(key)));
  }
  co_return ok();
}

}  // namespace aurora_global::region
