// The primary's half: what it tells a forwarded session, and what it refuses.
#pragma once

#include "pg/pg.h"

namespace aurora_global::extension {

inline constexpr char kCommitParameter[] = "aurora_global.commit";
// Reported once: libpq keeps its own copy of it to itself.
inline constexpr char kCancelKeyParameter[] = "aurora_global.cancel_key";

// This session was opened by a standby that forwards.
bool is_forwarded_session();
// What ties it to this server, of enum Pin; inside a transaction without cursors and locks.
std::uint32_t pins_of_forwarded_session();

// DISCARD here.
void note_discard(DiscardMode target);

// Hooks and callbacks. Once, when the library is loaded.
void install_primary();

}  // namespace aurora_global::extension
