#include "router/reception.h"

#include <netinet/tcp.h>
#include <openssl/rand.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/check.h"
#include "base/host_port.h"
#include "net/log.h"
#include "pgwire/names.h"

namespace aurora_global::router {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using pgwire::Bytes;
using namespace std::chrono_literals;

constexpr Duration kLoginLimit = 60s;  // As PostgreSQL's authentication_timeout.
constexpr Duration kGoodbyeLimit = 5s;
constexpr Duration kDialRetryMin = 5ms;
constexpr Duration kDialRetryMax = 200ms;

// A client that vanishes without a word is noticed by the kernel after about 10 s.
void watch_for_silence(tcp::socket& socket) {
  boost::system::error_code ignored;
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  using Idle = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPIDLE>;
  using Interval = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPINTVL>;
  using Count = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_KEEPCNT>;
  socket.set_option(Idle(5), ignored);
  socket.set_option(Interval(1), ignored);
  socket.set_option(Count(5), ignored);
}

// The last bits name the thread, so that a cancel request finds it.
std::uint32_t fresh_key(unsigned thread) {
  std::uint32_t key = 0;
  CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(&key), sizeof key) == 1);
  return (key & ~0xfu) | thread;
}

// Fails for what is no value of the parameter.
Result<bool> asks_for_replication(const std::map<std::string, std::string>& parameters) {
  const auto found = parameters.find("replication");
  if (found == parameters.end()) return false;
  if (found->second == "database") return true;
  if (const auto value = pgwire::parse_bool(found->second)) return *value;
  return protocol_error(
      ErrorKind::invalid, "22023",
      "invalid value for parameter \"replication\": \"" + pgwire::printable(found->second) + "\"");
}

}  // namespace

// A client that has proven nothing costs something all the same: no address may have all places
// for it.
class Reception::Newcomer {
 public:
  Newcomer(Reception& reception, std::string host)
      : reception_(reception), host_(std::move(host)), count_(++reception_.newcomers_[host_]) {}
  ~Newcomer() {
    const auto found = reception_.newcomers_.find(host_);
    if (--found->second == 0) reception_.newcomers_.erase(found);
  }
  Newcomer(const Newcomer&) = delete;
  Newcomer& operator=(const Newcomer&) = delete;
  std::size_t count() const { return count_; }

 private:
  Reception& reception_;
  std::string host_;
  std::size_t count_;
};

net::Task<std::optional<Reception::Guest>> Reception::receive(tcp::socket socket) {
  boost::system::error_code error;
  const auto remote = socket.remote_endpoint(error);
  if (error) co_return std::nullopt;
  watch_for_silence(socket);
  Guest guest{.client = Channel(Channel::Socket(std::move(socket))),
              .parameters = {},
              .address = remote.address().to_string() + ":" + std::to_string(remote.port()),
              .received = {},
              .server = nullptr,
              .key = {},
              .newcomer = nullptr};
  guest.newcomer = std::make_shared<Newcomer>(*this, split_host_port(guest.address).host);
  auto welcomed = Result<void>(ok());
  if (guest.newcomer->count() >
      static_cast<std::size_t>(
          std::max(1, house_.config.max_connections / 2 / house_.config.threads))) {
    welcomed = protocol_error(ErrorKind::exhausted, "53300",
                              "too many connections from " + split_host_port(guest.address).host +
                                  " that have not logged in");
  } else {
    welcomed = co_await welcome(guest);
  }
  if (welcomed.has_value()) co_return std::optional<Guest>(std::move(guest));
  if (welcomed.error().kind != ErrorKind::cancelled) {
    co_await refuse(guest.client, guest.address, welcomed.error());
  }
  co_return std::nullopt;
}

net::Task<void> Reception::refuse(Channel& client, std::string address, Error why) {
  ++refused_total_;
  const std::string sqlstate = why.code.empty() ? "08P01" : why.code;
  log::info("{}: {} is refused with {}: {}", house_.endpoint, address, sqlstate,
            pgwire::printable(why.message));
  const bool wait = sqlstate == "57P03";
  const Bytes answer = pgwire::fatal_error(
      sqlstate, why.message,
      wait ? "Try again; `aurora-global status` tells what the Region waits for." : "");
  const auto told = co_await client.write(answer, Deadline::in(kGoodbyeLimit));
  (void)told;  // The client may have left: nobody else is to be told.
  boost::system::error_code ignored;
  client.socket().shutdown(Channel::Socket::shutdown_both, ignored);
  client.close();
}

// Fails with what the client is told: `cancelled` means nothing.
net::Task<Result<void>> Reception::welcome(Guest& guest) {
  const Deadline deadline = Deadline::in(kLoginLimit);
  CO_TRY(const auto packet,
         co_await greet(guest.client, house_.identity, guest.received, deadline));
  if (!packet) co_return make_error(ErrorKind::cancelled, "the client left");
  if (const auto* request = std::get_if<pgwire::CancelRequest>(&*packet)) {
    co_await house_.cancel(*request);
    co_return make_error(ErrorKind::cancelled, "it was a cancel request");
  }
  auto startup = std::get<pgwire::StartupMessage>(*packet);
  co_return co_await admit(guest, std::move(startup), deadline);
}

// What a newer client asks for beyond protocol 3.0 is refused as PostgreSQL 15 does.
net::Task<Result<void>> Reception::negotiate(Channel& client, pgwire::StartupMessage& startup,
                                             Deadline deadline) {
  std::vector<std::string> unknown;
  for (const auto& [name, value] : startup.parameters) {
    if (name.starts_with("_pq_.")) unknown.push_back(name);
  }
  if (unknown.empty() && startup.minor == 0) co_return ok();
  for (const std::string& name : unknown) startup.parameters.erase(name);
  Bytes answer;
  pgwire::put_negotiation(answer, unknown);
  co_return co_await client.write(std::move(answer), deadline);
}

Result<void> Reception::check_request(const Guest& guest) const {
  const RouterConfig& config = house_.config;
  if (config.require_tls && !guest.client.tls()) {
    return protocol_error(ErrorKind::denied, "28000",
                          "no pg_hba.conf entry for host \"" + split_host_port(guest.address).host +
                              "\", user \"" + guest.parameters.at("user") + "\", database \"" +
                              guest.parameters.at("database") + "\", no encryption");
  }
  if (house_.full()) {
    return protocol_error(ErrorKind::exhausted, "53300",
                          "too many connections for endpoint " + house_.endpoint + " of " +
                              config.region + " (limit " + std::to_string(config.max_connections) +
                              ")");
  }
  // What the router and the standbys tell a server of a session is not the client's to say.
  for (const char* own : {"aurora_global.client", "aurora_global.forwarded_from"}) {
    for (const auto& [name, value] : guest.parameters) {
      if (name != own && (name != "options" || value.find(own) == std::string::npos)) continue;
      return protocol_error(ErrorKind::denied, "42501",
                            "permission denied to set parameter \"" + std::string(own) + "\"");
    }
  }
  TRY(const bool replication, asks_for_replication(guest.parameters));
  if (replication && house_.endpoint != "cluster") {
    return protocol_error(
        ErrorKind::invalid, "0A000",
        "replication connections go to the cluster endpoint, not to " + house_.endpoint);
  }
  return ok();
}

net::Task<Result<void>> Reception::admit(Guest& guest, pgwire::StartupMessage startup,
                                         Deadline deadline) {
  CO_TRY_VOID(co_await negotiate(guest.client, startup, deadline));
  Backend::Parameters& parameters = guest.parameters;
  parameters = std::move(startup.parameters);
  const std::string user = pgwire::kept_name(parameters["user"]);
  if (user.empty()) {
    co_return protocol_error(ErrorKind::denied, "28000",
                             "no PostgreSQL user name specified in startup packet");
  }
  parameters["user"] = user;
  std::string& database = parameters["database"];
  database = database.empty() ? user : pgwire::kept_name(database);
  CO_TRY_VOID(check_request(guest));
  CO_TRY_VOID(co_await check_password(guest, user, deadline));
  guest.newcomer.reset();
  // Before the client's own, which may end in a backslash, or in "--".
  parameters["options"] =
      "-c aurora_global.report_session_state=on -c aurora_global.client=" + guest.address + "/" +
      house_.endpoint + " " + parameters["options"];
  co_return co_await open_session(guest, deadline);
}

net::Task<Result<void>> Reception::check_password(Guest& guest, std::string user,
                                                  Deadline deadline) {
  // The region's only instance may be on its way back, as a standby of the new writer.
  const Deadline patience = deadline.at_most(house_.config.hold_timeout);
  Duration pause = kDialRetryMin;
  // No server knows a role whose name it cannot read.
  auto role = Result<Verifiers::Role>(Verifiers::Role());
  const bool readable = pgwire::is_utf8(user);
  if (readable) role = co_await house_.verifiers.find(user, patience);
  while (role.has_error() && !patience.passed() && !house_.tasks.stopping()) {
    co_await house_.changed.wait(patience.at_most(pause));
    pause = std::min(pause * 2, Duration(kDialRetryMax));
    role = co_await house_.verifiers.find(user, patience);
  }
  if (role.has_error()) {
    co_return protocol_error(
        ErrorKind::unavailable, "57P03",
        "no instance can tell whether the password is right: " + role.error().message);
  }
  CO_TRY_VOID(
      co_await authenticate(guest.client, house_.identity, user, *role, guest.received, deadline));
  if (role->superuser) {
    co_return protocol_error(ErrorKind::denied, "28000",
                             "superuser \"" + user + "\" may not log in through an endpoint");
  }
  co_return ok();
}

net::Task<Result<void>> Reception::open_session(Guest& guest, Deadline deadline) {
  Bytes refusal;
  auto server =
      co_await house_.log_in(guest.parameters, refusal, Deadline::in(house_.config.hold_timeout));
  if (server.has_error()) {
    if (refusal.empty()) co_return server.error();
    ++refused_total_;
    const auto told = co_await guest.client.write(refusal, Deadline::in(kGoodbyeLimit));
    (void)told;
    guest.client.close();
    co_return make_error(ErrorKind::cancelled, "the server has refused it");
  }
  guest.server = std::move(*server);
  guest.key = {guest.server->key().process_id, fresh_key(house_.thread)};
  Bytes greeting;
  pgwire::put_authentication_ok(greeting);
  const Bytes& warnings = guest.server->login_notices();
  greeting.insert(greeting.end(), warnings.begin(), warnings.end());
  for (const auto& [name, value] : guest.server->parameters()) {
    pgwire::put_parameter_status(greeting, name, value);
  }
  pgwire::put_backend_key(greeting, guest.key);
  pgwire::put_ready(greeting, 'I');
  co_return co_await guest.client.write(std::move(greeting), deadline);
}

}  // namespace aurora_global::router
