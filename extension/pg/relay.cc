#include "pg/relay.h"

#include <optional>
#include <utility>
#include <vector>

#include "pg/block.h"
#include "pg/carry.h"
#include "pg/consistency.h"
#include "pg/counters.h"
#include "pg/inspect.h"
#include "pg/isolation.h"
#include "pg/lexing.h"
#include "pg/local_cursors.h"
#include "pg/options.h"
#include "pg/parse_context.h"
#include "pg/primary.h"
#include "pg/relay_parts.h"
#include "pg/remote.h"
#include "pg/reported.h"
#include "pg/session.h"
#include "pg/session_report.h"
#include "pg/statements.h"
#include "pg/unnamed_statement.h"

extern "C" {
#include "libpq/pqformat.h"
#include "parser/analyze.h"
#include "storage/proc.h"
#include "utils/ps_status.h"
#include "utils/timeout.h"
}

namespace aurora_global::extension {

Relay* relay = nullptr;
StringInfoData client_message;
MemoryContext relay_context = nullptr;

namespace {

// The end of a relay unwinds with this; it reaches neither client nor log.
constexpr int kUnwind = MAKE_SQLSTATE('A', 'G', '0', '0', '1');

enum class Swallow { nothing, completion, error };

Swallow swallow = Swallow::nothing;

sigjmp_buf* main_loop = nullptr;  // Where an error ends that no portal catches.
post_parse_analyze_hook_type next_analyze = nullptr;

const PQcommMethods* real_methods = nullptr;
PQcommMethods filtered_methods;
emit_log_hook_type next_emit_log = nullptr;

bool told_ready = false;  // ReadyForQuery has been given, and not sent.

int filtered_putmessage(char type, const char* body, size_t size) {
  if (swallow == Swallow::completion && (type == 'C' || type == 's')) {
    swallow = Swallow::nothing;
    return 0;
  }
  if (swallow == Swallow::error && type == 'E') {
    swallow = Swallow::nothing;
    return 0;
  }
  if (answers_restoring(type, {body, size})) return 0;
  told_ready = type == 'Z';
  return real_methods->putmessage(type, body, size);
}

int filtered_flush() {
  const int result = real_methods->flush();
  if (std::exchange(told_ready, false)) restore_unnamed();
  return result;
}

void note_main_loop(ParseState* state, Query* query, JumbleState* jumble) {
  if (next_analyze != nullptr) next_analyze(state, query, jumble);
  settle_isolation();
  note_parse(state);
  note_unnamed_here(state);
  if (ActivePortal == nullptr) main_loop = PG_exception_stack;
}

void hide_unwinding(ErrorData* error) {
  if (error->sqlerrcode == kUnwind) error->output_to_server = false;
  if (next_emit_log != nullptr) next_emit_log(error);
}

// ---- the local transaction

// Ends it. With `unwinding` the stack above is never used again: the portal that it runs is gone
// with the transaction, so errors pass it by and go where PostgreSQL reads the next message.
void end_local_transaction(bool unwinding) {
  while (ActiveSnapshotSet()) PopActiveSnapshot();
  if (unwinding) {
    if (ActivePortal != nullptr) MarkPortalFailed(ActivePortal);
    AbortOutOfAnyTransaction();
    ActivePortal = nullptr;
    PortalContext = nullptr;
    PG_exception_stack = main_loop;
    error_context_stack = nullptr;
    return;
  }
  if (block.open) EndTransactionBlock(false);
  CommitTransactionCommand();
}

// ---- the conversation

void relay_error(std::string_view body) {
  static std::string* changed = new std::string;
  bool fatal = false;
  bool of_client = false;
  contained([&] {
    const auto severity = error_field(body, 'V').value_or("ERROR");
    const auto sqlstate = error_field(body, 'C').value_or("");
    fatal = severity == "FATAL" || severity == "PANIC";
    // What the client has sent, or that it has sent nothing in its transaction.
    of_client = sqlstate == "08P01" || sqlstate == "25P03";
  });
  if (fatal && of_client) {
    to_client('E', body);
    pq_flush();
    proc_exit(1);
  }
  if (fatal) {
    lost(fatal_text(body));
    return;
  }
  contained([&] {
    const auto position = error_field(body, 'P');
    if (relay->position_shift == 0 || !relay->first_cycle || !position) {
      *changed = body;
    } else {
      const int shifted = std::atoi(std::string(*position).c_str()) + relay->position_shift;
      *changed = with_error_field(body, 'P', std::to_string(shifted));
    }
  });
  to_client('E', *changed);
}

void count_exchange(const Remote& r) {
  const TimestampTz now = GetCurrentTimestamp();
  count(replica_statements);
  count(replica_statement_us, now - relay->asked_at);
  relay->asked_at = now;
  if (r.exchange.status() == TransactionStatus::idle) count(replica_commits);
}

void on_ready(Remote& r, std::string_view body) {
  count_exchange(r);
  report_settings();
  if (!r.exchange.quiet()) {
    to_client('Z', body);
    return;
  }
  const bool pinned = !relay->discarding && r.position.stays();
  relay->committing = false;
  // Also of one that goes on: it may end by a loss.
  note_committed(r.position);
  if (r.exchange.status() == TransactionStatus::idle && !pinned) {
    relay->finished = true;
    return;
  }
  relay->explicit_block = r.exchange.status() != TransactionStatus::idle;
  if (!relay->explicit_block) end_kept_transaction();
  if (r.exchange.status() == TransactionStatus::idle) {
    await_catalog(r.position);
    compact_noted();
    due_for_reopening(r);  // It is not, which is counted.
    report_session_state();
  }
  relay->first_cycle = false;
  to_client('Z', body);
  if (pq_flush() != 0) proc_exit(0);
  pgstat_report_activity(relay->explicit_block ? STATE_IDLEINTRANSACTION : STATE_IDLE, nullptr);
}

// The lexer's notices of long identifiers and of backslashes: the text was parsed here, too.
bool said_here_already(std::string_view body) {
  if (!relay->first_cycle) return false;
  const auto sqlstate = error_field(body, 'C');
  return sqlstate == "42622" || sqlstate == "22P06";
}

// One that is not the last before the marker's answer was the client's.
void tell_held_ready(int but) {
  for (; relay->ready_held > but; --relay->ready_held) to_client('Z', {&relay->ready_status, 1});
}

// A COPY has failed: the client is told of as many ReadyForQuery as the primary gave before it came
// to the marker, whose own is the last.
void on_uncertain(Remote& r, const Message& m) {
  if (m.type == 'Z') {
    constexpr int kLastTwo = 2;
    relay->ready_status = m.body.empty() ? 'I' : m.body[0];
    ++relay->ready_held;
    tell_held_ready(kLastTwo);
  } else if (m.type == '3') {
    relay->ready_due = relay->ready_held > 1;
    relay->skips = !relay->ready_due;
    relay->ready_held = 0;
    relay->marker_sent = false;
    r.exchange.settled();
  } else {
    tell_held_ready(0);
    to_client(m.type, m.body);
  }
}

void end_skipped_query(Remote& r) {
  contained([&] {
    MessageWriter(r.out).sync();
    r.exchange.sent(Request::sync, Whose::client);
  });
}

void on_server_message(Remote& r, const Message& m) {
  if (m.type == 'S') {
    if (!note_parameter(r, m.body)) note_reported(m.body);
    return;
  }
  // Nothing that a former primary says it has done is passed on.
  if ((m.type == 'C' || m.type == 'Z') && !RecoveryInProgress()) {
    lost(nullptr);
    return;
  }
  if (relay->marker_sent) return on_uncertain(r, m);
  const auto answering = r.exchange.answering();
  const Whose whose = r.exchange.received(m.type, m.body);
  switch (m.type) {
    case 'E':
      if (r.exchange.uncertain()) send_marker(r);
      if (whose == Whose::relay && relay->own_failures > 0) {
        --relay->own_failures;
        r.exchange.forget_failure();
        return;
      }
      if (answering == Request::parse && whose == Whose::client) note_parse_failed();
      note_refusal(r);
      relay_error(m.body);
      // Of what went before the client's query, which nothing will answer any more.
      if (whose == Whose::relay && !relay->extended && r.exchange.skipping()) end_skipped_query(r);
      return;
    case 'Z':
      note_ready(r);
      if (answering == Request::query && whose == Whose::client) note_unnamed_dropped();
      if (relay->skips && whose == Whose::client) relay->skips = false;
      if (relay->ready_due) {
        relay->ready_due = false;
        on_ready(r, m.body);
        return;
      }
      if (whose == Whose::client || relay->answers_ready) on_ready(r, m.body);
      if (whose == Whose::relay) relay->answers_ready = false;
      return;
    default: break;
  }
  if (m.type == 'N' && said_here_already(m.body)) return;
  if (whose != Whose::client) return;
  note_answer(m.type, m.body);
  to_client(m.type, m.body);
}

void take_messages(Remote& r) {
  Message m;
  while (!relay->finished && !relay->gone && remote_message(r, m)) on_server_message(r, m);
}

bool client_has_data() {
  char byte = 0;
  return pq_buffer_has_data() || recv(MyProcPort->sock, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

// Until the primary's transaction has ended, or the primary has gone.
void converse(Remote& r) {
  for (;;) {
    take_messages(r);
    if (relay->finished || relay->gone) return;
    if (relay->held != 0 && r.exchange.quiet())
      take_client_message(r, std::exchange(relay->held, 0));
    while (client_may_speak(r) && r.out.size() < kPendingBytesMax && read_client(r)) {
    }
    const Io written = remote_write(r);
    const Io read = remote_read(r);
    if (written == Io::broken || read == Io::broken) {
      take_messages(r);  // Its last words.
      if (!relay->finished) lost(nullptr);
      return;
    }
    if (r.in_taken < r.in.size()) {
      Message m;
      std::size_t size = 0;
      if (next_message(std::string_view(r.in).substr(r.in_taken), m, size) ==
          NextMessage::complete) {
        continue;
      }
    }
    if (pq_flush() != 0) proc_exit(0);
    if (!RecoveryInProgress()) lost(nullptr);
    if (!r.exchange.quiet() && link_silent()) lost("Nothing comes from the primary any more.");
    if (relay->gone) return;
    bool client_closed = false;
    const bool reads_client = client_may_speak(r) && r.out.size() < kPendingBytesMax;
    const Client client = reads_client         ? Client::speaks
                          : relay->client_left ? Client::left
                                               : Client::waits;
    wait_for_sockets(r, client, written, &client_closed);
    // One that has said something after what runs, be it Terminate, gets its answer.
    if (client_closed && relay->held == 0 && !client_has_data()) proc_exit(0);
    relay->client_left = relay->client_left || client_closed;
    interrupts(r);
  }
}

// Brings back what the transaction has changed of the session. No transaction is open; one is when
// it returns.
void bring_back(Remote& r) {
  static std::string* answer = new std::string;
  await_catalog(r.position);
  note_committed(r.position);
  const bool changed = relay->settings_in_block || r.position.settings != relay->settings_there;
  if (changed) {
    contained([&] { send_own_query(r, std::string("SHOW ") + kSessionSettingsSetting); });
    answer->clear();
    settle(r, answer);
  }
  StartTransactionCommand();
  if (changed) {
    bool fresh = false;
    apply_settings(Carrier::forwarding, unsealed(*answer, &fresh).settings, true);
    CommitTransactionCommand();
    StartTransactionCommand();
  }
  make_prepared_statements(r);
  note_session_relay();
  if (relay->discarding) remote_close();
}

Remote& enter(bool extended) {
  if (relay == nullptr) {
    relay = contained([] { return new Relay; });
    relay_context =
        AllocSetContextCreate(TopMemoryContext, "aurora_global relay", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);
    initStringInfo(&client_message);
    MemoryContextSwitchTo(old);
  }
  contained([&] { *relay = Relay{}; });
  if (PqCommMethods != &filtered_methods) {
    real_methods = PqCommMethods;
    filtered_methods = *real_methods;
    filtered_methods.putmessage = filtered_putmessage;
    filtered_methods.flush = filtered_flush;
    PqCommMethods = &filtered_methods;
  }
  relay->extended = extended;
  begin_unnamed(extended && ActivePortal->prepStmtName == nullptr);
  relay->asked_at = GetCurrentTimestamp();
  relay->local_kept = keep_for_local_cursors();
  Remote& r = remote();
  sync_settings(r);
  begin_reporting();
  relay->explicit_block = block.open;
  relay->committing = !block.open;
  if (get_timeout_active(STATEMENT_TIMEOUT)) disable_timeout(STATEMENT_TIMEOUT, false);
  // What the primary does is cancelled there, and what it has done is not called off here. Until
  // leave(), or an error.
  HOLD_CANCEL_INTERRUPTS();
  return r;
}

void leave() {
  QueryCancelPending = false;  // It came too late.
  RESUME_CANCEL_INTERRUPTS();
}

}  // namespace

void end_kept_transaction() {
  if (relay->local_kept) end_local_transaction(!relay->extended);
  relay->local_kept = false;
  keep_held_cursors();
}

void relay_query(const char* source, int location) {
  const char* rest = source + Max(location, 0);
  const bool behind_others = location > 0;
  const Inspection found = inspect(rest);
  // Some statements are refused unless they come alone, and some if they do.
  const bool last_of_some =
      behind_others && found.statements == 1 && inspect(source).statements > 1;
  const char* encoded = pg_server_to_any(rest, static_cast<int>(strlen(rest)),
                                         lexing_of_message(behind_others).encoding);
  Remote& r = enter(false);
  refuse_local_cursors(found);
  Prefix& prefix = prefix_of(behind_others);
  if (last_of_some && prefix.empty()) contained([&] { prefix.in_text.emplace_back(kNoEffect); });
  ensure_local_prepares(r, Protocol::simple);
  for_each_name(found.executed,
                [&](const char* name) { ensure_statement(r, name, Protocol::simple); });
  note_inspection(r, found, rest, Protocol::simple);
  sync_own(r);
  // If one of them fails, the primary skips the client's text.
  for (const std::string& one : prefix.messages) send_own_statement(r, one);
  contained([&] {
    std::string sql;
    for (const std::string& one : prefix.in_text) sql += one + ";";
    relay->position_shift =
        pg_mbstrlen_with_len(source, Max(location, 0)) - static_cast<int>(sql.size());
    sql += encoded;
    MessageWriter(r.out).query(sql);
    r.exchange.sent(Request::query, Whose::client, static_cast<int>(prefix.in_text.size()));
  });
  relay->committing = relay->committing || found.commits;
  if (!relay->local_kept) end_local_transaction(true);
  MemoryContextSwitchTo(relay_context);
  converse(r);
  expect_restoring();
  if (relay->local_kept) end_local_transaction(true);
  if (relay->gone) farewell();
  bring_back(r);
  leave();
  swallow = Swallow::error;
  ereport(ERROR, errcode(kUnwind), errmsg("a forwarded statement has ended"));
  pg_unreachable();
}

void relay_portal(Portal portal, long max_rows, bool restore_snapshot) {
  MemoryContext old = CurrentMemoryContext;
  const Inspection found = inspect_portal(portal);
  Remote& r = enter(true);
  refuse_local_cursors(found);
  Prefix& prefix = prefix_of(false);
  if ((MyXactFlags & XACT_FLAGS_PIPELINING) != 0 && prefix.empty()) {
    contained([&] { prefix.in_text.emplace_back(kNoEffect); });
  }
  for (const std::string& one : prefix.messages) send_own_statement(r, one);
  for (const std::string& one : prefix.in_text) send_own_statement(r, one);
  ensure_local_prepares(r, Protocol::extended);
  note_inspection(r, found, portal->sourceText, Protocol::extended);
  send_portal(r, portal, max_rows);
  if (!relay->local_kept) end_local_transaction(false);
  MemoryContextSwitchTo(relay_context);
  converse(r);
  expect_restoring();
  if (relay->local_kept) end_local_transaction(false);
  const bool gone = relay->gone;
  if (gone) {
    farewell();
    begin_after_loss();
  } else {
    bring_back(r);
    MyXactFlags |= XACT_FLAGS_NEEDIMMEDIATECOMMIT;
  }
  leave();
  MemoryContextSwitchTo(old);
  if (restore_snapshot) PushActiveSnapshot(GetTransactionSnapshot());
  swallow = Swallow::completion;
  pgstat_report_activity(STATE_IDLE, nullptr);
  if (gone) return;
  report_session_state();
  to_client('Z', "I");
  if (pq_flush() != 0) proc_exit(0);
}

Position primary_position() {
  static std::string* answer = new std::string;
  Remote& r = remote();
  answer->clear();
  contained([&] { send_own_query(r, "SELECT pg_catalog.pg_current_wal_flush_lsn()"); });
  settle(r, answer);
  Position position = r.position;
  std::uint32_t high = 0;
  std::uint32_t low = 0;
  if (sscanf(answer->c_str(), "%X/%X", &high, &low) != 2) {
    ereport(ERROR, errcode(ERRCODE_PROTOCOL_VIOLATION),
            errmsg("the primary answered no WAL position"));
  }
  position.commit = std::uint64_t{high} << 32 | low;
  return position;
}

void expect_relay() { expect_remote(); }

void discard_at_primary(DiscardMode target) {
  Remote* r = remote_if_connected();
  if (r == nullptr) return;
  if (target == DISCARD_ALL) {
    remote_close();
  } else if (target == DISCARD_SEQUENCES) {
    contained([&] { send_own_query(*r, "DISCARD SEQUENCES"); });
    settle(*r, nullptr);
  }
}

bool relayed_in_this_execute() { return swallow == Swallow::completion; }

void install_relay() {
  next_emit_log = emit_log_hook;
  emit_log_hook = hide_unwinding;
  next_analyze = post_parse_analyze_hook;
  post_parse_analyze_hook = note_main_loop;
}

}  // namespace aurora_global::extension
