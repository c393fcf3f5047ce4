#include "region/secrets.h"

#include <algorithm>

#include "base/json.h"
#include "net/log.h"

namespace aurora_global::region {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

constexpr Duration kPasswordLimit = 10s;
constexpr Duration kSweepEvery = 60s;
constexpr Duration kSettleEvery = 500ms;

PeerReply reply_of(const Result<Json>& answer) {
  if (answer.has_error()) return messages::encode_error(answer.error());
  return {200, model::text_of(*answer)};
}

}  // namespace

SecretKeeper::SecretKeeper(Core& core, Truth& truth, Store& store, const Vault& vault,
                           KeyRing& keys, Gossip& gossip)
    : core_(core),
      truth_(truth),
      keys_(keys),
      gossip_(gossip),
      book_(core.tasks.executor(), core.config.region, store, vault, keys, core.clock, *this) {}

Result<void> SecretKeeper::load(const std::vector<Store::Document>& documents) {
  for (const Store::Document& document : documents) {
    if (document.name.rfind(SecretBook::kDocument, 0) == 0) TRY_VOID(book_.load(document));
  }
  return ok();
}

void SecretKeeper::serve(PeerServer& server) {
  server.on_bytes("secret", [this](messages::Caller, std::string body) -> net::Task<PeerReply> {
    co_return reply_of(co_await book_.answer_secret(parse_json(body)));
  });
  server.on_bytes("rotate-secret",
                  [this](messages::Caller, std::string body) -> net::Task<PeerReply> {
                    co_return reply_of(co_await book_.answer_rotate(parse_json(body)));
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

void SecretKeeper::start() {
  core_.tasks.spawn("keeper of the keys", keep_keys());
  core_.tasks.spawn("keeper of the passwords", keep_passwords());
}

net::Task<void> SecretKeeper::keep_keys() {
  while (!core_.tasks.stopping()) {
    const auto swept = co_await keys_.sweep();
    if (swept.has_error()) log::error("destroy and rotate keys: {}", swept.error().message);
    co_await net::sleep_for(kSweepEvery);
  }
}

net::Task<void> SecretKeeper::keep_passwords() {
  while (!core_.tasks.stopping()) {
    co_await book_.settle();
    co_await net::sleep_for(kSettleEvery);
  }
}

std::vector<std::string> SecretKeeper::secret_names() const { return book_.names(); }

Result<std::string> SecretKeeper::about_secret(const std::string& name) const {
  return book_.about(name);
}

Result<std::string> SecretKeeper::secret_values(const std::string& name) const {
  return book_.values(name);
}

net::Task<Result<void>> SecretKeeper::update_secret(std::string name, SecretEdit edit) {
  return book_.update(std::move(name), std::move(edit));
}

net::Task<Result<void>> SecretKeeper::update_about_secret(std::string name, SecretEdit edit) {
  return book_.update_about(std::move(name), std::move(edit));
}

net::Task<Result<void>> SecretKeeper::rotate_secret(std::string name, std::string version_id) {
  return book_.rotate(std::move(name), std::move(version_id));
}

net::Task<void> SecretKeeper::learn(RegionId from, Json clocks) {
  try {
    co_await book_.learn(from, std::move(clocks));
  } catch (const Json::exception& error) {
    log::warn("what {} says of its secrets is malformed: {}", from.name, error.what());
  }
}

// The writer's region; before there is one, the first of all regions, which all name alike.
RegionId SecretKeeper::deciding_region() const {
  const model::GlobalCluster* global = core_.truth.own_global();
  if (global != nullptr && !global->writer_region.empty()) return global->writer_region;
  const auto& regions = core_.facts.regions;
  return regions.empty() ? core_.here() : *std::min_element(regions.begin(), regions.end());
}

bool SecretKeeper::writes_here() const {
  const auto head = core_.head();
  return core_.truth.duty() == model::Duty::primary && head != nullptr && head->running();
}

std::optional<std::uint64_t> SecretKeeper::writing_epoch() const {
  if (!writes_here()) return std::nullopt;
  const model::GlobalCluster* global = core_.truth.own_global();
  return global == nullptr ? 0 : global->epoch.value;
}

net::Task<Result<Json>> SecretKeeper::ask_region(RegionId region, std::string what, Json question,
                                                 Deadline deadline) {
  PeerRequest request{what, model::text_of(question), true};
  const auto reply = co_await core_.peers.pass(region, std::move(request), deadline);
  if (reply.has_error()) co_return reply.error().in("ask region " + region.name + " to " + what);
  if (reply->status != 200) co_return messages::error_in(*reply, region, what);
  Json answer = parse_json(reply->body.text());
  if (answer.is_object()) co_return answer;
  co_return make_error(ErrorKind::corrupt, "region " + region.name + " answered no JSON object");
}

net::Task<void> SecretKeeper::tell_all() {
  gossip_.tell();
  co_return;
}

net::Task<Result<void>> SecretKeeper::set_password(std::string role, std::string verifier) {
  const model::GlobalCluster* global = core_.truth.own_global();
  const RegionId writer = global == nullptr ? core_.here() : global->writer_region;
  if (writer == core_.here()) {
    co_return co_await book_.set_for_rds(std::move(role), std::move(verifier));
  }
  messages::Password request{std::move(role), std::move(verifier)};
  CO_TRY_VOID(co_await core_.peers.ask(writer, std::move(request), Deadline::in(kPasswordLimit)));
  co_return ok();
}

net::Task<Result<void>> SecretKeeper::set_role_verifier(std::string role, std::string verifier) {
  if (!writes_here()) {
    co_return make_error(ErrorKind::conflict, "The DB cluster does not take writes now; try again",
                         "InvalidDBClusterStateFault");
  }
  const auto head = core_.head();
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

}  // namespace aurora_global::region
