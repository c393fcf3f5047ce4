// Hexadecimal digits in lower case, two for a byte.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace aurora_global {

std::string hex_text(std::string_view bytes);
// Nullopt for anything hex_text() would not have written.
std::optional<std::string> from_hex(std::string_view text);

}  // namespace aurora_global
