#include "pg/relay.h"

#include <optional>
#include <utility>
#include <vector>

#include "pg/block.h"
#include "pg/consistency.h"
#include "pg/counters.h"
#include "pg/inspect.h"
#include "pg/local_cursors.h"
#include "pg/options.h"
#include "pg/primary.h"
#include "pg/remote.h"
#include "pg/session.h"
#include "pg/statements.h"

extern "C" {
#include "libpq/pqformat.h"
#include "parser/analyze.h"
#include "storage/proc.h"
#include "utils/ps_status.h"
#include "utils/timeout.h"
}

namespace aurora_global::extension {
namespace {

constexpr std::size_t kPendingBytesMax = 1 << 20;  // More is not read from the client.
constexpr long kWaitMs = 1000;

// The end of a relay unwinds with this; it reaches neither client nor log.
constexpr int kUnwind = MAKE_SQLSTATE('A', 'G', '0', '0', '1');

enum class Swallow { nothing, completion, error };

struct Relay {
  bool extended = false;     // Entered from an Execute message.
  bool first_cycle = true;   // No ReadyForQuery has gone to the client yet.
  bool client_done = false;  // The client waits for ReadyForQuery.
  bool copying_in = false;
  bool committing = false;  // What runs may commit.
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
  int own_failures = 0;        // Errors to come that we have asked for.
  bool answers_ready = false;  // The next ReadyForQuery of ours is the client's.
  std::string unnamed;  // Text of the client's unnamed statement, while local cursors are open.
  bool settings_in_block = false;
  bool listening = false;    // LISTEN ran: the session stays.
  bool discarding = false;   // DISCARD ALL ran: the session there is of no more use.
  TimestampTz asked_at = 0;  // When the client's statement that runs came.
  int position_shift = 0;    // Characters: the client's positions minus the primary's.
  Settings now;
  Settings outside;
};

Relay* relay = nullptr;
StringInfoData client_message;
MemoryContext relay_context = nullptr;
Swallow swallow = Swallow::nothing;

sigjmp_buf* main_loop = nullptr;  // Where an error ends that no portal catches.
post_parse_analyze_hook_type next_analyze = nullptr;

const PQcommMethods* real_methods = nullptr;
PQcommMethods filtered_methods;
emit_log_hook_type next_emit_log = nullptr;

int filtered_putmessage(char type, const char* body, size_t size) {
  if (swallow == Swallow::completion && (type == 'C' || type == 's')) {
    swallow = Swallow::nothing;
    return 0;
  }
  if (swallow == Swallow::error && type == 'E') {
    swallow = Swallow::nothing;
    return 0;
  }
  return real_methods->putmessage(type, body, size);
}

void note_main_loop(ParseState* state, Query* query, JumbleState* jumble) {
  if (next_analyze != nullptr) next_analyze(state, query, jumble);
  if (ActivePortal == nullptr) main_loop = PG_exception_stack;
}

void hide_unwinding(ErrorData* error) {
  if (error->sqlerrcode == kUnwind) error->output_to_server = false;
  if (next_emit_log != nullptr) next_emit_log(error);
}

// ---- sending to the primary

void send_own_query(Remote& r, const std::string& sql) {
  contained([&] {
    MessageWriter(r.out).query(sql);
    r.exchange.sent(Request::query, Whose::relay);
  });
}

// One statement of ours in the client's pipeline: if it fails, nothing after it runs.
void send_own_statement(Remote& r, const std::string& sql) {
  contained([&] {
    MessageWriter writer(r.out);
    writer.parse("", sql, {});
    r.exchange.sent(Request::parse, Whose::relay);
    writer.begin('B');
    for (const char* name : {"", ""}) writer.put_text(name);
    for (int i = 0; i < 3; ++i) writer.put16(0);
    writer.end();
    r.exchange.sent(Request::bind, Whose::relay);
    writer.execute("", 0);
    r.exchange.sent(Request::execute, Whose::relay);
  });
}

void interrupts(Remote& r) {
  if (QueryCancelPending) {
    QueryCancelPending = false;
    if (!r.exchange.quiet()) remote_cancel();
  }
  CHECK_FOR_INTERRUPTS();
}

// Waits for the sockets. `client_events`: what to wait for at the client.
void wait_for_sockets(Remote& r, std::uint32_t client_events, Io written, bool* client_closed) {
  constexpr int kClient = 2;
  constexpr int kServer = 3;
  ModifyWaitEvent(r.events, kClient, client_events, nullptr);
  ModifyWaitEvent(r.events, kServer,
                  WL_SOCKET_READABLE | (written == Io::blocked ? WL_SOCKET_WRITEABLE : 0), nullptr);
  WaitEvent events[4];
  const int count = WaitEventSetWait(r.events, kWaitMs, events, 4, PG_WAIT_EXTENSION);
  for (int i = 0; i < count; ++i) {
    if (events[i].events & WL_LATCH_SET) ResetLatch(MyLatch);
    if (events[i].pos == kClient && (events[i].events & WL_SOCKET_CLOSED)) *client_closed = true;
  }
}

[[noreturn]] void raise_lost(int sqlstate, const char* what, const char* detail) {
  ereport(ERROR, errcode(sqlstate), errmsg("%s", what), detail ? errdetail("%s", detail) : 0);
  pg_unreachable();
}

// Sends what is pending and waits until the primary owes nothing, before anything of the client's
// has been sent. Raises the primary's error. Keeps the first field of the first row in `answer`.
void settle(Remote& r, std::string* answer) {
  static char sqlstate[6];
  static char message[512];
  message[0] = '\0';
  while (!r.exchange.quiet()) {
    const Io written = remote_write(r);
    const Io read = written == Io::broken ? Io::broken : remote_read(r);
    Message m;
    while (remote_message(r, m)) {
      if (m.type == 'S') note_parameter(r, m.body);
      if (m.type == 'E' && message[0] == '\0') {
        contained([&] {
          strlcpy(sqlstate, std::string(error_field(m.body, 'C').value_or("XX000")).c_str(), 6);
          strlcpy(message, std::string(error_field(m.body, 'M').value_or("?")).c_str(),
                  sizeof message);
        });
      }
      if (m.type == 'D' && answer != nullptr && m.body.size() > 6) {
        contained([&] { *answer = m.body.substr(6); });
      }
      r.exchange.received(m.type, m.body);
    }
    if (read == Io::broken || link_silent()) {
      remote_close();
      raise_lost(ERRCODE_CONNECTION_FAILURE, "the connection to the primary is lost", nullptr);
    }
    if (r.exchange.quiet()) break;
    bool client_closed = false;
    wait_for_sockets(r, WL_SOCKET_CLOSED, written, &client_closed);
    interrupts(r);
  }
  r.exchange.forget_failure();
  if (message[0] == '\0') return;
  ereport(ERROR,
          errcode(MAKE_SQLSTATE(sqlstate[0], sqlstate[1], sqlstate[2], sqlstate[3], sqlstate[4])),
          errmsg("%s", message), errcontext("forwarding the session's settings to the primary"));
}

std::vector<std::string>& settings_difference(const Settings& from, const Settings& to) {
  static auto* statements = new std::vector<std::string>;
  contained([&] { *statements = difference(from, to); });
  return *statements;
}

// Makes the remote session's settings ours: a statement under other settings must not run.
void sync_settings(Remote& r) {
  const auto& statements = settings_difference(r.settings, relay->outside);
  if (statements.empty()) return;
  static std::string* sql = new std::string;
  contained([&] {
    sql->clear();
    for (const std::string& one : statements) *sql += one + ";";
  });
  send_own_query(r, *sql);
  settle(r, nullptr);
  contained([&] { r.settings = relay->outside; });
  r.settings_digest = r.position.settings;
}

const char* isolation_text() {
  if (block.serializable) return "SERIALIZABLE";
  switch (XactIsoLevel) {
    case XACT_REPEATABLE_READ: return "REPEATABLE READ";
    case XACT_SERIALIZABLE: return "SERIALIZABLE";
    default: return "READ COMMITTED";
  }
}

// What must run there before the client's statement does: BEGIN, savepoints, settings of the block.
std::vector<std::string>& prefix_statements() {
  static auto* prefix = new std::vector<std::string>;
  const char* isolation = isolation_text();
  const int levels = GetCurrentTransactionNestLevel();
  const auto& settings = settings_difference(relay->outside, relay->now);
  contained([&] {
    prefix->clear();
    if (block.open) {
      prefix->push_back(std::string("BEGIN ISOLATION LEVEL ") + isolation +
                        (block.read_only ? ", READ ONLY" : ", READ WRITE") +
                        (XactDeferrable ? ", DEFERRABLE" : ""));
    }
    for (int level = 2; block.open && level <= levels; ++level) {
      std::string name;
      for (const char* c = block.savepoints[level]; *c != '\0'; ++c) {
        name += *c;
        if (*c == '"') name += *c;
      }
      prefix->push_back("SAVEPOINT \"" + name + "\"");
    }
    prefix->insert(prefix->end(), settings.begin(), settings.end());
  });
  relay->settings_in_block = !settings.empty();
  return *prefix;
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

// The client's block has failed with the connection: it must stay failed until ROLLBACK.
void restore_failed_block() {
  StartTransactionCommand();
  BeginTransactionBlock();
  CommitTransactionCommand();
  StartTransactionCommand();
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

// ---- the conversation

void to_client(char type, std::string_view body) { pq_putmessage(type, body.data(), body.size()); }

// The connection to the primary is gone, or it is the primary no more: the relay ends, by an error
// at once where nothing has been answered yet, else by farewell().
void lost(const char* detail) {
  if (relay->gone) return;
  Remote* r = remote_if_connected();
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

[[noreturn]] void raise_loss() {
  if (relay->block_lost) {
    restore_failed_block();
  } else {
    StartTransactionCommand();
  }
  raise_lost(relay->loss.sqlstate, relay->loss.what,
             relay->loss.detail[0] == '\0' ? nullptr : relay->loss.detail);
}

void send_loss() {
  static std::string* body = new std::string;
  contained([&] {
    *body = std::string("SERROR") + '\0' + "VERROR" + '\0' + 'C' +
            unpack_sql_state(relay->loss.sqlstate) + '\0' + 'M' + relay->loss.what + '\0';
    if (relay->loss.detail[0] != '\0') *body += std::string("D") + relay->loss.detail + '\0';
    *body += '\0';
  });
  to_client('E', *body);
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

void relay_error(std::string_view body) {
  static std::string* changed = new std::string;
  const bool fatal = contained([&] {
    const auto severity = error_field(body, 'V').value_or("ERROR");
    return severity == "FATAL" || severity == "PANIC";
  });
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
  if (!r.exchange.quiet()) {
    to_client('Z', body);
    return;
  }
  const bool pinned = !relay->discarding && (r.position.pinned || relay->listening);
  relay->committing = false;
  if (r.exchange.status() == TransactionStatus::idle && !pinned) {
    relay->finished = true;
    return;
  }
  relay->explicit_block = r.exchange.status() != TransactionStatus::idle;
  if (!relay->explicit_block && relay->local_kept) {  // Its cursors end with the block.
    end_local_transaction(!relay->extended);
    relay->local_kept = false;
    forget_local_cursors();
  }
  if (r.exchange.status() == TransactionStatus::idle) {
    await_catalog(r.position);
    compact_noted();
  }
  relay->client_done = false;
  relay->first_cycle = false;
  to_client('Z', body);
  pgstat_report_activity(relay->explicit_block ? STATE_IDLEINTRANSACTION : STATE_IDLE, nullptr);
}

// The lexer's notice of a long identifier: the text was parsed here, too.
bool said_here_already(std::string_view body) {
  return relay->first_cycle && error_field(body, 'C') == "42622";
}

void on_server_message(Remote& r, const Message& m) {
  if (m.type == 'S' && note_parameter(r, m.body)) return;
  // Nothing that a former primary says it has done is passed on.
  if ((m.type == 'C' || m.type == 'Z') && !RecoveryInProgress()) {
    lost(nullptr);
    return;
  }
  const Whose whose = r.exchange.received(m.type, m.body);
  switch (m.type) {
    case 'G':
    case 'W': relay->copying_in = true; break;
    case 'E':
      relay->copying_in = false;
      if (whose == Whose::relay && relay->own_failures > 0) {
        --relay->own_failures;
        r.exchange.forget_failure();
        return;
      }
      note_refusal(r);
      relay_error(m.body);
      return;
    case 'Z':
      note_ready(r);
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

void forward(Remote& r, char type, std::string_view body) {
  contained([&] { MessageWriter(r.out).message(type, body); });
}

// Statements made ready for a query to come end with a Sync of their own.
void sync_own(Remote& r) {
  if (r.exchange.will_be_quiet()) return;
  contained([&] {
    MessageWriter(r.out).sync();
    r.exchange.sent(Request::sync, Whose::relay);
  });
}

void note_inspection(Remote& r, const Inspection& found, const char* text) {
  note_prepared(r, found, text);
  if (found.listens) relay->listening = true;
  if (found.unlistens) relay->listening = false;
  if (found.discards_all) relay->discarding = true;
}

// A query of the client's inside the relay.
void on_client_query(Remote& r, std::string_view body) {
  char* text = pg_client_to_server(body.data(), static_cast<int>(strlen(body.data())));
  const Inspection found = inspect(text);
  ensure_local_prepares(r, Protocol::simple);
  for_each_name(found.executed,
                [&](const char* name) { ensure_statement(r, name, Protocol::simple); });
  sync_own(r);
  note_inspection(r, found, text);
  relay->committing = relay->committing || found.commits || !relay->explicit_block;
  forward(r, 'Q', body);
  r.exchange.sent(Request::query, Whose::client);
  relay->client_done = true;
  pgstat_report_activity(STATE_RUNNING, text);
}

void on_client_parse(Remote& r, std::string_view body) {
  const auto name = first_text(body);
  const auto text = name ? first_text(body.substr(name->size() + 1)) : std::nullopt;
  if (!name || !text) {
    ereport(FATAL, errcode(ERRCODE_PROTOCOL_VIOLATION), errmsg("invalid Parse message"));
  }
  char* sql = pg_client_to_server(text->data(), static_cast<int>(text->size()));
  const Inspection found = inspect(sql);
  for_each_name(found.executed,
                [&](const char* one) { ensure_statement(r, one, Protocol::extended); });
  relay->committing = relay->committing || found.commits || !relay->explicit_block;
  note_parsed(r, name->data(), body);
  if (relay->local_kept && name->empty()) contained([&] { relay->unnamed = sql; });
  note_inspection(r, found, sql);
  forward(r, 'P', body);
  r.exchange.sent(Request::parse, Whose::client);
}

// ---- cursors that stand here

// The text of a statement, if it is a FETCH, MOVE or CLOSE of such a cursor.
const char* text_for_local_cursor(const char* statement) {
  const char* text = statement[0] == '\0' ? relay->unnamed.c_str() : statement_text(statement);
  return text != nullptr && is_for_local_cursor(inspect(text)) ? text : nullptr;
}

struct BindNames {
  const char* portal = "";
  const char* statement = "";
  std::string_view rest;
};

std::optional<BindNames> bind_names(std::string_view body) {
  const auto portal = first_text(body);
  const auto statement = portal ? first_text(body.substr(portal->size() + 1)) : std::nullopt;
  if (!statement) return std::nullopt;
  return BindNames{portal->data(), statement->data(),
                   body.substr(portal->size() + statement->size() + 2)};
}

const char* query_text(std::string_view body) {
  return pg_client_to_server(body.data(), static_cast<int>(strlen(body.data())));
}

// Of a Describe or Close message for a portal, or an Execute message.
const char* portal_name(char type, std::string_view body) {
  if (type == 'E') return body.data();
  return body.size() > 1 && body[0] == 'P' ? body.data() + 1 : nullptr;
}

bool is_for_here(char type, std::string_view body) {
  switch (type) {
    case 'Q': {
      const Inspection found = inspect(query_text(body));
      return is_for_local_cursor(found) || found.cursors != NIL;
    }
    case 'B': {
      const auto names = bind_names(body);
      return names && text_for_local_cursor(names->statement) != nullptr;
    }
    case 'D':
      if (body.size() > 1 && body[0] == 'S')
        return text_for_local_cursor(body.data() + 1) != nullptr;
      [[fallthrough]];
    case 'E':
    case 'C': {
      const char* name = portal_name(type, body);
      return name != nullptr && local_cursor(name) != nullptr;
    }
    default: return false;
  }
}

// What failed here must fail there.
void fail_block(Remote& r, bool simple) {
  constexpr char kNoStatement[] = "a cursor failed at the standby";
  forget_local_cursors();
  ++relay->own_failures;
  if (simple) {
    send_own_query(r, kNoStatement);
    relay->answers_ready = true;
  } else {
    send_own_statement(r, kNoStatement);
  }
}

void on_client_query(Remote& r, std::string_view body);

void query_for_here(Remote& r, std::string_view body) {
  const char* text = query_text(body);
  const Inspection found = inspect(text);
  const bool here = is_for_local_cursor(found);
  const bool good = here ? run_query_here(text) : check_local_cursors(found);
  if (!good) {
    relay->client_done = true;
    fail_block(r, true);
  } else if (!here) {
    on_client_query(r, body);
  } else {
    const char status = static_cast<char>(r.exchange.status());
    to_client('Z', {&status, 1});
    relay->first_cycle = false;
  }
}

// The primary owes nothing, so that this answer is the next.
void serve_here(Remote& r, char type, std::string_view body) {
  if (r.exchange.skipping()) return;
  if (type == 'Q') return query_for_here(r, body);
  bool good = true;
  if (type == 'B') {
    const BindNames names = bind_names(body).value();
    // No parameters: two counts, then the result formats.
    good = bind_here(names.portal, text_for_local_cursor(names.statement),
                     names.rest.size() > 4 ? names.rest.substr(4) : std::string_view{});
  } else if (type == 'D' && body[0] == 'S') {
    good = describe_statement_here(text_for_local_cursor(body.data() + 1));
  } else {
    Portal portal = local_cursor(portal_name(type, body));
    if (type == 'E') {
      const std::size_t at = strlen(body.data()) + 1;
      std::uint32_t rows = 0;
      if (body.size() >= at + 4) memcpy(&rows, body.data() + at, 4);
      good = execute_here(portal, static_cast<std::int32_t>(pg_ntoh32(rows)));
    } else {
      good = type == 'D' ? describe_here(portal) : close_here(portal);
    }
  }
  if (!good) fail_block(r, false);
}

// The name in a Describe or Close message.
const char* named_statement(std::string_view body) {
  return body.size() > 1 && body[0] == 'S' ? body.data() + 1 : "";
}

void on_client_bind(Remote& r, std::string_view body) {
  const auto names = bind_names(body);
  if (!names) ereport(FATAL, errcode(ERRCODE_PROTOCOL_VIOLATION), errmsg("invalid Bind message"));
  // The portal of this name, if one stands here, is replaced.
  Portal replaced = local_cursor(names->portal);
  if (replaced != nullptr) PortalDrop(replaced, false);
  ensure_statement(r, names->statement, Protocol::extended);
  forward(r, 'B', body);
  r.exchange.sent(Request::bind, Whose::client);
}

void on_client_message(Remote& r, char type, std::string_view body) {
  switch (type) {
    case 'Q': on_client_query(r, body); return;
    case 'P': on_client_parse(r, body); return;
    case 'B': on_client_bind(r, body); return;
    case 'D':
      ensure_statement(r, named_statement(body), Protocol::extended);
      forward(r, type, body);
      r.exchange.sent(Request::describe, Whose::client);
      return;
    case 'C':
      note_closed(r, named_statement(body));
      forward(r, type, body);
      r.exchange.sent(Request::close, Whose::client);
      return;
    case 'E':
      forward(r, type, body);
      r.exchange.sent(Request::execute, Whose::client);
      return;
    case 'S':
      forward(r, type, body);
      r.exchange.sent(Request::sync, Whose::client);
      relay->client_done = true;
      return;
    case 'F':
      forward(r, type, body);
      r.exchange.sent(Request::call, Whose::client);
      relay->client_done = true;
      return;
    case 'c':
    case 'f':
      relay->copying_in = false;
      forward(r, type, body);
      return;
    case 'd':
    case 'H': forward(r, type, body); return;
    case 'X': proc_exit(0);
    default:
      ereport(FATAL, errcode(ERRCODE_PROTOCOL_VIOLATION),
              errmsg("invalid frontend message type %d", type));
  }
}

int limit_of(char type) {
  switch (type) {
    case 'E':
    case 'D':
    case 'C':
    case 'H':
    case 'S':
    case 'X':
    case 'c':
    case 'f': return PQ_SMALL_MESSAGE_LIMIT;
    default: return PQ_LARGE_MESSAGE_LIMIT;
  }
}

// What stands in `client_message`.
void take_client_message(Remote& r, char type) {
  if (!RecoveryInProgress()) {  // Not a byte more goes to a former primary.
    relay->client_done = relay->client_done || type == 'Q' || type == 'S' || type == 'F';
    lost(nullptr);
    return;
  }
  const std::string_view body(client_message.data, static_cast<std::size_t>(client_message.len));
  if (!relay->local_kept || !is_for_here(type, body)) {
    on_client_message(r, type, body);
  } else if (r.exchange.quiet()) {
    serve_here(r, type, body);
  } else {
    relay->held = type;
    forward(r, 'H', {});
  }
}

// Reads one message of the client's if there is one.
bool read_client(Remote& r) {
  unsigned char type = 0;
  pq_startmsgread();
  const int got = pq_getbyte_if_available(&type);
  if (got == 0) {
    pq_endmsgread();
    return false;
  }
  if (got < 0 || pq_getmessage(&client_message, limit_of(static_cast<char>(type))) != 0) {
    proc_exit(0);  // The client is gone, and the primary notices when our connection ends.
  }
  MemoryContextReset(relay_context);
  if (r.exchange.quiet()) relay->asked_at = GetCurrentTimestamp();
  take_client_message(r, static_cast<char>(type));
  return true;
}

bool client_may_speak() { return (!relay->client_done || relay->copying_in) && relay->held == 0; }

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

void take_messages(Remote& r) {
  Message m;
  while (!relay->finished && !relay->gone && remote_message(r, m)) on_server_message(r, m);
}

// Until the primary's transaction has ended, or the primary has gone.
void converse(Remote& r) {
  for (;;) {
    take_messages(r);
    if (relay->finished || relay->gone) return;
    if (relay->held != 0 && r.exchange.quiet())
      take_client_message(r, std::exchange(relay->held, 0));
    while (client_may_speak() && r.out.size() < kPendingBytesMax && read_client(r)) {
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
    const bool reads_client = client_may_speak() && r.out.size() < kPendingBytesMax;
    wait_for_sockets(r, reads_client ? WL_SOCKET_READABLE : WL_SOCKET_CLOSED, written,
                     &client_closed);
    if (client_closed) proc_exit(0);
    interrupts(r);
  }
}

// The name that the session at the primary has because the client gave none is not the client's.
void forget_own_name(Settings& settings) {
  const auto name = settings.find(std::string_view("application_name"));
  if (name != settings.end() && name->second.value == kApplicationName) settings.erase(name);
}

// Brings back what the transaction has changed of the session. No transaction is open; one is when
// it returns.
void bring_back(Remote& r) {
  static std::string* answer = new std::string;
  static Settings* wanted = new Settings;
  await_catalog(r.position);
  note_committed(r.position);
  const bool changed = relay->settings_in_block || r.position.settings != r.settings_digest;
  if (changed) {
    contained([&] { send_own_query(r, std::string("SHOW ") + kSettingsParameter); });
    answer->clear();
    settle(r, answer);
  }
  StartTransactionCommand();
  if (changed) {
    contained([&] {
      *wanted = decode(*answer);
      forget_own_name(*wanted);
    });
    apply_settings(*wanted);
    CommitTransactionCommand();
    StartTransactionCommand();
    capture_settings(relay->now, relay->outside);
    contained([&] { r.settings = relay->outside; });
    r.settings_digest = r.position.settings;
  }
  make_prepared_statements(r);
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
  contained([&] {
    const Settings none;
    *relay = Relay{};
  });
  if (PqCommMethods != &filtered_methods) {
    real_methods = PqCommMethods;
    filtered_methods = *real_methods;
    filtered_methods.putmessage = filtered_putmessage;
    PqCommMethods = &filtered_methods;
  }
  relay->extended = extended;
  relay->asked_at = GetCurrentTimestamp();
  relay->local_kept = keep_for_local_cursors(ActivePortal);
  note_login();
  capture_settings(relay->now, relay->outside);
  Remote& r = remote(relay->outside);
  sync_settings(r);
  relay->explicit_block = block.open;
  relay->committing = !block.open;
  relay->client_done = !extended;
  if (get_timeout_active(STATEMENT_TIMEOUT)) disable_timeout(STATEMENT_TIMEOUT, false);
  return r;
}

}  // namespace

void relay_query(const char* source, int location) {
  const char* rest = source + Max(location, 0);
  char* encoded = pg_server_to_client(rest, static_cast<int>(strlen(rest)));
  const Inspection found = inspect(rest);
  Remote& r = enter(false);
  refuse_local_cursors(found);
  const auto& prefix = prefix_statements();
  ensure_local_prepares(r, Protocol::simple);
  for_each_name(found.executed,
                [&](const char* name) { ensure_statement(r, name, Protocol::simple); });
  sync_own(r);
  note_inspection(r, found, rest);
  contained([&] {
    std::string sql;
    for (const std::string& one : prefix) sql += one + ";";
    relay->position_shift = pg_mbstrlen_with_len(source, Max(location, 0)) -
                            pg_mbstrlen_with_len(sql.data(), static_cast<int>(sql.size()));
    sql += encoded;
    MessageWriter(r.out).query(sql);
    r.exchange.sent(Request::query, Whose::client, static_cast<int>(prefix.size()));
  });
  relay->committing = relay->committing || found.commits;
  if (!relay->local_kept) end_local_transaction(true);
  MemoryContextSwitchTo(relay_context);
  converse(r);
  if (relay->local_kept) end_local_transaction(true);
  if (relay->gone) farewell();
  bring_back(r);
  swallow = Swallow::error;
  ereport(ERROR, errcode(kUnwind), errmsg("a forwarded statement has ended"));
  pg_unreachable();
}

void relay_portal(Portal portal, long max_rows, bool restore_snapshot) {
  MemoryContext old = CurrentMemoryContext;
  const char* text = portal_text(portal);
  const Inspection found = inspect(text);
  Remote& r = enter(true);
  refuse_local_cursors(found);
  const auto& prefix = prefix_statements();
  ensure_local_prepares(r, Protocol::extended);
  for (const std::string& one : prefix) send_own_statement(r, one);
  note_inspection(r, found, text);
  send_portal(r, portal, max_rows);
  if (!relay->local_kept) end_local_transaction(false);
  MemoryContextSwitchTo(relay_context);
  converse(r);
  if (relay->local_kept) end_local_transaction(false);
  const bool gone = relay->gone;
  if (gone) {
    farewell();
    begin_after_loss();
  } else {
    bring_back(r);
    MyXactFlags |= XACT_FLAGS_NEEDIMMEDIATECOMMIT;
  }
  MemoryContextSwitchTo(old);
  if (restore_snapshot) PushActiveSnapshot(GetTransactionSnapshot());
  swallow = Swallow::completion;
  pgstat_report_activity(STATE_IDLE, nullptr);
  if (gone) return;
  to_client('Z', "I");
  if (pq_flush() != 0) proc_exit(0);
}

Position primary_position() {
  static Settings* now = new Settings;
  static Settings* outside = new Settings;
  static std::string* answer = new std::string;
  note_login();
  capture_settings(*now, *outside);
  Remote& r = remote(*outside);
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

void expect_relay() {
  static Settings* now = new Settings;
  static Settings* outside = new Settings;
  note_login();
  capture_settings(*now, *outside);
  expect_remote(*outside);
}

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
