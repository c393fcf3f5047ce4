// What a read on the standby may see: waiting for replay, and when not to wait.
#pragma once

#include <optional>

#include "core/position.h"
#include "pg/pg.h"

namespace aurora_global::extension {

// The session has committed at the primary up to here.
void note_committed(const Position& position);

// `TIMELINE:LSN` of the session's last write, "" before it; and the same taken over from another
// session.
const char* consistency_token();
bool token_is_valid(const char* token);
void take_token(const char* token);

// Waits until replay has the last change of a catalog that the session made. No transaction is
// open.
void await_catalog(const Position& position);

enum class Read { here, primary };

// A read that has been waited for before its statement was parsed, so that names and plans are as
// new as the rows are: where it runs. nullopt: nothing was waited for. Valid for the messages that
// had come from the client by then, until one has been executed.
std::optional<Read> waited_ahead();
void note_executed();

// Before a read, with locks held but no snapshot needed: waits as the consistency mode asks.
// `here`: replay has come far enough; `waited` tells whether an older snapshot is too old now.
// `primary`: waiting would block replay, or take too long; the read must run at the primary.
Read await_consistency(bool* waited);

// The mode asks for a wait that has not been made yet, so that a snapshot taken before is too old.
bool wait_needed();

// Registers callbacks. Once, when the library is loaded.
void install_consistency();

}  // namespace aurora_global::extension
