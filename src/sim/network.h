// The network between regions: it delays, loses, doubles and reorders what daemons ask of each
// other, and stops passing bytes one way or both.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "region/peers/transport.h"
#include "sim/kernel.h"
#include "sim/plan.h"

namespace aurora_global::sim {

struct NetworkFaults {
  double lost = 0;     // Share of requests and of answers that never arrive.
  double doubled = 0;  // Share of requests that arrive twice.
  double late = 0;     // Share that takes up to 100 times as long.
};

class Network {
 public:
  Network(Kernel& kernel, Duration way) : kernel_(kernel), way_(way) {}

  NetworkFaults faults;

  void cut(const RegionId& from, const RegionId& to) { cuts_.insert({from, to}); }
  void heal() { cuts_.clear(); }
  bool passes(const RegionId& from, const RegionId& to) const {
    return from == to || !cuts_.contains({from, to});
  }
  Duration latency(const RegionId& from, const RegionId& to);

  // Who answers in a region now; nobody while its daemon is down.
  struct Server {
    net::TaskGroup* tasks = nullptr;
    region::PeerHandler handler;
    Loop* loop = nullptr;
  };
  void listen(const RegionId& region, Server server) { servers_[region] = std::move(server); }
  void unlisten(const RegionId& region) { servers_.erase(region); }

  struct Call {
    std::optional<Result<region::PeerReply>> reply;
    std::shared_ptr<net::Event> arrived;
    Loop* caller = nullptr;  // Nullptr: it has ended.
    bool answer_lost = false;
  };
  void send(const RegionId& from, const RegionId& to, region::PeerRequest said,
            std::shared_ptr<Call> call);
  // From now on requests other than gossip are counted, and that one does not go as it should; 0:
  // each does.
  void arm(std::uint64_t number, Spoil how) {
    armed_ = true;
    spoilt_ = number;
    spoil_ = how;
  }
  std::uint64_t seen() const { return seen_; }
  // What a stranger says: gives `request` to the daemon of `to` as if it came from `from`.
  void say(const RegionId& from, const RegionId& to, region::PeerRequest request) {
    deliver(from, to, std::make_shared<const region::PeerRequest>(std::move(request)),
            std::make_shared<Call>());
  }
  // What calls are answered with instead of what they ask for, as long as there is something.
  std::deque<region::PeerReply> strange_answers;
  // The calls of a process that has ended are answered into the void.
  void forget(Loop* caller);

  // Told of each answer that a daemon gives, whether or not it arrives.
  std::function<void(const RegionId& by, const region::PeerRequest&, const region::PeerReply&)>
      on_answer;

  std::uint64_t calls = 0, answers = 0, lost = 0, doubled = 0;

 private:
  using Request = std::shared_ptr<const region::PeerRequest>;
  void deliver(RegionId from, RegionId to, Request request, std::shared_ptr<Call> call);
  void answer(RegionId from, RegionId to, Result<region::PeerReply> reply,
              std::shared_ptr<Call> call);

  Kernel& kernel_;
  Duration way_;
  std::set<std::pair<RegionId, RegionId>> cuts_;
  std::map<RegionId, Server> servers_;
  std::vector<std::weak_ptr<Call>> open_;
  bool armed_ = false;
  std::uint64_t seen_ = 0, spoilt_ = 0;
  Spoil spoil_ = Spoil::request_lost;
};

// One daemon's door to it.
class SimPeers final : public region::PeerTransport {
 public:
  SimPeers(Network& network, Loop& loop, RegionId region, std::set<RegionId> peers)
      : network_(network), loop_(loop), region_(std::move(region)), peers_(std::move(peers)) {}
  ~SimPeers() override { close(); }

  net::Task<Result<region::PeerReply>> call(RegionId to, region::PeerRequest request,
                                            Deadline deadline) override;
  Result<void> serve(net::TaskGroup& tasks, region::PeerHandler handler) override;
  void close() override { network_.unlisten(region_); }

 private:
  Network& network_;
  Loop& loop_;
  RegionId region_;
  std::set<RegionId> peers_;
};

}  // namespace aurora_global::sim
