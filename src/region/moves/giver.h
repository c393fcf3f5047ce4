// The old region's part of a move: it promises the new epoch, ends the writing, names the last
// position of its WAL, and goes on or is retired by the coordinator's word.
//
// It never promotes and never decides: between the promise and that word it waits, however long.
#pragma once

#include "region/peers/server.h"
#include "region/router_orders.h"

namespace aurora_global::region {

class Giver {
 public:
  // `changed`: the duty of this region may be another one now.
  Giver(Core& core, Truth& truth, RouterOrders& orders, std::function<void()> changed)
      : core_(core), truth_(truth), orders_(orders), changed_(std::move(changed)) {}

  void serve(PeerServer& server);
  // Another region's operation was called off, by its coordinator's word.
  net::Task<void> called_off(model::Operation operation);

 private:
  template <typename T>
  using Answer = net::Task<Result<T>>;

  Answer<messages::Inspected> inspect();
  Answer<messages::Nothing> checkpoint();
  Answer<messages::Forked> fork(messages::Fork request);
  Answer<messages::Fenced> fence(messages::FenceOrder request);
  Answer<messages::Nothing> unfence(messages::Unfence request);
  Answer<messages::Nothing> retire(messages::Retire request);
  Result<void> why_not(const model::Operation& operation) const;
  Result<void> still_promised(const model::Operation& operation) const;
  net::Task<Result<void>> promise_and_hold(model::Operation operation, Deadline deadline);
  net::Task<Result<Lsn>> end_writes(model::Operation operation, Instance& instance);
  net::Task<Result<Lsn>> end_writes_at_once(model::Operation operation, Instance& instance);
  net::Task<Result<Lsn>> shut_down(Instance& instance);
  net::Task<Result<void>> lift(std::string operation_id);

  Core& core_;
  Truth& truth_;
  RouterOrders& orders_;
  std::function<void()> changed_;
  std::string promised_here_;  // The last operation that this very daemon has promised to.
};

}  // namespace aurora_global::region
