// Notices servers across the link that have fallen silent: no session there hears anything, and no
// probe is answered. A partition ends no connection: what is under way at a server that answers
// nobody gets an answer from us.
//
// One thread.
#pragma once

#include <map>
#include <string>

#include "net/task.h"
#include "router/session_set.h"

namespace aurora_global::router {

class ServerWatch {
 public:
  // Adds to `cut` the sessions that it ends.
  ServerWatch(net::TaskGroup& tasks, const SessionSet& sessions, std::uint64_t& cut)
      : tasks_(tasks), sessions_(sessions), cut_(cut) {}
  // Until `tasks` is stopped.
  net::Task<void> run();

 private:
  net::Task<void> probe(BackendAddress server);
  void give_up(const std::string& address);

  net::TaskGroup& tasks_;
  const SessionSet& sessions_;
  std::uint64_t& cut_;
  std::map<std::string, int> silent_ticks_;
};

}  // namespace aurora_global::router
