#include "pg/remote.h"

#include <openssl/err.h>
#include <poll.h>

#include "pg/counters.h"
#include "pg/options.h"
#include "pg/primary.h"
#include "pg/session.h"
#include "pg/spares.h"

extern "C" {
#include "libpq-fe.h"
#include "replication/walreceiver.h"
#include "storage/fd.h"
}

namespace aurora_global::extension {
namespace {

Remote* current = nullptr;

constexpr int kCancelLimitMs = 2000;

constexpr std::size_t kReadChunk = 64 * 1024;

struct Parameters {
  const char* names[64];
  const char* values[64];
  int count = 0;
  void add(const char* name, const char* value) {
    if (count < 63) {
      names[count] = name;
      values[count] = value;
      ++count;
    }
    names[count] = nullptr;
  }
};

// What the session there starts with of this one's start-up packet; client_encoding and
// application_name have parameters of their own.
struct Startup {
  Named settings;
  std::string application;
  std::string encoding;
  std::string options;
};

const Startup& startup() {
  static auto* now = new Startup;
  capture_startup_settings(now->settings);
  const char* encoding = GetConfigOptionResetString("client_encoding");
  contained([&] {
    now->application.clear();
    now->encoding = encoding;
    for (const auto& [name, value] : now->settings) {
      if (name == "application_name") now->application = value;
      if (name == "client_encoding") now->encoding = value;
    }
    std::erase_if(now->settings, [](const auto& one) {
      return one.first == "application_name" || one.first == "client_encoding";
    });
    now->options = startup_options(now->settings);
  });
  return *now;
}

// The stricter one, of forwarding's own limit and the session's; 0: none.
int idle_in_transaction_ms() {
  const int own = options.idle_in_transaction_session_timeout_ms;
  if (own == 0 || IdleInTransactionSessionTimeout == 0) {
    return Max(own, IdleInTransactionSessionTimeout);
  }
  return Min(own, IdleInTransactionSessionTimeout);
}

Parameters parameters() {
  const Startup& of = startup();
  Parameters p;
  p.names[0] = nullptr;
  p.add("dbname", options.primary_conninfo);
  p.add("dbname", MyProcPort->database_name);
  p.add("user", MyProcPort->user_name);
  p.add("client_encoding", of.encoding.c_str());
  p.add("application_name", of.application.c_str());
  // The primary looks once a second whether we are still there while a statement runs or waits.
  p.add("options",
        psprintf("-c aurora_global.forwarded_from=%s -c aurora_global.forwarded_epoch=%d "
                 "-c client_connection_check_interval=1000 -c idle_session_timeout=%d "
                 "-c idle_in_transaction_session_timeout=%d%s",
                 options.instance[0] == '\0' ? "standby" : options.instance, options.epoch,
                 options.idle_session_timeout_ms, idle_in_transaction_ms(), of.options.c_str()));
  return p;
}

const ConnectionKey& key_of(const Parameters& p) {
  static auto* key = new ConnectionKey;
  contained([&] {
    key->clear();
    for (int i = 0; i < p.count; ++i) {
      *key += p.names[i];
      *key += '\0';
      *key += p.values[i];
      *key += '\0';
    }
  });
  return *key;
}

// libpq tells a failed login in one string, in which it says the SQLSTATE when it is verbose: "...
// FATAL:  53300: sorry". Takes that and the place in PostgreSQL's source out of it. 0: none.
int take_sqlstate(char* text) {
  constexpr char kBefore[] = ":  ";
  constexpr std::size_t kSize = 5;
  for (char* at = strstr(text, kBefore); at != nullptr; at = strstr(at, kBefore)) {
    at += strlen(kBefore);
    if (strspn(at, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != kSize || at[kSize] != ':') continue;
    const int sqlstate = MAKE_SQLSTATE(at[0], at[1], at[2], at[3], at[4]);
    const char* rest = at + kSize + strlen(": ");
    memmove(at, rest, strlen(rest) + 1);
    char* source = strrchr(text, '\n');
    if (source != nullptr && strstr(source, ".c") != nullptr) *source = '\0';
    return sqlstate;
  }
  return 0;
}

// The cause a client acts on differently is told apart.
[[noreturn]] void raise_connect_error(PGconn* connection) {
  char* text = pchomp(PQerrorMessage(connection));
  PQfinish(connection);
  ReleaseExternalFD();
  int sqlstate = ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION;
  if (take_sqlstate(text) == ERRCODE_TOO_MANY_CONNECTIONS) {
    sqlstate = ERRCODE_TOO_MANY_CONNECTIONS;
    count(replica_sessions_limit_errors);
  }
  ereport(ERROR, errcode(sqlstate), errmsg("could not open a session at the primary"),
          errdetail_internal("%s", text));
  pg_unreachable();
}

[[noreturn]] void give_up(PGconn* connection, const char* detail, const char* hint) {
  PQfinish(connection);
  ReleaseExternalFD();
  ereport(ERROR, errcode(ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION),
          errmsg("could not open a session at the primary"), errdetail("%s", detail),
          hint == nullptr ? 0 : errhint("%s", hint));
  pg_unreachable();
}

void await_connection(PGconn* connection) {
  constexpr long kLookMs = 1000;
  const TimestampTz start = GetCurrentTimestamp();
  PostgresPollingStatusType next = PGRES_POLLING_WRITING;
  while (next != PGRES_POLLING_OK) {
    if (next == PGRES_POLLING_FAILED || PQstatus(connection) == CONNECTION_BAD) {
      raise_connect_error(connection);
    }
    long left = kLookMs;
    if (options.connect_timeout_s > 0) {
      left = options.connect_timeout_s * 1000L -
             TimestampDifferenceMilliseconds(start, GetCurrentTimestamp());
      if (left <= 0) {
        give_up(connection, "It did not answer in time.",
                "apg_write_forward.connect_timeout sets the limit.");
      }
    }
    if (link_silent()) give_up(connection, "Nothing comes from the primary any more.", nullptr);
    const int wanted = next == PGRES_POLLING_READING ? WL_SOCKET_READABLE : WL_SOCKET_WRITEABLE;
    const int got =
        WaitLatchOrSocket(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | WL_TIMEOUT | wanted,
                          PQsocket(connection), Min(left, kLookMs), PG_WAIT_EXTENSION);
    if (got & WL_LATCH_SET) {
      ResetLatch(MyLatch);
      CHECK_FOR_INTERRUPTS();
    }
    if (got & wanted) next = PQconnectPoll(connection);
  }
}

// The connection is libpq's while it opens, and must not leak if an interrupt ends the wait.
PGconn* open_connection(const Parameters& p) {
  if (!AcquireExternalFD()) {
    ereport(ERROR, errcode(ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION),
            errmsg("could not open a session at the primary"),
            errdetail("There are too many open files on the local server."));
  }
  PGconn* volatile connection = PQconnectStartParams(p.names, p.values, 1);
  if (connection == nullptr)
    ereport(ERROR, errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"));
  PQsetErrorVerbosity(connection, PQERRORS_VERBOSE);
  PG_TRY();
  { await_connection(connection); }
  PG_CATCH();
  {
    const int code = geterrcode();
    const bool finished = code == ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION ||
                          code == ERRCODE_TOO_MANY_CONNECTIONS;
    if (!finished) {
      PQfinish(connection);
      ReleaseExternalFD();
    }
    PG_RE_THROW();
  }
  PG_END_TRY();
  return connection;
}

// The primary speaks our protocol, is a primary, and not an old one.
const char* problem_of_primary(const char* said) {
  const auto position = contained([&] { return decode_position(said == nullptr ? "" : said); });
  TimeLineID here = 0;
  GetXLogReplayRecPtr(&here);
  if (!position) return "it does not load the library aurora_global, or is a standby itself";
  if (position->timeline < here) return "it is on an older timeline than this server";
  if (position->login != GetAuthenticatedUserId()) {
    return "the role of this name is another one there; it was dropped or renamed";
  }
  if (position->epoch != 0 && options.epoch != 0 &&
      position->epoch != static_cast<std::uint32_t>(options.epoch)) {
    return "it and this server do not agree on the epoch; the primary is changing";
  }
  return nullptr;
}

Remote* new_remote(pgsocket socket, const char* position) {
  auto* r = contained([&] {
    auto* fresh = new Remote;
    fresh->position = decode_position(position).value();
    return fresh;
  });
  r->socket = socket;
  for (WaitEventSet** set : {&r->events, &r->alone}) {
    *set = CreateWaitEventSet(TopMemoryContext, 4);
    AddWaitEventToSet(*set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, nullptr);
    AddWaitEventToSet(*set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, nullptr, nullptr);
    AddWaitEventToSet(*set, WL_SOCKET_READABLE, r->socket, nullptr, nullptr);
  }
  AddWaitEventToSet(r->events, WL_SOCKET_CLOSED, MyProcPort->sock, nullptr, nullptr);
  return r;
}

// An open connection of the worker's, if it has one.
Remote* from_spare(const Parameters& p) {
  const Spare spare = take_spare(key_of(p));
  if (spare.socket < 0) return nullptr;
  if (problem_of_primary(spare.position) != nullptr || !AcquireExternalFD()) {
    close(spare.socket);
    return nullptr;
  }
  Remote* r = new_remote(spare.socket, spare.position);
  r->primary = spare.primary;
  r->primary_size = spare.primary_size;
  r->pid = spare.pid;
  contained([&] { r->cancel_key = spare.cancel_key; });
  return r;
}

Remote* opened(const Parameters& p) {
  PGconn* connection = open_connection(p);
  const char* said = PQparameterStatus(connection, kCommitParameter);
  const char* problem = problem_of_primary(said == nullptr ? "" : said);
  if (problem != nullptr) {
    PQfinish(connection);
    ReleaseExternalFD();
    ereport(ERROR, errcode(ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION),
            errmsg("the server that should be the primary cannot take forwarded statements"),
            errdetail("%s.", problem));
  }
  Remote* r = new_remote(PQsocket(connection), said);
  r->connection = connection;
  r->ssl = static_cast<SSL*>(PQsslStruct(connection, "OpenSSL"));
  r->primary_size = sizeof r->primary;
  if (getpeername(r->socket, reinterpret_cast<sockaddr*>(&r->primary), &r->primary_size) != 0) {
    r->primary_size = 0;
  }
  r->pid = PQbackendPID(connection);
  const char* key = PQparameterStatus(connection, kCancelKeyParameter);
  contained([&] { r->cancel_key = key == nullptr ? "" : key; });
  return r;
}

const char* target_now() { return psprintf("%d %s", options.epoch, options.primary_conninfo); }

bool await_socket(int socket, short events, TimestampTz ends) {
  for (;;) {
    pollfd one = {socket, events, 0};
    const long left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), ends);
    const int ready = poll(&one, 1, static_cast<int>(left));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

// Until the primary closes, so that it cannot cancel what comes next.
bool send_cancel(int socket, TimestampTz ends) {
  const std::uint32_t request[] = {
      pg_hton32(16), pg_hton32(80877102), pg_hton32(static_cast<std::uint32_t>(current->pid)),
      pg_hton32(static_cast<std::uint32_t>(std::atoi(current->cancel_key.c_str())))};
  return await_socket(socket, POLLOUT, ends) &&
         send(socket, request, sizeof request, MSG_NOSIGNAL) == sizeof request &&
         await_socket(socket, POLLIN, ends);
}

// A session that ends while the primary works for it takes that back.
void at_exit(int, Datum) {
  if (current == nullptr) return;
  if (!current->exchange.quiet()) remote_cancel();
  count(replica_open_sessions, -1);
  current = nullptr;
}

void close_at_exit() {
  static bool done = false;
  if (!done) before_shmem_exit(at_exit, 0);
  done = true;
}

// Whether the primary has ended it meanwhile (idle time-out, restart), or sent something else.
bool still_open(Remote& r) {
  const Io io = remote_read(r);
  if (io == Io::broken) return false;
  Message message;
  while (remote_message(r, message)) {
    if (message.type == 'E') return false;
  }
  return true;
}

}  // namespace

bool due_for_reopening(const Remote& r) {
  if (options.reopen_every == 0 || r.transactions < options.reopen_every) return false;
  constexpr struct {
    std::uint32_t pin;
    Counter counter;
  } kReasons[] = {{pin_temporary, kept_temporary},
                  {pin_cursors, kept_cursors},
                  {pin_locks, kept_locks},
                  {pin_sequences, kept_sequences},
                  {pin_listening, kept_listening}};
  for (const auto& [pin, counter] : kReasons) {
    if ((r.position.pins & pin) == 0) continue;
    count(counter);
    return false;
  }
  count(reopened);
  return true;
}

Remote* remote_if_connected() { return current; }

std::uint32_t pins_at_primary() { return current == nullptr ? 0 : current->position.pins; }

Remote& remote() {
  if (link_silent()) {  // Nothing is sent that would be lost, or done unheard.
    remote_close();
    ereport(ERROR, errcode(ERRCODE_SQLCLIENT_UNABLE_TO_ESTABLISH_SQLCONNECTION),
            errmsg("could not open a session at the primary"),
            errdetail("Nothing comes from the primary any more."));
  }
  const char* target = target_now();
  const bool usable = current != nullptr && current->target == target &&
                      current->exchange.quiet() &&
                      current->exchange.status() == TransactionStatus::idle && still_open(*current);
  if (!usable || due_for_reopening(*current)) remote_close();
  if (current == nullptr) {
    const TimestampTz start = GetCurrentTimestamp();
    const Parameters p = parameters();
    current = from_spare(p);
    if (current == nullptr) current = opened(p);
    contained([&] { current->target = target; });
    close_at_exit();
    count(replica_connect_us, GetCurrentTimestamp() - start);
    count(replica_total_sessions);
    count(replica_open_sessions);
  }
  ++current->transactions;
  return *current;
}

void expect_remote() {
  const Parameters p = parameters();
  announce(key_of(p));
}

void remote_close() {
  if (current == nullptr) return;
  Remote* r = current;
  current = nullptr;
  count(replica_open_sessions, -1);
  FreeWaitEventSet(r->events);
  FreeWaitEventSet(r->alone);
  if (r->connection != nullptr) {
    PQfinish(r->connection);
  } else {
    close(r->socket);
  }
  ReleaseExternalFD();
  delete r;
}

void remote_cancel() {
  if (current == nullptr || current->cancel_key.empty() || current->primary_size == 0) return;
  const auto* address = reinterpret_cast<const sockaddr*>(&current->primary);
  const int socket = ::socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) return;
  const TimestampTz ends = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), kCancelLimitMs);
  const bool sent =
      (connect(socket, address, current->primary_size) == 0 || errno == EINPROGRESS) &&
      send_cancel(socket, ends);
  close(socket);
  if (!sent) {
    ereport(LOG,
            errmsg("the primary did not take a cancel request within %d s", kCancelLimitMs / 1000));
  }
}

Io remote_write(Remote& r) {
  while (r.out_sent < r.out.size()) {
    const char* at = r.out.data() + r.out_sent;
    const std::size_t left = r.out.size() - r.out_sent;
    ssize_t wrote = 0;
    if (r.ssl != nullptr) {
      ERR_clear_error();
      wrote = SSL_write(r.ssl, at, static_cast<int>(Min(left, std::size_t{1} << 30)));
      if (wrote <= 0) {
        const int reason = SSL_get_error(r.ssl, static_cast<int>(wrote));
        if (reason == SSL_ERROR_WANT_WRITE || reason == SSL_ERROR_WANT_READ) return Io::blocked;
        return Io::broken;
      }
    } else {
      wrote = send(r.socket, at, left, MSG_NOSIGNAL);
      if (wrote < 0) {
        if (errno == EINTR) continue;
        return errno == EAGAIN || errno == EWOULDBLOCK ? Io::blocked : Io::broken;
      }
    }
    r.out_sent += static_cast<std::size_t>(wrote);
  }
  r.out.clear();
  r.out_sent = 0;
  return Io::done;
}

Io remote_read(Remote& r) {
  if (r.in_taken == r.in.size()) {
    r.in.clear();
    r.in_taken = 0;
  } else if (r.in_taken > kReadChunk) {
    r.in.erase(0, r.in_taken);
    r.in_taken = 0;
  }
  static char chunk[kReadChunk];
  for (;;) {
    ssize_t got = 0;
    if (r.ssl != nullptr) {
      ERR_clear_error();
      got = SSL_read(r.ssl, chunk, sizeof chunk);
      if (got <= 0) {
        const int reason = SSL_get_error(r.ssl, static_cast<int>(got));
        if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE) return Io::blocked;
        return Io::broken;
      }
    } else {
      got = recv(r.socket, chunk, sizeof chunk, 0);
      if (got == 0) return Io::broken;
      if (got < 0) {
        if (errno == EINTR) continue;
        return errno == EAGAIN || errno == EWOULDBLOCK ? Io::blocked : Io::broken;
      }
    }
    contained([&] { r.in.append(chunk, static_cast<std::size_t>(got)); });
    if (r.in.size() - r.in_taken >= 4 * kReadChunk) return Io::done;
  }
}

bool remote_message(Remote& r, Message& message) {
  std::size_t size = 0;
  const std::string_view left = std::string_view(r.in).substr(r.in_taken);
  switch (next_message(left, message, size)) {
    case NextMessage::incomplete: return false;
    case NextMessage::corrupt:
      ereport(FATAL, errcode(ERRCODE_PROTOCOL_VIOLATION),
              errmsg("the primary sent what is no PostgreSQL message"));
      return false;
    case NextMessage::complete: break;
  }
  r.in_taken += size;
  return true;
}

bool link_silent() {
  if (WalRcv == nullptr) return false;
  SpinLockAcquire(&WalRcv->mutex);
  const TimestampTz last = WalRcv->lastMsgReceiptTime;
  SpinLockRelease(&WalRcv->mutex);
  if (last == 0 || wal_receiver_timeout == 0) return false;
  const int limit_ms = wal_receiver_timeout / 2 + options.link_timeout_ms;
  return TimestampDifferenceExceeds(last, GetCurrentTimestamp(), limit_ms);
}

}  // namespace aurora_global::extension
