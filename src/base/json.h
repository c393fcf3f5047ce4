// JSON that comes from outside: from a peer, a socket, a file.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace aurora_global {

// Values are copied and written recursively: what is nested deeper would overrun a thread's stack.
inline constexpr int kJsonDepthMax = 1000;

// Discarded (is_discarded()) for what is no JSON, and for what is nested deeper than kJsonDepthMax.
nlohmann::json parse_json(std::string_view text);

}  // namespace aurora_global
