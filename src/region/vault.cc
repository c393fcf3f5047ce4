#include "region/vault.h"

#include <fstream>

#include "base/rng.h"
#include "region/cipher.h"
#include "region/instance/postgres_files.h"

namespace aurora_global::region {
namespace {

std::string hex(const std::string& bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

std::string unhex(const std::string& text) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : (c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1);
  };
  std::string out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    const int high = digit(text[i]);
    const int low = digit(text[i + 1]);
    if (high < 0 || low < 0) return "";
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

}  // namespace

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

Result<Vault> Vault::from_key(const std::string& hex_text) {
  std::string key = unhex(hex_text);
  if (key.size() != kCipherKeyBytes) {
    return make_error(ErrorKind::corrupt,
                      "this is no root key (64 hexadecimal digits); secrets sealed under a lost "
                      "key cannot be opened");
  }
  return Vault(std::move(key));
}

std::string Vault::seal(const std::string& name, const std::string& text) const {
  return hex(encrypt(key_, name, text));
}

Result<std::string> Vault::open_sealed(const std::string& name, const std::string& sealed) const {
  if (auto text = decrypt(key_, name, unhex(sealed))) return *std::move(text);
  return make_error(ErrorKind::corrupt,
                    "'" + name + "' was changed on disk or sealed under another root key");
}

}  // namespace aurora_global::region
