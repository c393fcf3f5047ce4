// Goal: sessions get where the newest topology says, wait when there is nowhere to go, and whoever
// may not in is told so in PostgreSQL's words.
//
// Method: real sockets; a client that logs in, and servers of our own making.
#include "router/router.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "net/tls.h"
#include "router/testing/run_world.h"

namespace aurora_global::router {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::FakeClient;
using testing::FakeServer;
using testing::Outcome;
using testing::run_world;
using testing::World;

const FakeClient::Parameters kApp = {{"user", "app"}};

net::Task<Outcome> log_in(World& world, FakeClient::Parameters parameters, std::string password,
                          std::string endpoint = "global-writer") {
  const auto client = co_await world.connect(std::move(endpoint));
  co_return co_await client->log_in(std::move(parameters), std::move(password));
}

// ---- where sessions go

TEST(Router, ASessionGoesWhereTheTopologySays) {
  run_world([](World& w) -> net::Task<void> {
    EXPECT_TRUE((co_await w.writer_is(w.east, 1)).has_value());
    const auto client = co_await w.client();
    EXPECT_EQ(co_await client->ask("WHO"), "east");
    EXPECT_EQ(client->parameters().at("server_version"), "15.4");
    EXPECT_FALSE(client->parameters().contains("aurora_global.session_state"));
  });
}

TEST(Router, IdleSessionsFollowTheWriterAndTheOldServerIsLeft) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto old = co_await w.client();
    EXPECT_EQ(co_await old->ask("WHO"), "east");
    co_await w.writer_is(w.west, 2);
    EXPECT_EQ(co_await old->ask("WHO"), "west");
    const auto next = co_await w.client();
    EXPECT_EQ(co_await next->ask("WHO"), "west");
    EXPECT_TRUE(co_await w.until([&] { return w.east.sessions() == 0; }));
  });
}

TEST(Router, AnOlderTopologyIsSuperseded) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.ask(w.topology(2, 5, {&w.west}));
    for (const json& stale : {w.topology(1, 4, {&w.east}), w.topology(2, 4, {&w.east})}) {
      const auto answer = co_await w.ask(stale);
      EXPECT_EQ(answer.error().kind, ErrorKind::superseded);
    }
    const auto stale_hold = co_await w.hold(2);
    EXPECT_EQ(stale_hold.error().kind, ErrorKind::superseded);
    const auto client = co_await w.client();
    EXPECT_EQ(co_await client->ask("WHO"), "west");
    // Epochs are those of a global cluster: a region that has left it is in none.
    EXPECT_TRUE((co_await w.ask(w.topology(0, 6, {&w.east}))).has_value());
    EXPECT_EQ(co_await client->ask("WHO"), "east");
    const auto next = co_await w.client();
    EXPECT_EQ(co_await next->ask("WHO"), "east");
  });
}

TEST(Router, WhoComesDuringAHoldWaitsForTheNewWriter) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    co_await w.hold(2);
    const auto client = co_await w.connect();
    net::TaskGroup tasks(co_await net::asio::this_coro::executor);
    std::optional<Outcome> outcome;
    static constexpr auto log_in_later = [](FakeClient& c,
                                            std::optional<Outcome>& to) -> net::Task<void> {
      to = co_await c.log_in(kApp, std::string(testing::kPassword));
    };
    tasks.spawn("log in", log_in_later(*client, outcome));
    EXPECT_TRUE(co_await w.stays([&] { return !outcome; }));
    co_await w.ask(w.topology(1, 2, {&w.east}));  // Of the old epoch: opens nothing.
    EXPECT_TRUE(co_await w.stays([&] { return !outcome; }));
    co_await w.ask(w.topology(2, 3, {&w.west}));
    co_await tasks.join();
    EXPECT_TRUE(outcome->good());
    EXPECT_EQ(co_await client->ask("WHO"), "west");
    EXPECT_EQ(w.east.logins, 0);
  });
}

TEST(Router, ACalledOffHoldLetsEverybodyOn) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    co_await w.hold(2);
    EXPECT_TRUE(co_await client->send_query("WHO"));
    EXPECT_TRUE(co_await client->hears_nothing(50ms));
    co_await w.release();
    EXPECT_EQ((co_await client->hear()).value(), "east");
    const auto next = co_await w.client();
    EXPECT_EQ(co_await next->ask("WHO"), "east");
  });
}

TEST(Router, WithoutAServerTheAnswerIs57P03) {
  run_world(
      [](World& w) -> net::Task<void> {
        // Another endpoint's clients have a server; it is not asked for the writer's passwords.
        json topology = w.topology(1, 1, {&w.east});
        topology["topology"]["endpoints"][0]["backends"] = json::array();
        EXPECT_TRUE((co_await w.ask(topology)).has_value());
        const Outcome outcome = co_await log_in(w, kApp, "secret");
        EXPECT_EQ(outcome.sqlstate, "57P03");
        EXPECT_NE(outcome.message.find("the writer's instance is not known"), std::string::npos);
      },
      [](RouterConfig& config) { config.hold_timeout = 100ms; });
}

TEST(Router, ASessionThatIsHeldForTooLongIsToldSo) {
  run_world(
      [](World& w) -> net::Task<void> {
        co_await w.writer_is(w.east, 1);
        const auto client = co_await w.client();
        co_await w.hold(2);
        const Outcome outcome = co_await client->query("WRITE x");
        EXPECT_EQ(outcome.sqlstate, "57P01");
        EXPECT_TRUE(outcome.closed);
        EXPECT_TRUE(w.east.stored.empty());
      },
      [](RouterConfig& config) { config.hold_timeout = 200ms; });
}

TEST(Router, ADeadServerIsPassedOver) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.ask(w.topology(1, 1, {&w.east, &w.west}));
    w.east.apply(FakeServer::Fault::die);
    for (int i = 0; i < 4; ++i) {
      const auto client = co_await w.client();
      EXPECT_EQ(co_await client->ask("WHO"), "west");
    }
  });
}

TEST(Router, ADrainingServerGetsNoNewSessions) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto old = co_await w.client();
    json topology = w.topology(1, 2, {&w.east, &w.west});
    topology["topology"]["endpoints"][0]["backends"][0]["draining"] = true;
    EXPECT_TRUE((co_await w.ask(topology)).has_value());
    for (int i = 0; i < 4; ++i) {
      const auto client = co_await w.client();
      EXPECT_EQ(co_await client->ask("WHO"), "west");
    }
    EXPECT_EQ(co_await old->ask("WHO"), "east");
  });
}

TEST(Router, RefusesWhatItDoesNotUnderstand) {
  run_world([](World& w) -> net::Task<void> {
    json unknown_member = w.topology(1, 1, {&w.east});
    unknown_member["topology"]["colour"] = "red";
    json unknown_of_backend = w.topology(1, 1, {&w.east});
    unknown_of_backend["topology"]["endpoints"][0]["backends"][0]["weight"] = 2;
    json bad_address = w.topology(1, 1, {&w.east});
    bad_address["topology"]["endpoints"][0]["backends"][0]["address"] = "nowhere";
    json other_region = w.topology(1, 1, {&w.east});
    other_region["topology"]["region"] = "us-west-2";
    const json bad[] = {
        unknown_member,
        unknown_of_backend,
        bad_address,
        other_region,
        {{"do", "dance"}},
        {{"do", "hold"}, {"endpoint", "x"}, {"epoch", 1}},
        {{"do", "hold"}, {"endpoint", "global-writer"}, {"epoch", 1}, {"policy", "pray"}},
        {{"do", "hold"}, {"endpoint", "global-writer"}, {"epoch", 1}, {"drain_ms", -1}},
        {{"do", "prepare"}, {"endpoint", "global-writer"}, {"epoch", 1}, {"backend", "east"}},
        {{"do", "status"}, {"verbose", 1}}};
    for (const json& request : bad) {
      const auto answer = co_await w.ask(request);
      EXPECT_TRUE(answer.has_error()) << request.dump();
    }
  });
}

// ---- who gets in

TEST(Router, AWrongPasswordAndAnUnknownUserLookTheSame) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const Outcome wrong = co_await log_in(w, kApp, "guess");
    const Outcome unknown = co_await log_in(w, {{"user", "nobody"}}, "secret");
    const Outcome expired = co_await log_in(w, {{"user", "expired"}}, "secret");
    EXPECT_EQ(wrong.message, "password authentication failed for user \"app\"");
    EXPECT_EQ(unknown.message, "password authentication failed for user \"nobody\"");
    for (const Outcome& one : {wrong, unknown, expired}) {
      EXPECT_EQ(one.sqlstate, "28P01");
      EXPECT_EQ(one.types, "RRE");  // Mechanisms, the server's nonce and salt, the refusal.
      EXPECT_TRUE(one.closed);
    }
    EXPECT_EQ(w.east.logins, 0);
  });
}

TEST(Router, ASuperuserIsRefused) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    EXPECT_EQ((co_await log_in(w, {{"user", "root"}}, "secret")).sqlstate, "28000");
    EXPECT_EQ((co_await log_in(w, {{"user", "root"}}, "guess")).sqlstate, "28P01");
    EXPECT_EQ((co_await log_in(w, {{"database", "app"}}, "secret")).sqlstate, "28000");
    EXPECT_EQ(w.east.logins, 0);
  });
}

TEST(Router, WithoutATrustedServerNobodyCanTellThePassword) {
  run_world(
      [](World& w) -> net::Task<void> {
        const Outcome outcome = co_await log_in(w, kApp, "secret");
        EXPECT_EQ(outcome.sqlstate, "57P03");
        EXPECT_NE(outcome.message.find("password"), std::string::npos);
      },
      [](RouterConfig& config) { config.hold_timeout = 100ms; });
}

TEST(Router, ALoginWaitsForTheInstanceThatCanTellThePassword) {
  run_world([](World& w) -> net::Task<void> {
    net::TaskGroup tasks(co_await boost::asio::this_coro::executor);
    bool trusted = false;
    static constexpr auto later = [](World& world, bool& done) -> net::Task<void> {
      co_await net::sleep_for(30ms);  // Longer than the first look.
      co_await world.writer_is(world.east, 1);
      done = true;
    };
    tasks.spawn("topology", later(w, trusted));
    const Outcome outcome = co_await log_in(w, kApp, "secret");
    EXPECT_TRUE(trusted);
    EXPECT_EQ(outcome.sqlstate, "");
    co_await tasks.join();
  });
}

TEST(Router, APasswordOfTheLastSecondsIsKnownWhileNoServerAnswers) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto first = co_await w.client();
    co_await w.hold(2);
    w.east.apply(FakeServer::Fault::die);
    net::TaskGroup tasks(co_await net::asio::this_coro::executor);
    std::optional<Outcome> outcome;
    static constexpr auto log_in_later = [](World& world,
                                            std::optional<Outcome>& to) -> net::Task<void> {
      to = co_await log_in(world, kApp, "secret");
    };
    tasks.spawn("log in", log_in_later(w, outcome));
    EXPECT_TRUE(co_await w.stays([&] { return !outcome; }));
    co_await w.writer_is(w.west, 2);
    co_await tasks.join();
    EXPECT_TRUE(outcome->good()) << outcome->message;
  });
}

TEST(Router, OverTheLimitTheAnswerIs53300) {
  run_world(
      [](World& w) -> net::Task<void> {
        co_await w.writer_is(w.east, 1);
        const auto first = co_await w.client();
        EXPECT_EQ((co_await log_in(w, kApp, "secret")).sqlstate, "53300");
        EXPECT_EQ(co_await first->ask("WHO"), "east");
      },
      [](RouterConfig& config) { config.max_connections = 1; });
}

TEST(Router, TheLimitIsOfAllThreadsTogether) {
  run_world(
      [](World& w) -> net::Task<void> {
        co_await w.writer_is(w.east, 1);
        std::vector<std::unique_ptr<FakeClient>> clients;
        for (int i = 0; i < 5; ++i) clients.push_back(co_await w.client());
        for (int i = 0; i < 5; ++i) {
          EXPECT_EQ((co_await log_in(w, kApp, "secret")).sqlstate, "53300");
        }
      },
      [](RouterConfig& config) {
        config.threads = 3;
        config.max_connections = 5;
      });
}

TEST(Router, WhenItEndsClientsAreTold) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto idle = co_await w.client();
    const auto open = co_await w.client();
    EXPECT_TRUE((co_await open->query("BEGIN")).good());
    co_await w.stop_router();
    EXPECT_EQ((co_await idle->hear()).sqlstate, "57P01");
    EXPECT_EQ((co_await open->hear()).sqlstate, "57P01");
  });
}

TEST(Router, AsManyClientsAsFilesMayBeOpen) {
  EXPECT_EQ(connections_for(0, 3), 1);
  EXPECT_EQ(connections_for(1'024, 3), 102);
  EXPECT_GE(connections_for(65'536, 3), 7'000);
  EXPECT_EQ(connections_for(UINT64_MAX, 1), 1'000'000);
}

TEST(Router, NonsenseIsAProtocolViolation) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const std::string http = "GET / HTTP/1.1\r\n\r\n";
    const auto stranger = co_await w.connect();
    EXPECT_TRUE(co_await stranger->send(pgwire::Bytes(http.begin(), http.end())));
    EXPECT_EQ((co_await stranger->hear()).sqlstate, "08P01");
    const auto client = co_await w.client();
    EXPECT_TRUE(co_await client->send({'Q', 0, 0, 0, 1}));
    const Outcome outcome = co_await client->hear();
    EXPECT_EQ(outcome.sqlstate, "08P01");
    EXPECT_TRUE(outcome.closed);
    EXPECT_TRUE(co_await w.until([&] { return w.east.sessions() == 0; }));
  });
}

TEST(Router, APlainClientIsRefusedWhereTlsIsRequired) {
  run_world(
      [](World& w) -> net::Task<void> {
        co_await w.writer_is(w.east, 1);
        const Outcome outcome = co_await log_in(w, kApp, "secret");
        EXPECT_EQ(outcome.sqlstate, "28000");
        EXPECT_NE(outcome.message.find("no encryption"), std::string::npos);
        EXPECT_EQ(w.east.logins, 0);
      },
      [](RouterConfig& config) { config.require_tls = true; });
}

class Certificates {
 public:
  Certificates() : dir_(std::filesystem::path(::testing::TempDir()) / "router_test_tls") {
    std::filesystem::create_directories(dir_);
    const auto issuer = net::make_issuer("issuer");
    const auto server = net::issue_server(*issuer, "router", {"localhost"}, {});
    const auto client = net::issue_client(*issuer, "router");
    write("server.crt", server->certificate_pem);
    write("server.key", server->private_key_pem);
    write("replication.crt", client->certificate_pem);
    write("replication.key", client->private_key_pem);
    write("forwarding.crt", client->certificate_pem);
    write("forwarding.key", client->private_key_pem);
    write("server-ca.crt", issuer->certificate_pem);
  }
  ~Certificates() { std::filesystem::remove_all(dir_); }
  const std::filesystem::path& dir() const { return dir_; }

 private:
  void write(const char* name, const std::string& text) const {
    std::ofstream(dir_ / name) << text;
  }
  std::filesystem::path dir_;
};

TEST(Router, ASessionUnderTlsIsRelayed) {
  static const Certificates certificates;
  run_world(
      [](World& w) -> net::Task<void> {
        co_await w.writer_is(w.east, 1);
        const auto client = co_await w.connect();
        pgwire::Bytes request;
        pgwire::put_ssl_request(request);
        EXPECT_TRUE(co_await client->send(request));
        pgwire::Bytes answer;
        EXPECT_TRUE((co_await client->channel().read(answer, Deadline::in(10s))).has_value());
        EXPECT_EQ(answer, pgwire::Bytes{'S'});
        const auto context = net::client_tls(certificates.dir() / "server-ca.crt");
        EXPECT_TRUE(
            (co_await client->channel().connect_tls(*context, Deadline::in(10s))).has_value());
        EXPECT_TRUE((co_await client->log_in(kApp, "secret")).good());
        EXPECT_EQ((co_await client->query("ROWS 2000")).rows.size(), 2000u);
        co_await w.writer_is(w.west, 2);
        EXPECT_EQ(co_await client->ask("WHO"), "west");
      },
      [](RouterConfig& config) {
        config.tls_dir = certificates.dir();
        config.require_tls = true;
      });
}

TEST(Router, ReplicationGoesToTheClusterEndpointOnly) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const FakeClient::Parameters walsender = {{"user", "app"}, {"replication", "true"}};
    EXPECT_EQ((co_await log_in(w, walsender, "secret")).sqlstate, "0A000");
    EXPECT_TRUE((co_await log_in(w, walsender, "secret", "cluster")).good());
    const FakeClient::Parameters ordinary = {{"user", "app"}, {"replication", "off"}};
    EXPECT_TRUE((co_await log_in(w, ordinary, "secret")).good());
  });
}

TEST(Router, TheServersOwnRefusalReachesTheClient) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    w.east.refuse_logins = "3D000";
    const Outcome outcome = co_await log_in(w, kApp, "secret");
    EXPECT_EQ(outcome.sqlstate, "3D000");
    EXPECT_TRUE(outcome.closed);
  });
}

// ---- cancel requests

// Sends it as libpq does, on a connection of its own, and returns when the router has closed that.
net::Task<void> cancel(World& world, pgwire::BackendKey key) {
  const auto client = co_await world.connect();
  co_await client->send(pgwire::encode(pgwire::CancelRequest{key.process_id, key.secret_key}));
  const Outcome outcome = co_await client->hear();
  EXPECT_TRUE(outcome.closed);
}

TEST(Router, ACancelRequestReachesTheOneServerThatTheSessionIsAt) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.ask(w.topology(1, 1, {&w.east, &w.west}));
    const auto first = co_await w.client();
    const auto second = co_await w.client();
    const std::string at = co_await first->ask("WHO");
    EXPECT_NE(at, co_await second->ask("WHO"));
    FakeServer& its = at == "east" ? w.east : w.west;
    FakeServer& other = at == "east" ? w.west : w.east;
    EXPECT_TRUE(co_await first->send_query("HANG"));
    EXPECT_TRUE(co_await first->hears_nothing(20ms));
    pgwire::BackendKey forged = first->key();
    forged.secret_key ^= 0x10;
    co_await cancel(w, forged);
    EXPECT_TRUE(its.cancelled.empty());
    co_await cancel(w, first->key());
    EXPECT_EQ((co_await first->hear()).sqlstate, "57014");
    EXPECT_EQ(its.cancelled.size(), 1u);
    EXPECT_TRUE(other.cancelled.empty());
    EXPECT_EQ(co_await first->ask("WHO"), at);
  });
}

TEST(Router, ACancelRequestFollowsASessionThatHasMoved) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    co_await w.writer_is(w.west, 2);
    EXPECT_EQ(co_await client->ask("WHO"), "west");
    EXPECT_TRUE(co_await client->send_query("HANG"));
    EXPECT_TRUE(co_await client->hears_nothing(20ms));
    co_await cancel(w, client->key());
    EXPECT_EQ((co_await client->hear()).sqlstate, "57014");
    EXPECT_TRUE(w.east.cancelled.empty());
  });
}

// ---- what is relayed

TEST(Router, RelaysBothProtocolsAndCopy) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    EXPECT_EQ((co_await client->query("FAIL")).sqlstate, "22012");
    EXPECT_EQ((co_await client->run("none")).sqlstate, "26000");
    EXPECT_TRUE((co_await client->prepare("s", "ECHO $1", {25})).good());
    const std::string large(3'000'000, 'x');
    EXPECT_EQ((co_await client->run("s", {large})).value(), large);
    EXPECT_EQ((co_await client->query("ROWS 5000")).rows.size(), 5000u);
    EXPECT_EQ((co_await client->query("COPY")).types, "G");
    pgwire::Bytes data = {'d', 0, 0, 0, 7, 'r', 'o', 'w', 'c', 0, 0, 0, 4};
    EXPECT_TRUE(co_await client->send(data));
    EXPECT_TRUE((co_await client->hear()).good());
    EXPECT_EQ(w.east.stored, std::vector<std::string>{"row"});
    EXPECT_EQ((co_await client->query("BEGIN")).status, 'T');
    EXPECT_EQ((co_await client->query("FAIL")).status, 'E');
    EXPECT_EQ((co_await client->query("ROLLBACK")).status, 'I');
    EXPECT_TRUE((co_await client->query("SET TimeZone Europe/Rome")).good());
    EXPECT_EQ(client->parameters().at("TimeZone"), "Europe/Rome");
  });
}

TEST(Router, BytesThatComeOneByOneAreTheSame) {
  run_world([](World& w) -> net::Task<void> {
    co_await w.writer_is(w.east, 1);
    const auto client = co_await w.client();
    pgwire::Bytes bytes;
    pgwire::put_parse(bytes, "statement", "ECHO $1", {25});
    pgwire::put_bind(bytes, "portal", "statement", {"value"});
    pgwire::put_execute(bytes, "portal");
    pgwire::put_close_statement(bytes, "statement");
    pgwire::put_sync(bytes);
    for (const std::uint8_t byte : bytes) {
      EXPECT_TRUE(co_await client->send({byte}));
      co_await net::sleep_for(1ms);
    }
    EXPECT_EQ((co_await client->hear()).value(), "value");
  });
}

// ---- several threads

TEST(Router, SeveralThreadsServeAsOne) {
  run_world(
      [](World& w) -> net::Task<void> {
        co_await w.writer_is(w.east, 1);
        std::vector<std::unique_ptr<FakeClient>> clients;
        for (int i = 0; i < 24; ++i) {
          clients.push_back(co_await w.client());
          const std::string mine = std::to_string(i);
          EXPECT_TRUE((co_await clients.back()->query("SET mine " + mine)).good());
        }
        const auto status = co_await w.ask({{"do", "status"}});
        EXPECT_EQ((*status)["endpoints"][0]["sessions"], 24);
        const auto sessions = co_await w.ask({{"do", "sessions"}});
        EXPECT_EQ((*sessions)["sessions"].size(), 24u);
        const auto prepared = co_await w.prepare(w.west, 2);
        EXPECT_EQ((*prepared)["sessions"], 24);
        const auto held = co_await w.hold(2);
        EXPECT_EQ((*held)["settled"], 24);
        EXPECT_EQ((*held)["open"], 0);
        for (const auto& one : clients) EXPECT_TRUE(co_await one->send_query("SHOW mine"));
        World::hand_over(w.east, w.west);
        co_await w.writer_is(w.west, 2);
        for (int i = 0; i < 24; ++i) {
          EXPECT_EQ((co_await clients[static_cast<std::size_t>(i)]->hear()).value(),
                    std::to_string(i));
        }
        for (const auto& one : clients) {
          EXPECT_EQ(co_await one->ask("WHO"), "west");
          EXPECT_TRUE(co_await one->send_query("HANG"));
        }
        EXPECT_TRUE(co_await w.until(
            [&] { return std::count(w.west.log.begin(), w.west.log.end(), "HANG") == 24; }));
        for (const auto& one : clients) {
          co_await cancel(w, one->key());
          EXPECT_EQ((co_await one->hear()).sqlstate, "57014");
        }
        clients.clear();
        EXPECT_TRUE(co_await w.until([&] { return w.west.sessions() == 0; }));
      },
      [](RouterConfig& config) { config.threads = 3; });
}

}  // namespace
}  // namespace aurora_global::router
