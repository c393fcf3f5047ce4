// What becomes of the members of AWS's operations that no operation here reads: one reviewed table.
//
// A member that stands in no row is read by its operation, or refused: what AWS adds to its models
// later has no silent effect. docs/reference/api-members.md is made of this table.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace aurora_global::services {

struct MemberFate {
  enum class Kind {
    no_effect,  // Accepted; it means nothing on this platform.
    refused     // It would change what the caller gets, and cannot be had here.
  };
  Kind kind;
  std::string_view note;
};

// Nullopt for a member that has no row.
std::optional<MemberFate> fate_of(std::string_view service, std::string_view operation,
                                  std::string_view member);

// The table as a document: each operation's members, and what becomes of each.
std::string member_document();

}  // namespace aurora_global::services
