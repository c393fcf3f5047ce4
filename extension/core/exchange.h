// What the server still owes, in order: which of its answers are for the client and which for us.
//
// A relay mixes messages of its own (settings, BEGIN, a statement the server does not know yet)
// with the client's. The protocol answers strictly in order, so a queue of what was sent tells
// whose an answer is. Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>

namespace aurora_global::extension {

enum class Request : std::uint8_t { parse, bind, describe, execute, close, sync, query, call };

enum class Whose : std::uint8_t { client, relay };

enum class TransactionStatus : char { idle = 'I', in_block = 'T', failed = 'E' };

class Exchange {
 public:
  // A message was sent. `own_completions`: how many statements at the start of a query are ours.
  void sent(Request request, Whose whose, int own_completions = 0);

  // Whom the server's next message is for. `body` is needed for ReadyForQuery alone.
  Whose received(char type, std::string_view body);

  // Nothing is owed.
  bool quiet() const { return owed_.empty(); }
  // Everything owed comes without another message of the client's.
  bool will_be_quiet() const;
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

  std::deque<Owed> owed_;
  TransactionStatus status_ = TransactionStatus::idle;
  bool skipping_ = false;
  bool own_request_failed_ = false;
};

}  // namespace aurora_global::extension
