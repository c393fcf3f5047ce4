// What the keeper does next with an instance: from what should be and what is. Pure.
//
// No plan is kept: after each action the same comparison is made again, so a crash anywhere is
// followed by it, too.
#pragma once

#include <optional>
#include <string_view>

#include "model/duty.h"

namespace aurora_global::region {

enum class Action {
  rest,   // It is what it should be; small things are kept in order.
  leave,  // It may not run, and does not (or is fenced in the engine).
  init,   // A new primary.
  start_primary,
  start_for_promotion,  // As a standby without a source.
  promote,
  stop,           // It may not write.
  stop_at_once,   // Another region is the writer, and this server is open.
  no_source,      // Where the writer is, cannot be reached from here.
  seed,           // Copied through its source.
  rejoin,         // A stopped former primary becomes a standby.
  keep_and_seed,  // The same, but what only it has is set aside first.
  start_standby,
  mend,  // A standby that gets nothing.
};

std::string_view name_of(Action action);

struct HeadFacts {
  model::Duty duty = model::Duty::primary;
  bool has_data = false;
  bool running = false;
  bool standby_directory = false;
  bool has_source = false;
  // The engine itself refuses writes for what was promised.
  bool engine_fenced = false;
  // This region decided an epoch that does not hold: its writes are in no other region.
  bool lost_epoch = false;
  bool stalled = false;
};
Action decide(const HeadFacts& facts);

struct ReaderFacts {
  bool head_running = false;
  bool has_data = false;
  bool running = false;
  bool stalled = false;
};
Action decide(const ReaderFacts& facts);

}  // namespace aurora_global::region
