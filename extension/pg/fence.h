// The fence: this server refuses every write from one moment on, and names the WAL position after
// which nothing is that a client was told of. docs/decisions/010 has the argument.
//
// Each backend has a slot in shared memory. It fills the slot before it looks whether the fence is
// up, and empties it when what it may have written is in the WAL; who raises the fence does so
// before it looks at the slots, and waits until it has seen each of them empty. So of a write and a
// fence that meet one always sees the other.
#pragma once

#include "pg/pg.h"

namespace aurora_global::extension {

// Of a statement at any depth, before it runs. `certainly`: it does nothing but write, and is
// refused under the fence (25006; 40001 in a transaction that has written). Otherwise it only
// might: under the fence its transaction is read-only, and PostgreSQL refuses what writes. True:
// the slot is filled, and leave_write() must follow.
enum class Writes { maybe, certainly };
bool enter_write(Writes how);
void leave_write();
// Of a function call of the protocol: the slot stays filled until the transaction ends.
void note_fastpath_write();

// Before a statement is started, and before one runs that only reads.
void note_read();
void refuse_if_fenced();

// The utility statement writes by itself, not through a plan that it runs.
bool utility_writes(Node* statement);

// What SQL calls; superusers only.

// Raises the fence for `epoch` and returns the final position. Sessions in the middle of a write
// get `drain_ms`, then they are terminated, or else (`terminate` is false) 55006 is raised. After
// an error the fence is up. Again for the same epoch: the same position. Raises 55000 for an epoch
// older than that of a fence that is up, and on a standby.
XLogRecPtr raise_fence(std::int64_t epoch, int drain_ms, bool terminate);
// No effect if there is none; 55000 for another epoch.
void lift_fence(std::int64_t epoch);
// 0: there is none.
std::uint64_t fenced_epoch();

// Asks for the shared memory, registers the callbacks. Once, when the library is loaded.
void install_fence();

}  // namespace aurora_global::extension
