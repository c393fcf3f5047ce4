// Encrypts what must not lie readable on disk: AES-256-GCM under the region's root key.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace aurora_global::region {

class Vault {
 public:
  // Reads the root key (0600, 32 bytes in hexadecimal) or makes one. Fails with `corrupt` for a
  // file that is no key.
  static Result<Vault> open(const std::filesystem::path& root_key_file);

  // A root key of 64 hexadecimal digits. Fails with `corrupt`.
  static Result<Vault> from_key(const std::string& text);

  // `name` is authenticated with the text: what was sealed under one name opens under no other.
  std::string seal(const std::string& name, const std::string& text) const;
  // Fails with `corrupt` if it was changed or sealed under another key or name.
  Result<std::string> open_sealed(const std::string& name, const std::string& sealed) const;

 private:
  explicit Vault(std::string key) : key_(std::move(key)) {}
  std::string key_;
};

}  // namespace aurora_global::region
