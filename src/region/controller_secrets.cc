// Secrets: sealed on disk, the same in every region, the newest version wins. Keys are regional, so
// each region seals its copy with a key of its own.
#include <algorithm>

#include "base/base64.h"
#include "net/log.h"
#include "pgclient/connection.h"
#include "region/controller.h"

namespace aurora_global::region {
namespace {

using namespace std::chrono_literals;

constexpr Duration kFetchLimit = 5s;
constexpr Duration kPasswordLimit = 10s;
constexpr Duration kSweepEvery = 60s;
constexpr std::size_t kSecretsMax = 500;
constexpr std::string_view kDocument = "secret:";
constexpr const char* kDefaultKey = "alias/aws/secretsmanager";

SealContext context_of(const std::string& name) { return {{"SecretName", name}}; }

}  // namespace

net::Task<void> Controller::keep_keys() {
  while (!tasks_.stopping()) {
    const auto swept = co_await key_ring_.sweep();
    if (swept.has_error()) log::error("destroy and rotate keys: {}", swept.error().message);
    co_await net::sleep_for(kSweepEvery);
  }
}

Result<void> Controller::load_secret(const Store::Document& document) {
  TRY(const auto json, from_text<Json>(document.text, document.name));
  // "sealed": all of a secret, as versions without keys stored it.
  secrets_[document.name.substr(kDocument.size())] = {
      json.value("version", std::uint64_t{0}), json.value("about", json.value("sealed", "")),
      json.value("values", ""), json.value("keys", std::map<std::string, std::string>{})};
  return ok();
}

std::vector<std::string> Controller::secret_names() const {
  std::vector<std::string> names;
  for (const auto& [name, secret] : secrets_) names.push_back(name);
  return names;
}

Result<const SealedSecret*> Controller::sealed_secret(const std::string& name) const {
  const auto found = secrets_.find(name);
  if (found != secrets_.end()) return &found->second;
  return make_error(ErrorKind::not_found, "there is no secret " + name,
                    "ResourceNotFoundException");
}

Result<std::string> Controller::about_secret(const std::string& name) const {
  TRY(const SealedSecret* found, sealed_secret(name));
  return vault_.open_sealed(name, found->about);
}

Result<std::string> Controller::secret_values(const std::string& name) const {
  TRY(const SealedSecret* found, sealed_secret(name));
  if (found->values.empty()) return std::string("{}");
  const auto blob = from_base64(found->values);
  TRY(auto opened, key_ring_.open(blob.value_or(""), context_of(name)));
  return std::move(opened.text);
}

net::Task<Result<void>> Controller::keep_secret(std::string name, std::uint64_t version,
                                                Secret secret) {
  std::string key = kDefaultKey;
  if (const auto named = secret.keys.find(config_.region.name); named != secret.keys.end()) {
    key = named->second;
  } else {
    CO_TRY_VOID(co_await key_ring_.managed_key(key));
  }
  // A newer one may have come while we waited.
  if (const auto now = secrets_.find(name); now != secrets_.end() && now->second.version > version)
    co_return ok();
  CO_TRY(const auto values, key_ring_.seal(key, context_of(name), secret.values));
  SealedSecret sealed{version, vault_.seal(name, secret.about), base64(values.blob), secret.keys};
  const Json document = {{"version", sealed.version},
                         {"about", sealed.about},
                         {"values", sealed.values},
                         {"keys", sealed.keys}};
  std::vector<Store::Document> documents = {{std::string(kDocument) + name, document.dump()}};
  CO_TRY_VOID(co_await store_.put(std::move(documents)));
  secrets_[name] = std::move(sealed);
  co_return ok();
}

net::Task<Result<void>> Controller::put_secret(std::string name, Secret secret) {
  const auto present = secrets_.find(name);
  if (present == secrets_.end() && secrets_.size() >= kSecretsMax) {
    co_return fault(ErrorKind::exhausted, "LimitExceededException",
                    "A region keeps at most 500 secrets");
  }
  // Microseconds as version: two regions that write at once agree on the later one.
  const auto time = static_cast<std::uint64_t>(now().time_since_epoch().count());
  const std::uint64_t last = present == secrets_.end() ? 0 : present->second.version;
  CO_TRY_VOID(co_await keep_secret(name, std::max(time, last + 1), std::move(secret)));
  co_await gossip_now();
  co_return ok();
}

net::Task<void> Controller::learn_secrets(RegionId from, Json versions) {
  for (const auto& [name, version] : versions.items()) {
    const auto ours = secrets_.find(name);
    const std::uint64_t theirs = version.get<std::uint64_t>();
    if (ours != secrets_.end() && ours->second.version >= theirs) continue;
    const Json question = {{"name", name}};
    const std::string wanted = name;
    const auto answer = co_await call_peer(from, "secret", question, Deadline::in(kFetchLimit));
    if (answer.has_error()) continue;  // Asked again at the next gossip.
    Secret secret{answer->value("about", ""), answer->value("values", ""),
                  answer->value("keys", std::map<std::string, std::string>{})};
    const auto kept =
        co_await keep_secret(wanted, answer->value("version", std::uint64_t{0}), std::move(secret));
    // Tried again at every gossip, told once.
    if (kept.has_value() || refused_secrets_[wanted] == theirs) continue;
    refused_secrets_[wanted] = theirs;
    log::error("store secret {}: {}", wanted, kept.error().message);
  }
}

net::Task<Result<Controller::Json>> Controller::peer_secret(Json request) {
  const std::string name = request.at("name").get<std::string>();
  CO_TRY(const std::string about, about_secret(name));
  CO_TRY(const std::string values, secret_values(name));
  const SealedSecret& sealed = secrets_.at(name);
  co_return Json{
      {"version", sealed.version}, {"about", about}, {"values", values}, {"keys", sealed.keys}};
}

net::Task<Result<void>> Controller::set_role_password(std::string role, std::string verifier) {
  const model::GlobalCluster* global = own_global();
  const RegionId writer = global == nullptr ? config_.region : global->writer_region;
  if (writer != config_.region) {
    const Json request = {{"role", role}, {"verifier", verifier}};
    CO_TRY_VOID(co_await call_peer(writer, "password", request, Deadline::in(kPasswordLimit)));
    co_return ok();
  }
  if (duty() != model::Duty::primary || head() == nullptr || !head()->running()) {
    co_return fault(ErrorKind::conflict, "InvalidDBClusterStateFault",
                    "The DB cluster does not take writes now; try again");
  }
  CO_TRY_VOID(co_await head()->set_password(role, verifier, Deadline::in(kPasswordLimit)));
  if (cluster_ && role == cluster_->master_username) {
    master_verifier_ = verifier;
    CO_TRY_VOID(co_await save_cluster());
  }
  co_return ok();
}

net::Task<Result<void>> Controller::change_password(std::string role, std::string password) {
  // Only a user of the cluster's own: neither the bootstrap superuser nor the replication user.
  if (role.empty() || role.rfind("rds", 0) == 0) {
    co_return fault(ErrorKind::denied, "InvalidRequestException",
                    "The password of '" + role + "' is not this secret's to change");
  }
  co_return co_await set_role_password(std::move(role), pgclient::scram_verifier(password));
}

net::Task<Result<Controller::Json>> Controller::peer_password(Json request) {
  const std::string role = request.at("role").get<std::string>();
  const std::string verifier = request.at("verifier").get<std::string>();
  const bool is_verifier =
      verifier.rfind("SCRAM-SHA-256$", 0) == 0 && verifier.find('\'') == std::string::npos;
  if (!is_verifier || role.rfind("rds", 0) == 0) {
    co_return make_error(ErrorKind::invalid, "not a SCRAM verifier of an ordinary user");
  }
  CO_TRY_VOID(co_await set_role_password(role, verifier));
  co_return Json::object();
}

}  // namespace aurora_global::region
