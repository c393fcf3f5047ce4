#include "router/testing/fake_server.h"

#include <algorithm>
#include <sstream>

#include "net/http.h"

namespace aurora_global::router::testing {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using nlohmann::json;
using pgwire::Bytes;
using pgwire::BytesView;
using pgwire::Row;
using pgwire::ServerError;
using namespace std::chrono_literals;

constexpr Duration kEver = 1h;
constexpr std::string_view kState = "aurora_global.session_state";
constexpr std::string_view kImage = "aurora_global.session";
constexpr std::string_view kVerifier =
    "SCRAM-SHA-256$4096:MDEyMzQ1Njc4OWFiY2RlZg==$bpSY5Ze9NUH+I35LC3gVq+DpBfK46iXBxvhAKqVu9pE=:"
    "VpYlBuxyzeCI1KnctrefdljpB1mk3Gp7sBI/t11+NkQ=";

ServerError error_of(std::string sqlstate, std::string message) {
  return {"ERROR", std::move(sqlstate), std::move(message), ""};
}

void put_message(Bytes& out, char type, const std::string& body = "") {
  out.push_back(static_cast<std::uint8_t>(type));
  const std::size_t size = body.size() + 4;
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<std::uint8_t>(size >> shift));
  out.insert(out.end(), body.begin(), body.end());
}

std::string number(std::size_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
  return out;
}

void put_rows(Bytes& out, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    std::string body = number(row.size(), 2);
    for (const auto& column : row) {
      body += number(column ? column->size() : 0xffffffff, 4) + column.value_or("");
    }
    put_message(out, 'D', body);
  }
}

std::string row_description(std::size_t columns) {
  std::string body = number(columns, 2);
  for (std::size_t i = 0; i < columns; ++i) {
    body += std::string("column\0", 7) + number(0, 4) + number(0, 2) + number(25, 4) +
            number(0xffff, 2) + number(0xffffffff, 4) + number(0, 2);
  }
  return body;
}

std::vector<std::string> split(const std::string& sql) {
  std::istringstream in(sql);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

std::string unquoted(const std::string& name) {
  return name.size() > 1 && name[0] == '"' ? name.substr(1, name.size() - 2) : name;
}

// Reads a body from its front. What it is given was written by a router or by a test.
class Body {
 public:
  explicit Body(const Bytes& bytes) : rest_(bytes) {}
  std::size_t number(int bytes) {
    std::size_t value = 0;
    for (int i = 0; i < bytes; ++i) value = (value << 8) | rest_[static_cast<std::size_t>(i)];
    rest_ = rest_.subspan(static_cast<std::size_t>(bytes));
    return value;
  }
  std::string text() {
    const auto end = std::find(rest_.begin(), rest_.end(), 0);
    std::string value(rest_.begin(), end);
    rest_ = rest_.subspan(value.size() + 1);
    return value;
  }
  std::string bytes(std::size_t size) {
    const BytesView taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return std::string(taken.begin(), taken.end());
  }

 private:
  BytesView rest_;
};

}  // namespace

FakeServer::FakeServer(asio::any_io_executor executor, std::string address, std::string name)
    : executor_(executor),
      address_(std::move(address)),
      name_(std::move(name)),
      tasks_(executor),
      woken_(executor) {}

Result<void> FakeServer::start() {
  TRY(tcp::acceptor acceptor, net::listen_on(executor_, address_));
  acceptor_ = std::make_unique<tcp::acceptor>(std::move(acceptor));
  tasks_.spawn("fake server", accept_loop());
  return ok();
}

net::Task<void> FakeServer::stop() {
  tasks_.stop();
  co_await tasks_.join();
  acceptor_.reset();
}

std::size_t FakeServer::sessions() const {
  return static_cast<std::size_t>(
      std::count_if(connections_.begin(), connections_.end(), [](const ConnectionPointer& one) {
        return !one->of_router && one->process_id != 0 && one->channel.open();
      }));
}

std::size_t FakeServer::sessions_with(const std::string& name, const std::string& value) const {
  return static_cast<std::size_t>(
      std::count_if(connections_.begin(), connections_.end(), [&](const ConnectionPointer& one) {
        const auto found = one->settings.find(name);
        return one->channel.open() && found != one->settings.end() && found->second == value;
      }));
}

std::size_t FakeServer::listeners(const std::string& channel) const {
  return static_cast<std::size_t>(
      std::count_if(connections_.begin(), connections_.end(), [&](const ConnectionPointer& one) {
        return one->channel.open() && one->listening.contains(channel);
      }));
}

void FakeServer::apply(Fault fault) {
  if (fault == Fault::silence) {
    silent_ = true;
    return;
  }
  if (acceptor_) acceptor_->close();
  acceptor_.reset();
  for (const ConnectionPointer& one : connections_) one->channel.close();
  woken_.notify();
}

void FakeServer::end_sessions(std::string_view sqlstate) {
  for (const ConnectionPointer& one : connections_) {
    if (one->of_router || one->process_id == 0) continue;
    Bytes words;
    pgwire::put_error(words, "FATAL", error_of(std::string(sqlstate), "terminating connection"));
    one->channel.write_some(words);
    one->channel.close();
  }
}

Result<void> FakeServer::revive() {
  apply(Fault::die);
  silent_ = false;
  woken_.notify();
  return start();
}

void FakeServer::let_go() {
  frozen_ = false;
  woken_.notify();
}

net::Task<void> FakeServer::wait_until_let_go() {
  ++held_;
  while ((silent_ || frozen_) && !tasks_.stopping()) co_await woken_.wait(Deadline::in(kEver));
  --held_;
}

// Counts a step of a client's session. Returns false when the connection is no more.
net::Task<bool> FakeServer::step(Connection& connection) {
  if (!connection.of_router && connection.process_id != 0) {
    ++steps;
    if (plan && plan->step == steps) {
      if (plan->fault == Fault::close) {
        connection.channel.close();
      } else {
        apply(plan->fault);
      }
    }
  }
  co_await wait_until_let_go();
  co_return connection.channel.open() && !tasks_.stopping();
}

net::Task<void> FakeServer::accept_loop() {
  const auto executor = executor_;
  while (acceptor_) {
    tcp::socket socket(executor);
    auto [error] = co_await acceptor_->async_accept(socket, net::use_result);
    if (error) co_return;
    tasks_.spawn("fake session",
                 serve(std::make_shared<Connection>(Channel(Channel::Socket(std::move(socket))))));
  }
}

net::Task<void> FakeServer::serve(ConnectionPointer connection) {
  const auto place = connections_.insert(connections_.end(), connection);
  co_await wait_until_let_go();
  if (co_await greet(*connection) && co_await log_in(*connection)) {
    co_await answer_all(*connection);
  }
  connection->channel.close();
  connections_.erase(place);
}

net::Task<bool> FakeServer::greet(Connection& connection) {
  for (;;) {
    auto parsed = pgwire::parse_first_packet(connection.in);
    if (parsed.has_error()) co_return false;
    if (!*parsed) {
      const auto read = co_await connection.channel.read(connection.in, Deadline::in(kEver));
      co_await wait_until_let_go();
      if (read.has_error()) co_return false;
      continue;
    }
    connection.in.erase(connection.in.begin(),
                        connection.in.begin() + static_cast<std::ptrdiff_t>((*parsed)->size));
    if (const auto* cancel = std::get_if<pgwire::CancelRequest>(&(*parsed)->packet)) {
      cancelled.push_back(cancel->process_id);
      for (const ConnectionPointer& one : connections_) {
        if (one->process_id != cancel->process_id) continue;
        if (cancel->secret_key != ~cancel->process_id) continue;
        one->cancel_asked = true;
        one->cancel.notify();
      }
      co_return false;
    }
    if (const auto* startup = std::get_if<pgwire::StartupMessage>(&(*parsed)->packet)) {
      connection.startup = startup->parameters;
      const std::string& user = connection.startup["user"];
      connection.of_router = user == "rdsadmin" || user == "rdsrepladmin";
      co_return true;
    }
    if (!answers_probes) co_return false;
    const Bytes no = {'N'};
    const auto told = co_await connection.channel.write(no, Deadline::in(kEver));
    if (told.has_error()) co_return false;
  }
}

net::Task<bool> FakeServer::log_in(Connection& connection) {
  connection.process_id = ++last_process_id_;
  if (!co_await step(connection)) co_return false;
  if (!connection.of_router) {
    if (!refuse_logins.empty()) {
      pgwire::put_error(connection.out, "FATAL", error_of(refuse_logins, "not here"));
      co_await flush(connection);
      co_return false;
    }
    ++logins;
    last_startup = connection.startup;
  }
  for (const auto& [name, value] : connection.startup) {
    if (name == "application_name" || name == "TimeZone") connection.settings[name] = value;
  }
  pgwire::put_authentication_ok(connection.out);
  if (!warn_logins.empty() && !connection.of_router) {
    put_message(
        connection.out, 'N',
        std::string("SWARNING\0VWARNING\0C01000\0M", 26) + warn_logins + std::string("\0\0", 2));
  }
  pgwire::put_parameter_status(connection.out, "server_version", "15.4");
  pgwire::put_backend_key(connection.out, {connection.process_id, ~connection.process_id});
  co_return co_await ready(connection);
}

net::Task<std::optional<FakeServer::Message>> FakeServer::read(Connection& connection) {
  pgwire::Splitter whole([](char, std::size_t size) { return size; });
  for (;;) {
    const auto piece = whole.next(connection.in);
    if (piece.has_error()) co_return std::nullopt;
    if (*piece) {
      const auto body = (*piece)->bytes.subspan(pgwire::kHeaderBytes);
      Message message{(*piece)->type, Bytes(body.begin(), body.end())};
      connection.in.erase(
          connection.in.begin(),
          connection.in.begin() + static_cast<std::ptrdiff_t>((*piece)->bytes.size()));
      if (!co_await step(connection)) co_return std::nullopt;
      co_return message;
    }
    const auto read = co_await connection.channel.read(connection.in, Deadline::in(kEver));
    if (read.has_error()) co_return std::nullopt;
    co_await wait_until_let_go();
  }
}

net::Task<bool> FakeServer::flush(Connection& connection) {
  if (!co_await step(connection)) co_return false;
  Bytes out;
  out.swap(connection.out);
  const auto sent = co_await connection.channel.write(std::move(out), Deadline::in(kEver));
  co_return sent.has_value();
}

net::Task<void> FakeServer::answer_all(Connection& connection) {
  for (;;) {
    auto message = co_await read(connection);
    if (!message || message->type == 'X') co_return;
    if (!co_await answer(connection, std::move(*message))) co_return;
  }
}

// ---- messages

void FakeServer::fail(Connection& connection, ServerError error) {
  pgwire::put_error(connection.out, "ERROR", error);
  connection.pending.clear();
  connection.skipping = !connection.simple;
  if (connection.status == 'T') connection.status = 'E';
}

void FakeServer::report(Connection& connection) {
  std::map<std::string, std::string> now = {{"in_hot_standby", standby ? "on" : "off"}};
  for (const char* name : {"TimeZone", "application_name"}) {
    const auto found = connection.settings.find(name);
    now[name] = found == connection.settings.end() ? "" : found->second;
  }
  if (extension) {
    now[std::string(kState)] = state_report(connection) + (written.empty() ? "" : "@" + written);
    now["aurora_global.session_user"] = user;
  }
  for (const auto& [name, value] : now) {
    const auto told = connection.told.find(name);
    if (told != connection.told.end() && told->second == value) continue;
    connection.told[name] = value;
    pgwire::put_parameter_status(connection.out, name, value);
  }
}

net::Task<bool> FakeServer::ready(Connection& connection) {
  report(connection);
  pgwire::put_ready(connection.out, connection.status);
  co_return co_await flush(connection);
}

net::Task<bool> FakeServer::answer(Connection& connection, Message message) {
  if (connection.copying) co_return co_await take_copy(connection, std::move(message));
  if (connection.skipping && message.type != 'S') co_return true;
  if (message.type == 'Q') {
    connection.simple = true;
    co_return co_await query(connection, Body(message.body).text());
  }
  connection.simple = false;
  if (message.type == 'S') {
    connection.skipping = false;
    if (connection.status == 'I') {
      if (const auto error = commit(connection)) {
        fail(connection, *error);
        connection.skipping = false;
      }
    }
    co_return co_await ready(connection);
  }
  switch (message.type) {
    case 'P': parse(connection, message); break;
    case 'B': bind(connection, message); break;
    case 'D': describe(connection, message); break;
    case 'C': close_statement(connection, message); break;
    case 'H': co_return co_await flush(connection);
    case 'E': co_return co_await execute_portal(connection, Body(message.body).text());
    default: break;  // What is left of a COPY that failed.
  }
  co_return true;
}

net::Task<bool> FakeServer::query(Connection& connection, std::string sql) {
  if (!connection.of_router) log.push_back(sql);
  connection.statements.erase("");
  if (sql == "HANG") co_return co_await hang(connection) && co_await ready(connection);
  if (sql == "COPY") {
    connection.copying = true;
    put_message(connection.out, 'G', number(0, 1) + number(1, 2) + number(0, 2));
    co_return co_await flush(connection);
  }
  auto refused = refuse_parse(sql);
  Reply reply = refused ? Reply{{}, "", refused} : run(connection, sql, {});
  if (!reply.error && connection.status == 'I') reply.error = commit(connection);
  if (reply.error) {
    fail(connection, *reply.error);
  } else {
    if (!reply.rows.empty()) {
      put_message(connection.out, 'T', row_description(reply.rows[0].size()));
    }
    put_rows(connection.out, reply.rows);
    put_message(connection.out, 'C', reply.tag + '\0');
  }
  co_return co_await ready(connection);
}

net::Task<bool> FakeServer::execute_portal(Connection& connection, std::string name) {
  const auto found = connection.portals.find(name);
  if (found == connection.portals.end()) {
    fail(connection, error_of("34000", "portal \"" + name + "\" does not exist"));
    co_return true;
  }
  const Portal portal = found->second;
  if (!connection.of_router && portal.sql.find("aurora_global") == std::string::npos) {
    log.push_back(portal.sql);
  }
  if (portal.sql == "HANG") co_return co_await hang(connection);
  if (portal.sql == "COPY") {
    connection.copying = true;
    put_message(connection.out, 'G', number(0, 1) + number(1, 2) + number(0, 2));
    co_return co_await flush(connection);
  }
  const Reply reply = run(connection, portal.sql, portal.parameters);
  if (reply.error) {
    fail(connection, *reply.error);
    co_return true;
  }
  put_rows(connection.out, reply.rows);
  put_message(connection.out, 'C', reply.tag + '\0');
  co_return true;
}

net::Task<bool> FakeServer::hang(Connection& connection) {
  while (!connection.cancel_asked && connection.channel.open() && !tasks_.stopping()) {
    co_await connection.cancel.wait(Deadline::in(20ms));
  }
  if (!connection.cancel_asked) co_return false;
  connection.cancel_asked = false;
  fail(connection, error_of("57014", "canceling statement due to user request"));
  co_return true;
}

net::Task<bool> FakeServer::take_copy(Connection& connection, Message message) {
  switch (message.type) {
    case 'd': connection.pending.emplace_back(message.body.begin(), message.body.end());
    case 'H':
    case 'S': co_return true;
    default: break;
  }
  connection.copying = false;
  std::optional<ServerError> error;
  if (message.type != 'c') error = error_of("57014", "COPY from stdin failed");
  if (!error && connection.simple && connection.status == 'I') error = commit(connection);
  if (error) {
    fail(connection, *error);
  } else {
    put_message(connection.out, 'C', std::string("COPY\0", 5));
  }
  co_return !connection.simple || co_await ready(connection);
}

std::optional<ServerError> FakeServer::refuse_parse(const std::string& sql) const {
  const auto words = split(sql);
  if (words.size() != 2 || words[0] != "USE" || tables.contains(words[1])) return std::nullopt;
  return error_of("42P01", "relation \"" + words[1] + "\" does not exist");
}

void FakeServer::parse(Connection& connection, const Message& message) {
  Body body(message.body);
  const std::string name = body.text();
  Statement statement{body.text(), {}, false};
  for (std::size_t count = body.number(2); count > 0; --count) {
    statement.types.push_back(static_cast<std::uint32_t>(body.number(4)));
  }
  if (statement.sql.find('\xff') != std::string::npos) {
    return fail(connection, error_of("22021", "invalid byte sequence"));
  }
  if (connection.status == 'E' && statement.sql != "ROLLBACK") {
    return fail(connection, error_of("25P02", "current transaction is aborted"));
  }
  if (name.empty()) connection.statements.erase(name);
  if (const auto refused = refuse_parse(statement.sql)) return fail(connection, *refused);
  if (!name.empty() && connection.statements.contains(name)) {
    return fail(connection,
                error_of("42P05", "prepared statement \"" + name + "\" already exists"));
  }
  connection.statements[name] = std::move(statement);
  put_message(connection.out, '1');
}

void FakeServer::bind(Connection& connection, const Message& message) {
  Body body(message.body);
  const std::string portal = body.text();
  const std::string name = body.text();
  const auto found = connection.statements.find(name);
  if (found == connection.statements.end()) {
    return fail(connection,
                error_of("26000", "prepared statement \"" + name + "\" does not exist"));
  }
  body.bytes(2 * body.number(2));
  Portal bound{found->second.sql, {}};
  for (std::size_t count = body.number(2); count > 0; --count) {
    const std::size_t size = body.number(4);
    bound.parameters.emplace_back();
    if (size != 0xffffffff) bound.parameters.back() = body.bytes(size);
  }
  connection.portals[portal] = std::move(bound);
  put_message(connection.out, '2');
}

void FakeServer::describe(Connection& connection, const Message& message) {
  Body body(message.body);
  const bool statement = body.number(1) == 'S';
  const std::string name = body.text();
  if (statement) {
    const auto found = connection.statements.find(name);
    if (found == connection.statements.end()) {
      return fail(connection,
                  error_of("26000", "prepared statement \"" + name + "\" does not exist"));
    }
    std::string types = number(found->second.types.size(), 2);
    for (const std::uint32_t type : found->second.types) types += number(type, 4);
    put_message(connection.out, 't', types);
  }
  put_message(connection.out, 'n');
}

void FakeServer::close_statement(Connection& connection, const Message& message) {
  Body body(message.body);
  const bool statement = body.number(1) == 'S';
  const std::string name = body.text();
  if (statement) connection.statements.erase(name);
  put_message(connection.out, '3');
}

// ---- statements

std::optional<ServerError> FakeServer::commit(Connection& connection) {
  std::vector<std::string> pending;
  pending.swap(connection.pending);
  if (pending.empty()) return std::nullopt;
  if (standby || fenced) return error_of("25006", "cannot COMMIT: the writer has moved");
  stored.insert(stored.end(), pending.begin(), pending.end());
  return std::nullopt;
}

FakeServer::Reply FakeServer::run(Connection& connection, const std::string& sql,
                                  const Row& parameters) {
  const auto words = split(sql);
  if (words.empty()) return {{}, "", {}};
  const std::string& word = words[0];
  if (word == "BEGIN" || word == "COMMIT" || word == "ROLLBACK") {
    return run_transaction(connection, word);
  }
  if (connection.status == 'E') {
    return {{}, "", error_of("25P02", "current transaction is aborted")};
  }
  if (word == "WRITE") {
    if (standby || fenced) return {{}, "", error_of("25006", "cannot write here")};
    connection.pending.push_back(words.at(1) == "$1" ? parameters.at(0).value_or("") : words[1]);
    return {{}, "INSERT 0 1", {}};
  }
  if (word == "WHO") return {{{name_}}, "SELECT 1", {}};
  if (word == "ECHO") return {{{parameters.at(0)}}, "SELECT 1", {}};
  if (word == "USE") return {{}, "USE", refuse_parse(sql)};
  if (word == "FAIL") return {{}, "", error_of("22012", "division by zero")};
  if (word == "ROWS") {
    std::vector<Row> rows(std::stoul(words.at(1)), Row{std::string(1024, 'r')});
    return {std::move(rows), "SELECT", {}};
  }
  if (word == "SELECT") return run_for_router(connection, sql, parameters);
  return run_session(connection, words, sql);
}

FakeServer::Reply FakeServer::run_transaction(Connection& connection, const std::string& word) {
  const bool failed = connection.status == 'E';
  connection.status = word == "BEGIN" ? 'T' : 'I';
  if (word == "BEGIN") return {{}, "BEGIN", {}};
  if (word == "ROLLBACK" || failed) {
    connection.pending.clear();
    return {{}, "ROLLBACK", {}};
  }
  return {{}, "COMMIT", commit(connection)};
}

FakeServer::Reply FakeServer::set(Connection& connection, const std::string& name,
                                  const std::string& value) {
  if (name == "default_transaction_isolation" && standby) {
    return {{}, "", error_of("0A000", "cannot set it during recovery")};
  }
  connection.settings[name] = value;
  ++connection.changes;
  return {{{value}}, "SET", {}};
}

FakeServer::Reply FakeServer::reset(Connection& connection, const std::vector<std::string>& words) {
  ++connection.changes;
  if (words.at(1) == "SESSION") {
    connection.settings.erase("session_authorization");
    connection.settings.erase("role");
  } else if (words[1] == "ALL") {
    std::erase_if(connection.settings, [](const auto& one) {
      return one.first != "role" && one.first != "session_authorization";
    });
  } else {
    connection.settings.erase(words[1]);
  }
  for (const char* name : {"application_name", "TimeZone"}) {
    const auto start = connection.startup.find(name);
    if (start != connection.startup.end() && !connection.settings.contains(name)) {
      connection.settings[name] = start->second;
    }
  }
  return {{}, "RESET", {}};
}

FakeServer::Reply FakeServer::run_session(Connection& connection,
                                          const std::vector<std::string>& words,
                                          const std::string& sql) {
  const std::string& word = words[0];
  if (word == "SHOW" && words.at(1) == kImage) {
    if (cancel_questions > 0) {
      --cancel_questions;
      return {{}, "", error_of("57014", "canceling statement due to statement timeout")};
    }
    return show_image(connection);
  }
  if (word == "SET" && words.at(1) == kImage) {
    const auto quote = sql.find('\'');
    return restore_image(connection, sql.substr(quote + 1, sql.size() - quote - 2));
  }
  if (word == "SET") return set(connection, words.at(1), words.at(2));
  if (word == "RESET") return reset(connection, words);
  if (word == "SHOW") {
    const auto found = connection.settings.find(words.at(1));
    return {{{found == connection.settings.end() ? "" : found->second}}, "SHOW", {}};
  }
  if (word == "LISTEN" && standby) {
    return {{}, "", error_of("25006", "cannot execute LISTEN during recovery")};
  }
  if (word == "NOTIFY") {
    notify(words.at(1));
    return {{}, "NOTIFY", {}};
  }
  ++connection.changes;
  if (word == "LISTEN") {
    connection.listening.insert(unquoted(words.at(1)));
  } else if (word == "UNLISTEN") {
    connection.listening.erase(unquoted(words.at(1)));
  } else if (word == "PREPARE") {
    connection.statements[words.at(1)] = {sql.substr(sql.find(" AS ") + 4), {}, true};
  } else if (word == "DEALLOCATE") {
    if (words.at(1) == "ALL") {
      connection.statements.clear();
      return {{}, "DEALLOCATE ALL", {}};
    }
    connection.statements.erase(words[1]);
  } else if (word == "TEMP") {
    connection.temporary = true;
  } else if (word == "KEEP") {
    connection.cursor = true;
  } else if (word == "LOCK") {
    ++connection.locks;
  } else {
    return {{}, "", error_of("42601", "syntax error at or near \"" + word + "\"")};
  }
  return {{}, word, {}};
}

void FakeServer::notify(const std::string& channel) {
  for (const ConnectionPointer& one : connections_) {
    if (!one->listening.contains(channel)) continue;
    Bytes news;
    put_message(news, 'A', number(7, 4) + channel + std::string("\0\0", 2));
    one->channel.write_some(news);
  }
}

FakeServer::Reply FakeServer::run_for_router(Connection& connection, const std::string& sql,
                                             const Row& parameters) {
  if (sql.find("FROM pg_authid") != std::string::npos) {
    const std::string names = parameters.at(0).value_or("");
    if (!connection.of_router) return {{}, "", error_of("42501", "permission denied")};
    std::vector<Row> roles;
    for (const std::string name : {"app", "expired", "root"}) {
      if (names.find('"' + name + '"') == std::string::npos) continue;
      roles.push_back({name, std::string(kVerifier), name == "root" ? "t" : "f",
                       name == "expired" ? "t" : "f"});
    }
    return {std::move(roles), "SELECT", {}};
  }
  return {{}, "", error_of("42601", "syntax error")};
}

FakeServer::Reply FakeServer::show_image(const Connection& connection) const {
  std::string obstacle;
  for (const auto& [there, what] : {std::pair{connection.temporary, "temporary objects"},
                                    std::pair{connection.locks > 0, "advisory locks"},
                                    std::pair{connection.cursor, "a cursor WITH HOLD"}}) {
    if (there) obstacle += (obstacle.empty() ? "" : " and ") + std::string(what);
  }
  json settings = json::object();
  for (const auto& [name, value] : connection.settings) {
    const auto start = connection.startup.find(name);
    if (start == connection.startup.end() || start->second != value) settings[name] = value;
  }
  json statements = json::array();
  for (const auto& [name, one] : connection.statements) {
    if (name.empty() || name.starts_with("_aurora_global")) continue;
    statements.push_back({name, one.sql, one.types, one.from_sql});
  }
  const std::string text =
      json{{"settings", settings}, {"statements", statements}, {"listening", connection.listening}}
          .dump();
  std::string digits;
  constexpr char kDigits[] = "0123456789abcdef";
  for (const char c : text) {
    digits += kDigits[static_cast<unsigned char>(c) >> 4];
    digits += kDigits[static_cast<unsigned char>(c) & 15];
  }
  constexpr std::size_t kPiece = 256 * 1024;
  const std::size_t count = (digits.size() + kPiece - 1) / kPiece;
  Reply reply{{{obstacle}}, "SHOW", {}};
  for (std::size_t i = 0; i < count; ++i) {
    reply.rows.push_back({std::to_string(i + 1) + "/" + std::to_string(count) + ":" +
                          digits.substr(i * kPiece, kPiece)});
  }
  return reply;
}

FakeServer::Reply FakeServer::restore_image(Connection& connection, const std::string& piece) {
  if (piece == "unnamed") return {{}, "SET", {}};
  if (piece.starts_with("after ")) {
    read_after = piece.substr(6);
    return {{}, "SET", {}};
  }
  const auto slash = piece.find('/');
  const auto colon = piece.find(':');
  if (piece != "none") {
    if (piece.starts_with("1/")) connection.image.clear();
    connection.image += piece.substr(colon + 1);
    if (piece.substr(0, slash) != piece.substr(slash + 1, colon - slash - 1))
      return {{}, "SET", {}};
  }
  std::string text;
  for (std::size_t i = 0; i + 1 < connection.image.size(); i += 2) {
    text += static_cast<char>(std::stoi(connection.image.substr(i, 2), nullptr, 16));
  }
  const json image = piece == "none" ? json::object() : json::parse(text);
  connection.settings.clear();
  for (const char* name : {"application_name", "TimeZone"}) {
    const auto start = connection.startup.find(name);
    if (start != connection.startup.end()) connection.settings[name] = start->second;
  }
  connection.statements.clear();
  connection.listening.clear();
  ++connection.changes;
  if (piece == "none") return {{}, "SET", {}};
  for (const auto& [name, value] : image.at("settings").items()) {
    connection.settings[name] = value.get<std::string>();
  }
  for (const auto& one : image.at("statements")) {
    connection.statements[one.at(0).get<std::string>()] = {
        one.at(1).get<std::string>(), one.at(2).get<std::vector<std::uint32_t>>(),
        one.at(3).get<bool>()};
  }
  image.at("listening").get_to(connection.listening);
  return {{}, "SET", {}};
}

std::string FakeServer::state_report(const Connection& connection) const {
  std::string parts;
  const auto add = [&](bool there, std::string_view part) {
    if (there) parts += (parts.empty() ? "" : ",") + std::string(part);
  };
  const auto set_here = [&](const auto& one) {
    const auto start = connection.startup.find(one.first);
    return start == connection.startup.end() || start->second != one.second;
  };
  const auto by_sql = [](const auto& one) { return one.second.from_sql; };
  const auto& settings = connection.settings;
  const auto& statements = connection.statements;
  add(std::any_of(settings.begin(), settings.end(), set_here), "settings");
  add(std::any_of(statements.begin(), statements.end(), by_sql), "prepared");
  add(!connection.listening.empty(), "listening");
  add(connection.temporary, "temporary");
  add(connection.locks > 0, "locks");
  add(connection.cursor, "cursors");
  return parts.empty() ? "clean" : parts + "#" + std::to_string(connection.changes);
}

}  // namespace aurora_global::router::testing
