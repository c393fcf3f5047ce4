// What the files of the relay share; nobody else includes it.
#pragma once

#include <vector>

#include "pg/inspect.h"
#include "pg/pg.h"
#include "pg/remote.h"
#include "pg/statements.h"

namespace aurora_global::extension {

inline constexpr std::size_t kPendingBytesMax = 1 << 20;  // More is not read from the client.

struct Relay {
  bool extended = false;     // Entered from an Execute message.
  bool first_cycle = true;   // No ReadyForQuery has gone to the client yet.
  bool client_done = false;  // The client waits for ReadyForQuery.
  bool committing = false;   // What runs may commit.
  bool finished = false;
  bool explicit_block = false;
  bool local_kept = false;  // Local cursors are open: the local transaction is, too.
  char held = 0;            // Type of a client's message that waits until the primary owes nothing.
  bool gone = false;        // The primary: the relay ends as `loss` says.
  bool block_lost = false;  // A transaction block of the client's was open.
  struct {
    int sqlstate = 0;
    char what[160];
    char detail[512];
  } loss;
  bool client_left = false;    // It has closed, behind messages that are still to be read.
  int own_failures = 0;        // Errors to come that we have asked for.
  bool answers_ready = false;  // The next ReadyForQuery of ours is the client's.
  // While it is uncertain what a failed COPY has read: ReadyForQuery that the client has not been
  // told of yet, for the last one before the marker's answer is our own.
  int ready_held = 0;
  char ready_status = 'I';
  bool marker_sent = false;
  bool ready_due = false;  // The last of them ends what the client waits for.
  bool skips = false;      // The client's messages up to its Sync, which the primary has not seen.
  bool settings_in_block = false;
  std::uint64_t settings_there = 0;  // Their digest at the primary when the relay began.
  bool discarding = false;           // DISCARD ALL ran: the session there is of no more use.
  TimestampTz asked_at = 0;          // When the client's statement that runs came.
  int position_shift = 0;            // Characters: the client's positions minus the primary's.
};

// Null until the first relay; then one after the other uses it.
extern Relay* relay;
extern StringInfoData client_message;  // The client's message that is being looked at.
extern MemoryContext relay_context;    // Reset with each of them.

inline void to_client(char type, std::string_view body) {
  pq_putmessage(type, body.data(), body.size());
}

// ---- relay.cc

// The local transaction that cursors have kept open ends with the primary's.
void end_kept_transaction();

// ---- relay_own.cc: what the relay itself says to the primary

// A query of ours.
void send_own_query(Remote& r, const std::string& sql);
// One statement of ours in the client's pipeline: if it fails, nothing after it runs.
void send_own_statement(Remote& r, const std::string& sql);
// The same, beside an unnamed statement of the client's.
void send_own_named_statement(Remote& r, const std::string& sql);
// A portal of ours that has this name.
void send_own_portal(Remote& r, const char* name);
// Does nothing and takes no snapshot.
inline constexpr char kNoEffect[] = "SHOW transaction_isolation";
// Sends what is pending and waits until the primary owes nothing, before anything of the client's
// has been sent. Raises the primary's error. Keeps the first field of the first row in `answer`.
void settle(Remote& r, std::string* answer);
// Waits for the sockets, at most a second; at the client for what it says, or for its end, or not
// at all.
enum class Client { speaks, waits, left };
void wait_for_sockets(Remote& r, Client client, Io written, bool* client_closed);
// While cancels are held off here, one goes to the primary; what ends the session ends it.
void interrupts(Remote& r);
// Makes the remote session's settings ours: a statement under other settings must not run.
void sync_settings(Remote& r);
// What must run there before the client's statement does.
struct Prefix {
  // BEGIN, savepoints, settings of the block, each as a message of its own: what one changes holds
  // for how the next is read. In the encoding in which the primary reads it.
  std::vector<std::string> messages;
  // In front of the client's text, in its query string: what holds for it, but not for how it is
  // read. Without a block all of it: the string is one transaction.
  std::vector<std::string> in_text;
  bool empty() const { return messages.empty() && in_text.empty(); }
};
// `behind_others`: statements of the client's query string have run here already.
Prefix& prefix_of(bool behind_others);

// ---- relay_client.cc: the client's messages

void note_inspection(Remote& r, const Inspection& found, const char* text, Protocol protocol);
// Statements made ready for a query to come end with a Sync of their own.
void sync_own(Remote& r);
bool client_may_speak(const Remote& r);
// Reads one message of the client's if there is one.
bool read_client(Remote& r);
// What stands in `client_message`.
void take_client_message(Remote& r, char type);
// The client waits for ReadyForQuery.
bool client_waits(const Remote& r);
// The primary has failed a COPY, and what it made of the Syncs among its data is not known: asks.
void send_marker(Remote& r);
// How long a message of this type may be.
int limit_of(char type);

// ---- relay_loss.cc: the primary is gone

// The connection to the primary is gone, or it is the primary no more: the relay ends, by an error
// at once where nothing has been answered yet, else by farewell().
void lost(const char* detail);
[[noreturn]] void raise_lost(int sqlstate, const char* what, const char* detail);
// An error for the client that nothing here raises.
void send_error(int sqlstate, const char* what, const char* detail);
// The text of a FATAL error of the primary, for our own.
const char* fatal_text(std::string_view body);
// Tells the client, in answer to what it has asked or asks next. Returns after the ReadyForQuery of
// an answer in the extended protocol; else raises.
void farewell();
// After farewell(): a transaction for the caller; the lost block goes on as one that takes nothing
// but its end.
void begin_after_loss();

}  // namespace aurora_global::extension
