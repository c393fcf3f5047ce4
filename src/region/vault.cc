#include "region/vault.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <fstream>
#include <memory>

#include "base/check.h"
#include "base/rng.h"
#include "region/postgres_files.h"

namespace aurora_global::region {
namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;

using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

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

const unsigned char* bytes(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

Result<Vault> Vault::open(const std::filesystem::path& root_key_file) {
  std::ifstream in(root_key_file);
  std::string text;
  if (!(in >> text)) {
    text = random_hex(kKeyBytes);
    TRY_VOID(replace_file(root_key_file, text + "\n", 0600));
  }
  std::string key = unhex(text);
  if (key.size() != kKeyBytes) {
    return make_error(ErrorKind::corrupt, root_key_file.string() +
                                              " is no root key (64 hexadecimal digits); secrets "
                                              "sealed under a lost key cannot be opened");
  }
  return Vault(std::move(key));
}

std::string Vault::seal(const std::string& name, const std::string& text) const {
  std::string nonce(kNonceBytes, '\0');
  CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(nonce.data()), kNonceBytes) == 1);
  const Context context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  std::string out(text.size(), '\0');
  std::string tag(kTagBytes, '\0');
  int size = 0;
  auto* target = reinterpret_cast<unsigned char*>(out.data());
  CHECK(EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes(key_), bytes(nonce)) ==
        1);
  CHECK(EVP_EncryptUpdate(context.get(), nullptr, &size, bytes(name),
                          static_cast<int>(name.size())) == 1);
  CHECK(EVP_EncryptUpdate(context.get(), target, &size, bytes(text),
                          static_cast<int>(text.size())) == 1);
  CHECK(EVP_EncryptFinal_ex(context.get(), target + size, &size) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, tag.data()) == 1);
  return hex(nonce + tag + out);
}

Result<std::string> Vault::open_sealed(const std::string& name, const std::string& sealed) const {
  const std::string raw = unhex(sealed);
  const Error damaged = make_error(
      ErrorKind::corrupt, "'" + name + "' was changed on disk or sealed under another root key");
  if (raw.size() < kNonceBytes + kTagBytes) return damaged;
  std::string tag = raw.substr(kNonceBytes, kTagBytes);
  const std::string hidden = raw.substr(kNonceBytes + kTagBytes);
  const Context context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  std::string out(hidden.size(), '\0');
  int size = 0;
  auto* target = reinterpret_cast<unsigned char*>(out.data());
  CHECK(EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes(key_), bytes(raw)) ==
        1);
  CHECK(EVP_DecryptUpdate(context.get(), nullptr, &size, bytes(name),
                          static_cast<int>(name.size())) == 1);
  CHECK(EVP_DecryptUpdate(context.get(), target, &size, bytes(hidden),
                          static_cast<int>(hidden.size())) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) == 1);
  if (EVP_DecryptFinal_ex(context.get(), target + size, &size) != 1) return damaged;
  return out;
}

}  // namespace aurora_global::region
