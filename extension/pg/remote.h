// The session at the primary: one connection per local session, opened at the first forwarded
// statement and kept.
//
// libpq opens it and authenticates; from then on its socket is ours, message by message.
#pragma once

#include <map>

#include "core/exchange.h"
#include "core/position.h"
#include "core/wire.h"
#include "pg/pg.h"
#include "pg/spares.h"

struct pg_conn;

namespace aurora_global::extension {

enum class Io { done, blocked, broken };

// Prepared statements of a session at the primary, and when the local ones of these names were
// made; or one of these.
inline constexpr TimestampTz kMadeThere = 0;  // In this relay.
inline constexpr TimestampTz kDoubtful = -1;  // An error may have kept it from being made.
using Statements = std::map<std::string, TimestampTz, std::less<>>;

struct Remote {
  pg_conn* connection = nullptr;  // Null if a spare was taken: its worker holds it.
  SSL* ssl = nullptr;
  pgsocket socket = PGINVALID_SOCKET;
  std::string target;              // aurora_global.primary_conninfo and epoch when it was opened.
  WaitEventSet* events = nullptr;  // Latch, postmaster, primary, client.
  WaitEventSet* alone = nullptr;   // Without the client.
  sockaddr_storage primary = {};
  socklen_t primary_size = 0;
  int pid = 0;  // Of the session there.
  std::string cancel_key;

  std::string out;
  std::size_t out_sent = 0;
  std::string in;
  std::size_t in_taken = 0;
  Exchange exchange;

  Position position;
  // Digests of this session's settings when they were last made the other's, and of the other's
  // then: what cannot be made equal is not tried again.
  std::uint64_t synced_here = 0;
  std::uint64_t synced_there = 0;
  Statements statements;  // Prepared there; when here.
  int transactions = 0;   // That began since it was opened.
};

// The session's connection, opened if there is none, the old one has died or leads to a former
// primary. A new one starts with the settings of the client's start-up packet. Raises 08001.
Remote& remote();

// For aurora_global.reopen_every: whether the connection is to be opened again at this boundary.
// Counts why not.
bool due_for_reopening(const Remote& r);

// The connection if there is one.
Remote* remote_if_connected();

// What ties the session to its side at the primary, of enum Pin; 0 if it has none.
std::uint32_t pins_at_primary();

// The session may need a connection soon: it is opened ahead. Once per session, never waits.
void expect_remote();

// Ends it; the primary rolls back what is open.
void remote_close();

// Asks the primary to cancel what runs; waits 2 s at the most.
void remote_cancel();

// Writes and reads what goes without waiting.
Io remote_write(Remote& r);
Io remote_read(Remote& r);

// The next whole message that has come; false if there is none.
bool remote_message(Remote& r, Message& message);

// WAL receiver and primary speak at least every half wal_receiver_timeout. Nothing came for
// aurora_global.link_timeout longer than that: the link or the primary is gone.
bool link_silent();

}  // namespace aurora_global::extension
