// Secrets: sealed on disk, the same in every region, the newest version wins.
#include <algorithm>

#include "region/controller.h"

namespace aurora_global::region {
namespace {

using namespace std::chrono_literals;

constexpr Duration kFetchLimit = 5s;
constexpr Duration kPasswordLimit = 10s;
constexpr std::size_t kSecretsMax = 500;
constexpr std::string_view kDocument = "secret:";

}  // namespace

Result<void> Controller::load_secret(const Store::Document& document) {
  TRY(const auto json, from_text<Json>(document.text, document.name));
  SealedSecret secret{json.value("version", std::uint64_t{0}), json.value("sealed", "")};
  secrets_[document.name.substr(kDocument.size())] = std::move(secret);
  return ok();
}

std::vector<std::string> Controller::secret_names() const {
  std::vector<std::string> names;
  for (const auto& [name, secret] : secrets_) names.push_back(name);
  return names;
}

Result<std::string> Controller::secret(const std::string& name) const {
  const auto found = secrets_.find(name);
  if (found == secrets_.end()) {
    return make_error(ErrorKind::not_found, "there is no secret " + name,
                      "ResourceNotFoundException");
  }
  return vault_.open_sealed(name, found->second.sealed);
}

net::Task<Result<void>> Controller::keep_secret(std::string name, std::uint64_t version,
                                                std::string text) {
  const SealedSecret sealed{version, vault_.seal(name, text)};
  std::vector<Store::Document> documents = {
      {std::string(kDocument) + name,
       Json{{"version", sealed.version}, {"sealed", sealed.sealed}}.dump()}};
  CO_TRY_VOID(co_await store_->put(std::move(documents)));
  secrets_[name] = sealed;
  co_return ok();
}

net::Task<Result<void>> Controller::put_secret(std::string name, std::string text) {
  const auto present = secrets_.find(name);
  if (present == secrets_.end() && secrets_.size() >= kSecretsMax) {
    co_return fault(ErrorKind::exhausted, "LimitExceededException",
                    "A region keeps at most 500 secrets");
  }
  // Microseconds as version: two regions that write at once agree on the later one.
  const auto time = static_cast<std::uint64_t>(now().time_since_epoch().count());
  const std::uint64_t last = present == secrets_.end() ? 0 : present->second.version;
  CO_TRY_VOID(co_await keep_secret(name, std::max(time, last + 1), std::move(text)));
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
    const auto kept = co_await keep_secret(wanted, answer->value("version", std::uint64_t{0}),
                                           answer->value("text", ""));
    if (kept.has_error()) spdlog::error("store secret {}: {}", wanted, kept.error().message);
  }
}

net::Task<Result<Controller::Json>> Controller::peer_secret(Json request) {
  const std::string name = request.at("name").get<std::string>();
  CO_TRY(const std::string text, secret(name));
  co_return Json{{"version", secrets_.at(name).version}, {"text", text}};
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
  std::string quoted;
  for (const char c : role) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  std::vector<pgclient::Param> no_params;
  CO_TRY_VOID(co_await head()->sql("ALTER ROLE \"" + quoted + "\" PASSWORD '" + verifier + "'",
                                   no_params, Deadline::in(kPasswordLimit)));
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
