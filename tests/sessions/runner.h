// Runs a plan against a server and writes down what it answers.
#pragma once

#include <deque>

#include "connection.h"
#include "plan.h"

namespace aurora_global::sessions {

// Follows a conversation as a driver does: what is still to be answered.
class Dialogue {
 public:
  void sent(char type);
  void heard(char type);
  bool settled() const;  // No ReadyForQuery is due.
  bool flushed() const;  // What came before the last Flush has its answer, too.

 private:
  void skip_unanswered();
  void begin_copy();

  std::deque<char> pending_;
  bool failed_ = false;   // Everything up to Sync is skipped.
  bool copying_ = false;  // The server takes CopyData, and the end of it was not sent yet.
};

struct Outcome {
  std::vector<Message> login;
  std::vector<Message> answers;
  std::vector<std::size_t> due;  // After each wait: how many answers had come.
  std::string broken;            // Why it was given up; empty: the server closed the connection.
  bool loose = false;            // A wait ended by its limit: the plan is not what it seems.
};

// With `like`, each wait ends when as much has come as came there; that takes at most `patience`.
Outcome run(const Plan& plan, const Target& target, const std::string& database,
            const Outcome* like, Clock::duration patience);

}  // namespace aurora_global::sessions
