// A PostgreSQL that never was: speaks the protocol, knows a handful of statements, and fails at the
// step it is told to.
//
// Its statements, in either protocol:
//   BEGIN, COMMIT, ROLLBACK
//   WRITE x          stored when its transaction ends well; a standby or a fenced server refuses it
//   SET x y, RESET x, RESET ALL, RESET SESSION AUTHORIZATION, SHOW x, LISTEN x, UNLISTEN x
//   PREPARE x AS ..., DEALLOCATE x, DEALLOCATE ALL
//   TEMP, LOCK, KEEP a temporary table, an advisory lock, a cursor WITH HOLD
//   NOTIFY x         at once, to every session that listens
//   WHO              a row with the server's name
//   ECHO $1          a row with its first parameter
//   ROWS n           n rows of a kilobyte
//   USE t            42P01 unless the server has that table, when it is parsed already
//   COPY             takes rows, each of which is written
//   HANG             answers when it is cancelled
//   FAIL             22012
// and what a router asks by itself: verifiers, the state of a session and its restoring.
//
// One thread.
#pragma once

#include <deque>
#include <list>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "net/task.h"
#include "pgwire/message.h"
#include "router/channel.h"

namespace aurora_global::router::testing {

class FakeServer {
 public:
  // close: that connection ends. die: the whole server does, and listens no more. silence: it
  // accepts and reads nothing any more, and says nothing.
  enum class Fault { close, die, silence };
  struct Plan {
    std::size_t step = 0;
    Fault fault = Fault::close;
  };

  FakeServer(boost::asio::any_io_executor executor, std::string address, std::string name);
  Result<void> start();
  net::Task<void> stop();

  const std::string& address() const { return address_; }
  const std::string& name() const { return name_; }
  nlohmann::json backend() const { return {{"address", address_}}; }
  bool serving() const { return acceptor_ != nullptr && !silent_; }
  // Sessions of clients that are open.
  std::size_t sessions() const;
  // Those of `user` whose setting `name` is `value`.
  std::size_t sessions_with(const std::string& name, const std::string& value) const;

  // Those that listen at `channel`.
  std::size_t listeners(const std::string& channel) const;

  void apply(Fault fault);
  // Ends every session with that SQLSTATE as its last words.
  void end_sessions(std::string_view sqlstate);
  // Listens and answers again; its sessions are gone.
  Result<void> revive();
  // Whatever is read from now on waits until let_go().
  void freeze() { frozen_ = true; }
  void let_go();
  // Connections that wait for that.
  std::size_t held() const { return held_; }

  bool standby = false;
  bool fenced = false;
  bool extension = true;
  bool answers_probes = true;
  std::string user = "10";   // The OID of the role that logs in.
  std::string written;       // The token that it tells of what sessions have written.
  std::string read_after;    // That it was told last.
  std::string warn_logins;   // With that message, at each login; empty: it does not.
  int cancel_questions = 0;  // So many questions for a session's state are answered with 57014.
  std::map<std::string, std::string> last_startup;  // Of a client.
  std::string refuse_logins;                        // With that SQLSTATE; empty: it takes them.
  std::vector<std::string> stored;
  std::set<std::string> tables;
  std::vector<std::uint32_t> cancelled;  // Process ids.
  std::vector<std::string> log;          // Statements that clients ran, in order.
  int logins = 0;                        // Of clients.
  // Messages of clients' sessions read, and answers written, since the plan was set.
  std::size_t steps = 0;
  std::optional<Plan> plan;

 private:
  struct Statement {
    std::string sql;
    std::vector<std::uint32_t> types;
    bool from_sql = false;
  };
  struct Portal {
    std::string sql;
    pgwire::Row parameters;
  };
  struct Connection {
    explicit Connection(Channel c)
        : channel(std::move(c)), cancel(channel.socket().get_executor()) {}
    Channel channel;
    net::Event cancel;
    pgwire::Bytes in;
    pgwire::Bytes out;
    std::map<std::string, std::string> startup;
    std::uint32_t process_id = 0;
    bool of_router = false;  // The verifiers'.
    bool cancel_asked = false;
    char status = 'I';
    bool skipping = false;
    bool simple = false;  // The present statement came by Query.
    bool copying = false;
    std::map<std::string, std::string> settings;
    std::map<std::string, Statement> statements;
    std::map<std::string, Portal> portals;
    std::set<std::string> listening;
    std::string image;  // Pieces of one.
    int locks = 0;
    bool temporary = false;
    bool cursor = false;
    int changes = 0;
    std::vector<std::string> pending;
    std::string reported;
    std::map<std::string, std::string> told;
  };
  using ConnectionPointer = std::shared_ptr<Connection>;
  struct Message {
    char type = 0;
    pgwire::Bytes body;
  };
  struct Reply {
    std::vector<pgwire::Row> rows;
    std::string tag;
    std::optional<pgwire::ServerError> error;
  };

  net::Task<void> accept_loop();
  net::Task<void> serve(ConnectionPointer connection);
  net::Task<bool> greet(Connection& connection);
  net::Task<bool> log_in(Connection& connection);
  net::Task<void> answer_all(Connection& connection);
  net::Task<std::optional<Message>> read(Connection& connection);
  net::Task<bool> flush(Connection& connection);
  net::Task<bool> step(Connection& connection);
  net::Task<void> wait_until_let_go();

  net::Task<bool> answer(Connection& connection, Message message);
  net::Task<bool> query(Connection& connection, std::string sql);
  net::Task<bool> execute_portal(Connection& connection, std::string name);
  net::Task<bool> take_copy(Connection& connection, Message message);
  net::Task<bool> hang(Connection& connection);
  net::Task<bool> ready(Connection& connection);
  void parse(Connection& connection, const Message& message);
  void bind(Connection& connection, const Message& message);
  void describe(Connection& connection, const Message& message);
  void close_statement(Connection& connection, const Message& message);
  void fail(Connection& connection, pgwire::ServerError error);
  void report(Connection& connection);

  std::optional<pgwire::ServerError> refuse_parse(const std::string& sql) const;
  Reply run(Connection& connection, const std::string& sql, const pgwire::Row& parameters);
  Reply run_transaction(Connection& connection, const std::string& word);
  Reply run_session(Connection& connection, const std::vector<std::string>& words,
                    const std::string& sql);
  Reply run_for_router(Connection& connection, const std::string& sql,
                       const pgwire::Row& parameters);
  void notify(const std::string& channel);
  Reply set(Connection& connection, const std::string& name, const std::string& value);
  Reply reset(Connection& connection, const std::vector<std::string>& words);
  std::optional<pgwire::ServerError> commit(Connection& connection);
  Reply show_image(const Connection& connection) const;
  Reply restore_image(Connection& connection, const std::string& piece);
  std::string state_report(const Connection& connection) const;

  boost::asio::any_io_executor executor_;
  std::string address_;
  std::string name_;
  net::TaskGroup tasks_;
  std::unique_ptr<boost::asio::ip::tcp::acceptor> acceptor_;
  std::list<ConnectionPointer> connections_;
  net::Event woken_;
  bool silent_ = false;
  bool frozen_ = false;
  std::size_t held_ = 0;
  std::uint32_t last_process_id_ = 100;
};

// The password of every user that a fake server knows: app, expired, root (a superuser).
inline constexpr std::string_view kPassword = "secret";

}  // namespace aurora_global::router::testing
