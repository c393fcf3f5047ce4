// The servers to which an endpoint leads at present.
//
// One thread.
#pragma once

#include <vector>

#include "net/task.h"
#include "router/config.h"

namespace aurora_global::router {

class Servers {
 public:
  explicit Servers(boost::asio::any_io_executor executor) : changed_(std::move(executor)) {}

  // Tells nobody: changed() is the caller's to notify when they may be used.
  void set(std::vector<BackendAddress> servers) { servers_ = std::move(servers); }
  const std::vector<BackendAddress>& all() const { return servers_; }
  // In the order in which they are to be tried, another one first each time. Those that lag are
  // left out where there are others.
  std::vector<BackendAddress> candidates();
  bool list(const BackendAddress& server) const;
  net::Event& changed() { return changed_; }

 private:
  std::vector<BackendAddress> servers_;
  std::size_t next_ = 0;
  net::Event changed_;
};

// A server that still starts, or ends; and one without a process for us. Another may serve, or the
// same one soon.
inline bool may_pass(std::string_view sqlstate) {
  return sqlstate.empty() || sqlstate == "57P03" || sqlstate == "57P01";
}

// Pauses between two rounds over the servers double from the first to the second.
inline constexpr Duration kServersRetryMin = std::chrono::milliseconds(5);
inline constexpr Duration kServersRetryMax = std::chrono::milliseconds(200);

}  // namespace aurora_global::router
