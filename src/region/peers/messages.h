// What the daemons say to each other: one pair of structs per request, used by both ends.
//
// Each request names itself and its answer. encode() writes one, decode<T>() reads one with every
// type and limit checked; a word of a newer version is refused by name. A request carries the
// protocol versions that its sender speaks, so that two daemons of neighbouring versions work
// together and others are refused with a sentence.
//
// Version 1 names no versions, gives no kind with an error and puts the refusal of a hold into its
// answer. Version 2 adds these, and the decisions of epochs.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/codec.h"
#include "model/region_status.h"
#include "region/peers/transport.h"

namespace aurora_global::region::messages {

using Json = nlohmann::json;

inline constexpr int kProtocol = 2;
inline constexpr int kProtocolOldest = 1;

struct Nothing {};

// What the sender knows. Its answer is the same of the receiver.
struct Gossip {
  static constexpr std::string_view kName = "gossip";
  using Answer = Gossip;
  RegionId from;
  std::string engine_version;
  model::HeadStatus head;
  std::string cluster;
  std::vector<std::string> instances;
  std::vector<model::GlobalCluster> globals;
  std::vector<model::Operation> operations;
  std::map<std::string, std::string> left;  // As State::left.
  Json secrets = Json::object();            // As secret_book.h says it.
};

struct Inspected {
  std::string engine_version;
  Lsn position;
  std::uint32_t timeline = 0;  // Zero: of a daemon that does not say it.
  bool in_recovery = false;
  std::vector<std::string> unlogged;  // Tables that a move empties, at most a few.
};
struct Inspect {
  static constexpr std::string_view kName = "inspect";
  using Answer = Inspected;
};

struct Checkpoint {
  static constexpr std::string_view kName = "checkpoint";
  using Answer = Nothing;
};

struct Joined {
  model::GlobalCluster global;
  std::string engine_version;
  std::string database_name;
  std::string master_username;
};
struct Join {
  static constexpr std::string_view kName = "join";
  using Answer = Joined;
  std::string global_cluster;
  model::GlobalMember member;
};

struct Moved {
  Gossip gossip;
  model::Operation operation;
};
struct Move {
  static constexpr std::string_view kName = "move";
  using Answer = Moved;
  std::string global_cluster;
  bool data_loss_allowed = false;
  model::Drain drain;
};

struct PrepareSessions {
  static constexpr std::string_view kName = "prepare-sessions";
  using Answer = Nothing;
  model::Operation operation;
};

struct HoldAnswer {
  std::string why_not;  // Of version 1; version 2 refuses with `conflict`.
};
struct Hold {
  static constexpr std::string_view kName = "hold";
  using Answer = HoldAnswer;
  model::Operation operation;
};

struct Fenced {
  Lsn final_lsn;
  // As it is where nobody may change it any more; daemons before this one leave it out.
  std::optional<model::GlobalCluster> global;
};
struct FenceOrder {
  static constexpr std::string_view kName = "fence";
  using Answer = Fenced;
  model::Operation operation;
};

struct Unfence {
  static constexpr std::string_view kName = "unfence";
  using Answer = Nothing;
  model::Operation operation;
};

struct Retire {
  static constexpr std::string_view kName = "retire";
  using Answer = Nothing;
  model::Operation operation;
};

struct Forked {
  Lsn fork;  // Zero: no timeline here descends from that one.
  // What the writer is at; zero as above.
  std::uint32_t timeline = 0;
  Lsn position;
};
struct Fork {
  static constexpr std::string_view kName = "fork";
  using Answer = Forked;
  std::uint32_t timeline = 0;
};

struct Changed {
  model::GlobalCluster global;
};
struct ChangeGlobal {
  static constexpr std::string_view kName = "change";
  using Answer = Changed;
  enum class Action { modify, remove, erase };
  Action action = Action::modify;
  std::string identifier;
  std::string new_identifier;
  std::string engine_version;
  std::optional<bool> deletion_protection;
  std::optional<std::vector<model::Tag>> tags;
  std::string arn;
};

struct Password {
  static constexpr std::string_view kName = "password";
  using Answer = Nothing;
  std::string role;
  std::string verifier;  // SCRAM, never the password.
};

#define AG_MESSAGE(T)                   \
  void to_json(Json& json, const T& v); \
  void read(model::Fields& fields, T& v)
AG_MESSAGE(Nothing);
AG_MESSAGE(Gossip);
AG_MESSAGE(Inspected);
AG_MESSAGE(Inspect);
AG_MESSAGE(Checkpoint);
AG_MESSAGE(Joined);
AG_MESSAGE(Join);
AG_MESSAGE(Moved);
AG_MESSAGE(Move);
AG_MESSAGE(PrepareSessions);
AG_MESSAGE(HoldAnswer);
AG_MESSAGE(Hold);
AG_MESSAGE(Fenced);
AG_MESSAGE(FenceOrder);
AG_MESSAGE(Unfence);
AG_MESSAGE(Retire);
AG_MESSAGE(Forked);
AG_MESSAGE(Fork);
AG_MESSAGE(Changed);
AG_MESSAGE(ChangeGlobal);
AG_MESSAGE(Password);
#undef AG_MESSAGE

// Who asks, and the newest protocol that both ends speak.
struct Caller {
  RegionId region;
  int protocol = kProtocol;
};

template <typename Request>
PeerRequest encode(Request request) {
  constexpr auto write = [](const Request& said) {
    Json json = said;
    json["protocol"] = kProtocol;
    json["protocol_oldest"] = kProtocolOldest;
    return model::text_of(json);
  };
  return {std::string(Request::kName), Body::of<Request>(std::move(request), write)};
}

// The protocol to speak with the sender of `request`. Fails with `invalid` and a sentence if there
// is none.
Result<int> agreed_protocol(const Json& request);

// What the other end has written with encode(). Fails with `invalid`.
template <typename Request>
Result<Request> read_request(const Body& body, Caller& caller) {
  if (const Request* said = body.as<Request>()) return *said;
  const auto json = parse_json(body.text());
  auto request = model::decode<Request>(json, "request " + std::string(Request::kName));
  const auto protocol = agreed_protocol(json);
  if (request.has_value() && protocol.has_value()) {
    caller.protocol = *protocol;
    return request;
  }
  // Of a version too new its words cannot be known either: that is the better reason.
  Error error = protocol.has_error() ? protocol.error() : request.error();
  error.kind = ErrorKind::invalid;
  return error;
}

template <typename Answer>
PeerReply encode_answer(Answer answer) {
  constexpr auto write = [](const Answer& said) { return model::text_of(Json(said)); };
  return {200, Body::of<Answer>(std::move(answer), write)};
}
PeerReply encode_error(const Error& error);

// An error of the other region keeps its kind and its AWS code.
Error error_in(const PeerReply& reply, const RegionId& from, std::string_view what);

template <typename Answer>
Result<Answer> decode_answer(const PeerReply& reply, const RegionId& from, std::string_view what) {
  if (reply.status != 200) return error_in(reply, from, what);
  if (const Answer* said = reply.body.as<Answer>()) return *said;
  return model::decode_text<Answer>(reply.body.text(),
                                    "answer of " + from.name + " to " + std::string(what));
}

}  // namespace aurora_global::region::messages
