#include "sim/network.h"

#include "region/peers/messages.h"

namespace aurora_global::sim {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLate = 4s;  // Beyond the patience of most who ask.
// Of so many messages one travels as text, as between processes all do: writing and reading it
// takes longer than everything else that is simulated.
constexpr std::uint64_t kAsText = 64;

net::Task<void> serve_one(region::PeerHandler handler, RegionId from, region::PeerRequest request,
                          std::function<void(region::PeerReply)> done) {
  auto serving = handler(from, std::move(request));
  region::PeerReply reply = co_await std::move(serving);
  done(std::move(reply));
}

}  // namespace

Duration Network::latency(const RegionId& from, const RegionId& to) {
  if (from == to) return kernel_.between(20us, 200us);
  Duration way = kernel_.between(way_, way_ + way_ / 2 + 1ms);
  if (kernel_.chance(faults.late)) way *= static_cast<int>(2 + kernel_.rng().below(100));
  return way;
}

void Network::send(const RegionId& from, const RegionId& to, region::PeerRequest said,
                   std::shared_ptr<Call> call) {
  if (++calls % kAsText == 0) said.body = std::move(said.body).text();
  const auto request = std::make_shared<const region::PeerRequest>(std::move(said));
  open_.push_back(call);
  if (!strange_answers.empty()) {
    answer(to, from, std::move(strange_answers.front()), std::move(call));
    strange_answers.pop_front();
    return;
  }
  const bool counted = armed_ && request->what != region::messages::Gossip::kName;
  const bool spoilt = counted && ++seen_ == spoilt_;
  if (spoilt && spoil_ == Spoil::request_lost) return;
  call->answer_lost = spoilt && spoil_ == Spoil::answer_lost;
  const Duration longer = spoilt && spoil_ == Spoil::late ? kLate : Duration::zero();
  const bool twice = spoilt && spoil_ == Spoil::doubled;
  const bool again = twice || (request->repeatable && kernel_.chance(faults.doubled));
  for (int i = 0; i < (again ? 2 : 1); ++i) {
    if (i > 0) ++doubled;
    // A connection breaks, or a peer that has died does not say so: no answer either way.
    if (kernel_.chance(faults.lost)) {
      ++lost;
      continue;
    }
    kernel_.after(latency(from, to) + longer,
                  net::Job([this, from, to, request, call] { deliver(from, to, request, call); }));
  }
  if (open_.size() > 256) std::erase_if(open_, [](const auto& one) { return one.expired(); });
}

void Network::deliver(RegionId from, RegionId to, Request request, std::shared_ptr<Call> call) {
  if (!passes(from, to)) return;  // Bytes stop; nobody is told.
  const auto server = servers_.find(to);
  if (server == servers_.end() || server->second.loop->killed()) {
    answer(to, from, make_error(ErrorKind::unavailable, "connection refused"), std::move(call));
    return;
  }
  const auto reply = [this, from, to, call, request](region::PeerReply said) {
    if (on_answer) on_answer(to, *request, said);
    if (call->answer_lost || kernel_.chance(faults.lost)) {
      ++lost;
      return;
    }
    if (++answers % kAsText == 0) said.body = std::move(said.body).text();
    answer(to, from, std::move(said), call);
  };
  const ClockOfThread in_force(server->second.loop->clock());
  server->second.tasks->spawn("peer request " + request->what,
                              serve_one(server->second.handler, from, *request, reply));
}

void Network::answer(RegionId from, RegionId to, Result<region::PeerReply> reply,
                     std::shared_ptr<Call> call) {
  kernel_.after(latency(from, to),
                net::Job([this, from, to, reply = std::move(reply), call]() mutable {
                  if (!passes(from, to) || call->caller == nullptr || call->reply) return;
                  call->reply = std::move(reply);
                  const ClockOfThread in_force(call->caller->clock());
                  call->arrived->notify();
                }));
}

void Network::forget(Loop* caller) {
  for (const auto& one : open_) {
    if (const auto call = one.lock(); call && call->caller == caller) call->caller = nullptr;
  }
}

net::Task<Result<region::PeerReply>> SimPeers::call(RegionId to, region::PeerRequest request,
                                                    Deadline deadline) {
  if (!peers_.contains(to)) {
    co_return make_error(ErrorKind::not_found, "this region has no peer " + to.name);
  }
  const auto call = std::make_shared<Network::Call>();
  call->arrived = std::make_shared<net::Event>(co_await net::asio::this_coro::executor);
  call->caller = &loop_;
  network_.send(region_, to, std::move(request), call);
  while (!call->reply) {
    if (deadline.passed()) {
      call->caller = nullptr;
      co_return make_error(ErrorKind::timeout, "no answer in time");
    }
    co_await call->arrived->wait(deadline);
  }
  call->caller = nullptr;
  co_return std::move(*call->reply);
}

Result<void> SimPeers::serve(net::TaskGroup& tasks, region::PeerHandler handler) {
  network_.listen(region_, {&tasks, std::move(handler), &loop_});
  return ok();
}

}  // namespace aurora_global::sim
