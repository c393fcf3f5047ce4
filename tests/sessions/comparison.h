// Holds what two servers answered against each other, message by message.
//
// What may differ is taken away before, by a table of normalisations; what differs all the same and
// has a reason is named by a table of reasons. docs/reference/sessions.md has both for people.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runner.h"

namespace aurora_global::sessions {

struct Difference {
  std::string direct;  // The first message that differs, as people read it.
  std::string tested;
  std::string reason;  // A name of the table of reasons; empty: unexplained.

  // Differences of one kind have one signature.
  std::string signature() const;
};

std::optional<Difference> compare(const Plan& plan, const Outcome& direct, const Outcome& tested);

// One line a message.
std::string readable(const Message& message);

struct Reason {
  std::string_view name;
  std::string_view sentence;
};
std::vector<Reason> reasons();

}  // namespace aurora_global::sessions
