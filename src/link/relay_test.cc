// Goal: the link behaves as a long wire: late, in order, silent when cut, whole when healed.
//
// Method: real sockets on loopback addresses of this test; an echo server is the other region.
#include "link/relay.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "base/rng.h"

namespace aurora_global::link {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;
using nlohmann::json;

constexpr const char* kListen = "127.91.1.102:4567";
constexpr const char* kTarget = "127.91.2.1:4567";

net::Task<void> echo(tcp::socket socket) {
  std::vector<char> buffer(64 * 1024);
  for (;;) {
    auto [error, size] = co_await socket.async_read_some(asio::buffer(buffer), net::use_result);
    if (error) break;
    auto [lost, sent] =
        co_await asio::async_write(socket, asio::buffer(buffer.data(), size), net::use_result);
    if (lost) break;
  }
  boost::system::error_code ignored;
  socket.shutdown(tcp::socket::shutdown_send, ignored);
}

net::Task<void> echo_server(tcp::acceptor& acceptor, net::TaskGroup& tasks, int& accepted) {
  for (;;) {
    tcp::socket socket(acceptor.get_executor());
    auto [error] = co_await acceptor.async_accept(socket, net::use_result);
    if (error) co_return;
    ++accepted;
    tasks.spawn("echo", echo(std::move(socket)));
  }
}

class LinkTest : public testing::Test {
 public:
  // Runs `body` against a link with these settings, to its end.
  void run(double latency_ms, double jitter_ms, std::function<net::Task<void>(LinkTest&)> body) {
    LinkConfig config;
    config.latency_ms = latency_ms;
    config.jitter_ms = jitter_ms;
    config.routes = {{"us-east-1", "us-west-2", kListen, kTarget}};
    relay_ = std::make_unique<Relay>(context_.get_executor(), config);
    net::TaskGroup servers(context_.get_executor());
    auto acceptor = net::listen_on(context_.get_executor(), kTarget);
    ASSERT_TRUE(acceptor.has_value());
    servers.spawn("echo server", echo_server(*acceptor, servers, accepted_));
    ASSERT_TRUE(relay_->start().has_value());
    bool ended = false;
    auto whole = [&]() -> net::Task<void> {
      co_await body(*this);
      ended = true;
      servers.stop();
      co_await servers.join();
      co_await relay_->stop();
    };
    asio::co_spawn(context_, whole(), [](std::exception_ptr failure) {
      if (failure) std::rethrow_exception(failure);
    });
    context_.run_for(30s);
    EXPECT_TRUE(ended);
  }

  net::Task<tcp::socket> connect() {
    tcp::socket socket(context_);
    const auto endpoint = net::parse_endpoint(kListen);
    auto [error] = co_await socket.async_connect(*endpoint, net::use_result);
    EXPECT_FALSE(error);
    co_return socket;
  }

  net::Task<void> set(json change) {
    change["do"] = "set";
    const auto answer = co_await relay_->control(std::move(change));
    EXPECT_TRUE(answer.has_value());
  }

  // Sends `text` and reads as much back. Nullopt: not within `limit`.
  net::Task<std::optional<std::string>> exchange(tcp::socket& socket, std::string text,
                                                 Duration limit) {
    auto [error, sent] = co_await asio::async_write(socket, asio::buffer(text), net::use_result);
    EXPECT_FALSE(error);
    co_return co_await receive(socket, text.size(), limit);
  }
  net::Task<std::optional<std::string>> receive(tcp::socket& socket, std::size_t size,
                                                Duration limit) {
    std::string back(size, '\0');
    net::DeadlineGuard guard(socket, Deadline::in(limit));
    auto [error, got] = co_await asio::async_read(socket, asio::buffer(back), net::use_result);
    if (error) co_return std::nullopt;
    co_return back;
  }

  asio::io_context context_{1};
  std::unique_ptr<Relay> relay_;
  int accepted_ = 0;
};

TEST_F(LinkTest, NothingArrivesBeforeItsTime) {
  run(20, 0, [](LinkTest& t) -> net::Task<void> {
    const Instant connected = SystemClock().now();
    tcp::socket socket = co_await t.connect();
    EXPECT_EQ(co_await t.exchange(socket, "first", 10s), "first");
    // SYN, SYN-ACK, data, answer: four times the way.
    EXPECT_GE(SystemClock().now() - connected, 80ms);
    const Instant again = SystemClock().now();
    EXPECT_EQ(co_await t.exchange(socket, "second", 10s), "second");
    EXPECT_GE(SystemClock().now() - again, 40ms);
  });
}

TEST_F(LinkTest, OrderIsKeptUnderJitter) {
  run(1, 3, [](LinkTest& t) -> net::Task<void> {
    tcp::socket socket = co_await t.connect();
    Rng rng(3);
    std::string sent;
    for (int i = 0; i < 200; ++i) {
      const std::string chunk = std::to_string(i) + std::string(rng.below(300), '.') + "|";
      auto [error, size] = co_await asio::async_write(socket, asio::buffer(chunk), net::use_result);
      EXPECT_FALSE(error);
      sent += chunk;
      if (rng.below(4) == 0) co_await net::sleep_for(200us);
    }
    EXPECT_EQ(co_await t.receive(socket, sent.size(), 10s), sent);
  });
}

TEST_F(LinkTest, LargeAmountsPassWhole) {
  run(0, 0, [](LinkTest& t) -> net::Task<void> {
    tcp::socket socket = co_await t.connect();
    std::string block(256 * 1024, 'x');
    for (int i = 0; i < 40; ++i) {
      block[0] = static_cast<char>('a' + i % 26);
      EXPECT_EQ(co_await t.exchange(socket, block, 10s), block);
    }
  });
}

TEST_F(LinkTest, APartitionIsSilenceAndHealingLosesNothing) {
  run(0, 0, [](LinkTest& t) -> net::Task<void> {
    tcp::socket before = co_await t.connect();
    EXPECT_EQ(co_await t.exchange(before, "hello", 10s), "hello");
    const json cut = {{"partition", "both"}};
    co_await t.set(cut);
    const int accepted = t.accepted_;
    auto [error, sent] =
        co_await asio::async_write(before, asio::buffer("held", 4), net::use_result);
    EXPECT_FALSE(error);                        // As with a cut cable, the sender does not notice.
    tcp::socket during = co_await t.connect();  // Accepted, and never answered.
    EXPECT_FALSE((co_await t.exchange(during, "anyone?", 100ms)).has_value());
    EXPECT_EQ(t.accepted_, accepted);
    const json heal = {{"partition", "none"}};
    co_await t.set(heal);
    EXPECT_EQ(co_await t.receive(before, 4, 10s), "held");
    EXPECT_EQ(co_await t.receive(during, 7, 10s), "anyone?");
  });
}

TEST_F(LinkTest, OneDirectionCanBeCutAlone) {
  run(0, 0, [](LinkTest& t) -> net::Task<void> {
    tcp::socket socket = co_await t.connect();
    EXPECT_EQ(co_await t.exchange(socket, "hello", 10s), "hello");
    const json cut = {{"partition", "out"}, {"from", "us-west-2"}, {"to", "us-east-1"}};
    co_await t.set(cut);
    EXPECT_FALSE((co_await t.exchange(socket, "lost?", 100ms)).has_value());
    const json heal = {{"partition", "none"}};
    co_await t.set(heal);
    EXPECT_EQ(co_await t.receive(socket, 5, 10s), "lost?");
  });
}

TEST_F(LinkTest, TheEndOfAConnectionTravels) {
  run(5, 0, [](LinkTest& t) -> net::Task<void> {
    tcp::socket socket = co_await t.connect();
    EXPECT_EQ(co_await t.exchange(socket, "bye", 10s), "bye");
    socket.shutdown(tcp::socket::shutdown_send);
    std::array<char, 8> rest;
    net::DeadlineGuard guard(socket, Deadline::in(10s));
    auto [error, size] = co_await socket.async_read_some(asio::buffer(rest), net::use_result);
    EXPECT_EQ(error, asio::error::eof);
  });
}

TEST_F(LinkTest, RefusesWhatItDoesNotUnderstand) {
  run(0, 0, [](LinkTest& t) -> net::Task<void> {
    const json bad[] = {{{"do", "set"}, {"latency_ms", -1}},  {{"do", "set"}, {"latency_ms", "x"}},
                        {{"do", "set"}, {"partition", "x"}},  {{"do", "set"}, {"from", "mars"}},
                        {{"do", "set"}, {"latency", 1}},      {{"do", "dance"}},
                        {{"do", "status"}, {"verbose", true}}};
    for (const json& request : bad) {
      const auto answer = co_await t.relay_->control(request);
      EXPECT_TRUE(answer.has_error()) << request.dump();
    }
    const json question = {{"do", "status"}};
    const auto status = co_await t.relay_->control(question);
    EXPECT_EQ(status->at("pairs").size(), 2u);
    EXPECT_EQ(status->at("pairs")[0].at("latency_ms"), 0.0);
  });
}

}  // namespace
}  // namespace aurora_global::link
