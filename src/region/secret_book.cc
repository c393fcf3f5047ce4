#include "region/secret_book.h"

#include "base/base64.h"
#include "base/json.h"
#include "model/fields.h"
#include "net/log.h"

namespace aurora_global::region {
namespace {

using namespace std::chrono_literals;

constexpr Duration kFetchLimit = 5s;
constexpr Duration kTurnLimit = 30s;
constexpr std::size_t kSecretBytesMax = 64 * 1024 * 1024;  // All versions of one, sealed.
constexpr const char* kDefaultKey = "alias/aws/secretsmanager";
constexpr const char* kLegacy =
    "";  // The region in the clock of a copy from before there were any.

SealContext context_of(const std::string& name) { return {{"SecretName", name}}; }

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

bool SecretBook::is_uncertain(const Error& error) {
  return error.kind == ErrorKind::timeout || error.kind == ErrorKind::cancelled ||
         error.kind == ErrorKind::unavailable;
}

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
  co_return co_await store(std::move(name), std::move(sealed));
}

// Requires `changing_`.
net::Task<Result<void>> SecretBook::store(std::string name, Sealed sealed) {
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

net::Task<Result<void>> SecretBook::change_about(std::string name, SecretEdit edit) {
  CO_TRY(const auto turn, co_await changing_.lock(Deadline::in(kTurnLimit)));
  CO_TRY(const Sealed* present, sealed(name));
  Sealed changed = *present;
  CO_TRY(std::string told, about(name));
  CO_TRY(std::optional<Secret> after, edit(Secret{std::move(told), "{}", changed.keys}));
  if (!after) co_return ok();
  ++changed.clock[region_.name];
  if (Json texts = parse_json(after->values); texts.is_object() && !texts.empty()) {
    // From before there were keys: what lay beside the rest is sealed now.
    CO_TRY(const std::string hidden, values(name));
    Json all = parse_json(hidden);
    all.update(texts);
    after->values = all.dump();
    co_return co_await keep(std::move(name), std::move(changed.clock), std::move(*after));
  }
  changed.about = vault_.seal(name, after->about);
  co_return co_await store(std::move(name), std::move(changed));
}

net::Task<Result<void>> SecretBook::update_about(std::string name, SecretEdit edit) {
  CO_TRY_VOID(co_await change_about(std::move(name), std::move(edit)));
  co_await outside_.tell_all();
  co_return ok();
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
    if (made.is_rotated()) unsettled_.insert(name);
    co_return ok();
  }
  if (order != SecretOrder::concurrent || outside_.deciding_region() != region_) co_return ok();
  CO_TRY(SecretDocument ours, document(name));
  CO_TRY(const SecretDocument theirs, SecretDocument::of(secret));
  clock = latest_of(std::move(clock), present->second.clock);
  ++clock[region_.name];
  const SecretDocument both = merged(std::move(ours), theirs);
  CO_TRY_VOID(co_await keep(name, std::move(clock), both.secret()));
  if (both.is_rotated()) unsettled_.insert(name);
  co_return ok();
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

}  // namespace aurora_global::region
