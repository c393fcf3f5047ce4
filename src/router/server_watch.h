// Notices servers across the link that have fallen silent: no session there hears anything, and no
// probe is answered. A partition ends no connection: what is under way at a server that answers
// nobody gets an answer from us.
//
// One thread.
#pragma once

#include <map>
#include <set>
#include <string>

#include "net/task.h"
#include "router/session_set.h"

namespace aurora_global::router {

class ServerWatch {
 public:
  // Adds to `cut` the sessions that it ends.
  ServerWatch(const RouterConfig& config, net::TaskGroup& tasks, const SessionSet& sessions,
              std::uint64_t& cut)
      : config_(config), tasks_(tasks), sessions_(sessions), cut_(cut) {}
  // Until `tasks` is stopped.
  net::Task<void> run();

 private:
  net::Task<void> probe(BackendAddress server);
  void give_up(const std::string& address);

  const RouterConfig& config_;
  net::TaskGroup& tasks_;
  const SessionSet& sessions_;
  std::uint64_t& cut_;
  // Ticks, not time: a router that has not run itself has heard nobody.
  std::map<std::string, int> silent_ticks_;
  std::set<std::string> probed_;  // One probe at a time: a busy server is not made busier.
};

}  // namespace aurora_global::router
