#include "pg/spares.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "pg/options.h"
#include "pg/primary.h"

extern "C" {
#include "libpq-fe.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/pmsignal.h"
}

namespace aurora_global::extension {
namespace {

// Relative: every process of the server has the data directory as its own. Base backups leave files
// of this prefix out.
constexpr char kSocketName[] = "pgsql_tmp_aurora_global";

constexpr std::size_t kKeyBytesMax = 8192;
constexpr std::size_t kBufferBytesMax = 256 * 1024;
constexpr int kKeysMax = 32;
constexpr int kSparesMax = 8;  // In all: they take from the quota of forwarded sessions.
constexpr int kReplyLimitMs = 50;
constexpr int kTickMs = 1000;
constexpr int kKeyLifeMs = 300'000;  // A key that no session asked for is forgotten.
constexpr int kOpenLimitMs = 10'000;
constexpr int kPauseAfterFailureMs = 30'000;
// What opening must take for a spare to be worth its detour.
constexpr long kWorthUs = 5000;
constexpr int kPauseIfNotWorthMs = 60'000;

enum class Ask : char { announce = 'A', take = 'T' };

struct Request {
  Ask ask;
  std::uint32_t key_size;
};

int connect_to_worker() {
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) return -1;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  strlcpy(address.sun_path, kSocketName, sizeof address.sun_path);
  if (connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return socket;
  }
  close(socket);
  return -1;
}

bool send_request(int socket, Ask ask, const ConnectionKey& key) {
  const Request request = {ask, static_cast<std::uint32_t>(key.size())};
  return key.size() <= kKeyBytesMax &&
         send(socket, &request, sizeof request, MSG_NOSIGNAL) == sizeof request &&
         send(socket, key.data(), key.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(key.size());
}

// ---- the worker; it lets nothing of PostgreSQL raise an error while C++ objects live

// One connection to the primary: opening, waiting to be taken, or taken.
struct Line {
  ConnectionKey key;
  PGconn* connection = nullptr;
  SSL* ssl = nullptr;
  int remote = -1;
  int client = -1;
  bool ready = false;
  TimestampTz started = 0;
  long open_us = 0;
  std::string to_remote;
  std::string to_client;

  ~Line() {
    if (connection != nullptr) PQfinish(connection);
    if (client >= 0) close(client);
  }
};

struct Key {
  ConnectionKey text;
  TimestampTz asked = 0;
  TimestampTz not_before = 0;
};

// A process of this server that has connected and not said yet what it wants.
struct Caller {
  int socket;
  std::string said;
  TimestampTz since;
};

class Worker {
 public:
  void run(int listener);

 private:
  void accept_callers(int listener);
  void read_caller(std::size_t index);
  void serve(Caller& caller, Ask ask, const ConnectionKey& text);
  Key* key_of(const ConnectionKey& text);
  void open_missing();
  void open_one(const Key& key);
  void advance(Line& line);
  void pause(Line& line, int ms);
  bool pass(Line& line);
  void watch(int fd, std::uint32_t events);
  void drop_stale();

  int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  std::vector<std::unique_ptr<Line>> lines_;
  std::vector<Caller> callers_;
  std::vector<Key> keys_;
};

bool older_than(TimestampTz since, long ms) {
  return TimestampDifferenceExceeds(since, GetCurrentTimestamp(), static_cast<int>(ms));
}

void Worker::watch(int fd, std::uint32_t events) {
  epoll_event event = {};
  event.events = events;
  event.data.fd = fd;
  if (epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event) != 0)
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
}

void Worker::accept_callers(int listener) {
  for (;;) {
    const int socket = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket < 0) return;
    ucred who = {};
    socklen_t size = sizeof who;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0 || who.uid != geteuid()) {
      close(socket);
      continue;
    }
    callers_.push_back({socket, {}, GetCurrentTimestamp()});
    watch(socket, EPOLLIN);
  }
}

Key* Worker::key_of(const ConnectionKey& text) {
  for (Key& key : keys_) {
    if (key.text == text) return &key;
  }
  if (keys_.size() >= kKeysMax) return nullptr;
  keys_.push_back({text, 0, 0});
  return &keys_.back();
}

void Worker::serve(Caller& caller, Ask ask, const ConnectionKey& text) {
  if (Key* key = key_of(text)) key->asked = GetCurrentTimestamp();
  if (ask == Ask::announce) return;
  for (const auto& line : lines_) {
    if (!line->ready || line->remote < 0 || line->client >= 0 || line->key != text) continue;
    Spare answer;
    answer.primary_size = sizeof answer.primary;
    getpeername(line->remote, reinterpret_cast<sockaddr*>(&answer.primary), &answer.primary_size);
    answer.pid = PQbackendPID(line->connection);
    const char* cancel_key = PQparameterStatus(line->connection, kCancelKeyParameter);
    const char* position = PQparameterStatus(line->connection, kCommitParameter);
    strlcpy(answer.cancel_key, cancel_key == nullptr ? "" : cancel_key, sizeof answer.cancel_key);
    strlcpy(answer.position, position == nullptr ? "" : position, sizeof answer.position);
    if (send(caller.socket, &answer, sizeof answer, MSG_NOSIGNAL) != sizeof answer) return;
    line->client = caller.socket;
    caller.socket = -1;
    watch(line->client, EPOLLIN);
    return;
  }
}

void Worker::read_caller(std::size_t index) {
  Caller& caller = callers_[index];
  char chunk[kKeyBytesMax + sizeof(Request)];
  const ssize_t got = recv(caller.socket, chunk, sizeof chunk, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  bool done = got <= 0;
  if (got > 0) {
    caller.said.append(chunk, static_cast<std::size_t>(got));
    Request request = {};
    if (caller.said.size() >= sizeof request) {
      memcpy(&request, caller.said.data(), sizeof request);
      done = request.key_size > kKeyBytesMax;
      if (!done && caller.said.size() >= sizeof request + request.key_size) {
        serve(caller, request.ask, caller.said.substr(sizeof request, request.key_size));
        done = true;
      }
    }
  }
  if (!done) return;
  if (caller.socket >= 0) close(caller.socket);
  callers_.erase(callers_.begin() + static_cast<std::ptrdiff_t>(index));
}

void Worker::open_one(const Key& key) {
  std::vector<const char*> names;
  std::vector<const char*> values;
  for (std::size_t at = 0; at < key.text.size();) {
    names.push_back(key.text.data() + at);
    at += strlen(names.back()) + 1;
    values.push_back(key.text.data() + at);
    at += strlen(values.back()) + 1;
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  auto line = std::make_unique<Line>();
  line->key = key.text;
  line->started = GetCurrentTimestamp();
  line->connection = PQconnectStartParams(names.data(), values.data(), 1);
  if (line->connection == nullptr || PQstatus(line->connection) == CONNECTION_BAD) return;
  line->remote = PQsocket(line->connection);
  watch(line->remote, EPOLLOUT);
  lines_.push_back(std::move(line));
}

// For those first that were asked for last.
void Worker::open_missing() {
  std::sort(keys_.begin(), keys_.end(),
            [](const Key& a, const Key& b) { return a.asked > b.asked; });
  int left = kSparesMax;
  for (const Key& key : keys_) {
    const bool paused = key.not_before > GetCurrentTimestamp();
    const int wanted = paused ? 0 : std::min(options.spare_connections, left);
    left -= wanted;
    int spare = 0;
    for (const auto& line : lines_) {
      if (line->key != key.text || line->client >= 0) continue;
      if (++spare > wanted) line->remote = -1;
    }
    for (; spare < wanted; ++spare) open_one(key);
  }
  std::erase_if(lines_, [](const std::unique_ptr<Line>& line) { return line->remote < 0; });
}

// While it opens.
void Worker::advance(Line& line) {
  const PostgresPollingStatusType next = PQconnectPoll(line.connection);
  if (PQsocket(line.connection) != line.remote) line.remote = PQsocket(line.connection);
  switch (next) {
    case PGRES_POLLING_READING: watch(line.remote, EPOLLIN); return;
    case PGRES_POLLING_WRITING: watch(line.remote, EPOLLOUT); return;
    case PGRES_POLLING_OK:
      line.open_us = GetCurrentTimestamp() - line.started;
      if (line.open_us < kWorthUs) {
        pause(line, kPauseIfNotWorthMs);
        return;
      }
      line.ready = true;
      line.ssl = static_cast<SSL*>(PQsslStruct(line.connection, "OpenSSL"));
      watch(line.remote, EPOLLIN);
      return;
    default: break;
  }
  // Sessions that open their own connection tell the client why it fails.
  pause(line, kPauseAfterFailureMs);
}

void Worker::pause(Line& line, int ms) {
  if (Key* key = key_of(line.key)) {
    key->not_before = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms);
  }
  line.remote = -1;
}

enum class Moved { some, none, closed };

Moved read_some(SSL* ssl, int fd, std::string& into) {
  if (into.size() >= kBufferBytesMax) return Moved::none;
  char chunk[32 * 1024];
  ssize_t got = 0;
  if (ssl != nullptr) {
    ERR_clear_error();
    got = SSL_read(ssl, chunk, sizeof chunk);
    if (got <= 0) {
      const int reason = SSL_get_error(ssl, static_cast<int>(got));
      const bool again = reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE;
      return again ? Moved::none : Moved::closed;
    }
  } else {
    got = recv(fd, chunk, sizeof chunk, 0);
    if (got == 0) return Moved::closed;
    if (got < 0) return errno == EAGAIN || errno == EINTR ? Moved::none : Moved::closed;
  }
  into.append(chunk, static_cast<std::size_t>(got));
  return Moved::some;
}

Moved write_some(SSL* ssl, int fd, std::string& from) {
  if (from.empty()) return Moved::none;
  ssize_t wrote = 0;
  if (ssl != nullptr) {
    ERR_clear_error();
    wrote = SSL_write(ssl, from.data(), static_cast<int>(from.size()));
    if (wrote <= 0) {
      const int reason = SSL_get_error(ssl, static_cast<int>(wrote));
      const bool again = reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE;
      return again ? Moved::none : Moved::closed;
    }
  } else {
    wrote = send(fd, from.data(), from.size(), MSG_NOSIGNAL);
    if (wrote < 0) return errno == EAGAIN || errno == EINTR ? Moved::none : Moved::closed;
  }
  from.erase(0, static_cast<std::size_t>(wrote));
  return Moved::some;
}

// Passes what there is, both ways. False: it has ended.
bool Worker::pass(Line& line) {
  if (line.client < 0) {
    // Nobody has taken it: the primary may only end it, or report a parameter.
    std::string said;
    return read_some(line.ssl, line.remote, said) != Moved::closed;
  }
  bool remote_closed = false;
  for (bool moved = true; moved;) {
    const Moved in = read_some(line.ssl, line.remote, line.to_client);
    const Moved out = write_some(nullptr, line.client, line.to_client);
    const Moved asked = read_some(nullptr, line.client, line.to_remote);
    const Moved sent = write_some(line.ssl, line.remote, line.to_remote);
    remote_closed = in == Moved::closed || sent == Moved::closed;
    if (out == Moved::closed || asked == Moved::closed || remote_closed) break;
    moved = in == Moved::some || out == Moved::some || asked == Moved::some || sent == Moved::some;
    if (!moved) {
      watch(line.remote, (line.to_client.size() < kBufferBytesMax ? EPOLLIN : 0) |
                             (line.to_remote.empty() ? 0 : EPOLLOUT));
      watch(line.client, (line.to_remote.size() < kBufferBytesMax ? EPOLLIN : 0) |
                             (line.to_client.empty() ? 0 : EPOLLOUT));
      return true;
    }
  }
  // The last words of the primary still go to the session.
  while (remote_closed && write_some(nullptr, line.client, line.to_client) == Moved::some) {
  }
  return false;
}

void Worker::drop_stale() {
  std::erase_if(keys_, [](const Key& key) { return older_than(key.asked, kKeyLifeMs); });
  std::erase_if(lines_, [&](const std::unique_ptr<Line>& line) {
    if (line->client >= 0) return false;
    if (!line->ready) return older_than(line->started, kOpenLimitMs);
    for (const Key& key : keys_) {
      if (key.text == line->key) return false;
    }
    return true;
  });
  for (std::size_t i = callers_.size(); i-- > 0;) {
    if (!older_than(callers_[i].since, kTickMs)) continue;
    close(callers_[i].socket);
    callers_.erase(callers_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

void Worker::run(int listener) {
  watch(listener, EPOLLIN);
  TimestampTz ticked = 0;
  while (!ShutdownRequestPending && RecoveryInProgress() && PostmasterIsAlive()) {
    epoll_event events[64];
    const int count = epoll_wait(epoll_, events, 64, kTickMs);
    if (ConfigReloadPending) {
      ConfigReloadPending = false;
      ProcessConfigFile(PGC_SIGHUP);
    }
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == listener) accept_callers(listener);
      for (std::size_t j = callers_.size(); j-- > 0;) {
        if (callers_[j].socket == fd) read_caller(j);
      }
      for (const auto& line : lines_) {
        if (line->remote != fd && line->client != fd) continue;
        if (!line->ready) {
          advance(*line);
        } else if (!pass(*line)) {
          line->remote = -1;
        }
        break;
      }
    }
    open_missing();
    if (older_than(ticked, kTickMs)) {
      ticked = GetCurrentTimestamp();
      drop_stale();
    }
  }
}

int listen_here() {
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) return -1;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  strlcpy(address.sun_path, kSocketName, sizeof address.sun_path);
  unlink(kSocketName);
  const mode_t before = umask(0077);
  const bool bound = bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  umask(before);
  if (bound && listen(socket, 128) == 0) return socket;
  close(socket);
  return -1;
}

}  // namespace

void announce(const ConnectionKey& key) {
  if (options.spare_connections == 0) return;
  const int socket = connect_to_worker();
  if (socket < 0) return;
  send_request(socket, Ask::announce, key);
  close(socket);
}

Spare take_spare(const ConnectionKey& key) {
  Spare none;
  if (options.spare_connections == 0) return none;
  const int socket = connect_to_worker();
  if (socket < 0) return none;
  Spare spare;
  pollfd answer = {socket, POLLIN, 0};
  if (send_request(socket, Ask::take, key) && poll(&answer, 1, kReplyLimitMs) == 1 &&
      recv(socket, &spare, sizeof spare, 0) == sizeof spare) {
    spare.socket = socket;
    return spare;
  }
  close(socket);
  return none;
}

void install_spares() {
  BackgroundWorker worker = {};
  worker.bgw_flags = BGWORKER_SHMEM_ACCESS;
  worker.bgw_start_time = BgWorkerStart_ConsistentState;
  worker.bgw_restart_time = 1;
  strlcpy(worker.bgw_library_name, "aurora_global", BGW_MAXLEN);
  strlcpy(worker.bgw_function_name, "aurora_global_spares_main", BGW_MAXLEN);
  strlcpy(worker.bgw_name, "aurora_global connections to the primary", BGW_MAXLEN);
  strlcpy(worker.bgw_type, "aurora_global", BGW_MAXLEN);
  RegisterBackgroundWorker(&worker);
}

}  // namespace aurora_global::extension

extern "C" PGDLLEXPORT void aurora_global_spares_main(Datum) {
  using namespace aurora_global::extension;
  pqsignal(SIGHUP, SignalHandlerForConfigReload);
  pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
  BackgroundWorkerUnblockSignals();
  const int listener = listen_here();
  if (listener < 0) {
    ereport(ERROR, errcode_for_socket_access(),
            errmsg("could not listen at \"%s\" in the data directory: %m", kSocketName));
  }
  contained([&] { Worker().run(listener); });
  unlink(kSocketName);
  // On a primary there is nothing to do: 0 means that it is not started again.
  proc_exit(0);
}
