#include "region/peers/messages.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/json.h"
#include "net/http.h"

namespace aurora_global::region::messages {
namespace {

// Those that were deleted stay, so that nobody brings them back.
constexpr std::size_t kGlobalsToldMax = 20'000;

using model::Fields;
using Action = ChangeGlobal::Action;

constexpr std::size_t kMembersMax = 64;
constexpr std::size_t kErrorMax = 4000;

constexpr std::array kKinds = {
    ErrorKind::timeout,    ErrorKind::cancelled,         ErrorKind::unavailable,
    ErrorKind::superseded, ErrorKind::conflict,          ErrorKind::not_found,
    ErrorKind::denied,     ErrorKind::invalid,           ErrorKind::corrupt,
    ErrorKind::exhausted,  ErrorKind::data_loss_refused, ErrorKind::internal};

std::optional<ErrorKind> kind_named(std::string_view name) {
  for (const ErrorKind kind : kKinds) {
    if (name_of(kind) == name) return kind;
  }
  return std::nullopt;
}

std::string_view name_of_action(Action action) {
  switch (action) {
    case Action::modify: return "modify";
    case Action::remove: return "remove";
    case Action::erase: return "delete";
  }
  return "";
}

std::optional<Action> action_named(std::string_view name) {
  for (const Action action : {Action::modify, Action::remove, Action::erase}) {
    if (name_of_action(action) == name) return action;
  }
  return std::nullopt;
}

std::int64_t milliseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

}  // namespace

void to_json(Json& j, const Nothing&) { j = Json::object(); }
void read(Fields&, Nothing&) {}

void to_json(Json& j, const Gossip& v) {
  std::vector<std::string> left;  // All that daemons before this one know.
  left.reserve(v.left.size());
  for (const auto& [name, resource_id] : v.left) left.push_back(name);
  j = {{"from", v.from.name},  {"engine_version", v.engine_version},
       {"head", v.head},       {"instances", v.instances},
       {"globals", v.globals}, {"operations", v.operations},
       {"left", left},         {"left_clusters", v.left},
       {"secrets", v.secrets}};
  if (!v.cluster.empty()) j["cluster"] = v.cluster;
}
void read(Fields& fields, Gossip& v) {
  fields.require({"from"});
  fields.get("from", v.from);
  fields.get("engine_version", v.engine_version, 64);
  fields.get("head", v.head);
  fields.get("cluster", v.cluster, 64);
  fields.get("instances", v.instances, kMembersMax);
  fields.get("globals", v.globals, kGlobalsToldMax);
  fields.get("operations", v.operations);
  std::vector<std::string> left;
  fields.get("left", left);
  fields.get("left_clusters", v.left);
  for (const std::string& name : left) v.left.try_emplace(name);
  fields.get("secrets", v.secrets);
}

void to_json(Json& j, const Inspected& v) {
  j = {{"engine_version", v.engine_version},
       {"position", v.position.value},
       {"timeline", v.timeline},
       {"in_recovery", v.in_recovery},
       {"unlogged", v.unlogged}};
}
void read(Fields& fields, Inspected& v) {
  fields.require({"engine_version", "position"});
  fields.get("engine_version", v.engine_version, 64);
  fields.get("position", v.position);
  fields.get("timeline", v.timeline);
  fields.get("in_recovery", v.in_recovery);
  fields.get("unlogged", v.unlogged);
}
void to_json(Json& j, const Inspect&) { j = Json::object(); }
void read(Fields&, Inspect&) {}
void to_json(Json& j, const Checkpoint&) { j = Json::object(); }
void read(Fields&, Checkpoint&) {}

void to_json(Json& j, const Joined& v) {
  j = {{"global", v.global},
       {"engine_version", v.engine_version},
       {"database_name", v.database_name},
       {"master_username", v.master_username}};
}
void read(Fields& fields, Joined& v) {
  fields.require({"global"});
  fields.get("global", v.global);
  fields.get("engine_version", v.engine_version, 64);
  fields.get("database_name", v.database_name, 64);
  fields.get("master_username", v.master_username, 64);
}
void to_json(Json& j, const Join& v) {
  j = {{"global_cluster", v.global_cluster}, {"member", v.member}};
}
void read(Fields& fields, Join& v) {
  fields.require({"global_cluster", "member"});
  fields.get("global_cluster", v.global_cluster, 64);
  fields.get("member", v.member);
}

void to_json(Json& j, const Moved& v) { j = {{"gossip", v.gossip}, {"operation", v.operation}}; }
void read(Fields& fields, Moved& v) {
  fields.require({"gossip", "operation"});
  fields.get("gossip", v.gossip);
  fields.get("operation", v.operation);
}
void to_json(Json& j, const Move& v) {
  j = {{"global_cluster", v.global_cluster},
       {"data_loss_allowed", v.data_loss_allowed},
       {"drain_timeout_ms", milliseconds(v.drain.timeout)},
       {"drain_policy", model::name_of(v.drain.policy)}};
}
void read(Fields& fields, Move& v) {
  std::int64_t drain_ms = milliseconds(v.drain.timeout);
  fields.require({"global_cluster", "data_loss_allowed"});
  fields.get("global_cluster", v.global_cluster, 64);
  fields.get("data_loss_allowed", v.data_loss_allowed);
  fields.get("drain_timeout_ms", drain_ms);
  fields.get_named("drain_policy", v.drain.policy, model::drain_policy_named);
  v.drain.timeout = std::chrono::milliseconds(
      std::clamp<std::int64_t>(drain_ms, 0, milliseconds(model::kDrainTimeoutMax)));
}

// The requests that carry an operation and nothing else.
#define AG_OF_AN_OPERATION(T)                                             \
  void to_json(Json& j, const T& v) { j = {{"operation", v.operation}}; } \
  void read(Fields& fields, T& v) {                                       \
    fields.require({"operation"});                                        \
    fields.get("operation", v.operation);                                 \
  }
AG_OF_AN_OPERATION(PrepareSessions)
AG_OF_AN_OPERATION(Hold)
AG_OF_AN_OPERATION(FenceOrder)
AG_OF_AN_OPERATION(Unfence)
AG_OF_AN_OPERATION(Retire)
#undef AG_OF_AN_OPERATION

void to_json(Json& j, const HoldAnswer& v) {
  j = Json::object();
  if (!v.why_not.empty()) j["why_not"] = v.why_not;
}
void read(Fields& fields, HoldAnswer& v) { fields.get("why_not", v.why_not, kErrorMax); }

void to_json(Json& j, const Fenced& v) {
  j = {{"final_lsn", v.final_lsn.value}};
  if (v.global) j["global"] = *v.global;
}
void read(Fields& fields, Fenced& v) {
  fields.require({"final_lsn"}).get("final_lsn", v.final_lsn);
  fields.get("global", v.global);
}

void to_json(Json& j, const Forked& v) {
  j = {{"fork", v.fork.value}, {"timeline", v.timeline}, {"position", v.position.value}};
}
void read(Fields& fields, Forked& v) {
  fields.require({"fork"}).get("fork", v.fork);
  fields.get("timeline", v.timeline);
  fields.get("position", v.position);
}
void to_json(Json& j, const Fork& v) { j = {{"timeline", v.timeline}}; }
void read(Fields& fields, Fork& v) { fields.require({"timeline"}).get("timeline", v.timeline); }

void to_json(Json& j, const Changed& v) { j = {{"global", v.global}}; }
void read(Fields& fields, Changed& v) { fields.require({"global"}).get("global", v.global); }
void to_json(Json& j, const ChangeGlobal& v) {
  j = {{"action", name_of_action(v.action)}, {"identifier", v.identifier}};
  if (!v.new_identifier.empty()) j["new_identifier"] = v.new_identifier;
  if (!v.engine_version.empty()) j["engine_version"] = v.engine_version;
  if (v.deletion_protection) j["deletion_protection"] = *v.deletion_protection;
  if (v.tags) j["tags"] = *v.tags;
  if (!v.arn.empty()) j["arn"] = v.arn;
}
void read(Fields& fields, ChangeGlobal& v) {
  fields.require({"action", "identifier"});
  fields.get_named("action", v.action, action_named);
  fields.get("identifier", v.identifier, 64);
  fields.get("new_identifier", v.new_identifier, 64);
  fields.get("engine_version", v.engine_version, 64);
  fields.get("deletion_protection", v.deletion_protection);
  fields.get("tags", v.tags);
  fields.get("arn", v.arn);
}

void to_json(Json& j, const Password& v) { j = {{"role", v.role}, {"verifier", v.verifier}}; }
void read(Fields& fields, Password& v) {
  fields.require({"role", "verifier"});
  fields.get("role", v.role, 64);
  fields.get("verifier", v.verifier, 1000);
}

Result<int> agreed_protocol(const Json& request) {
  int newest = 1, oldest = 1;
  Fields fields(request, "request");
  fields.get("protocol", newest);
  fields.get("protocol_oldest", oldest);
  TRY_VOID(fields.finish());
  if (oldest <= kProtocol && newest >= kProtocolOldest) return std::min(newest, kProtocol);
  return make_error(
      ErrorKind::invalid,
      "the daemon that asks speaks the peer protocol in versions " + std::to_string(oldest) +
          " to " + std::to_string(newest) + ", this one in " + std::to_string(kProtocolOldest) +
          " to " + std::to_string(kProtocol) + "; bring both regions to neighbouring releases");
}

PeerReply encode_error(const Error& error) {
  const Json json = {{"error", error.message.substr(0, kErrorMax)},
                     {"code", error.code},
                     {"kind", name_of(error.kind)}};
  return {net::http_status_of(error.kind), model::text_of(json)};
}

Error error_in(const PeerReply& reply, const RegionId& from, std::string_view what) {
  const auto json = parse_json(reply.body.text());
  std::string message = "region " + from.name + " refused to " + std::string(what);
  std::string code, kind;
  if (json.is_object()) {
    Fields fields(json, "refusal");
    fields.get("error", message);
    fields.get("code", code, 200);
    fields.get("kind", kind, 64);
    if (const auto read = fields.finish(); read.has_error()) return read.error();
  } else {
    return make_error(ErrorKind::corrupt, "region " + from.name + " answered " +
                                              std::to_string(reply.status) + " and no JSON to " +
                                              std::string(what));
  }
  // Version 1 gives no kind.
  return make_error(kind_named(kind).value_or(ErrorKind::conflict), message, code);
}

}  // namespace aurora_global::region::messages
