// What a session is in the middle of, as far as the types of its messages tell.
//
// The one question is whether a session stands between two transactions with nothing under way:
// only then it may be held, or moved to another server.
//
// Source: PostgreSQL 15 manual, 55.2 "Message Flow".
#pragma once

#include <cstdint>
#include <vector>

#include "pgwire/message.h"

namespace aurora_global::pgwire {

class SessionTracker {
 public:
  // A message of the client goes to the server.
  void client(char type);
  // A message of the server goes to the client; `status` is ReadyForQuery's.
  void server(char type, char status = 0);

  // Between transactions, nothing sent that is not answered.
  bool idle() const { return status_ == 'I' && quiet() && !odd_; }
  // The server has answered all that ends with ReadyForQuery, and the client has begun nothing.
  bool quiet() const { return !answers_due() && !open_batch_ && !copying_in_; }
  // The client's next message begins something new: outside of a transaction, nothing of a batch
  // of the extended protocol sent.
  bool at_boundary() const { return !open_batch_ && !copying_in_; }
  bool in_transaction() const { return status_ == 'T' || status_ == 'E'; }
  bool answers_due() const { return first_ < due_.size(); }
  bool copying_in() const { return copying_in_; }

 private:
  enum class Due : std::uint8_t { query, sync };
  void begin_copy_in();
  void answered();

  std::vector<Due> due_;  // From `first_` on: what will be answered with ReadyForQuery, in order.
  std::size_t first_ = 0;
  char status_ = 'I';
  bool open_batch_ = false;  // Messages of the extended protocol since the last Sync.
  bool copying_in_ = false;  // The server reads CopyData, and throws away Sync.
  // Since the client's last message that was no data of a COPY: it was Query, whose data may come
  // before the server asks for them (some drivers do not wait); a COPY has failed, and what comes
  // of its data is thrown away.
  bool after_query_ = false;
  bool after_failed_copy_ = false;
  bool early_data_ = false;  // Sent before the server has said that it reads.
  // The client has mixed messages in a way no driver does, and whether the server answers a Sync
  // depends on what goes wrong there: the session never counts as idle again.
  bool odd_ = false;
};

}  // namespace aurora_global::pgwire
