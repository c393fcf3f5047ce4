#include "router/server_watch.h"

namespace aurora_global::router {
namespace {

using namespace std::chrono_literals;

constexpr Duration kTick = 250ms;

}  // namespace

// A connection of PostgreSQL that asks for GSSAPI is answered by one byte, costs the server a
// process for a moment, and leaves no line in its log.
net::Task<void> ServerWatch::probe(BackendAddress server) {
  struct Probed {
    std::set<std::string>& all;
    const std::string& address;
    ~Probed() { all.erase(address); }
  } probed{probed_, server.address};
  const Deadline deadline = Deadline::in(config_.silence_timeout);
  auto channel = co_await Channel::connect_tcp(server.address, deadline);
  if (channel.has_error()) co_return;
  const pgwire::Bytes question = {0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x30};
  const auto asked = co_await channel->write(question, deadline);
  if (asked.has_error()) co_return;
  pgwire::Bytes answer;
  const auto heard = co_await channel->read(answer, deadline);
  if (heard.has_value()) silent_ticks_[server.address] = 0;
}

void ServerWatch::give_up(const std::string& address) {
  for (const auto& session : sessions_.all()) {
    if (session->server().address != address || session->lost() || session->ended()) continue;
    if (session->idle()) continue;
    ++cut_;
    session->end_lost("it does not answer");
  }
}

net::Task<void> ServerWatch::run() {
  while (!tasks_.stopping()) {
    co_await net::sleep_for(kTick);
    std::map<std::string, BackendAddress> servers;
    for (const auto& session : sessions_.all()) {
      const BackendAddress& server = session->server();
      if (!server.socket.empty() || session->lost()) continue;
      servers.emplace(server.address, server);
      // A server that has more to do than it can takes no new connection for a while.
      if (session->heard()) silent_ticks_[server.address] = 0;
    }
    std::erase_if(silent_ticks_, [&](const auto& one) { return !servers.contains(one.first); });
    for (const auto& [address, server] : servers) {
      if (silent_ticks_[address]++ >= config_.silence_timeout / kTick) give_up(address);
      if (probed_.insert(address).second) tasks_.spawn("probe", probe(server));
    }
  }
}

}  // namespace aurora_global::router
