// The sessions of an endpoint, in the order in which they came, and by the keys that cancel them.
//
// One thread.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <vector>

#include "router/session.h"

namespace aurora_global::router {

class SessionSet {
 public:
  using Pointer = std::shared_ptr<Session>;

  // A session belongs to the set as long as this lives.
  class Member {
   public:
    Member(SessionSet& set, const Pointer& session)
        : set_(set),
          place_(set.sessions_.insert(set.sessions_.end(), session)),
          key_(session->client_key.secret_key) {
      set_.by_key_[key_] = session;
    }
    ~Member() {
      set_.sessions_.erase(place_);
      set_.by_key_.erase(key_);
    }
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;

   private:
    SessionSet& set_;
    std::list<Pointer>::iterator place_;
    std::uint32_t key_;
  };

  // A copy: sessions come and go whenever somebody waits.
  std::vector<Pointer> all() const { return {sessions_.begin(), sessions_.end()}; }
  std::size_t size() const { return sessions_.size(); }

  // Nullptr: the key is of no session here.
  Pointer find(pgwire::CancelRequest request) const {
    const auto found = by_key_.find(request.secret_key);
    if (found == by_key_.end()) return nullptr;
    auto session = found->second.lock();
    if (!session || session->client_key.process_id != request.process_id) return nullptr;
    return session;
  }

 private:
  std::list<Pointer> sessions_;
  std::map<std::uint32_t, std::weak_ptr<Session>> by_key_;
};

}  // namespace aurora_global::router
