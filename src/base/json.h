// JSON that comes from outside: from a peer, a socket, a file.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace aurora_global {

// Values are copied and written recursively: what is nested deeper would overrun a thread's stack.
inline constexpr int kJsonDepthMax = 1000;

// Values and names of members in a document that a client sends: more than any legal request has.
// The largest are 1,000 data of CloudWatch, each of 30 dimensions, 150 values and 150 counts.
inline constexpr std::size_t kJsonValuesMax = 500'000;

// Discarded (is_discarded()) for what is no JSON, and for what is nested deeper than kJsonDepthMax
// or has more than `values_max` values and names, which is found before any of them is stored.
nlohmann::json parse_json(std::string_view text, std::size_t values_max = SIZE_MAX);

// Whether parse_json would take it, without storing anything.
bool is_json(std::string_view text);

}  // namespace aurora_global
