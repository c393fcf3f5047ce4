// The peering link: every byte between regions passes here, late, slowed down or not at all.
//
// One task reads and one writes per direction of a connection; between them lies a bounded queue of
// chunks with their arrival times. With no latency, jitter, limit or partition the queue is
// bypassed. In a partition bytes stop and new connections are accepted and never answered, as with
// a cut cable; healing lets everything go on.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "link/config.h"
#include "link/pair.h"
#include "net/http.h"
#include "net/task.h"

namespace aurora_global::link {

inline constexpr std::size_t kChunkBytesMax = 256 * 1024;
// Per direction of a connection; past it the sender feels back-pressure, as on a full pipe.
inline constexpr std::size_t kInFlightBytesMax = 16 * 1024 * 1024;
inline constexpr int kConnectionsMax = 4096;

class Relay {
 public:
  Relay(boost::asio::any_io_executor executor, LinkConfig config);
  ~Relay();

  // Listens on every route. Fails with the first address that cannot be had.
  Result<void> start();
  net::Task<void> stop();

  // The requests of the control socket.
  net::Task<Result<nlohmann::json>> control(nlohmann::json request);

 private:
  using tcp = boost::asio::ip::tcp;
  struct Connection;
  struct Direction;

  Pair& pair(const std::string& from, const std::string& to);
  net::Task<void> accept_loop(tcp::acceptor& acceptor, Route route);
  net::Task<void> carry(tcp::socket client, Route route);
  net::Task<bool> passable(Pair& there, Pair& back);
  net::Task<void> read_side(std::shared_ptr<Connection> connection, Direction& direction);
  net::Task<void> write_side(std::shared_ptr<Connection> connection, Direction& direction);
  net::Task<void> wait_until(Instant when);
  Result<nlohmann::json> set(const nlohmann::json& request);
  nlohmann::json pairs_json() const;

  boost::asio::any_io_executor executor_;
  LinkConfig config_;
  std::map<std::pair<std::string, std::string>, std::unique_ptr<Pair>> pairs_;
  std::vector<std::unique_ptr<tcp::acceptor>> acceptors_;
  net::Event changed_;  // Settings.
  int connections_ = 0;
  net::TaskGroup tasks_;
};

// Runs the link of a configuration file until SIGTERM or SIGINT. Returns an exit code.
int run_link(const std::filesystem::path& config_file);

}  // namespace aurora_global::link
