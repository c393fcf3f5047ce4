#include "region/truth.h"

#include "base/json.h"
#include "model/codec.h"
#include "model/merge.h"

namespace aurora_global::region {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

// A change waits for those before it, each of which is one transaction.
constexpr Duration kChangeTurnLimit = 60s;

constexpr const char* kClusterDocument = "cluster";
constexpr const char* kBootstrap = "bootstrap";
constexpr const char* kFence = "fence";
constexpr const char* kGlobal = "global:";
constexpr const char* kOperation = "operation:";
constexpr const char* kLeft = "left:";
constexpr const char* kLost = "lost";

struct Documents {
  std::vector<Store::Document> put;
  std::vector<std::string> erased;

  void add(std::string name, const Json& json) {
    put.push_back({std::move(name), model::text_of(json)});
  }
};

void describe_cluster(const std::optional<OwnCluster>& cluster, Documents& out) {
  if (!cluster) {
    out.erased.insert(out.erased.end(), {kClusterDocument, kBootstrap});
    return;
  }
  out.add(kClusterDocument, cluster->facts);
  out.add(kBootstrap, {{"master_verifier", cluster->master_verifier}});
}

void describe_fence(const Fence& fence, Documents& out) {
  const Promise* promise = fence.promise();
  if (promise == nullptr) return out.erased.push_back(kFence);
  out.add(kFence, {{"operation_id", promise->operation_id},
                   {"global_cluster", promise->global_cluster},
                   {"epoch", promise->epoch.value}});
}

void describe_lost(const std::optional<LostEpoch>& lost, Documents& out) {
  if (!lost) return out.erased.push_back(kLost);
  out.add(kLost, {{"global_cluster", lost->global_cluster},
                  {"epoch", lost->epoch.value},
                  {"decision", lost->decision}});
}

Documents documents_of(const Change& change, const State& before) {
  Documents out;
  for (const auto& global : change.globals) out.add(kGlobal + global.identifier, global);
  for (const auto& one : change.operations) out.add(kOperation + one.global_cluster, one);
  if (change.cluster) describe_cluster(*change.cluster, out);
  if (change.fence) describe_fence(*change.fence, out);
  if (change.lost) describe_lost(*change.lost, out);
  if (change.left) {
    for (const auto& [name, resource_id] : before.left) {
      if (!change.left->contains(name)) out.erased.push_back(kLeft + name);
    }
    for (const auto& [name, resource_id] : *change.left) {
      out.put.push_back({kLeft + name, resource_id});
    }
  }
  return out;
}

Result<Fence> stored_fence(const std::string& text) {
  const auto json = parse_json(text);
  Promise promise;
  model::Fields fields(json, kFence);
  fields.require({"operation_id", "epoch"});
  fields.get("operation_id", promise.operation_id);
  fields.get("global_cluster", promise.global_cluster);
  fields.get("epoch", promise.epoch);
  TRY_VOID(fields.finish());
  return Fence(std::move(promise));
}

Result<LostEpoch> stored_loss(const std::string& text) {
  const auto json = parse_json(text);
  LostEpoch lost;
  model::Fields fields(json, kLost);
  fields.get("global_cluster", lost.global_cluster);
  fields.get("epoch", lost.epoch);
  fields.get("decision", lost.decision);
  TRY_VOID(fields.finish());
  return lost;
}

// What a daemon that starts makes of its documents.
Result<State> state_in(const std::vector<Store::Document>& documents) {
  State loaded;
  std::string verifier;
  for (const auto& [name, text] : documents) {
    const std::string kind = name.substr(0, name.find(':'));
    if (kind == "cluster") {
      TRY(auto facts, model::decode_text<model::DbCluster>(text, name));
      loaded.cluster = OwnCluster{std::move(facts), ""};
    } else if (kind == "global") {
      TRY(auto global, model::decode_text<model::GlobalCluster>(text, name));
      const std::string identifier = global.identifier;
      loaded.globals[identifier] = std::move(global);
    } else if (kind == "operation") {
      TRY(auto operation, model::decode_text<model::Operation>(text, name));
      const std::string global = operation.global_cluster;
      loaded.operations[global] = std::move(operation);
    } else if (kind == "fence") {
      TRY(loaded.fence, stored_fence(text));
    } else if (kind == "bootstrap") {
      const auto json = parse_json(text);
      model::Fields fields(json, name);
      fields.get("master_verifier", verifier);
      TRY_VOID(fields.finish());
    } else if (kind == "lost") {
      TRY(loaded.lost, stored_loss(text));
    } else if (kind == "left") {
      // Daemons before this one knew no resource id, and stored the name once more.
      const std::string global = name.substr(kind.size() + 1);
      loaded.left[global] = text == global ? "" : text;
    }
  }
  if (loaded.cluster) loaded.cluster->master_verifier = verifier;
  return loaded;
}

}  // namespace

Truth::Truth(boost::asio::any_io_executor executor, Store& store, RegionId here)
    : store_(store), here_(std::move(here)), turn_(std::move(executor)) {}

Result<void> Truth::load(const std::vector<Store::Document>& documents) {
  TRY(state_, state_in(documents));
  return ok();
}

const model::DbCluster* Truth::cluster() const {
  return state_.cluster ? &state_.cluster->facts : nullptr;
}

const model::GlobalCluster* Truth::global(const std::string& identifier) const {
  const auto found = state_.globals.find(identifier);
  return found == state_.globals.end() || found->second.deleted ? nullptr : &found->second;
}

const model::GlobalCluster* Truth::own_global() const {
  const model::DbCluster* own = cluster();
  if (own == nullptr || own->global_cluster_identifier.empty()) return nullptr;
  return global(own->global_cluster_identifier);
}

const model::Operation* Truth::operation(const std::string& global_cluster) const {
  const auto found = state_.operations.find(global_cluster);
  return found == state_.operations.end() ? nullptr : &found->second;
}

const model::Operation* Truth::running_operation(const std::string& global_cluster) const {
  const model::Operation* last = operation(global_cluster);
  return last != nullptr && last->running() ? last : nullptr;
}

const model::Operation* Truth::decider_of(const model::GlobalCluster& global) const {
  const model::Operation* last = operation(global.identifier);
  if (last != nullptr && last->id == global.decision.id) return last;
  const auto found = state_.elsewhere.find({global.identifier, global.decision.region});
  if (found == state_.elsewhere.end() || found->second.id != global.decision.id) return nullptr;
  return &found->second;
}

bool Truth::epoch_confirmed() const {
  const model::GlobalCluster* global = own_global();
  return global == nullptr || state_.evidence.confirms(*global, here_);
}

model::Duty Truth::duty() const {
  const model::GlobalCluster* global = own_global();
  model::DutyFacts facts;
  facts.global = global;
  facts.region = here_;
  const Promise* promise = state_.fence.promise();
  if (promise != nullptr && global != nullptr && promise->global_cluster == global->identifier) {
    facts.fenced_for = promise->epoch;
  }
  facts.epoch_confirmed = epoch_confirmed();
  return model::duty_of(facts);
}

net::Task<Result<void>> Truth::commit(Decide decide) {
  CO_TRY(const auto turn, co_await turn_.lock(Deadline::in(kChangeTurnLimit)));
  CO_TRY(Change change, decide(state_));
  co_return co_await write(std::move(change));
}

net::Task<Result<void>> Truth::commit(Change change) {
  CO_TRY(const auto turn, co_await turn_.lock(Deadline::in(kChangeTurnLimit)));
  co_return co_await write(std::move(change));
}

net::Task<Result<void>> Truth::write(Change change) {
  Documents documents = documents_of(change, state_);
  // What could not be read back would keep every later daemon from starting.
  if (const auto readable = state_in(documents.put); readable.has_error()) {
    co_return make_error(ErrorKind::invalid, "It cannot be kept: " + readable.error().message,
                         "InvalidParameterValue");
  }
  if (!documents.put.empty() || !documents.erased.empty()) {
    CO_TRY_VOID(co_await store_.put(std::move(documents.put), std::move(documents.erased)));
  }
  for (auto& global : change.globals) state_.globals[global.identifier] = global;
  for (auto& one : change.operations) state_.operations[one.global_cluster] = one;
  if (change.cluster) state_.cluster = std::move(*change.cluster);
  if (change.fence) state_.fence = std::move(*change.fence);
  if (change.lost) state_.lost = std::move(*change.lost);
  if (change.left) state_.left = std::move(*change.left);
  if (change.evidence) state_.evidence.take(*change.evidence);
  co_return ok();
}

bool Truth::hear(const model::Operation& theirs) {
  const auto take = [&](auto& known, const auto& key) {
    const auto found = known.find(key);
    const model::Operation* ours = found == known.end() ? nullptr : &found->second;
    if (model::merge(ours, theirs, here_) == model::Merge::keep_ours) return false;
    known[key] = theirs;
    return true;
  };
  take(state_.elsewhere, std::pair(theirs.global_cluster, theirs.to));
  return take(state_.operations, theirs.global_cluster);
}

void Truth::advance(const std::string& global_cluster, model::Step to, model::StepTiming timing,
                    std::string reason) {
  model::Operation& operation = state_.operations.at(global_cluster);
  operation.step = to;
  operation.add(std::move(timing));
  if (operation.reason.empty()) operation.reason = std::move(reason);
}

void Truth::note_final_lsn(const std::string& global_cluster, Lsn final_lsn) {
  state_.operations.at(global_cluster).final_lsn = final_lsn;
}

Result<void> Truth::close_fence(std::string_view operation_id, Lsn final_lsn) {
  TRY(state_.fence, state_.fence.closed_at(operation_id, final_lsn));
  return ok();
}

}  // namespace aurora_global::region
