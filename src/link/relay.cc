#include "link/relay.h"

#include <boost/asio/write.hpp>
#include <set>

#include "net/daemon.h"
#include "net/log.h"

namespace aurora_global::link {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using namespace std::chrono_literals;

constexpr Duration kConnectLimit = 10s;
// With a bandwidth limit chunks are small, so that connections share it evenly.
constexpr std::size_t kLimitedChunkBytes = 16 * 1024;

struct Chunk {
  Instant arrives;
  std::vector<char> bytes;  // Empty: the sender has finished.
};

// The socket's own address, any port.
bool bind_to(tcp::socket& socket, const std::string& address) {
  boost::system::error_code error;
  const auto parsed = asio::ip::make_address(address, error);
  if (!error) socket.open(tcp::v4(), error);
  if (!error) socket.bind({parsed, 0}, error);
  if (error) log::error("link: cannot connect from {}: {}", address, error.message());
  return !error;
}

}  // namespace

struct Relay::Direction {
  Direction(asio::any_io_executor executor, tcp::socket& f, tcp::socket& t, Pair& p)
      : from(f), to(t), pair(p), filled(executor), drained(executor) {}

  tcp::socket& from;
  tcp::socket& to;
  Pair& pair;
  std::deque<Chunk> queue;
  std::size_t queued_bytes = 0;
  Instant last_arrival{};
  net::Event filled;
  net::Event drained;
  bool writing = false;  // The writer has taken a chunk out and not finished with it.
};

struct Relay::Connection {
  Connection(asio::any_io_executor executor, tcp::socket c, tcp::socket t, Pair& out, Pair& in)
      : client(std::move(c)),
        target(std::move(t)),
        there(executor, client, target, out),
        back(executor, target, client, in) {
    ++out.connections;
  }
  ~Connection() { --there.pair.connections; }

  void close() {
    boost::system::error_code ignored;
    client.close(ignored);
    target.close(ignored);
    closed = true;
    there.filled.notify();
    back.filled.notify();
    there.drained.notify();
    back.drained.notify();
  }

  tcp::socket client;
  tcp::socket target;
  Direction there;
  Direction back;
  bool closed = false;
};

Relay::Relay(asio::any_io_executor executor, LinkConfig config)
    : executor_(executor), config_(std::move(config)), changed_(executor), tasks_(executor) {}

Relay::~Relay() = default;

Pair& Relay::pair(const std::string& from, const std::string& to) {
  auto& slot = pairs_[{from, to}];
  if (!slot) {
    PairSettings settings{config_.latency_ms, config_.jitter_ms, config_.bandwidth_mbit_s, false};
    slot = std::make_unique<Pair>(from, to, settings, pairs_.size());
  }
  return *slot;
}

Result<void> Relay::start() {
  for (const Route& route : config_.routes) {
    pair(route.from, route.to);
    pair(route.to, route.from);
    TRY_VOID(net::parse_endpoint(route.target));
    TRY(tcp::acceptor acceptor, net::listen_on(executor_, route.listen));
    acceptors_.push_back(std::make_unique<tcp::acceptor>(std::move(acceptor)));
    tasks_.spawn("link " + route.listen, accept_loop(*acceptors_.back(), route));
  }
  return ok();
}

net::Task<void> Relay::stop() {
  tasks_.stop();
  co_await tasks_.join();
}

net::Task<void> Relay::accept_loop(tcp::acceptor& acceptor, Route route) {
  for (;;) {
    tcp::socket socket(executor_);
    auto [error] = co_await acceptor.async_accept(socket, net::use_result);
    if (error == asio::error::operation_aborted) co_return;
    if (error || connections_ >= kConnectionsMax) {
      co_await net::sleep_for(10ms);
      continue;
    }
    tasks_.spawn("link connection", carry(std::move(socket), route));
  }
}

net::Task<void> Relay::wait_until(Instant when) {
  asio::steady_timer timer(executor_);
  timer.expires_at(when);
  co_await timer.async_wait(net::use_result);
}

// Waits until neither way is blocked. False: the link is ending.
net::Task<bool> Relay::passable(Pair& there, Pair& back) {
  while (there.settings().blocked || back.settings().blocked) {
    if (tasks_.stopping()) co_return false;
    co_await changed_.wait_for(1h);
  }
  co_return !tasks_.stopping();
}

net::Task<void> Relay::carry(tcp::socket client, Route route) {
  struct Count {
    int& value;
    explicit Count(int& v) : value(v) { ++value; }
    ~Count() { --value; }
  } count(connections_);
  Pair& out = pair(route.from, route.to);
  Pair& in = pair(route.to, route.from);
  // TCP's handshake: SYN there, SYN-ACK back. The client's own kernel has answered it already, so
  // its cost is paid here, before the first byte travels.
  if (!co_await passable(out, in)) co_return;
  const Duration round_trip = out.latency() + in.latency();
  if (round_trip > Duration::zero()) co_await wait_until(SystemClock().now() + round_trip);
  if (!co_await passable(out, in)) co_return;
  const auto endpoint = net::parse_endpoint(route.target);
  tcp::socket target(executor_);
  {
    net::DeadlineGuard guard(target, Deadline::in(kConnectLimit));
    if (!route.source.empty() && !bind_to(target, route.source)) co_return;
    auto [error] = co_await target.async_connect(*endpoint, net::use_result);
    if (error) co_return;  // The client is closed: "connection reset" is what a refusal looks like.
  }
  boost::system::error_code ignored;
  client.set_option(tcp::no_delay(true), ignored);
  target.set_option(tcp::no_delay(true), ignored);
  auto connection =
      std::make_shared<Connection>(executor_, std::move(client), std::move(target), out, in);
  tasks_.spawn("link write", write_side(connection, connection->there));
  tasks_.spawn("link write", write_side(connection, connection->back));
  tasks_.spawn("link read", read_side(connection, connection->back));
  co_await read_side(connection, connection->there);
}

net::Task<void> Relay::read_side(std::shared_ptr<Connection> connection, Direction& direction) {
  std::vector<char> buffer(kChunkBytesMax);
  while (!connection->closed) {
    const bool limited = direction.pair.settings().bandwidth_mbit_s > 0;
    const std::size_t room = limited ? kLimitedChunkBytes : kChunkBytesMax;
    auto [error, size] =
        co_await direction.from.async_read_some(asio::buffer(buffer.data(), room), net::use_result);
    if (error && error != asio::error::eof) {
      connection->close();
      co_return;
    }
    direction.pair.bytes_total += size;
    if (!error && direction.pair.transparent() && direction.queue.empty() && !direction.writing) {
      auto [write_error, written] = co_await asio::async_write(
          direction.to, asio::buffer(buffer.data(), size), net::use_result);
      if (write_error) connection->close();
      continue;
    }
    Chunk chunk;
    chunk.arrives = direction.pair.arrival(SystemClock().now(), size, direction.last_arrival);
    chunk.bytes.assign(buffer.data(), buffer.data() + size);
    direction.last_arrival = chunk.arrives;
    direction.queued_bytes += size;
    direction.queue.push_back(std::move(chunk));
    direction.filled.notify();
    if (error) co_return;  // The end travels as an empty chunk.
    while (direction.queued_bytes > kInFlightBytesMax && !connection->closed) {
      co_await direction.drained.wait_for(1h);
      if (tasks_.stopping()) co_return;
    }
  }
}

net::Task<void> Relay::write_side(std::shared_ptr<Connection> connection, Direction& direction) {
  while (!connection->closed && !tasks_.stopping()) {
    if (direction.queue.empty()) {
      co_await direction.filled.wait_for(1h);
      continue;
    }
    direction.writing = true;
    const Instant arrives = direction.queue.front().arrives;
    if (arrives > SystemClock().now()) co_await wait_until(arrives);
    while (direction.pair.settings().blocked && !connection->closed && !tasks_.stopping()) {
      co_await changed_.wait_for(1h);
    }
    if (connection->closed || tasks_.stopping()) co_return;
    const Chunk chunk = std::move(direction.queue.front());
    direction.queue.pop_front();
    if (chunk.bytes.empty()) {
      boost::system::error_code ignored;
      direction.to.shutdown(tcp::socket::shutdown_send, ignored);
      co_return;
    }
    auto [error, size] =
        co_await asio::async_write(direction.to, asio::buffer(chunk.bytes), net::use_result);
    if (error) {
      connection->close();
      co_return;
    }
    direction.queued_bytes -= chunk.bytes.size();
    direction.writing = false;
    direction.drained.notify();
  }
}

nlohmann::json Relay::pairs_json() const {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& [names, pair] : pairs_) {
    const PairSettings& settings = pair->settings();
    list.push_back({{"from", pair->from()},
                    {"to", pair->to()},
                    {"latency_ms", settings.latency_ms},
                    {"jitter_ms", settings.jitter_ms},
                    {"bandwidth_mbit_s", settings.bandwidth_mbit_s},
                    {"blocked", settings.blocked},
                    {"connections", pair->connections},
                    {"bytes", pair->bytes_total}});
  }
  return list;
}

Result<nlohmann::json> Relay::set(const nlohmann::json& request) {
  TRY_VOID(net::refuse_unknown_members(
      request, {"do", "from", "to", "latency_ms", "jitter_ms", "bandwidth_mbit_s", "partition"}));
  const std::string from = request.value("from", "");
  const std::string to = request.value("to", "");
  const std::string partition = request.value("partition", "");
  std::set<std::string> regions;
  for (const auto& [names, pair] : pairs_) regions.insert(names.first);
  for (const std::string& name : {from, to}) {
    if (!name.empty() && !regions.contains(name)) {
      return make_error(ErrorKind::not_found, "the link knows no region '" + name + "'");
    }
  }
  if (!partition.empty() && partition != "none" && partition != "both" && partition != "out") {
    return make_error(ErrorKind::invalid,
                      "partition is one of none, both, out; given: " + partition);
  }
  for (const char* name : {"latency_ms", "jitter_ms", "bandwidth_mbit_s"}) {
    if (request.contains(name) && !(request.at(name).is_number() && request.at(name) >= 0)) {
      return make_error(ErrorKind::invalid,
                        std::string(name) + " needs a number that is not negative");
    }
  }
  for (auto& [names, pair] : pairs_) {
    const auto matches = [&](const std::string& a, const std::string& b) {
      return (from.empty() || from == a) && (to.empty() || to == b);
    };
    const bool forth = matches(pair->from(), pair->to());
    const bool back = matches(pair->to(), pair->from());
    PairSettings settings = pair->settings();
    if (forth) {
      settings.latency_ms = request.value("latency_ms", settings.latency_ms);
      settings.jitter_ms = request.value("jitter_ms", settings.jitter_ms);
      settings.bandwidth_mbit_s = request.value("bandwidth_mbit_s", settings.bandwidth_mbit_s);
    }
    if (partition == "out" && forth) settings.blocked = true;
    if (partition == "both" && (forth || back)) settings.blocked = true;
    if (partition == "none" && (forth || back)) settings.blocked = false;
    pair->set(settings);
  }
  changed_.notify();
  return nlohmann::json{{"pairs", pairs_json()}};
}

net::Task<Result<nlohmann::json>> Relay::control(nlohmann::json request) {
  const std::string what = request.at("do").get<std::string>();
  if (what == "set") {
    auto answer = set(request);
    if (answer.has_value()) log::info("set {}", request.dump());
    co_return answer;
  }
  if (what == "status") {
    CO_TRY_VOID(net::refuse_unknown_members(request, {"do"}));
    co_return nlohmann::json{{"pairs", pairs_json()}};
  }
  co_return make_error(ErrorKind::invalid, "unknown request '" + what + "' (known: set, status)");
}

namespace {

net::Task<int> link_body(LinkConfig config, asio::any_io_executor executor, net::Event& stop) {
  Relay relay(executor, config);
  const auto started = relay.start();
  if (started.has_value()) {
    log::info("{} routes, {} ms one way", config.routes.size(), config.latency_ms);
  }
  const int code = co_await net::take_orders(
      started, config.control,
      [&](nlohmann::json request) { return relay.control(std::move(request)); }, stop);
  co_await relay.stop();
  co_return code;
}

}  // namespace

int run_link(const std::filesystem::path& config_file) {
  net::init_logging("link");
  return net::run_configured(load_link_config(config_file), link_body);
}

}  // namespace aurora_global::link
