// How a relay ends whose primary is gone.
#include "pg/block.h"
#include "pg/relay_parts.h"

extern "C" {
#include "libpq/pqformat.h"
#include "storage/proc.h"
#include "utils/ps_status.h"
}

namespace aurora_global::extension {

[[noreturn]] void raise_lost(int sqlstate, const char* what, const char* detail) {
  ereport(ERROR, errcode(sqlstate), errmsg("%s", what), detail ? errdetail("%s", detail) : 0);
  pg_unreachable();
}

namespace {

// The client's block has failed with the connection: it must stay failed until ROLLBACK.
void restore_failed_block() {
  StartTransactionCommand();
  BeginTransactionBlock();
  CommitTransactionCommand();
  StartTransactionCommand();
}

[[noreturn]] void raise_loss() {
  if (relay->block_lost) {
    restore_failed_block();
  } else {
    StartTransactionCommand();
  }
  raise_lost(relay->loss.sqlstate, relay->loss.what,
             relay->loss.detail[0] == '\0' ? nullptr : relay->loss.detail);
}

void send_loss() { send_error(relay->loss.sqlstate, relay->loss.what, relay->loss.detail); }

// The type of the client's next message, which then stands in `client_message`.
char await_client_message() {
  for (;;) {
    unsigned char type = 0;
    pq_startmsgread();
    const int got = pq_getbyte_if_available(&type);
    if (got < 0) proc_exit(0);
    if (got > 0) {
      if (pq_getmessage(&client_message, limit_of(static_cast<char>(type))) != 0) proc_exit(0);
      if (type == 'X') proc_exit(0);
      return static_cast<char>(type);
    }
    pq_endmsgread();
    if (pq_flush() != 0) proc_exit(0);
    const int woke =
        WaitLatchOrSocket(MyLatch, WL_LATCH_SET | WL_SOCKET_READABLE | WL_EXIT_ON_PM_DEATH,
                          MyProcPort->sock, -1, PG_WAIT_EXTENSION);
    if (woke & WL_LATCH_SET) ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
  }
}

}  // namespace

void send_error(int sqlstate, const char* what, const char* detail) {
  static std::string* body = new std::string;
  contained([&] {
    *body = std::string("SERROR") + '\0' + "VERROR" + '\0' + 'C' + unpack_sql_state(sqlstate) +
            '\0' + 'M' + what + '\0';
    if (detail[0] != '\0') *body += std::string("D") + detail + '\0';
    *body += '\0';
  });
  to_client('E', *body);
}

// The connection to the primary is gone, or it is the primary no more: the relay ends, by an error
// at once where nothing has been answered yet, else by farewell().
void lost(const char* detail) {
  if (relay->gone) return;
  Remote* r = remote_if_connected();
  relay->client_done = relay->client_done || (r != nullptr && client_waits(*r));
  const bool unknown = relay->committing || !relay->explicit_block;
  const bool idle = r != nullptr && r->exchange.quiet();
  relay->gone = true;
  relay->block_lost = relay->explicit_block && !relay->committing;
  relay->loss.sqlstate = ERRCODE_CONNECTION_FAILURE;
  const char* what = "the connection to the primary is lost; the transaction is rolled back";
  if (unknown && !idle) {
    relay->loss.sqlstate = ERRCODE_TRANSACTION_RESOLUTION_UNKNOWN;
    what = "the connection to the primary is lost; whether the statement has committed is unknown";
  } else if (!RecoveryInProgress()) {
    relay->loss.sqlstate = ERRCODE_T_R_SERIALIZATION_FAILURE;
    what = "the primary has changed during a forwarded transaction; it is rolled back";
  }
  strlcpy(relay->loss.what, what, sizeof relay->loss.what);
  strlcpy(relay->loss.detail, detail == nullptr ? "" : detail, sizeof relay->loss.detail);
}

// The text of a FATAL error of the primary, for our own.
const char* fatal_text(std::string_view body) {
  static char text[512];
  contained([&] {
    strlcpy(text, std::string(error_field(body, 'M').value_or("it ended the session")).c_str(),
            sizeof text);
  });
  return text;
}

// After farewell(): a transaction for the caller; the lost block goes on as one that takes nothing
// but its end.
void begin_after_loss() {
  StartTransactionCommand();
  if (!relay->block_lost) {
    MyXactFlags |= XACT_FLAGS_NEEDIMMEDIATECOMMIT;
    return;
  }
  BeginTransactionBlock();
  CommitTransactionCommand();
  StartTransactionCommand();
  block.open = block.lost = true;
}

// Tells the client what raise_loss() would, in answer to what it has asked or asks next. Returns
// after the ReadyForQuery of an answer in the extended protocol; else raises.
void farewell() {
  remote_close();
  const bool answers_itself = relay->first_cycle && !(relay->extended && relay->client_done);
  if (answers_itself || (!relay->extended && relay->client_done)) raise_loss();
  bool told = relay->client_done;
  if (told) send_loss();
  while (!relay->client_done) {
    const char type = await_client_message();
    relay->client_done = type == 'Q' || type == 'S' || type == 'F';
    if (!relay->extended) continue;
    if (!told) send_loss();
    told = true;
  }
  if (!relay->extended) raise_loss();
  to_client('Z', relay->block_lost ? "E" : "I");
  if (pq_flush() != 0) proc_exit(0);
}

}  // namespace aurora_global::extension
