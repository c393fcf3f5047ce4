#include "region/vault.h"

#include <fstream>

#include "base/hex.h"
#include "base/rng.h"
#include "region/cipher.h"
#include "region/instance/postgres_files.h"

namespace aurora_global::region {
Result<Vault> Vault::open(const std::filesystem::path& root_key_file) {
  std::ifstream in(root_key_file);
  std::string text;
  if (!(in >> text)) {
    text = random_hex(kCipherKeyBytes);
    TRY_VOID(replace_file(root_key_file, text + "\n", 0600));
  }
  auto vault = from_key(text);
  if (vault.has_error()) return vault.error().in(root_key_file.string());
  return vault;
}

Result<Vault> Vault::from_key(const std::string& text) {
  std::string key = from_hex(text).value_or("");
  if (key.size() != kCipherKeyBytes) {
    return make_error(ErrorKind::corrupt,
                      "this is no root key (64 hexadecimal digits); secrets sealed under a lost "
                      "key cannot be opened");
  }
  return Vault(std::move(key));
}

std::string Vault::seal(const std::string& name, const std::string& text) const {
  return hex_text(encrypt(key_, name, text));
}

Result<std::string> Vault::open_sealed(const std::string& name, const std::string& sealed) const {
  if (auto text = decrypt(key_, name, from_hex(sealed).value_or(""))) return *std::move(text);
  return make_error(ErrorKind::corrupt,
                    "'" + name + "' was changed on disk or sealed under another root key");
}

}  // namespace aurora_global::region
