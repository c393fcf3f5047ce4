// What a session is in the middle of: PostgreSQL's own state machine, seen from between the two.
//
// Each message of the client that the server has not dealt with yet stands in a queue; each message
// of the server tells how far it has come. So it is known at any time whether a transaction is
// open, whether the server throws away what it reads (after an error, up to Sync), whether it reads
// data of a COPY, and which unnamed statement it has. Only between two transactions, with nothing
// under way, a session may be held or moved to another server.
//
// The router's own questions stand in the same queue.
//
// Source: PostgreSQL 15, postgres.c (PostgresMain, SocketBackend), copyfromparse.c (CopyGetData).
// Pure: no message is kept but the unnamed statements.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "pgwire/message.h"
#include "pgwire/message_types.h"

namespace aurora_global::pgwire {

class SessionCore {
 public:
  // ---- from the client

  // Why a message that begins something new may have to wait.
  struct Hold {
    bool stopped = false;      // Nothing new begins.
    bool server_lost = false;  // There is nobody to send it to.
    // Nothing follows what ends with ReadyForQuery before that has come.
    bool one_at_a_time = false;
  };
  enum class Then : std::uint8_t {
    read,         // Everything has gone, but for the beginning of a message perhaps.
    wait,         // What follows has to wait.
    leave,        // The client ends its session.
    tell_client,  // `bytes` are the answer to what was dropped.
  };
  struct Cut {
    std::size_t forward = 0;  // Bytes at the front of what was given that go to the server.
    std::size_t drop = 0;     // And that many after them, to nobody.
    Then then = Then::read;
    Bytes bytes;
  };
  // How much of `input` goes to the server now; it counts as sent. Fails with `corrupt`.
  Result<Cut> cut(BytesView input, const Hold& hold);
  bool must_wait(const Hold& hold) const;
  // The statement that waits is not to run: it is answered with 57014. False: nothing waits that a
  // cancel request could mean.
  bool cancel_waiting(const Hold& hold);

  // ---- from the server

  enum class Route : std::uint8_t {
    client,  // It goes to the client.
    own,     // It answers the router's own question.
  };
  // A piece of a message. ParameterStatus, notices and notifications are for the client.
  Route server(const Piece& piece);

  // ---- the router's own messages

  // `count` questions, each ended with one Sync, go to the server. Requires idle().
  void ask(std::size_t count);
  // What was asked will not be answered.
  void forget_questions();
  // The server keeps answers back until it is told to flush.
  bool needs_flush() const;
  void flushed() { flush_sent_ = true; }

  // ---- the move

  // A fresh server, between transactions, has taken the place of the present one.
  void moved();
  // Parse of the unnamed statement that the session has; empty: it has none.
  const Bytes& unnamed() const { return unnamed_.bytes; }
  bool unnamed_too_large() const { return unnamed_.too_large; }
  // Whether the server still has it is open: a Parse of another one failed, perhaps at its bytes,
  // which PostgreSQL looks at before it drops the present one. Only a question tells.
  bool unnamed_in_doubt() const { return unnamed_.in_doubt; }
  void unnamed_is_there(bool there);
  // A named statement has been prepared by the protocol.
  bool has_named() const { return named_; }
  // Grows with each message that makes or drops a named statement.
  std::uint64_t statements_version() const { return statements_; }
  bool has_run_something() const { return ran_something_; }

  // ---- what it is in the middle of

  // Between transactions, nothing under way: neither of the client's nor of the router's.
  bool idle() const;
  bool in_transaction() const { return status_ != TransactionStatus::idle; }
  // Of the client's messages some have not been dealt with.
  bool pending() const { return has_pending(); }
  // An answer is due that ends with ReadyForQuery.
  bool answers_due() const { return due_ > 0; }
  bool copying() const { return copy_ != Copy::none; }
  // What was sent may have changed something, and its end has not been heard.
  bool outcome_unknown() const;
  // The client's next message begins something new, as far as it is the client's to tell.
  bool at_boundary() const;
  // The server has the whole of each message that it has begun to get.
  bool between_messages() const { return splitter_.between(); }
  // A part of a message to the client is out, and its end is not.
  bool client_message_open() const { return client_message_open_; }
  // Whether a Sync was answered is open: data of a COPY and Sync were mixed when the COPY failed.
  // Only a question to the server tells.
  bool uncertain() const { return uncertain_ > 0; }

 private:
  enum class Kind : std::uint8_t {
    query,
    function_call,
    sync,
    parse,
    parse_unnamed,
    bind,
    describe,
    close,
    close_unnamed,
    execute,
    copy_end,  // Of data that may not be asked for: the server ignores it then.
    own,
  };
  // What the client has sent since the last message that ends with ReadyForQuery. A statement that
  // was only parsed leaves nothing behind that a transaction would end.
  enum class Batch : std::uint8_t { none, parsed, bound };
  enum class Copy : std::uint8_t { none, in, both };
  enum class TransactionStatus : char { idle = 'I', open = 'T', failed = 'E' };
  enum class Cancel : std::uint8_t { no, next, message, up_to_sync };
  struct Unnamed {
    Bytes bytes;
    bool too_large = false;
    bool in_doubt = false;
    void clear();
  };

  static bool ends_with_ready(Kind kind);
  static bool extended(Kind kind);

  static TransactionStatus status_in(BytesView ready);

  void note(const Piece& piece);
  void begin(FromClient type, BytesView body);
  bool push_statement(FromClient type, BytesView body);
  void begin_unnamed(std::size_t size);
  Unnamed take_candidate();
  void end_data();
  Result<bool> discard(BytesView rest, Cut& cut);

  bool has_pending() const { return first_ < pending_.size(); }
  Kind front() const { return pending_[first_]; }
  bool next_is(Kind kind) const { return has_pending() && front() == kind; }
  void push(Kind kind);
  void pop();

  bool answers_question(FromServer type, BytesView body);
  void answer(FromServer type, BytesView body);
  void complete(Kind kind);
  void parsed();
  void skipped(Kind kind);
  void failed(BytesView error);
  void ready(TransactionStatus status);
  void begin_copy(Copy copy);
  bool skipping() const { return ignoring_ && !has_pending(); }

  Splitter splitter_{look_at_client};
  std::vector<Kind> pending_;  // From `first_` on: what the server has not dealt with, in order.
  std::size_t first_ = 0;
  std::size_t due_ = 0;  // Of them, of the client and ended with ReadyForQuery.
  std::size_t own_ = 0;  // Of them, the router's own.
  bool own_begun_ = false;
  Batch batch_ = Batch::none;
  bool flush_sent_ = false;  // After all that is pending.
  bool ignoring_ = false;    // The server throws away what it reads up to Sync.
  Copy copy_ = Copy::none;
  std::size_t swallowed_ = 0;  // Syncs that the present COPY reads, or has read.
  std::size_t uncertain_ = 0;  // Those of a COPY that failed: the server may have answered them.
  TransactionStatus status_ = TransactionStatus::idle;
  bool completed_ = false;  // The statement in front, or a part of it.
  bool broken_ = false;     // The server has answered what was not asked, or may do so.
  Cancel cancel_ = Cancel::no;
  Route route_ = Route::client;  // Of the present message.
  bool client_message_open_ = false;

  bool ran_something_ = false;
  bool named_ = false;
  std::uint64_t statements_ = 0;
  Unnamed unnamed_;
  std::deque<Unnamed> candidates_;   // Parsed when the server comes to them.
  std::size_t candidate_bytes_ = 0;  // Of all of them: bounded, however many are on their way.
  Unnamed spare_;                    // Keeps its memory for the next one.
  bool copying_unnamed_ = false;
};

}  // namespace aurora_global::pgwire
