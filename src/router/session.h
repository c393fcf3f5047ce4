// One client's session: relays it, holds it between transactions, moves it to another server.
//
// `pgwire::SessionCore` knows what it is in the middle of and says of each piece where it goes;
// here are the sockets and the waits. While the session is stopped - its endpoint is held, or it is
// being moved - transactions under way go on and nothing new begins: what the client sends then is
// kept, and no more is read, so that the client's own socket slows it down.
//
// One thread: that of its endpoint.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "net/mutex.h"
#include "pgwire/session_core.h"
#include "router/backend.h"
#include "router/carried_state.h"
#include "router/session_gate.h"

namespace aurora_global::router {

class Session;

enum class SessionState : std::uint8_t {
  idle,
  active,
  in_transaction,
  held,                // What its client has sent waits.
  waiting_for_server,  // Its server has ended.
};
std::string_view name_of(SessionState state);

// What the sessions of an endpoint share.
struct SessionHost {
  boost::asio::any_io_executor executor;
  const RouterConfig& config;
  std::string endpoint;
  SessionGate& gate;
  net::TaskGroup& tasks;
  net::TlsContext server_tls;         // Towards servers across the link.
  std::vector<std::uint8_t> scratch;  // Between a read and its write, never across a wait.
  // The server of an idle session has ended, or is one that it shall leave.
  std::function<void(std::shared_ptr<Session>)> lost;
  // A session has come to the end of RouterConfig::move_every transactions.
  std::function<void(std::shared_ptr<Session>)> due;
  // Of sessions that move: a server that is asked for all of them at once gives none of them in
  // time.
  net::Event opened;
  std::size_t opening = 0;
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  // Why a session cannot go on, in PostgreSQL's terms.
  struct End {
    std::string_view sqlstate;
    std::string message;
    std::string hint;
  };

  Session(SessionHost& host, Channel client, Backend::Parameters parameters,
          std::string client_address);

  // Where it is; before anything else.
  void attach(std::unique_ptr<Backend> backend);
  // Relays between the client and its server until one of them ends. `received` are bytes of the
  // client that were read too far.
  net::Task<void> run(pgwire::Bytes received);

  // Opens and warms a session at `target`, a standby or the writer, once this one is idle. What
  // stands in the way is remembered and told when the session is to move.
  net::Task<void> prepare(BackendAddress target, Deadline deadline);
  // Waits until it is idle, and reads what has changed of its state since it was prepared. Returns
  // whether it is settled.
  net::Task<bool> settle(Deadline deadline);
  // Waits until what the router itself has asked is answered, or its server is gone.
  net::Task<void> hear_out(Deadline deadline);
  // Goes on at `target`. Fails with `unavailable` if that server does not answer (it may be tried
  // again); everything else that goes wrong ends the session.
  net::Task<Result<void>> move(BackendAddress target, Deadline deadline);
  // Goes on at a fresh session of the server that it has, as move() would at another one's. Where
  // move() would end the session it stays: returns why, or nothing. Fails as move() does.
  net::Task<Result<std::string>> move_in_place(Deadline deadline);
  // Asks to be carried as soon as no transaction is under way.
  void carry_at_rest();
  // It stays where it is: what was prepared is given up.
  void stay();
  // Tells the client why, and closes. No effect on one that has ended.
  void end(End end);
  // Closes after the server's own last words.
  void end_as_told();
  // Its server is gone, or the endpoint leads elsewhere, and it cannot be carried.
  void end_lost(std::string_view why);

  // Nothing of a transaction is under way, and what the router asks by itself is answered.
  bool idle() const;
  // Idle, and its server need not be asked any more for what has to be carried.
  bool carryable() const;
  // Does nothing new until resume(); counts.
  void stop() { ++stops_; }
  void resume();
  bool ended() const { return ended_; }
  bool lost() const { return backend_ && backend_->lost; }
  // Its server has said something since the last call.
  bool heard() { return std::exchange(heard_, false); }
  bool listens() const { return backend_->listens(); }
  // What it waits to run is not to run any more; its client is told so. False: nothing waits.
  bool cancel_waiting();
  // The administrator ended it at the server: nothing to go on with.
  bool terminated() const { return terminated_; }
  net::Event& changed() { return changed_; }

  const BackendAddress& server() const { return backend_->address(); }
  pgwire::BackendKey server_key() const { return backend_->key(); }
  const Backend::Parameters& parameters() const { return parameters_; }
  const std::string& client_address() const { return client_address_; }
  // As the server last told the client.
  std::string application_name() const;
  SessionState state() const;
  pgwire::BackendKey client_key;  // What the client was told.
  bool carried = false;           // Somebody sees to it that it gets to a server.
  bool goes_first = false;        // While nothing else begins.

 private:
  struct Captured {
    CarriedState state;
    std::string report;            // The extension's word then.
    std::uint64_t statements = 0;  // The core's statements_version() then.
  };
  struct Next {
    std::unique_ptr<Backend> backend;
    Captured of;
    std::string obstacle;
  };
  // Answers that are the router's own.
  struct Own {
    explicit Own(std::size_t count) : collector(count), due(count) {}
    AnswerCollector collector;
    std::size_t due;
    std::optional<Error> problem;
    bool done() const { return problem || collector.complete(); }
  };

  net::Task<void> pump_client();
  net::Task<bool> send_to_server(pgwire::BytesView bytes);
  net::Task<bool> forward(pgwire::Bytes bytes);
  bool between_messages() const { return core_.between_messages() && !sending_; }
  void leave_server();
  net::Task<bool> wait_while_blocked();
  net::Task<void> hear_last_words();
  net::Task<void> let_server_finish();
  pgwire::SessionCore::Hold hold() const;
  bool must_wait() const { return core_.must_wait(hold()); }

  net::Task<void> pump_server(std::shared_ptr<Backend> backend);
  Result<void> take(Backend& backend, pgwire::BytesView input);
  Result<void> take_pieces(Backend& backend, pgwire::BytesView input, std::size_t& taken);
  bool for_client(Backend& backend, const pgwire::Piece& piece);
  bool is_last_word(const pgwire::Piece& piece);
  void take_own(const pgwire::Piece& piece);
  void count_transaction();
  void to_client(pgwire::BytesView bytes);
  net::Task<bool> flush_client();
  void server_ended(Backend& backend);

  // Sends what the router itself asks; `own` will have the answers.
  net::Task<Result<void>> tell(std::shared_ptr<Own> own, pgwire::Bytes batch, Deadline deadline);
  net::Task<Result<std::vector<Answer>>> ask(pgwire::Bytes batch, std::size_t count,
                                             Deadline deadline);
  net::Task<Result<CarriedState>> read_state(Deadline deadline);
  net::Task<Result<void>> look_for_unnamed(Deadline deadline);
  net::Task<Result<void>> capture(Deadline deadline);
  net::Task<Result<std::string>> obstacle(Deadline deadline);
  bool fresh() const;
  bool stands_for_now(const Captured& captured) const;
  net::Task<Result<void>> warm(BackendAddress target, Deadline deadline);
  net::Task<Result<void>> finish_move(Deadline deadline);
  net::Task<void> hear_notifications(Deadline deadline);
  void switch_to(std::unique_ptr<Backend> backend);
  void end_by(const std::string& obstacle);

  SessionHost& host_;
  Channel client_;
  Backend::Parameters parameters_;
  std::string client_address_;
  std::shared_ptr<Backend> backend_;
  pgwire::SessionCore core_;
  pgwire::Bytes kept_;        // Of the client, not yet for the server.
  pgwire::Bytes unsent_;      // Of the server, not yet taken by the client's socket.
  Backend::Parameters told_;  // What the client knows of the server's parameters.
  std::deque<std::shared_ptr<Own>> own_;

  std::optional<Captured> captured_;
  std::optional<Next> next_;
  net::AsyncMutex moving_;
  int transactions_ = 0;     // Since the last move that RouterConfig::move_every asked for.
  std::uint64_t stays_ = 0;  // Calls of stay().
  int stops_ = 0;
  bool carry_at_rest_ = false;
  bool heard_ = false;
  bool sending_ = false;  // To the server: nobody else may write meanwhile.
  bool ended_ = false;
  bool leaving_ = false;  // The client has said goodbye; what it had sent is still answered.
  bool client_gone_ = false;
  bool terminated_ = false;
  bool told_end_ = false;  // The server's own word that it ends the session has gone out.
  pgwire::Bytes last_words_;
  net::Event changed_;
};

}  // namespace aurora_global::router
