// What a primary tells a forwarding session with each ReadyForQuery (the parameter
// `aurora_global.commit`), as text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace aurora_global::extension {

struct Position {
  std::uint64_t commit = 0;   // End of the session's last commit record.
  std::uint64_t catalog = 0;  // The same, of the last one that changed a catalog.
  std::uint32_t timeline = 0;
  std::uint32_t epoch = 0;     // Of the global cluster; 0: nobody counts them.
  std::uint64_t settings = 0;  // Digest of the session's settings.
  bool pinned = false;  // The session has temporary objects or held cursors: it must stay there.
  friend bool operator==(const Position&, const Position&) = default;
};

std::string encode(const Position& position);
// Nullopt for what encode() never gives.
std::optional<Position> decode_position(std::string_view text);

}  // namespace aurora_global::extension
