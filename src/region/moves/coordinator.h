// The target region's part of a move: it decides, and runs the Operation along the model's table.
//
// What is durable, and when: the operation before its first act and when it enters `fence`; the new
// epoch together with step `promote` in one transaction (`commit`); the end. Between fence and
// release nothing else is written, so the window holds one synchronous write of this side.
#pragma once

#include "region/peers/gossip.h"
#include "region/router_orders.h"

namespace aurora_global::region {

class Coordinator {
 public:
  Coordinator(Core& core, Truth& truth, RouterOrders& orders, Gossip& gossip,
              std::function<void()> changed)
      : core_(core),
        truth_(truth),
        orders_(orders),
        gossip_(gossip),
        changed_(std::move(changed)) {}

  void serve(PeerServer& server);
  // Goes on with what was under way when the daemon ended.
  void resume();
  // Returns as soon as the operation is accepted and durable, here or at the target region.
  net::Task<Result<void>> move_writer(std::string identifier, std::string target_arn, MoveKind kind,
                                      model::Drain drain);

 private:
  using Outcome = net::Task<Result<void>>;

  Outcome ask_target(RegionId target, messages::Move request);
  Outcome accept(std::string identifier, MoveKind kind, model::Drain drain);
  Result<void> why_not_now(const std::string& identifier, MoveKind kind) const;
  Result<model::Operation> plan(const State& now, const model::GlobalCluster& seen, MoveKind kind,
                                model::Drain drain) const;
  // Why a switchover would not be safe now; success means that it is, and names the tables that it
  // empties.
  net::Task<Result<std::vector<std::string>>> may_switch_over(model::GlobalCluster global,
                                                              Deadline deadline);
  Outcome replicates(Instance& instance, const model::GlobalCluster& global, Deadline deadline);
  Outcome replays(Instance& instance, Deadline deadline);
  net::Task<Result<messages::Inspected>> compared(Instance& instance, RegionId writer,
                                                  InstanceState* ours, Deadline deadline);

  // `claim`: nobody replaces the data meanwhile.
  net::Task<void> run(std::string global_cluster, bool restarted, Instances::Claim claim);
  net::Task<model::StepEvent> perform(model::Operation operation, std::string* note);
  net::Task<void> conclude(model::Operation before, model::StepEvent event,
                           model::StepTiming timing);
  Outcome attempt(model::Operation operation, Deadline deadline);
  Outcome prepare(model::Operation operation, Deadline deadline);
  Outcome prepare_sessions(model::Operation operation, Deadline deadline);
  Outcome hold_bystanders(model::Operation operation);
  Outcome fence(model::Operation operation, Deadline deadline);
  Outcome catch_up(model::Operation operation, Deadline deadline);
  Outcome commit(model::Operation operation);
  Outcome promote(model::Operation operation, Deadline deadline);
  net::Task<void> retire_old_region(model::Operation operation);
  net::Task<void> help_replay(std::shared_ptr<Instance> head, std::shared_ptr<bool> over);
  net::Task<model::Operation> settle_the_loss(model::Operation operation);
  Outcome release(model::Operation operation);
  Outcome abort(model::Operation operation, Deadline deadline);
  void tell_of_the_end(const model::Operation& operation);
  std::vector<RegionId> members_of(const model::Operation& operation) const;
  bool is_current(const std::string& global_cluster, const std::string& id) const;

  Core& core_;
  Truth& truth_;
  RouterOrders& orders_;
  Gossip& gossip_;
  std::function<void()> changed_;
};

}  // namespace aurora_global::region
