// Goal: connections get where the newest topology says, wait when there is nowhere to go, and are
// told so in PostgreSQL's words.
//
// Method: real sockets; a backend here is a listener that answers its own name to every connection.
#include "router/router.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>

#include "net/http.h"

namespace aurora_global::router {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;
using nlohmann::json;

constexpr const char* kEndpoint = "127.92.1.10:5432";
constexpr const char* kEast = "127.92.1.21:5432";
constexpr const char* kWest = "127.92.1.102:5432";

const std::string kStartup("\0\0\0\x10\0\3\0\0user\0a\0\0", 16);

// One backend: remembers what connections sent first, answers 'e' or 'w', then echoes nothing.
struct Backend {
  std::unique_ptr<tcp::acceptor> acceptor;
  std::string name;
  std::vector<std::string> received;
  int open = 0;
};

net::Task<void> serve(Backend& backend, tcp::socket socket) {
  ++backend.open;
  std::array<char, 256> buffer;
  auto [error, size] = co_await socket.async_read_some(asio::buffer(buffer), net::use_result);
  if (!error) {
    backend.received.emplace_back(buffer.data(), size);
    co_await asio::async_write(socket, asio::buffer(backend.name), net::use_result);
    // A cancel request is done; a session stays until somebody ends it.
    if (size != 16 || buffer[5] != '\x12') {
      while (!error) {
        auto [end, more] = co_await socket.async_read_some(asio::buffer(buffer), net::use_result);
        if (end) break;
      }
    }
  }
  --backend.open;
}

net::Task<void> accept(Backend& backend, net::TaskGroup& tasks) {
  for (;;) {
    tcp::socket socket(backend.acceptor->get_executor());
    auto [error] = co_await backend.acceptor->async_accept(socket, net::use_result);
    if (error) co_return;
    tasks.spawn("backend session", serve(backend, std::move(socket)));
  }
}

json topology(std::uint64_t epoch, std::uint64_t version, std::vector<std::string> writers) {
  return {{"do", "topology"},
          {"topology",
           {{"version", version},
            {"epoch", epoch},
            {"region", "us-east-1"},
            {"writer_region", "us-east-1"},
            {"endpoints", {{{"name", "global-writer"}, {"backends", writers}}}}}}};
}

class RouterTest : public testing::Test {
 public:
  void run(std::function<net::Task<void>(RouterTest&)> body, int max_connections = 100,
           Duration hold_timeout = 10s) {
    config_.region = "us-east-1";
    config_.topology_file = "/nonexistent/topology.json";
    config_.hold_timeout = hold_timeout;
    config_.max_connections = max_connections;
    config_.endpoints = {{"global-writer", kEndpoint}};
    router_ = std::make_unique<Router>(context_.get_executor(), config_);
    net::TaskGroup servers(context_.get_executor());
    for (auto& [backend, address] : {std::pair<Backend&, const char*>{east_, kEast},
                                     std::pair<Backend&, const char*>{west_, kWest}}) {
      auto acceptor = net::listen_on(context_.get_executor(), address);
      ASSERT_TRUE(acceptor.has_value());
      backend.acceptor = std::make_unique<tcp::acceptor>(std::move(*acceptor));
      backend.name = address == kEast ? "e" : "w";
      servers.spawn("backend", accept(backend, servers));
    }
    ASSERT_TRUE(router_->start().has_value());
    bool ended = false;
    auto whole = [&]() -> net::Task<void> {
      co_await body(*this);
      ended = true;
      servers.stop();
      co_await servers.join();
      co_await router_->stop();
    };
    asio::co_spawn(context_, whole(), [](std::exception_ptr failure) {
      if (failure) std::rethrow_exception(failure);
    });
    context_.run_for(30s);
    EXPECT_TRUE(ended);
  }

  net::Task<Result<json>> ask(json request) { return router_->control(std::move(request)); }
  net::Task<void> tell(json request) {
    const auto answer = co_await router_->control(std::move(request));
    EXPECT_TRUE(answer.has_value());
  }

  net::Task<tcp::socket> connect(std::string first = kStartup) {
    tcp::socket socket(context_);
    const auto endpoint = net::parse_endpoint(kEndpoint);
    auto [error] = co_await socket.async_connect(*endpoint, net::use_result);
    EXPECT_FALSE(error);
    auto [lost, sent] = co_await asio::async_write(socket, asio::buffer(first), net::use_result);
    EXPECT_FALSE(lost);
    co_return socket;
  }
  // What comes back within `limit`: "" is nothing, "<end>" a closed connection.
  net::Task<std::string> hear(tcp::socket& socket, Duration limit = 10s) {
    std::array<char, 512> buffer;
    net::DeadlineGuard guard(socket, Deadline::in(limit));
    auto [error, size] = co_await socket.async_read_some(asio::buffer(buffer), net::use_result);
    if (guard.expired()) co_return "";
    co_return error ? "<end>" : std::string(buffer.data(), size);
  }
  net::Task<void> until(std::function<bool()> condition) {
    const Deadline deadline = Deadline::in(10s);
    while (!condition() && !deadline.passed()) co_await net::sleep_for(1ms);
    EXPECT_TRUE(condition());
  }

  asio::io_context context_{1};
  RouterConfig config_;
  std::unique_ptr<Router> router_;
  Backend east_, west_;
};

TEST_F(RouterTest, ASessionGoesWhereTheTopologySays) {
  run([](RouterTest& t) -> net::Task<void> {
    co_await t.tell(topology(1, 1, {kEast}));
    tcp::socket socket = co_await t.connect();
    EXPECT_EQ(co_await t.hear(socket), "e");
    EXPECT_EQ(t.east_.received.front(), kStartup);  // Forwarded as it was.
  });
}

TEST_F(RouterTest, SessionsAreCutWhenTheWriterMovesAndTheNextOnesFollow) {
  run([](RouterTest& t) -> net::Task<void> {
    co_await t.tell(topology(1, 1, {kEast}));
    tcp::socket old = co_await t.connect();
    EXPECT_EQ(co_await t.hear(old), "e");
    co_await t.tell(topology(2, 1, {kWest}));
    EXPECT_EQ(co_await t.hear(old), "<end>");
    tcp::socket next = co_await t.connect();
    EXPECT_EQ(co_await t.hear(next), "w");
    co_await t.until([&] { return t.east_.open == 0; });
  });
}

TEST_F(RouterTest, AnOlderTopologyIsSuperseded) {
  run([](RouterTest& t) -> net::Task<void> {
    co_await t.tell(topology(2, 5, {kWest}));
    for (const json& stale : {topology(1, 9, {kEast}), topology(2, 4, {kEast})}) {
      const auto answer = co_await t.ask(stale);
      EXPECT_EQ(answer.error().kind, ErrorKind::superseded);
    }
    tcp::socket socket = co_await t.connect();
    EXPECT_EQ(co_await t.hear(socket), "w");
  });
}

TEST_F(RouterTest, HeldConnectionsWaitForTheNewWriter) {
  run([](RouterTest& t) -> net::Task<void> {
    co_await t.tell(topology(1, 1, {kEast}));
    const json hold = {{"do", "hold"}, {"endpoint", "global-writer"}, {"epoch", 2}};
    co_await t.tell(hold);
    tcp::socket socket = co_await t.connect();
    EXPECT_EQ(co_await t.hear(socket, 50ms), "");
    tcp::socket other = co_await t.connect();
    co_await t.tell(topology(1, 2, {kEast}));  // Of the old epoch: opens nothing.
    EXPECT_EQ(co_await t.hear(other, 50ms), "");
    tcp::socket third = co_await t.connect();
    co_await t.tell(topology(2, 3, {kWest}));
    EXPECT_EQ(co_await t.hear(third), "w");
    EXPECT_TRUE(t.east_.received.empty());
  });
}

TEST_F(RouterTest, ACalledOffHoldLetsEverybodyOn) {
  run([](RouterTest& t) -> net::Task<void> {
    co_await t.tell(topology(1, 1, {kEast}));
    const json hold = {{"do", "hold"}, {"endpoint", "global-writer"}, {"epoch", 2}};
    co_await t.tell(hold);
    tcp::socket socket = co_await t.connect();
    co_await net::sleep_for(5ms);
    const json release = {{"do", "release"}, {"endpoint", "global-writer"}};
    co_await t.tell(release);
    EXPECT_EQ(co_await t.hear(socket), "e");
  });
}

TEST_F(RouterTest, WithoutABackendTheAnswerIs57P03) {
  run(
      [](RouterTest& t) -> net::Task<void> {
        tcp::socket socket = co_await t.connect();
        const std::string answer = co_await t.hear(socket);
        EXPECT_EQ(answer[0], 'E');
        EXPECT_NE(answer.find("C57P03"), std::string::npos);
        EXPECT_NE(answer.find("global-writer"), std::string::npos);
      },
      100, 100ms);
}

TEST_F(RouterTest, OverTheLimitTheAnswerIs53300) {
  run(
      [](RouterTest& t) -> net::Task<void> {
        co_await t.tell(topology(1, 1, {kEast}));
        tcp::socket first = co_await t.connect();
        EXPECT_EQ(co_await t.hear(first), "e");
        tcp::socket second = co_await t.connect();
        EXPECT_NE((co_await t.hear(second)).find("C53300"), std::string::npos);
      },
      1);
}

TEST_F(RouterTest, NonsenseIsAProtocolViolation) {
  run([](RouterTest& t) -> net::Task<void> {
    tcp::socket socket = co_await t.connect("GET / HTTP/1.1\r\n\r\n");
    EXPECT_NE((co_await t.hear(socket)).find("C08P01"), std::string::npos);
  });
}

TEST_F(RouterTest, ACancelRequestReachesEveryBackend) {
  run([](RouterTest& t) -> net::Task<void> {
    co_await t.tell(topology(1, 1, {kEast, kWest}));
    const pgwire::Bytes bytes = pgwire::encode(pgwire::CancelRequest{7, 8});
    const std::string cancel(bytes.begin(), bytes.end());
    tcp::socket socket = co_await t.connect(cancel);
    EXPECT_EQ(co_await t.hear(socket), "<end>");
    EXPECT_EQ(t.east_.received, std::vector<std::string>{cancel});
    EXPECT_EQ(t.west_.received, std::vector<std::string>{cancel});
  });
}

TEST_F(RouterTest, ADeadBackendIsPassedOver) {
  run([](RouterTest& t) -> net::Task<void> {
    co_await t.tell(topology(1, 1, {"127.92.1.99:5432", kWest}));
    for (int i = 0; i < 4; ++i) {
      tcp::socket socket = co_await t.connect();
      EXPECT_EQ(co_await t.hear(socket), "w");
    }
  });
}

TEST_F(RouterTest, RefusesWhatItDoesNotUnderstand) {
  run([](RouterTest& t) -> net::Task<void> {
    json unknown_member = topology(1, 1, {kEast});
    unknown_member["topology"]["colour"] = "red";
    json bad_address = topology(1, 1, {"nowhere"});
    json other_region = topology(1, 1, {kEast});
    other_region["topology"]["region"] = "us-west-2";
    const json bad[] = {unknown_member,
                        bad_address,
                        other_region,
                        {{"do", "dance"}},
                        {{"do", "hold"}, {"endpoint", "x"}, {"epoch", 1}},
                        {{"do", "status"}, {"verbose", 1}}};
    for (const json& request : bad) {
      const auto answer = co_await t.ask(request);
      EXPECT_TRUE(answer.has_error()) << request.dump();
    }
  });
}

}  // namespace
}  // namespace aurora_global::router
