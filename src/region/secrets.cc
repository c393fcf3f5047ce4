#include "region/secrets.h"

#include <algorithm>

#include "base/base64.h"
#include "model/fields.h"
#include "net/log.h"
#include "pgclient/connection.h"

namespace aurora_global::region {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

constexpr Duration kFetchLimit = 5s;
constexpr Duration kPasswordLimit = 10s;
constexpr Duration kSweepEvery = 60s;
constexpr std::size_t kSecretsMax = 500;
constexpr std::string_view kDocument = "secret:";
constexpr const char* kDefaultKey = "alias/aws/secretsmanager";
constexpr std::size_t kSealedMax = 8u << 20;

SealContext context_of(const std::string& name) { return {{"SecretName", name}}; }

Result<SealedSecret> stored_secret(const Store::Document& document) {
  const auto json = Json::parse(document.text, nullptr, false);
  SealedSecret secret;
  model::Fields fields(json, document.name);
  fields.get("version", secret.version);
  // "sealed": all of a secret, as versions without keys stored it.
  fields.get("sealed", secret.about, kSealedMax);
  fields.get("about", secret.about, kSealedMax);
  fields.get("values", secret.values, kSealedMax);
  fields.get("keys", secret.keys);
  TRY_VOID(fields.finish());
  return secret;
}

}  // namespace

Result<void> SecretKeeper::load(const std::vector<Store::Document>& documents) {
  for (const Store::Document& document : documents) {
    if (document.name.rfind(kDocument, 0) != 0) continue;
    TRY(secrets_[document.name.substr(kDocument.size())], stored_secret(document));
  }
  return ok();
}

void SecretKeeper::serve(PeerServer& server) {
  server.on<messages::SecretQuestion>(
      [this](messages::Caller,
             messages::SecretQuestion request) -> net::Task<Result<messages::SecretCopy>> {
        co_return copy_of(request.name);
      });
  server.on<messages::Password>(
      [this](messages::Caller, messages::Password request) -> net::Task<Result<messages::Nothing>> {
        const bool is_verifier = request.verifier.rfind("SCRAM-SHA-256$", 0) == 0 &&
                                 request.verifier.find('\'') == std::string::npos;
        if (!is_verifier || request.role.rfind("rds", 0) == 0) {
          co_return make_error(ErrorKind::invalid, "not a SCRAM verifier of an ordinary user");
        }
        CO_TRY_VOID(co_await set_password(std::move(request.role), std::move(request.verifier)));
        co_return messages::Nothing{};
      });
}

void SecretKeeper::start() { core_.tasks.spawn("keeper of the keys", keep_keys()); }

net::Task<void> SecretKeeper::keep_keys() {
  while (!core_.tasks.stopping()) {
    const auto swept = co_await keys_.sweep();
    if (swept.has_error()) log::error("destroy and rotate keys: {}", swept.error().message);
    co_await net::sleep_for(kSweepEvery);
  }
}

std::vector<std::string> SecretKeeper::secret_names() const {
  std::vector<std::string> names;
  for (const auto& [name, secret] : secrets_) names.push_back(name);
  return names;
}

std::map<std::string, std::uint64_t> SecretKeeper::versions() const {
  std::map<std::string, std::uint64_t> versions;
  for (const auto& [name, secret] : secrets_) versions[name] = secret.version;
  return versions;
}

Result<const SealedSecret*> SecretKeeper::sealed(const std::string& name) const {
  const auto found = secrets_.find(name);
  if (found != secrets_.end()) return &found->second;
  return make_error(ErrorKind::not_found, "there is no secret " + name,
                    "ResourceNotFoundException");
}

Result<std::string> SecretKeeper::about_secret(const std::string& name) const {
  TRY(const SealedSecret* found, sealed(name));
  return vault_.open_sealed(name, found->about);
}

Result<std::string> SecretKeeper::secret_values(const std::string& name) const {
  TRY(const SealedSecret* found, sealed(name));
  if (found->values.empty()) return std::string("{}");
  const auto blob = from_base64(found->values);
  TRY(auto opened, keys_.open(blob.value_or(""), context_of(name)));
  return std::move(opened.text);
}

Result<messages::SecretCopy> SecretKeeper::copy_of(const std::string& name) const {
  TRY(const SealedSecret* found, sealed(name));
  TRY(std::string about, about_secret(name));
  TRY(std::string values, secret_values(name));
  return messages::SecretCopy{found->version, std::move(about), std::move(values), found->keys};
}

net::Task<Result<void>> SecretKeeper::keep(std::string name, std::uint64_t version, Secret secret) {
  std::string key = kDefaultKey;
  if (const auto named = secret.keys.find(core_.here().name); named != secret.keys.end()) {
    key = named->second;
  } else {
    CO_TRY_VOID(co_await keys_.managed_key(key));
  }
  // A newer one may have come while we waited.
  if (const auto now = secrets_.find(name); now != secrets_.end() && now->second.version > version)
    co_return ok();
  CO_TRY(const auto values, keys_.seal(key, context_of(name), secret.values));
  SealedSecret fresh{version, vault_.seal(name, secret.about), base64(values.blob), secret.keys};
  const Json document = {{"version", fresh.version},
                         {"about", fresh.about},
                         {"values", fresh.values},
                         {"keys", fresh.keys}};
  std::vector<Store::Document> documents = {
      {std::string(kDocument) + name, model::text_of(document)}};
  CO_TRY_VOID(co_await store_.put(std::move(documents)));
  secrets_[name] = std::move(fresh);
  co_return ok();
}

net::Task<Result<void>> SecretKeeper::put_secret(std::string name, Secret secret) {
  const auto present = secrets_.find(name);
  if (present == secrets_.end() && secrets_.size() >= kSecretsMax) {
    co_return fault(ErrorKind::exhausted, "LimitExceededException",
                    "A region keeps at most 500 secrets");
  }
  // Microseconds as version: two regions that write at once agree on the later one.
  const auto time = static_cast<std::uint64_t>(core_.clock.wall_now().time_since_epoch().count());
  const std::uint64_t last = present == secrets_.end() ? 0 : present->second.version;
  CO_TRY_VOID(co_await keep(name, std::max(time, last + 1), std::move(secret)));
  gossip_.tell();
  co_return ok();
}

net::Task<void> SecretKeeper::learn(RegionId from, std::map<std::string, std::uint64_t> versions) {
  for (const auto& [name, version] : versions) {
    const auto ours = secrets_.find(name);
    if (ours != secrets_.end() && ours->second.version >= version) continue;
    co_await learn_one(from, name, version);
  }
}

net::Task<void> SecretKeeper::learn_one(RegionId from, std::string name, std::uint64_t version) {
  auto answer =
      co_await core_.peers.ask(from, messages::SecretQuestion{name}, Deadline::in(kFetchLimit));
  if (answer.has_error()) co_return;  // Asked again at the next gossip.
  Secret secret{std::move(answer->about), std::move(answer->values), std::move(answer->keys)};
  const auto kept = co_await keep(name, answer->version, std::move(secret));
  // Tried again at every gossip, told once.
  if (kept.has_value() || refused_[name] == version) co_return;
  refused_[name] = version;
  log::error("store secret {}: {}", name, kept.error().message);
}

net::Task<Result<void>> SecretKeeper::set_password(std::string role, std::string verifier) {
  const model::GlobalCluster* global = core_.truth.own_global();
  const RegionId writer = global == nullptr ? core_.here() : global->writer_region;
  if (writer != core_.here()) {
    messages::Password request{std::move(role), std::move(verifier)};
    CO_TRY_VOID(co_await core_.peers.ask(writer, std::move(request), Deadline::in(kPasswordLimit)));
    co_return ok();
  }
  const auto head = core_.head();
  if (core_.truth.duty() != model::Duty::primary || head == nullptr || !head->running()) {
    co_return fault(ErrorKind::conflict, "InvalidDBClusterStateFault",
                    "The DB cluster does not take writes now; try again");
  }
  CO_TRY_VOID(co_await head->set_password(role, verifier, Deadline::in(kPasswordLimit)));
  const auto decide = [&](const State& now) -> Result<Change> {
    Change change;
    if (!now.cluster || now.cluster->facts.master_username != role) return change;
    change.cluster = now.cluster;
    (*change.cluster)->master_verifier = verifier;
    return change;
  };
  co_return co_await truth_.commit(decide);
}

net::Task<Result<void>> SecretKeeper::change_password(std::string role, std::string password) {
  // Only a user of the cluster's own: neither the bootstrap superuser nor the replication user.
  if (role.empty() || role.rfind("rds", 0) == 0) {
    co_return fault(ErrorKind::denied, "InvalidRequestException",
                    "The password of '" + role + "' is not this secret's to change");
  }
  co_return co_await set_password(std::move(role), pgclient::scram_verifier(password));
}

}  // namespace aurora_global::region
