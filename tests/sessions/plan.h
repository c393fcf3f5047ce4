// What a client does in one session: its start-up parameters, and what it sends between which
// waits. A plan follows from a seed alone; as text it is a file of cases/.
//
//   startup client_encoding=LATIN1
//   P s1\0SELECT 1\0\0\0            one message: its type, a space, its body escaped
//   wait answers                    ends a step
//
// Lines that begin with # are comments.
#pragma once

#include "messages.h"

namespace aurora_global::sessions {

enum class Wait {
  none,     // The next step is sent at once.
  answers,  // Everything sent so far has its ReadyForQuery.
  quiet,    // What comes without one, behind a Flush.
  cancel,   // The same as answers; meanwhile cancel requests are sent.
};

struct Step {
  std::vector<Message> messages;
  Wait wait = Wait::answers;
};

struct Plan {
  Parameters startup;  // Without user and database, unless they are part of the test.
  std::vector<Step> steps;

  std::size_t messages() const;
};

std::string to_text(const Plan& plan);
// Throws std::invalid_argument with the line.
Plan plan_from_text(const std::string& text);

}  // namespace aurora_global::sessions
