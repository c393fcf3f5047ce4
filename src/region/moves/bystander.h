// The part of a region that neither gives the writer away nor takes it: its clients wait while the
// writer moves between two others, and those of any region are prepared for the move.
//
// They are let go by the topology of the new epoch, when the operation is heard to be called off,
// or when its coordinator is not heard of any more.
#pragma once

#include "region/peers/server.h"
#include "region/router_orders.h"

namespace aurora_global::region {

class Bystander {
 public:
  Bystander(Core& core, Truth& truth, RouterOrders& orders)
      : core_(core), truth_(truth), orders_(orders) {}

  void serve(PeerServer& server);

 private:
  net::Task<Result<messages::HoldAnswer>> hold(messages::Caller caller, messages::Hold request);

  Core& core_;
  Truth& truth_;
  RouterOrders& orders_;
};

}  // namespace aurora_global::region
