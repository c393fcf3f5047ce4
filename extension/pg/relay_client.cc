// The client's messages on their way to the primary, and those for cursors that stand here.
#include <optional>

#include "pg/consistency.h"
#include "pg/holdoffs.h"
#include "pg/local_cursors.h"
#include "pg/relay_parts.h"
#include "pg/statements.h"
#include "pg/unnamed_statement.h"

extern "C" {
#include "libpq/pqformat.h"
#include "storage/proc.h"
#include "utils/ps_status.h"
}

namespace aurora_global::extension {

namespace {

void forward(Remote& r, char type, std::string_view body) {
  contained([&] { MessageWriter(r.out).message(type, body); });
}

}  // namespace

// Statements made ready for a query to come end with a Sync of their own, which would end the
// client's transaction behind messages of its own.
void sync_own(Remote& r) {
  if (!r.exchange.own_batch_open()) return;
  contained([&] {
    MessageWriter(r.out).sync();
    r.exchange.sent(Request::sync, Whose::relay);
  });
}

void note_inspection(Remote& r, const Inspection& found, const char* text, Protocol protocol) {
  note_prepared(r, found, text, protocol);
  if (found.discards_all) relay->discarding = true;
  if (found.closes_all && r.exchange.status() != TransactionStatus::failed) close_local_cursors();
}

namespace {

// In the server's encoding. What is no text in the client's is the primary's to refuse; for us it
// says nothing.
const char* server_text(const char* client) {
  const char* volatile text = "";
  MemoryContext context = CurrentMemoryContext;
  const Holdoffs holdoffs;
  PG_TRY();
  { text = pg_client_to_server(client, static_cast<int>(strlen(client))); }
  PG_CATCH();
  {
    MemoryContextSwitchTo(context);
    FlushErrorState();
    holdoffs.put_back();
  }
  PG_END_TRY();
  return text;
}

// A query of the client's inside the relay.
void on_client_query(Remote& r, std::string_view body) {
  const char* text = server_text(body.data());
  const Inspection found = inspect(text);
  ensure_local_prepares(r, Protocol::simple);
  for_each_name(found.executed,
                [&](const char* name) { ensure_statement(r, name, Protocol::simple); });
  note_inspection(r, found, text, Protocol::simple);
  sync_own(r);
  relay->committing = relay->committing || found.commits || !relay->explicit_block;
  forward(r, 'Q', body);
  r.exchange.sent(Request::query, Whose::client);
  pgstat_report_activity(STATE_RUNNING, text);
}

void on_client_parse(Remote& r, std::string_view body) {
  const auto name = first_text(body);
  const auto text = name ? first_text(body.substr(name->size() + 1)) : std::nullopt;
  if (!name || !text) {
    ereport(FATAL, errcode(ERRCODE_PROTOCOL_VIOLATION), errmsg("invalid Parse message"));
  }
  const char* sql = server_text(text->data());
  const Inspection found = inspect(sql);
  for_each_name(found.executed,
                [&](const char* one) { ensure_statement(r, one, Protocol::extended); });
  relay->committing = relay->committing || found.commits || !relay->explicit_block;
  note_parsed(r, name->data(), sql, body);
  note_inspection(r, found, sql, Protocol::extended);
  forward(r, 'P', body);
  r.exchange.sent(Request::parse, Whose::client);
}

// ---- cursors that stand here

// The text of a statement, if it is a FETCH, MOVE or CLOSE of such a cursor.
const char* text_for_local_cursor(const char* statement) {
  const char* text = statement[0] == '\0' ? unnamed_text() : statement_text(statement);
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

// Then it has to be refused.
bool stands_here(const BindNames& names) {
  return names.portal[0] != '\0' && local_cursor(names.portal) != nullptr;
}

// Of a Describe or Close message for a portal, or an Execute message.
const char* portal_name(char type, std::string_view body) {
  if (type == 'E') return body.data();
  return body.size() > 1 && body[0] == 'P' ? body.data() + 1 : nullptr;
}

bool is_for_here(char type, std::string_view body) {
  switch (type) {
    case 'Q': {
      const Inspection found = inspect(server_text(body.data()));
      return is_for_local_cursor(found) || found.cursors != NIL || found.declared != NIL;
    }
    case 'B': {
      const auto names = bind_names(body);
      return names && !stands_here(*names) && text_for_local_cursor(names->statement) != nullptr;
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
  const char* text = server_text(body.data());
  const Inspection found = inspect(text);
  const bool here = is_for_local_cursor(found);
  const bool good = here ? run_query_here(text) : check_local_cursors(found);
  if (!good) {
    fail_block(r, true);
  } else if (!here) {
    on_client_query(r, body);
  } else {
    const char status = static_cast<char>(r.exchange.status());
    if (r.exchange.status() == TransactionStatus::idle) end_kept_transaction();
    to_client('Z', {&status, 1});
    relay->first_cycle = false;
  }
}

// The primary owes nothing, so that this answer is the next.
void serve_here(Remote& r, char type, std::string_view body) {
  if (r.exchange.skipping()) return;
  if (!relay->local_kept) StartTransactionCommand();  // For a cursor WITH HOLD.
  relay->local_kept = true;
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

// Why a message fails that uses a cursor which had to go; nullptr: it uses none.
const char* lost_cursor_of(char type, std::string_view body) {
  if (!lost_cursors()) return nullptr;
  switch (type) {
    case 'Q': return lost_cursor_in(inspect(server_text(body.data())));
    case 'B': {
      const auto names = bind_names(body);
      if (!names) return nullptr;
      const char* text =
          names->statement[0] == '\0' ? unnamed_text() : statement_text(names->statement);
      return text == nullptr ? nullptr : lost_cursor_in(inspect(text));
    }
    case 'D':
    case 'E': {
      const char* name = portal_name(type, body);
      return name == nullptr ? nullptr : lost_cursor(name);
    }
    default: return nullptr;
  }
}

void refuse_lost_cursor(Remote& r, char type, const char* why) {
  if (r.exchange.skipping()) return;
  send_error(ERRCODE_T_R_SERIALIZATION_FAILURE, why, "");
  fail_block(r, type == 'Q');
}

// The statement's name in a Describe or Close message; nullptr if it is for a portal.
const char* named_statement(std::string_view body) {
  return body.size() > 1 && body[0] == 'S' ? body.data() + 1 : nullptr;
}

void ensure(Remote& r, const char* statement) {
  if (statement[0] == '\0') {
    ensure_unnamed(r);
  } else {
    ensure_statement(r, statement, Protocol::extended);
  }
}

void on_client_bind(Remote& r, std::string_view body) {
  const auto names = bind_names(body);
  if (!names) ereport(FATAL, errcode(ERRCODE_PROTOCOL_VIOLATION), errmsg("invalid Bind message"));
  if (stands_here(*names)) {
    // The primary refuses it, for this or for what it looks at before.
    send_own_portal(r, names->portal);
  } else if (Portal replaced = local_cursor(names->portal)) {
    PortalDrop(replaced, false);
  }
  ensure(r, names->statement);
  // COMMIT may have been parsed long ago.
  const char* text =
      names->statement[0] == '\0' ? unnamed_text() : statement_text(names->statement);
  relay->committing = relay->committing || (text != nullptr && inspect(text).commits);
  forward(r, 'B', body);
  r.exchange.sent(Request::bind, Whose::client);
}

void on_client_message(Remote& r, char type, std::string_view body) {
  switch (type) {
    case 'Q': on_client_query(r, body); return;
    case 'P': on_client_parse(r, body); return;
    case 'B': on_client_bind(r, body); return;
    case 'D':
      if (named_statement(body) != nullptr) ensure(r, named_statement(body));
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
      return;
    case 'F':
      forward(r, type, body);
      r.exchange.sent(Request::call, Whose::client);
      return;
    case 'c':
    case 'f':
      forward(r, type, body);
      r.exchange.sent(Request::copy_end, Whose::client);
      return;
    case 'd':
    case 'H': forward(r, type, body); return;
    case 'X':
      if (r.exchange.quiet() || r.exchange.copying()) {
        pq_flush();
        proc_exit(0);
      }
      // What it has sent before is answered first.
      relay->held = type;
      forward(r, 'H', {});
      return;
    default:
      ereport(FATAL, errcode(ERRCODE_PROTOCOL_VIOLATION),
              errmsg("invalid frontend message type %d", type));
  }
}

}  // namespace

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
  if (relay->skips && type != 'S' && type != 'X') return;
  const std::string_view body(client_message.data, static_cast<std::size_t>(client_message.len));
  const char* lost_cursor = lost_cursor_of(type, body);
  const bool is_lost = lost_cursor != nullptr;
  if (!is_lost && (!cursors_stand_here() || !is_for_here(type, body))) {
    on_client_message(r, type, body);
  } else if (!r.exchange.quiet()) {
    relay->held = type;
    forward(r, 'H', {});
  } else if (is_lost) {
    refuse_lost_cursor(r, type, lost_cursor);
  } else {
    serve_here(r, type, body);
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

bool client_waits(const Remote& r) { return relay->answers_ready || r.exchange.client_waits(); }

bool client_may_speak(const Remote& r) {
  return (!client_waits(r) || r.exchange.copying()) && relay->held == 0;
}

void send_marker(Remote& r) {
  relay->marker_sent = true;
  relay->ready_held = 0;
  contained([&] {
    MessageWriter writer(r.out);
    writer.sync();
    writer.close_portal("_aurora_global_marker");
    writer.sync();
  });
}

}  // namespace aurora_global::extension
