// Digests that AWS's signatures are made of. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/hex.h"

namespace aurora_global::awsapi {

// Raw bytes.
std::string sha256(std::string_view text);
std::string hmac_sha256(std::string_view key, std::string_view text);

inline std::string sha256_hex(std::string_view text) { return hex_text(sha256(text)); }

}  // namespace aurora_global::awsapi
