#include "region/secret_book.h"

#include <algorithm>

#include "base/base64.h"
#include "base/json.h"
#include "base/rng.h"
#include "model/fields.h"
#include "net/log.h"
#include "pgclient/connection.h"

namespace aurora_global::region {
namespace {

using namespace std::chrono_literals;

constexpr Duration kFetchLimit = 5s;
constexpr Duration kRotateLimit = 20s;
constexpr Duration kTurnLimit = 30s;
constexpr std::size_t kSecretBytesMax = 64 * 1024 * 1024;  // All versions of one, sealed.
constexpr const char* kDefaultKey = "alias/aws/secretsmanager";
constexpr const char* kLegacy =
    "";  // The region in the clock of a copy from before there were any.

SealContext context_of(const std::string& name) { return {{"SecretName", name}}; }

Error refused(std::string message) {
  return make_error(ErrorKind::invalid, std::move(message), "InvalidRequestException");
}

// Whether the database should have the password of the AWSCURRENT version: a rotation set it, or is
// under way.
bool is_rotated(const SecretDocument& document) {
  const nlohmann::json* current = document.version("", kCurrent);
  return document.version("", kPending) != nullptr ||
         (current != nullptr && current->value("set", false));
}

// Whether what was asked for may have been done nevertheless.
bool is_uncertain(const Error& error) {
  return error.kind == ErrorKind::timeout || error.kind == ErrorKind::cancelled ||
         error.kind == ErrorKind::unavailable;
}

}  // namespace

SecretBook::SecretBook(boost::asio::any_io_executor executor, RegionId region, Store& store,
                       const Vault& vault, KeyRing& keys, const Clock& clock,
                       SecretBookOutside& outside)
    : region_(std::move(region)),
      store_(store),
      vault_(vault),
      key_ring_(keys),
      clock_(clock),
      outside_(outside),
      changing_(executor),
      rotating_(executor) {}

double SecretBook::now() const {
  return static_cast<double>(clock_.wall_now().time_since_epoch().count()) / 1e6;
}

Result<void> SecretBook::load(const Store::Document& document) {
  const Json json = parse_json(document.text);
  Sealed sealed;
  Json clock;
  // "version" and "sealed" are of copies from before there were clocks and keys.
  std::uint64_t version = 0;
  model::Fields fields(json, "the document " + document.name);
  fields.get("clock", clock).get("version", version);
  fields.get("sealed", sealed.about, kSecretBytesMax).get("about", sealed.about, kSecretBytesMax);
  fields.get("values", sealed.values, kSecretBytesMax).get("keys", sealed.keys);
  TRY_VOID(fields.finish());
  sealed.clock = secret_clock_in(clock).value_or(SecretClock{{kLegacy, version}});
  secrets_[document.name.substr(kDocument.size())] = std::move(sealed);
  return ok();
}

std::vector<std::string> SecretBook::names() const {
  std::vector<std::string> names;
  names.reserve(secrets_.size());
  for (const auto& [name, secret] : secrets_) names.push_back(name);
  return names;
}

Result<const SecretBook::Sealed*> SecretBook::sealed(const std::string& name) const {
  const auto found = secrets_.find(name);
  if (found != secrets_.end()) return &found->second;
  return make_error(ErrorKind::not_found, "there is no secret " + name,
                    "ResourceNotFoundException");
}

Result<std::string> SecretBook::about(const std::string& name) const {
  TRY(const Sealed* found, sealed(name));
  return vault_.open_sealed(name, found->about);
}

Result<std::string> SecretBook::values(const std::string& name) const {
  TRY(const Sealed* found, sealed(name));
  if (found->values.empty()) return std::string("{}");
  const auto blob = from_base64(found->values);
  TRY(auto opened, key_ring_.open(blob.value_or(""), context_of(name)));
  return std::move(opened.text);
}

Result<Secret> SecretBook::opened(const std::string& name) const {
  TRY(const Sealed* found, sealed(name));
  TRY(std::string told, about(name));
  TRY(std::string hidden, values(name));
  return Secret{std::move(told), std::move(hidden), found->keys};
}

Result<SecretDocument> SecretBook::document(const std::string& name) const {
  TRY(const Secret secret, opened(name));
  return SecretDocument::of(secret);
}

// Requires `changing_`.
net::Task<Result<void>> SecretBook::keep(std::string name, SecretClock clock, Secret secret) {
  std::string key = kDefaultKey;
  if (const auto named = secret.keys.find(region_.name); named != secret.keys.end()) {
    key = named->second;
  } else {
    CO_TRY_VOID(co_await key_ring_.managed_key(key));
  }
  CO_TRY(const auto values, key_ring_.seal(key, context_of(name), secret.values));
  Sealed sealed{std::move(clock), vault_.seal(name, secret.about), base64(values.blob),
                std::move(secret.keys)};
  const Json stored = {{"clock", sealed.clock},
                       {"about", sealed.about},
                       {"values", sealed.values},
                       {"keys", sealed.keys}};
  std::vector<Store::Document> documents = {{std::string(kDocument) + name, stored.dump()}};
  CO_TRY_VOID(co_await store_.put(std::move(documents)));
  secrets_[name] = std::move(sealed);
  co_return ok();
}

net::Task<Result<void>> SecretBook::change(std::string name, SecretEdit edit) {
  CO_TRY(const auto turn, co_await changing_.lock(Deadline::in(kTurnLimit)));
  const auto present = secrets_.find(name);
  std::optional<Secret> before;
  SecretClock clock;
  if (present != secrets_.end()) {
    CO_TRY(before, opened(name));
    clock = present->second.clock;
  } else if (secrets_.size() >= kSecretsMax) {
    co_return make_error(ErrorKind::exhausted, "A region keeps at most 500 secrets",
                         "LimitExceededException");
  }
  CO_TRY(std::optional<Secret> after, edit(std::move(before)));
  if (!after) co_return ok();
  ++clock[region_.name];
  co_return co_await keep(std::move(name), std::move(clock), std::move(*after));
}

net::Task<Result<void>> SecretBook::update(std::string name, SecretEdit edit) {
  CO_TRY_VOID(co_await change(std::move(name), std::move(edit)));
  co_await outside_.tell_all();
  co_return ok();
}

// ---- the other regions

SecretBook::Json SecretBook::clocks() const {
  Json all = Json::object();
  for (const auto& [name, secret] : secrets_) all[name] = secret.clock;
  return all;
}

net::Task<void> SecretBook::learn(RegionId from, Json clocks) {
  if (!clocks.is_object()) co_return;
  for (const auto& [name, told] : clocks.items()) {
    const auto theirs = secret_clock_in(told);
    if (!theirs) continue;
    const auto ours = secrets_.find(name);
    const SecretOrder order =
        ours == secrets_.end() ? SecretOrder::newer : order_of(*theirs, ours->second.clock);
    const bool wanted = order == SecretOrder::newer ||
                        (order == SecretOrder::concurrent && outside_.deciding_region() == region_);
    if (!wanted) continue;
    const std::string wanted_name = name;
    const auto taken = co_await fetch(from, wanted_name);
    // Tried again at every gossip, told once; that nobody answers is told elsewhere.
    if (taken.has_error() && is_uncertain(taken.error())) co_return;
    if (taken.has_value() || refused_[wanted_name] == *theirs) continue;
    refused_[wanted_name] = *theirs;
    log::error("store secret {}: {}", wanted_name, taken.error().message);
  }
}

net::Task<Result<void>> SecretBook::fetch(RegionId from, std::string name) {
  Json question = {{"name", name}};
  CO_TRY(const Json answer,
         co_await outside_.ask_region(std::move(from), "secret", std::move(question),
                                      Deadline::in(kFetchLimit)));
  Json told;
  Secret secret;
  model::Fields fields(answer, "secret " + name);
  fields.require({"clock", "about", "values"});
  fields.get("clock", told).get("keys", secret.keys);
  fields.get("about", secret.about, kSecretBytesMax).get("values", secret.values, kSecretBytesMax);
  CO_TRY_VOID(fields.finish());
  auto clock = secret_clock_in(told);
  if (!clock) co_return make_error(ErrorKind::corrupt, "a secret that was told has no clock");
  co_return co_await take(std::move(name), std::move(*clock), std::move(secret));
}

// Another region's copy: later than ours, or made without knowledge of it.
net::Task<Result<void>> SecretBook::take(std::string name, SecretClock clock, Secret secret) {
  CO_TRY(const auto turn, co_await changing_.lock(Deadline::in(kTurnLimit)));
  const auto present = secrets_.find(name);
  const SecretOrder order =
      present == secrets_.end() ? SecretOrder::newer : order_of(clock, present->second.clock);
  if (order == SecretOrder::newer) {
    // What it says of the password was true where it was made, which may not be the writer's
    // database any more.
    CO_TRY(const SecretDocument made, SecretDocument::of(secret));
    CO_TRY_VOID(co_await keep(name, std::move(clock), std::move(secret)));
    // Once it is kept: before that, settle() would set what it replaces, and take the mark off.
    if (is_rotated(made)) unsettled_.insert(name);
    co_return ok();
  }
  if (order != SecretOrder::concurrent || outside_.deciding_region() != region_) co_return ok();
  CO_TRY(SecretDocument ours, document(name));
  CO_TRY(const SecretDocument theirs, SecretDocument::of(secret));
  clock = latest_of(std::move(clock), present->second.clock);
  ++clock[region_.name];
  co_return co_await keep(std::move(name), std::move(clock),
                          merged(std::move(ours), theirs).secret());
}

net::Task<Result<SecretBook::Json>> SecretBook::answer_secret(Json question) {
  std::string name;
  model::Fields fields(question, "question for a secret");
  fields.require({"name"}).get("name", name);
  CO_TRY_VOID(fields.finish());
  CO_TRY(const Secret secret, opened(name));
  co_return Json{{"clock", secrets_.at(name).clock},
                 {"about", secret.about},
                 {"values", secret.values},
                 {"keys", secret.keys}};
}

// ---- passwords

Result<SecretBook::Credentials> SecretBook::credentials_in(const std::string& text) {
  const Json value = parse_json(text);
  const auto is_text = [&](const char* member) {
    return value.is_object() && value.contains(member) && value[member].is_string();
  };
  if (!is_text("username") || !is_text("password")) {
    return refused("Only a secret that is a JSON object with username and password rotates");
  }
  Credentials credentials{value["username"].get<std::string>(),
                          value["password"].get<std::string>()};
  // Only a user of the cluster's own: neither the bootstrap superuser nor the replication user.
  if (credentials.role.empty() || credentials.role.rfind("rds", 0) == 0) {
    return refused("The password of '" + credentials.role + "' is not this secret's to change");
  }
  return credentials;
}

net::Task<Result<void>> SecretBook::set_password(Credentials credentials) {
  co_return co_await outside_.set_role_verifier(credentials.role,
                                                pgclient::scram_verifier(credentials.password));
}

net::Task<Result<void>> SecretBook::rotate(std::string name, std::string version_id) {
  const RegionId decides = outside_.deciding_region();
  if (decides == region_) co_return co_await rotate_here(std::move(name), std::move(version_id));
  CO_TRY(const Sealed* ours, sealed(name));
  Json question = {
      {"name", name}, {"version", version_id}, {"region", region_.name}, {"clock", ours->clock}};
  CO_TRY_VOID(co_await outside_.ask_region(decides, "rotate-secret", std::move(question),
                                           Deadline::in(kRotateLimit)));
  co_return co_await fetch(decides, std::move(name));
}

net::Task<Result<SecretBook::Json>> SecretBook::answer_rotate(Json question) {
  std::string name, version_id;
  RegionId asker;
  Json clock;
  model::Fields fields(question, "order to rotate a secret");
  fields.require({"name", "version", "region", "clock"});
  fields.get("name", name).get("version", version_id).get("region", asker).get("clock", clock);
  CO_TRY_VOID(fields.finish());
  // Who asks may have changed the secret a moment ago.
  Json theirs = {{name, std::move(clock)}};
  co_await learn(std::move(asker), std::move(theirs));
  if (outside_.deciding_region() != region_) {
    co_return make_error(ErrorKind::conflict, "The writer is in another region now; try again",
                         "InvalidRequestException");
  }
  CO_TRY_VOID(co_await rotate_here(name, version_id));
  co_return Json::object();
}

// The new password is stored as AWSPENDING first, set in the database, then made AWSCURRENT. What
// is refused leaves no trace; where it is not known whether the database has the new one, settle()
// sets the AWSCURRENT one again before AWSPENDING goes.
net::Task<Result<void>> SecretBook::rotate_here(std::string name, std::string version_id) {
  CO_TRY(const auto turn, co_await rotating_.lock(Deadline::in(kTurnLimit)));
  CO_TRY(const SecretDocument before, document(name));
  const Json* current = before.version("", kCurrent);
  if (current != nullptr && current->at("id") == version_id) co_return ok();  // Asked again.
  const std::string present = current == nullptr ? "" : before.text_of(*current);
  CO_TRY(Credentials credentials, credentials_in(present));
  if (!outside_.writing_epoch()) {
    co_return make_error(ErrorKind::conflict, "The DB cluster does not take writes now; try again",
                         "InvalidRequestException");
  }
  Json value = parse_json(present);
  credentials.password = random_hex(16);
  value["password"] = credentials.password;
  const std::string text = value.dump();
  const auto label = [&](const char* stage) {
    return [this, version_id, text, stage](std::optional<Secret> secret) -> EditedSecret {
      TRY(SecretDocument document, SecretDocument::of(*secret));
      document.add(version_id, text, {stage}, now());
      if (stage == std::string_view(kCurrent)) {
        document.about["rotated"] = now();
        for (Json& version : document.about["versions"]) {
          if (version.at("id") == version_id) version["set"] = true;
        }
      }
      return document.secret();
    };
  };
  CO_TRY_VOID(co_await change(name, label(kPending)));
  unsettled_.insert(name);  // Until the new one is current, or the old one was set again.
  const auto set = co_await set_password(credentials);
  if (set.has_error() && !is_uncertain(set.error())) {
    const auto drop = [version_id](std::optional<Secret> secret) -> EditedSecret {
      TRY(SecretDocument document, SecretDocument::of(*secret));
      document.drop(version_id);
      return document.secret();
    };
    CO_TRY_VOID(co_await change(name, drop));
    unsettled_.erase(name);
  }
  if (set.has_error()) co_return set.error();
  unsettled_.erase(name);
  const auto made_current = co_await change(name, label(kCurrent));
  if (made_current.has_error()) {
    unsettled_.insert(name);
    co_return made_current.error();
  }
  co_await outside_.tell_all();
  co_return ok();
}

// Sets the password of the AWSCURRENT version again, and drops what was pending.
net::Task<Result<void>> SecretBook::assert_current(std::string name) {
  CO_TRY(const auto turn, co_await rotating_.lock(Deadline::in(kTurnLimit)));
  CO_TRY(const SecretDocument document, this->document(name));
  const Json* current = document.version("", kCurrent);
  const auto credentials = credentials_in(current == nullptr ? "" : document.text_of(*current));
  if (credentials.has_value()) CO_TRY_VOID(co_await set_password(*credentials));
  const auto drop_pending = [](std::optional<Secret> secret) -> EditedSecret {
    TRY(SecretDocument changed, SecretDocument::of(*secret));
    const Json* pending = changed.version("", kPending);
    if (pending == nullptr) return std::optional<Secret>();
    const Json* kept = changed.version("", kCurrent);
    if (kept == pending) {
      changed.move(kPending, "", changed.about.value("changed", 0.0));
    } else {
      changed.drop(pending->at("id").get<std::string>());
    }
    return changed.secret();
  };
  co_return co_await change(name, drop_pending);
}

net::Task<void> SecretBook::settle() {
  const auto epoch = outside_.writing_epoch();
  if (!epoch || outside_.deciding_region() != region_) co_return;
  if (settled_epoch_ != epoch) {
    for (const auto& [name, sealed] : secrets_) {
      const auto document = this->document(name);
      if (document.has_error()) continue;
      if (is_rotated(*document)) unsettled_.insert(name);
    }
    settled_epoch_ = epoch;
  }
  const std::set<std::string> names = unsettled_;
  for (const std::string& name : names) {
    // First: what is learnt while the password is set is marked anew.
    unsettled_.erase(name);
    const auto settled = co_await assert_current(name);
    if (settled.has_error()) unsettled_.insert(name);
  }
}

}  // namespace aurora_global::region
