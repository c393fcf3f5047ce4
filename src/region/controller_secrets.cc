// Keys, secrets and passwords: what ties region/secret_book and region/key_ring to this region.
#include <algorithm>

#include "net/log.h"
#include "region/controller.h"

namespace aurora_global::region {
namespace {

using namespace std::chrono_literals;

constexpr Duration kPasswordLimit = 10s;
constexpr Duration kSweepEvery = 60s;
constexpr Duration kSettleEvery = 500ms;

}  // namespace

net::Task<void> Controller::keep_keys() {
  while (!tasks_.stopping()) {
    const auto swept = co_await key_ring_.sweep();
    if (swept.has_error()) log::error("destroy and rotate keys: {}", swept.error().message);
    co_await net::sleep_for(kSweepEvery);
  }
}

net::Task<void> Controller::keep_passwords() {
  while (!tasks_.stopping()) {
    co_await secrets_.settle();
    co_await net::sleep_for(kSettleEvery);
  }
}

std::vector<std::string> Controller::secret_names() const { return secrets_.names(); }

Result<std::string> Controller::about_secret(const std::string& name) const {
  return secrets_.about(name);
}

Result<std::string> Controller::secret_values(const std::string& name) const {
  return secrets_.values(name);
}

net::Task<Result<void>> Controller::update_secret(std::string name, SecretEdit edit) {
  return secrets_.update(std::move(name), std::move(edit));
}

net::Task<Result<void>> Controller::rotate_secret(std::string name, std::string version_id) {
  return secrets_.rotate(std::move(name), std::move(version_id));
}

// The writer's region; before there is one, the first of all regions, which all name alike.
RegionId Controller::deciding_region() const {
  const model::GlobalCluster* global = own_global();
  if (global != nullptr && !global->writer_region.empty()) return global->writer_region;
  return *std::min_element(facts_.regions.begin(), facts_.regions.end());
}

std::optional<std::uint64_t> Controller::writing_epoch() const {
  if (duty() != model::Duty::primary || head() == nullptr || !head()->running()) {
    return std::nullopt;
  }
  const model::GlobalCluster* global = own_global();
  return global == nullptr ? 0 : global->epoch.value;
}

net::Task<Result<Controller::Json>> Controller::ask_region(RegionId region, std::string what,
                                                           Json question, Deadline deadline) {
  return call_peer(std::move(region), std::move(what), std::move(question), deadline);
}

net::Task<void> Controller::tell_all() { return gossip_now(); }

net::Task<Result<void>> Controller::set_role_password(std::string role, std::string verifier) {
  const model::GlobalCluster* global = own_global();
  const RegionId writer = global == nullptr ? config_.region : global->writer_region;
  if (writer != config_.region) {
    const Json request = {{"role", role}, {"verifier", verifier}};
    CO_TRY_VOID(co_await call_peer(writer, "password", request, Deadline::in(kPasswordLimit)));
    co_return ok();
  }
  co_return co_await set_role_verifier(std::move(role), std::move(verifier));
}

net::Task<Result<void>> Controller::set_role_verifier(std::string role, std::string verifier) {
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
