// What a relay itself says to the primary: settings, BEGIN, savepoints.
#include <algorithm>

#include "pg/block.h"
#include "pg/carry.h"
#include "pg/holdoffs.h"
#include "pg/isolation.h"
#include "pg/lexing.h"
#include "pg/local_cursors.h"
#include "pg/relay_parts.h"
#include "pg/session.h"
#include "pg/statements.h"

extern "C" {
#include "libpq/pqformat.h"
#include "storage/proc.h"
#include "utils/ps_status.h"
}

namespace aurora_global::extension {
namespace {

constexpr long kWaitMs = 1000;

const char* isolation_text() {
  if (transaction_is_serializable()) return "SERIALIZABLE";
  switch (XactIsoLevel) {
    case XACT_REPEATABLE_READ: return "REPEATABLE READ";
    case XACT_SERIALIZABLE: return "SERIALIZABLE";
    default: return "READ COMMITTED";
  }
}

}  // namespace

void send_own_query(Remote& r, const std::string& sql) {
  contained([&] {
    MessageWriter(r.out).query(sql);
    r.exchange.sent(Request::query, Whose::relay);
  });
}

namespace {

constexpr char kOwn[] = "_aurora_global_relay";

void send_bound(Remote& r, const char* portal, const char* name, const std::string& sql) {
  contained([&] {
    MessageWriter writer(r.out);
    writer.parse(name, sql, {});
    r.exchange.sent(Request::parse, Whose::relay);
    writer.begin('B');
    writer.put_text(portal);
    writer.put_text(name);
    for (int i = 0; i < 3; ++i) writer.put16(0);
    writer.end();
    r.exchange.sent(Request::bind, Whose::relay);
  });
}

void send_statement(Remote& r, const char* name, const std::string& sql) {
  send_bound(r, name, name, sql);
  contained([&] {
    MessageWriter(r.out).execute(name, 0);
    r.exchange.sent(Request::execute, Whose::relay);
  });
}

// What the one before has left.
void close_own(Remote& r) {
  contained([&] {
    MessageWriter writer(r.out);
    writer.close_portal(kOwn);
    r.exchange.sent(Request::close, Whose::relay);
    writer.close_statement(kOwn);
    r.exchange.sent(Request::close, Whose::relay);
  });
}

}  // namespace

// One statement of ours in the client's pipeline: if it fails, nothing after it runs.
void send_own_statement(Remote& r, const std::string& sql) { send_statement(r, "", sql); }

void send_own_named_statement(Remote& r, const std::string& sql) {
  close_own(r);
  send_statement(r, kOwn, sql);
}

void send_own_portal(Remote& r, const char* name) {
  close_own(r);
  send_bound(r, name, kOwn, kNoEffect);
}

namespace {

// What PostgreSQL would say if it were not held off: that replay waits for the cursors that stand
// here, which is no wish of the client's. nullptr: it is.
const char* conflict_with_replay() {
  if (!relay->local_kept) return nullptr;
  const char* volatile said = nullptr;
  MemoryContext context = CurrentMemoryContext;
  const Holdoffs holdoffs;
  QueryCancelHoldoffCount = 0;
  PG_TRY();
  { CHECK_FOR_INTERRUPTS(); }
  PG_CATCH();
  {
    MemoryContextSwitchTo(context);
    const ErrorData* error = CopyErrorData();
    if (error->elevel != ERROR) PG_RE_THROW();
    FlushErrorState();
    if (error->sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE) said = error->message;
  }
  PG_END_TRY();
  holdoffs.put_back();
  return said;
}

}  // namespace

void interrupts(Remote& r) {
  if (QueryCancelPending && QueryCancelHoldoffCount > 0) {
    const char* conflict = conflict_with_replay();
    QueryCancelPending = false;
    if (conflict != nullptr) {
      lose_local_cursors(conflict);
      end_kept_transaction();
      MemoryContextSwitchTo(relay_context);
    } else if (!r.exchange.quiet()) {
      remote_cancel();
    }
  }
  CHECK_FOR_INTERRUPTS();
}

void wait_for_sockets(Remote& r, Client client, Io written, bool* client_closed) {
  constexpr int kServer = 2;
  constexpr int kClient = 3;
  WaitEventSet* set = client == Client::left ? r.alone : r.events;
  if (client != Client::left) {
    ModifyWaitEvent(set, kClient, client == Client::speaks ? WL_SOCKET_READABLE : WL_SOCKET_CLOSED,
                    nullptr);
  }
  ModifyWaitEvent(set, kServer,
                  WL_SOCKET_READABLE | (written == Io::blocked ? WL_SOCKET_WRITEABLE : 0), nullptr);
  WaitEvent events[4];
  const int count = WaitEventSetWait(set, kWaitMs, events, 4, PG_WAIT_EXTENSION);
  for (int i = 0; i < count; ++i) {
    if (events[i].events & WL_LATCH_SET) ResetLatch(MyLatch);
    if (set == r.events && events[i].pos == kClient && (events[i].events & WL_SOCKET_CLOSED))
      *client_closed = true;
  }
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
    wait_for_sockets(r, Client::left, written, &client_closed);
    interrupts(r);
  }
  r.exchange.forget_failure();
  if (message[0] == '\0') return;
  ereport(ERROR,
          errcode(MAKE_SQLSTATE(sqlstate[0], sqlstate[1], sqlstate[2], sqlstate[3], sqlstate[4])),
          errmsg("%s", message), errcontext("forwarding the session's settings to the primary"));
}

// Makes the remote session's settings ours: a statement under other settings must not run.
void sync_settings(Remote& r) {
  static auto* image = new SessionImage;
  static auto* sql = new std::string;
  contained([&] {
    *image = SessionImage{};
    image->kind = SessionImage::Kind::settings;
  });
  capture_settings(Carrier::forwarding, image->settings);
  const std::uint64_t here = contained([&] { return digest(image->settings); });
  const bool tried = r.synced_here == here && r.synced_there == r.position.settings;
  if (here != r.position.settings && !tried) {
    fill_identity(*image);
    if (roles_change_in_block()) image->session = image->role = InvalidOid;
    contained([&] { *sql = restoring_sql(*image); });
    send_own_query(r, *sql);
    settle(r, nullptr);
  }
  r.synced_here = here;
  r.synced_there = r.position.settings;
  relay->settings_there = r.position.settings;
}

namespace {

// Settings of the block as one statement of ours.
std::string settings_sql(SettingItems settings, TimestampTz began_at) {
  SessionImage image;
  image.kind = SessionImage::Kind::block;
  image.settings = std::move(settings);
  image.began_at = began_at;
  fill_identity(image);
  return restoring_sql(image);
}

std::string begin_sql(const char* isolation, bool read_only) {
  return std::string("BEGIN ISOLATION LEVEL ") + isolation +
         (read_only ? ", READ ONLY" : ", READ WRITE") + (XactDeferrable ? ", DEFERRABLE" : "");
}

// `name` in the encoding in which it is read there.
std::string savepoint_sql(const char* name) {
  std::string sql = "SAVEPOINT \"";
  for (const char* c = name; *c != '\0'; ++c) {
    sql += *c;
    if (*c == '"') sql += *c;
  }
  return sql + "\"";
}

void begin_block_there(Prefix& prefix, std::vector<SettingItems>& by_level) {
  const char* isolation = isolation_text();
  const bool read_only = declared_read_only();
  const int levels = static_cast<int>(by_level.size());
  for (int level = 1; level <= levels; ++level) {
    const char* name = nullptr;
    if (level > 1) {
      name = block.savepoints[level];
      name = pg_server_to_any(name, static_cast<int>(strlen(name)), encoding_before_level(level));
    }
    SettingItems& settings = by_level[static_cast<std::size_t>(level - 1)];
    contained([&] {
      prefix.messages.push_back(level == 1 ? begin_sql(isolation, read_only) : savepoint_sql(name));
      if (level > 1 && settings.empty()) return;
      const TimestampTz began_at = level == 1 ? GetCurrentTransactionStartTimestamp() : 0;
      prefix.messages.push_back(settings_sql(std::move(settings), began_at));
    });
  }
}

}  // namespace

Prefix& prefix_of(bool behind_others) {
  static auto* prefix = new Prefix;
  static auto* by_level = new std::vector<SettingItems>;
  const Lexing& lexing = lexing_of_message(behind_others);
  capture_block_settings(block.open ? GetCurrentTransactionNestLevel() : 1, *by_level);
  relay->settings_in_block = std::any_of(by_level->begin(), by_level->end(),
                                         [](const SettingItems& one) { return !one.empty(); });
  contained([&] { *prefix = Prefix{}; });
  if (block.open) {
    contained([&] {
      SettingItems& last = by_level->back();
      last.insert(last.end(), lexing.then.begin(), lexing.then.end());
    });
    begin_block_there(*prefix, *by_level);
    contained([&] {
      if (!lexing.now.empty()) prefix->in_text.push_back(settings_sql(lexing.now, 0));
    });
  } else {
    contained([&] {
      if (!by_level->front().empty()) {
        prefix->in_text.push_back(settings_sql(std::move(by_level->front()), 0));
      }
    });
  }
  return *prefix;
}

}  // namespace aurora_global::extension
