// Base64 (RFC 4648, section 4): bytes as the JSON protocols carry them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace aurora_global {

std::string base64(std::string_view bytes);
// Nullopt for anything base64() would not have written.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace aurora_global
