// How much the peering link carries at zero latency, as a ratio to the same bytes over a direct
// loopback connection, and how exactly it keeps 31 ms.
//
// The link runs in a thread of its own, as it is a process of its own. Direct and through the link
// take turns; medians are printed.
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <cstdio>
#include <thread>

#include "link/relay.h"

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace aurora_global;
using namespace std::chrono_literals;

constexpr const char* kListen = "127.93.1.102:4567";
constexpr const char* kTarget = "127.93.2.1:4567";
constexpr std::size_t kBytes = 1u << 30;
constexpr int kRounds = 5;
constexpr int kPings = 60;

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double seconds_since(Instant start) {
  return std::chrono::duration<double>(SystemClock().now() - start).count();
}

tcp::socket connect(asio::io_context& context, const char* address) {
  tcp::socket socket(context);
  socket.connect(net::parse_endpoint(address).value());
  socket.set_option(tcp::no_delay(true));
  return socket;
}

// Swallows what comes until the sender ends, then answers one byte; a first byte 'p' is echoed.
void sink(tcp::acceptor& acceptor) {
  for (;;) {
    tcp::socket socket(acceptor.get_executor());
    boost::system::error_code error;
    acceptor.accept(socket, error);
    if (error) return;
    socket.set_option(tcp::no_delay(true));
    std::vector<char> buffer(256 * 1024);
    for (;;) {
      const std::size_t size = socket.read_some(asio::buffer(buffer), error);
      if (error) break;
      if (size == 1 && buffer[0] == 'p') asio::write(socket, asio::buffer(buffer, 1), error);
    }
    asio::write(socket, asio::buffer("d", 1), error);
  }
}

double megabytes_per_second(asio::io_context& context, const char* address) {
  tcp::socket socket = connect(context, address);
  const std::vector<char> block(256 * 1024, 'x');
  const Instant start = SystemClock().now();
  for (std::size_t sent = 0; sent < kBytes; sent += block.size()) {
    asio::write(socket, asio::buffer(block));
  }
  socket.shutdown(tcp::socket::shutdown_send);
  char done = 0;
  asio::read(socket, asio::buffer(&done, 1));
  return static_cast<double>(kBytes) / 1e6 / seconds_since(start);
}

void print_pings(asio::io_context& context) {
  tcp::socket socket = connect(context, kListen);
  std::vector<double> ms;
  for (int i = 0; i <= kPings; ++i) {
    const Instant start = SystemClock().now();
    char byte = 'p';
    asio::write(socket, asio::buffer(&byte, 1));
    asio::read(socket, asio::buffer(&byte, 1));
    if (i > 0) ms.push_back(seconds_since(start) * 1000);  // The first pays the handshake.
  }
  std::sort(ms.begin(), ms.end());
  std::printf("link 31 ms one way: round trip median %.2f ms, p99 %.2f ms (62 wanted)\n",
              median(ms), ms[ms.size() * 99 / 100]);
}

}  // namespace

int main() {
  asio::io_context target_context, context;
  tcp::acceptor acceptor =
      std::move(net::listen_on(target_context.get_executor(), kTarget)).value();
  std::thread target([&] { sink(acceptor); });

  asio::io_context link_context(1);
  link::LinkConfig config;
  config.latency_ms = 0;
  config.routes = {{"a", "b", kListen, kTarget}};
  link::Relay relay(link_context.get_executor(), config);
  if (relay.start().has_error()) return 1;
  std::thread linking([&] { link_context.run(); });

  std::vector<double> direct, through, ratios;
  for (int i = 0; i < kRounds; ++i) {
    direct.push_back(megabytes_per_second(context, kTarget));
    through.push_back(megabytes_per_second(context, kListen));
    ratios.push_back(through.back() / direct.back());
  }
  std::printf("link 0 ms: %.0f MB/s, direct loopback %.0f MB/s, ratio %.2f (medians of %d)\n",
              median(through), median(direct), median(ratios), kRounds);

  const nlohmann::json change = {{"do", "set"}, {"latency_ms", 31}};
  auto set = [&]() -> net::Task<void> { co_await relay.control(change); };
  asio::co_spawn(link_context, set(), [](const std::exception_ptr&) {});
  print_pings(context);

  auto stop = [&]() -> net::Task<void> { co_await relay.stop(); };
  asio::co_spawn(link_context, stop(), [](const std::exception_ptr&) {});
  linking.join();
  boost::system::error_code ignored;
  // A blocking accept is woken by a last connection.
  acceptor.close(ignored);
  std::fflush(stdout);
  std::_Exit(0);
}
