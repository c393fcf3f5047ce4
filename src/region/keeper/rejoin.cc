// A former primary becomes a standby of the new one, and a standby that gets nothing is mended:
// the part of the keeper that compares histories.
#include "net/log.h"
#include "region/keeper/keeper.h"
#include "region/keeper/sources.h"

namespace aurora_global::region {
namespace {

using namespace std::chrono_literals;

constexpr Duration kRejoinAskLimit = 3s;
constexpr Duration kRejoinCheckpointLimit = 60s;
constexpr Duration kRejoinStartLimit = 60s;
constexpr Duration kRejoinSeedLimit = 3600s;
constexpr Duration kDecodingLimit = 1800s;
constexpr Duration kRewindLimit = 600s;
constexpr Duration kRejoinStopLimit = 30s;

Error moves_here() {
  return make_error(ErrorKind::conflict, "the writer moves here: its data are not replaced now");
}

Error no_member_any_more() {
  return make_error(ErrorKind::superseded, "this region is in no global cluster any more");
}

}  // namespace

// From the newest timeline back to the first that the writer has been on, too.
net::Task<Result<Keeper::OwnWal>> Keeper::own_wal(Instance& head, std::uint32_t newest) {
  const model::GlobalCluster* global = core_.truth.own_global();
  if (global == nullptr) co_return no_member_any_more();
  const RegionId writer = global->writer_region;
  OwnWal own;
  std::optional<Lsn> end;  // Where it left `timeline`; none: it has not.
  for (std::uint32_t timeline = newest;;) {
    CO_TRY(const auto answer, co_await core_.peers.ask(writer, messages::Fork{timeline},
                                                       Deadline::in(kRejoinAskLimit)));
    if (answer.timeline == timeline) {
      own.diverged = !end;
      if (end) break;  // It left that one earlier, and the writer has gone on.
      log::warn("instance {}: it has written timeline {}, on which {} is", head.identifier(),
                timeline, writer.name);
      break;
    }
    if (answer.fork.value != 0) {
      // After a clean shutdown it ends at the fork, and that of a fenced server does nearly always.
      CO_TRY(bool goes_past, co_await head.wal_goes_past(timeline, answer.fork));
      goes_past = goes_past && (!end || *end > answer.fork);
      if (goes_past) own.pieces.push_back({timeline, answer.fork});
      log::info("instance {}: {} left timeline {} at {}; its own WAL {}", head.identifier(),
                writer.name, timeline, answer.fork.text(), goes_past ? "goes on" : "ends there");
      break;
    }
    const auto began = co_await beginning_of(head, timeline);
    if (began.has_error() && began.error().kind != ErrorKind::not_found) co_return began.error();
    if (began.has_error()) {
      log::warn("instance {}: {} was on none of its timelines", head.identifier(), writer.name);
      own.diverged = true;
      break;
    }
    // The writer was never on this timeline: all that was written on it is only here.
    log::info("instance {}: it began timeline {} at {}, and {} does not know that one",
              head.identifier(), timeline, began->at.text(), writer.name);
    own.pieces.push_back({timeline, began->at});
    timeline = began->parent;
    end = began->at;
  }
  co_return own;
}

// Clients may have been told of it, so an operator is told that it is gone, and where it is.
net::Task<Result<void>> Keeper::keep_what_is_discarded(Instance& head, OwnWal own) {
  for (const OwnWal::Piece& piece : own.pieces) {
    CO_TRY(const auto kept, co_await head.keep_wal(piece.timeline, piece.from));
    if (kept.empty()) continue;
    log::warn(
        "instance {}: what it has of timeline {} after {} is discarded; its WAL is kept in {}",
        head.identifier(), piece.timeline, piece.from.text(), kept.string());
    core_.events.of_failover("What only this Region had after " + piece.from.text() +
                             " is discarded; its WAL is kept in " + kept.string());
  }
  co_return ok();
}

// Before the rewind, which takes away what it is read from. That it cannot be read keeps no region
// from coming back: its WAL is kept.
net::Task<void> Keeper::keep_what_was_lost(Instance& head, OwnWal own) {
  if (own.pieces.empty()) co_return;
  const OwnWal::Piece& first = own.pieces.back();
  const auto lost =
      co_await head.keep_lost({first.timeline, first.from}, Deadline::in(kDecodingLimit));
  if (lost.has_error()) {
    log::warn("instance {}: what it has committed after {} could not be read: {}",
              head.identifier(), first.from.text(), lost.error().message);
    core_.events.of_failover(
        "Lost writes: what only this Region had committed could not be read (" +
        lost.error().message + "); its WAL is kept");
    co_return;
  }
  if (!*lost) co_return;
  const Instance::LostWrites& writes = **lost;
  std::string what = std::to_string(writes.transactions) + " transactions with " +
                     std::to_string(writes.changes) + " changes that only this Region had";
  if (writes.without_rows > 0) {
    what += ", and " + std::to_string(writes.without_rows) + " commits without rows,";
  }
  const std::string more =
      writes.incomplete.empty() ? "" : "; something may be missing: " + writes.incomplete;
  log::warn("instance {}: {} are kept in {}{}", head.identifier(), what, writes.place.string(),
            more);
  core_.events.of_failover("Lost writes: " + what + " are kept in " + writes.place.string() + more);
}

net::Task<Result<bool>> Keeper::needs_rewind(Instance& head, OwnWal own, std::uint32_t newest) {
  if (own.pieces.empty()) co_return false;
  const OwnWal::Piece& first = own.pieces.front();
  if (own.pieces.size() > 1 || first.timeline != newest) co_return true;
  const auto claim = core_.instances.claim_replacement();
  if (claim == nullptr) co_return moves_here();
  CO_TRY(const bool dropped,
         co_await head.drop_idle_wal(first.timeline, first.from, Deadline::in(kRejoinAskLimit)));
  if (dropped) log::info("instance {}: that changed nothing, and is taken off", head.identifier());
  co_return !dropped;
}

net::Task<Result<void>> Keeper::rejoin(Instance& head) {
  const model::GlobalCluster* global = core_.truth.own_global();
  if (global == nullptr) co_return ok();
  const RegionId writer = global->writer_region;
  const WalSource from = source(head);
  truth_.withdraw_word();
  // A standby that has gone past the fork would wait for ever, without an error.
  CO_TRY(const std::uint32_t newest, co_await head.last_timeline());
  CO_TRY(const OwnWal own, co_await own_wal(head, newest));
  if (own.diverged) co_return co_await keep_and_seed(head);
  CO_TRY(const bool goes_past, co_await needs_rewind(head, own, newest));
  if (goes_past) {
    const auto claim = core_.instances.claim_replacement();
    if (claim == nullptr) co_return moves_here();
    CO_TRY_VOID(co_await keep_what_is_discarded(head, own));
    co_await keep_what_was_lost(head, own);
    // pg_rewind reads the new timeline from the control file, which a checkpoint brings up to date.
    CO_TRY_VOID(co_await core_.peers.ask(writer, messages::Checkpoint{},
                                         Deadline::in(kRejoinCheckpointLimit)));
    log::info("instance {}: pg_rewind", head.identifier());
    const auto rewound = co_await head.rewind(from, Deadline::in(kRewindLimit));
    if (rewound.has_error()) {
      log::warn("instance {}: {}", head.identifier(), rewound.error().message);
      CO_TRY_VOID(co_await can_be_copied());
      co_return co_await keep_and_seed(head);
    }
  }
  CO_TRY_VOID(co_await head.start(from, Deadline::in(kRejoinStartLimit)));
  rejoined(goes_past ? " after a rewind" : "");
  co_return ok();
}

// A rewind that fails because the primary has gone is no reason to give away what is there.
net::Task<Result<void>> Keeper::can_be_copied() {
  const model::GlobalCluster* global = core_.truth.own_global();
  if (global == nullptr) co_return no_member_any_more();
  const RegionId writer = global->writer_region;
  CO_TRY_VOID(co_await core_.peers.ask(writer, messages::Inspect{}, Deadline::in(kRejoinAskLimit)));
  co_return ok();
}

// A copy takes the place of data that nobody else has: those are kept.
net::Task<Result<void>> Keeper::keep_and_seed(Instance& head) {
  const auto claim = core_.instances.claim_replacement();
  if (claim == nullptr) co_return moves_here();
  CO_TRY_VOID(may_lose_data(head));
  truth_.withdraw_word();
  CO_TRY_VOID(co_await head.stop(StopMode::immediate, Deadline::in(kRejoinStopLimit)));
  CO_TRY_VOID(may_lose_data(head));
  CO_TRY(const auto kept, co_await head.set_aside("diverged"));
  log::warn("instance {}: copied anew; its old data are kept in {}", head.identifier(),
            kept.string());
  core_.events.of_failover("Data that only this Region had are kept in " + kept.string());
  CO_TRY_VOID(co_await head.seed(source(head), Deadline::in(kRejoinSeedLimit)));
  CO_TRY_VOID(co_await head.start(source(head), Deadline::in(kRejoinStartLimit)));
  rejoined(" as a new copy");
  co_return ok();
}

void Keeper::rejoined(const std::string& how) {
  core_.events.of_failover("Rejoined the global cluster as a secondary" + how);
  changed_();
}

// A standby whose history has left the primary's, whose slot is gone, or that does not come up. The
// first time its history is compared; if that has not helped it is copied.
net::Task<Result<void>> Keeper::mend_head(Instance& head) {
  const auto claim = core_.instances.claim_replacement();
  if (claim == nullptr) co_return ok();  // Looked at again when the move has ended.
  const model::GlobalCluster* global = core_.truth.own_global();
  if (global == nullptr) co_return ok();
  const RegionId writer = global->writer_region;
  const WalSource from = source(head);
  // In this order: the writer has by then whatever it has sent.
  const auto state = co_await head.state(Deadline::in(kRejoinAskLimit));
  const messages::Fork question{state.has_value() ? state->timeline : 0};
  CO_TRY(const auto theirs,
         co_await core_.peers.ask(writer, question, Deadline::in(kRejoinAskLimit)));
  auto* seen = core_.instances.seen(head.identifier());
  if (seen == nullptr) co_return ok();
  seen->stream.reset();
  seen->mute_since.reset();
  const bool alike =
      state.has_value() && state->timeline != 0 && state->timeline == theirs.timeline;
  // The writer's word was old: its daemon does not look at a server that is being fenced.
  if (alike && state->streaming && state->end() == theirs.position) co_return ok();
  const bool diverged = alike && state->end() > theirs.position;
  const int before = seen->mends++;
  log::warn("instance {}: nothing of what {} writes arrives; {}", head.identifier(), writer.name,
            diverged      ? "its own WAL goes past that on the same timeline"
            : before == 0 ? "its history is compared"
                          : "it is copied anew");
  // One that does not say what it has may have what nobody else has.
  if (diverged || (before > 0 && state.has_error())) co_return co_await keep_and_seed(head);
  if (before > 0) co_return co_await copy_anew(head, from);
  CO_TRY_VOID(co_await head.stop(StopMode::fast, Deadline::in(kRejoinStopLimit)));
  // Whoever wrote what only this standby has received may be gone. The newest history is not its
  // own: it has fetched the writer's.
  OwnWal own;
  if (state.has_value() && !alike) {
    CO_TRY(own, co_await own_wal(head, state->timeline));
    CO_TRY_VOID(co_await keep_what_is_discarded(head, own));
  }
  CO_TRY_VOID(co_await core_.peers.ask(writer, messages::Checkpoint{},
                                       Deadline::in(kRejoinCheckpointLimit)));
  CO_TRY_VOID(may_lose_data(head));
  const auto rewound = co_await head.rewind(from, Deadline::in(kRewindLimit));
  if (rewound.has_error()) {
    log::warn("instance {}: {}; copied anew", head.identifier(), rewound.error().message);
    CO_TRY_VOID(co_await can_be_copied());
    if (own.diverged || !own.pieces.empty()) co_return co_await keep_and_seed(head);
    CO_TRY_VOID(co_await copy_anew(head, from));
  }
  co_return co_await head.start(from, Deadline::in(kRejoinStartLimit));
}

// Replay that waits because a setting is lower here than in the primary would wait for ever.
net::Task<Result<void>> Keeper::raise_settings(Instance& standby, WalSource from) {
  const auto* seen = core_.instances.seen(standby.identifier());
  if (seen == nullptr || !seen->state.replay_paused) co_return ok();
  CO_TRY(const auto below, co_await standby.settings_below_primary(Deadline::in(kRejoinAskLimit)));
  if (below.empty()) co_return ok();
  for (const std::string& one : below) {
    log::warn("instance {}: replay waits, for {}; it is started with the primary's",
              standby.identifier(), one);
  }
  CO_TRY_VOID(co_await standby.stop(StopMode::fast, Deadline::in(kRejoinStopLimit)));
  co_return co_await standby.start(std::move(from), Deadline::in(kRejoinStartLimit));
}

}  // namespace aurora_global::region
