// Moves the sessions of one endpoint to another server: when the writer moves, when a server has
// gone, and as often as a test wants.
//
// One thread: that of its endpoint.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "model/operation.h"
#include "router/servers.h"
#include "router/session_set.h"

namespace aurora_global::router {

class Mover {
 public:
  struct Counts {
    std::uint64_t cut = 0;  // Sessions that were ended because they could not go on.
    std::uint64_t moved = 0;
    std::uint64_t moved_in_place = 0;
    std::map<std::string, std::uint64_t> stayed;  // Why a session was not moved in place.
  };

  Mover(boost::asio::any_io_executor executor, const RouterConfig& config, SessionGate& gate,
        net::TaskGroup& tasks, SessionSet& sessions, Servers& servers)
      : executor_(std::move(executor)),
        config_(config),
        gate_(gate),
        tasks_(tasks),
        sessions_(sessions),
        servers_(servers) {}

  // ---- the writer moves

  // Opens and warms a session at `target` for each that there is.
  net::Task<nlohmann::json> prepare(BackendAddress target, Deadline deadline);
  // Nothing new begins until `epoch`, or until release(). Returns when every session is settled, or
  // at the deadline; then those still open are ended, or (abort) only counted.
  net::Task<nlohmann::json> hold(Epoch epoch, model::DrainPolicy policy, Deadline deadline);
  void release();
  // New sessions go to these; those whose server is not among them are carried to one of them. In
  // three steps, so that each session that listens for notifications listens at the new server
  // before any other can notify there: adopt() returns whether there are such, and nothing begins
  // until open(), before which they are waited for.
  bool adopt(std::vector<BackendAddress> servers, Epoch epoch);
  net::Task<void> await_listeners(Deadline deadline);
  void open();

  // ---- one session

  // It has just come; the world may have changed while it logged in.
  void welcome(const SessionSet::Pointer& session);
  // Its server has gone, or is none of the endpoint's any more.
  void carry(SessionSet::Pointer session);
  // To a fresh session of the same server, as a test wants it.
  void move_in_place(SessionSet::Pointer session);

  Counts& counts() { return counts_; }
  const Counts& counts() const { return counts_; }

 private:
  net::Task<void> carry_on(SessionSet::Pointer session);
  net::Task<void> do_move_in_place(SessionSet::Pointer session);

  boost::asio::any_io_executor executor_;
  const RouterConfig& config_;
  SessionGate& gate_;
  net::TaskGroup& tasks_;
  SessionSet& sessions_;
  Servers& servers_;
  std::optional<BackendAddress> preparing_;
  Epoch epoch_;
  bool epoch_is_new_ = false;  // From adopt() to open().
  std::vector<SessionSet::Pointer> listeners_;
  Counts counts_;
};

}  // namespace aurora_global::router
