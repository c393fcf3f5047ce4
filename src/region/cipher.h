// AES-256-GCM: bytes that open only unchanged, under the same key and the same words beside them.
#pragma once

#include <optional>
#include <string>

namespace aurora_global::region {

inline constexpr std::size_t kCipherKeyBytes = 32;

// A key from the operating system's randomness.
std::string new_cipher_key();
// Any random bytes, from the same source.
std::string random_bytes(std::size_t count);

// `beside` is authenticated with the text, not stored. Requires a key of kCipherKeyBytes.
std::string encrypt(const std::string& key, const std::string& beside, const std::string& text);
// Nullopt if it was changed or encrypted under another key or beside other words.
std::optional<std::string> decrypt(const std::string& key, const std::string& beside,
                                   const std::string& encrypted);

// Overwrites what must not stay in memory.
void wipe(std::string& text);

}  // namespace aurora_global::region
