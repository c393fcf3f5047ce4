// What is settled and said when a move has ended.
#include "region/moves/coordinator.h"

namespace aurora_global::region {
namespace {

constexpr Duration kEndLookLimit = std::chrono::seconds(3);

}  // namespace

// More may have arrived after the last look before `commit`: what was lost is what lies beyond the
// point at which the new writer left the old timeline. One that was opened without a promotion has
// left none since, and has whatever it had when it stopped.
net::Task<model::Operation> Coordinator::settle_the_loss(model::Operation operation) {
  const auto head = core_.head();
  const bool settled = !operation.lost_bytes || *operation.lost_bytes == 0;
  if (settled || operation.from == core_.here() || head == nullptr) {
    co_return operation;
  }
  const auto timeline = co_await head->last_timeline();
  if (timeline.has_error()) co_return operation;
  const auto beginning = co_await beginning_of(*head, *timeline);
  Lsn ours = beginning.has_value() ? beginning->at : Lsn{};
  if (ours < operation.final_lsn) {  // The fork of an earlier move.
    const auto state = co_await head->state(Deadline::in(kEndLookLimit));
    if (state.has_error()) co_return operation;
    ours = state->end();
  }
  const std::uint64_t theirs = operation.final_lsn.value + *operation.lost_bytes;
  operation.final_lsn = ours;
  operation.lost_bytes = theirs > ours.value ? theirs - ours.value : 0;
  co_return operation;
}

void Coordinator::tell_of_the_end(const model::Operation& operation) {
  const bool lossless = operation.kind == model::OperationKind::switchover;
  const std::string what = lossless ? "Global switchover" : "Global failover";
  const model::DbCluster* cluster = core_.truth.cluster();
  const std::string where =
      " to DB cluster " + (cluster ? cluster->identifier : "") + " in Region " + core_.here().name;
  if (operation.step == model::Step::done) {
    core_.events.of_failover(what + where + (lossless ? " finished" : " completed"));
    const std::string wal_of_old = " of WAL of Region " + operation.from.name;
    if (!operation.lost_bytes) {
      core_.events.of_failover("It is not known how many bytes" + wal_of_old +
                               " had not arrived before the promotion");
    } else if (*operation.lost_bytes > 0) {
      core_.events.of_failover("At least " + std::to_string(*operation.lost_bytes) + " bytes" +
                               wal_of_old + " had not arrived before the promotion");
    }
  } else {
    core_.events.of_failover(what + where + " was cancelled: " + operation.reason);
  }
  changed_();
}

}  // namespace aurora_global::region
