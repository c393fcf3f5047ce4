// What a primary tells a forwarding session with each ReadyForQuery (the parameter
// `aurora_global.commit`), as text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace aurora_global::extension {

// What ties a session to the primary, whose side of it is not closed for idleness then.
enum Pin : std::uint32_t {
  pin_temporary = 1,   // Temporary objects.
  pin_cursors = 2,     // Cursors WITH HOLD.
  pin_locks = 4,       // Advisory locks of the session.
  pin_sequences = 8,   // currval() and lastval() have something to say.
  pin_listening = 16,  // LISTEN.
  pin_all = 31,
};
// With these, everything that the session does runs there.
inline constexpr std::uint32_t kPinsThatStay = pin_temporary | pin_cursors | pin_listening;

struct Position {
  std::uint64_t commit = 0;   // End of the session's last commit record.
  std::uint64_t catalog = 0;  // The same, of the last one that changed a catalog.
  std::uint32_t timeline = 0;
  std::uint32_t epoch = 0;     // Of the global cluster; 0: nobody counts them.
  std::uint64_t settings = 0;  // Digest of the session's settings.
  std::uint32_t login = 0;     // The role that logged in.
  std::uint32_t pins = 0;      // Of enum Pin.
  bool stays() const { return (pins & kPinsThatStay) != 0; }
  friend bool operator==(const Position&, const Position&) = default;
};

std::string encode(const Position& position);
// Nullopt for what encode() never gives.
std::optional<Position> decode_position(std::string_view text);

}  // namespace aurora_global::extension
