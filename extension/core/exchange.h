// What the server still owes, in order: which of its answers are for the client and which for us.
//
// A relay mixes messages of its own (settings, BEGIN, a statement the server does not know yet)
// with the client's. The protocol answers strictly in order, so a queue of what was sent tells
// whose an answer is. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>

namespace aurora_global::extension {

enum class Request : std::uint8_t {
  parse,
  bind,
  describe,
  execute,
  close,
  sync,
  query,
  call,
  copy_end,  // CopyDone or CopyFail: no answer of its own.
};

enum class Whose : std::uint8_t { client, relay };

enum class TransactionStatus : char { idle = 'I', in_block = 'T', failed = 'E' };

class Exchange {
 public:
  // A message was sent. `own_completions`: how many statements at the start of a query are ours.
  void sent(Request request, Whose whose, int own_completions = 0);

  // Whom the server's next message is for. `body` is needed for ReadyForQuery alone.
  Whose received(char type, std::string_view body);

  // What the server's next message answers.
  std::optional<Request> answering() const {
    return owed_.empty() ? std::nullopt : std::optional(owed_.front().request);
  }

  // Nothing is owed.
  bool quiet() const { return owed_.empty(); }
  // Everything owed comes without another message of the client's.
  bool will_be_quiet() const;
  // A ReadyForQuery is owed to the client.
  bool client_waits() const;
  // The batch that no Sync has ended yet is of our own messages alone.
  bool own_batch_open() const;
  // The server reads data of a COPY.
  bool copying() const { return copying_; }
  // A COPY has failed, and the client had sent Syncs among its data: the server has read them as
  // parts of the COPY, or it answers them. What follows a marker of ours tells.
  bool uncertain() const { return uncertain_; }
  // The marker's answer has come: nothing is owed but the ReadyForQuery that ends it.
  void settled();
  // As of the last ReadyForQuery.
  TransactionStatus status() const { return status_; }
  // An error has made the server skip what follows until the next Sync.
  bool skipping() const { return skipping_; }
  // An error came for a message of our own; cleared by forget_failure().
  bool own_request_failed() const { return own_request_failed_; }
  void forget_failure() { own_request_failed_ = false; }

 private:
  struct Owed {
    Request request;
    Whose whose;
    int own_completions;
  };
  Whose on_error();
  Whose on_ready(std::string_view body);
  void begin_copy();
  void drop_ignored();

  std::deque<Owed> owed_;
  TransactionStatus status_ = TransactionStatus::idle;
  bool skipping_ = false;
  bool in_copy_ = false;  // Of the request in front: until its completion or its error.
  bool copying_ = false;  // The end of the data has not been sent.
  bool copy_had_sync_ = false;
  bool uncertain_ = false;
  bool own_request_failed_ = false;
};

}  // namespace aurora_global::extension
