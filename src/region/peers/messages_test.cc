// Goal: what one daemon says is what the other one reads, of this version and the one before, and
// nothing that a peer can send is more than a refusal.
#include "region/peers/messages.h"

#include <gtest/gtest.h>

#include "net/testing/run.h"
#include "region/peers/client.h"
#include "region/peers/server.h"

namespace aurora_global::region {
namespace {

using messages::Json;

const RegionId kSender{"us-east-1"};

model::Operation operation() {
  model::Operation one;
  one.id = "a1";
  one.kind = model::OperationKind::failover;
  one.global_cluster = "g";
  one.from = kSender;
  one.to = RegionId{"us-west-2"};
  one.epoch = Epoch{2};
  one.drain = {std::chrono::milliseconds(1500), model::DrainPolicy::abort};
  one.step = model::Step::fence;
  one.final_lsn = Lsn{77};
  one.timings = {{model::Step::validate, {}, {}, "note"}};
  return one;
}

messages::Gossip gossip() {
  messages::Gossip one;
  one.from = kSender;
  one.engine_version = "15.18";
  one.head = {true, true, Lsn{1}, Lsn{2}, true, 3, 4, 5, true};
  one.cluster = "c";
  one.instances = {"c-1"};
  model::GlobalCluster global;
  global.identifier = "g";
  global.epoch = Epoch{2};
  global.decision = {kSender, "x"};
  global.version = 9;
  one.globals = {global};
  one.operations = {operation()};
  one.left = {{"h", "cluster-7"}};
  one.secrets = {{"s", 12}};
  return one;
}

template <typename T>
void comes_back_as_it_was(const T& sent) {
  const Json json = sent;
  const auto read = model::decode<T>(json, "it");
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(Json(*read), json);
}

TEST(Messages, EachComesBackAsItWas) {
  comes_back_as_it_was(gossip());
  comes_back_as_it_was(messages::Inspected{"15.18", Lsn{5}, 3, false, {"postgres.t"}});
  comes_back_as_it_was(messages::Joined{gossip().globals.front(), "15.18", "db", "master"});
  comes_back_as_it_was(messages::Join{"g", {kSender, "arn", true, false}});
  comes_back_as_it_was(messages::Moved{gossip(), operation()});
  comes_back_as_it_was(messages::Move{"g", true, operation().drain});
  comes_back_as_it_was(messages::PrepareSessions{operation()});
  comes_back_as_it_was(messages::HoldAnswer{"because"});
  comes_back_as_it_was(messages::Hold{operation()});
  comes_back_as_it_was(messages::FenceOrder{operation()});
  comes_back_as_it_was(messages::Fenced{Lsn{5}});
  comes_back_as_it_was(messages::Fenced{Lsn{5}, gossip().globals.front()});
  comes_back_as_it_was(messages::Unfence{operation()});
  comes_back_as_it_was(messages::Retire{operation()});
  comes_back_as_it_was(messages::Fork{3});
  comes_back_as_it_was(messages::Forked{Lsn{4}, 3, Lsn{9}});
  comes_back_as_it_was(messages::Changed{gossip().globals.front()});
  messages::ChangeGlobal change;
  change.action = messages::ChangeGlobal::Action::erase;
  change.identifier = "g";
  change.deletion_protection = false;
  comes_back_as_it_was(change);
  comes_back_as_it_was(messages::Password{"r", "SCRAM-SHA-256$x"});
}

// As the daemons of version 1 sent them, recorded.
TEST(Messages, VersionOneIsUnderstood) {
  const auto fence = model::decode_text<messages::FenceOrder>(
      R"({"operation":{"drain_policy":"terminate","drain_timeout_ms":1000,"epoch":2,"ended_us":0,
          "final_lsn":0,"from":"us-east-1","from_arn":"a","global_cluster":"g","id":"0f","kind":
          "switchover","reason":"","started_us":5,"step":"fence","steps":[{"ended_us":2,"note":"",
          "started_us":1,"step":"validate"}],"to":"us-west-2","to_arn":"b"}})",
      "fence");
  ASSERT_TRUE(fence.has_value()) << fence.error().message;
  EXPECT_EQ(fence->operation.step, model::Step::fence);
  const auto heard = model::decode_text<messages::Gossip>(
      R"({"from":"us-east-1","engine_version":"15.18","head":{"running":true,"in_recovery":false,
          "position":50331648,"received":0,"streaming":false,"timeline":1,"replay_lag_ms":0,
          "sessions":2},"globals":[{"identifier":"g","writer_region":"us-east-1","epoch":1,
          "version":4,"members":[],"tags":[],"deleted":false}],"operations":[],"left":null,
          "secrets":{"s":5},"cluster":"c","instances":["c-1"]})",
      "gossip");
  ASSERT_TRUE(heard.has_value()) << heard.error().message;
  EXPECT_EQ(heard->globals.front().decision, (model::Decision{kSender, ""}));
  EXPECT_EQ(messages::agreed_protocol(Json::object()).value(), 1);
  const PeerReply refusal{409, R"({"error":"no","code":"InvalidDBClusterStateFault"})"};
  const Error error = messages::error_in(refusal, kSender, "join");
  EXPECT_EQ(error.kind, ErrorKind::conflict);
  EXPECT_EQ(error.code, "InvalidDBClusterStateFault");
}

TEST(Messages, ADaemonOfANewerVersionIsAgreedWithOrRefusedWithASentence) {
  EXPECT_EQ(messages::agreed_protocol({{"protocol", 3}, {"protocol_oldest", 2}}).value(), 2);
  const auto refused = messages::agreed_protocol({{"protocol", 9}, {"protocol_oldest", 8}});
  ASSERT_TRUE(refused.has_error());
  EXPECT_NE(refused.error().message.find("versions 8 to 9"), std::string::npos);
}

TEST(Messages, AnUnknownWordIsRefusedByName) {
  Json json = messages::FenceOrder{operation()};
  json["operation"]["step"] = "teleport";
  const auto read = model::decode<messages::FenceOrder>(json, "request fence");
  ASSERT_TRUE(read.has_error());
  EXPECT_NE(read.error().message.find("step 'teleport'"), std::string::npos)
      << read.error().message;
}

TEST(Messages, AnErrorKeepsItsKindAndItsCode) {
  for (const ErrorKind kind : {ErrorKind::timeout, ErrorKind::superseded, ErrorKind::exhausted,
                               ErrorKind::data_loss_refused, ErrorKind::internal}) {
    const PeerReply reply = messages::encode_error(make_error(kind, "why \xFF", "Code"));
    const Error error = messages::error_in(reply, kSender, "fence");
    EXPECT_EQ(error.kind, kind);
    EXPECT_EQ(error.code, "Code");
  }
}

class Scripted final : public PeerTransport {
 public:
  Result<PeerReply> reply = PeerReply{200, "{}"};
  net::Task<Result<PeerReply>> call(RegionId, PeerRequest, Deadline) override { co_return reply; }
  Result<void> serve(net::TaskGroup&, PeerHandler) override { return ok(); }
  void close() override {}
};

const char* const kMalformed[] = {"",
                                  "{",
                                  "null",
                                  "[]",
                                  "7",
                                  "\"x\"",
                                  "{}",
                                  R"({"final_lsn":"x"})",
                                  R"({"final_lsn":-1})",
                                  R"({"final_lsn":1e99})",
                                  R"({"final_lsn":[]})",
                                  R"({"operation":7})",
                                  R"({"operation":{"id":7}})",
                                  R"({"operation":{"id":"x","kind":"dance","global_cluster":"g",
    "step":"fence"}})",
                                  R"({"from":{},"globals":{}})",
                                  "\xFF\xFE"};

TEST(Messages, NoAnswerEndsTheOneWhoAsked) {
  net::testing::run([](net::TaskGroup&) -> net::Task<void> {
    Scripted transport;
    PeerClient client(transport);
    for (const int status : {200, 400, 503, 999}) {
      for (const char* body : kMalformed) {
        transport.reply = PeerReply{status, body};
        const auto fenced = co_await client.ask(kSender, messages::FenceOrder{operation()},
                                                Deadline::in(std::chrono::seconds(1)));
        EXPECT_TRUE(fenced.has_error()) << body;
        const auto moved = co_await client.ask(kSender, messages::Move{"g", false, {}},
                                               Deadline::in(std::chrono::seconds(1)));
        EXPECT_TRUE(moved.has_error()) << body;
      }
    }
  });
}

TEST(Messages, NoRequestEndsTheOneWhoIsAsked) {
  net::testing::run([](net::TaskGroup&) -> net::Task<void> {
    PeerServer server;
    bool throws = false;
    server.on<messages::FenceOrder>(
        [&](messages::Caller, messages::FenceOrder) -> net::Task<Result<messages::Fenced>> {
          if (throws) throw std::runtime_error("a bug");
          co_return messages::Fenced{Lsn{7}};
        });
    for (const char* body : kMalformed) {
      PeerRequest request{"fence", body};
      const PeerReply reply = co_await server.serve(kSender, std::move(request));
      EXPECT_EQ(reply.status, 400) << body;
      EXPECT_TRUE(Json::parse(reply.body.text(), nullptr, false).contains("error"));
    }
    PeerRequest unknown{"dance", "{}"};
    EXPECT_EQ((co_await server.serve(kSender, std::move(unknown))).status, 404);
    EXPECT_EQ((co_await server.serve(kSender, messages::encode(messages::FenceOrder{operation()})))
                  .status,
              200);
    throws = true;
    EXPECT_EQ((co_await server.serve(kSender, messages::encode(messages::FenceOrder{operation()})))
                  .status,
              500);
  });
}

}  // namespace
}  // namespace aurora_global::region
