#include "region/cipher.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <memory>

#include "base/check.h"

namespace aurora_global::region {
namespace {

constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;

using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const unsigned char* bytes(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

std::string random_bytes(std::size_t count) {
  std::string out(count, '\0');
  CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(count)) == 1);
  return out;
}

std::string new_cipher_key() { return random_bytes(kCipherKeyBytes); }

std::string encrypt(const std::string& key, const std::string& beside, const std::string& text) {
  CHECK(key.size() == kCipherKeyBytes);
  const std::string nonce = random_bytes(kNonceBytes);
  const Context context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  std::string out(text.size(), '\0');
  std::string tag(kTagBytes, '\0');
  int size = 0;
  auto* target = reinterpret_cast<unsigned char*>(out.data());
  CHECK(EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes(key), bytes(nonce)) ==
        1);
  CHECK(EVP_EncryptUpdate(context.get(), nullptr, &size, bytes(beside),
                          static_cast<int>(beside.size())) == 1);
  CHECK(EVP_EncryptUpdate(context.get(), target, &size, bytes(text),
                          static_cast<int>(text.size())) == 1);
  CHECK(EVP_EncryptFinal_ex(context.get(), target + size, &size) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, tag.data()) == 1);
  return nonce + tag + out;
}

std::optional<std::string> decrypt(const std::string& key, const std::string& beside,
                                   const std::string& encrypted) {
  CHECK(key.size() == kCipherKeyBytes);
  if (encrypted.size() < kNonceBytes + kTagBytes) return std::nullopt;
  std::string tag = encrypted.substr(kNonceBytes, kTagBytes);
  const std::string hidden = encrypted.substr(kNonceBytes + kTagBytes);
  const Context context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  std::string out(hidden.size(), '\0');
  int size = 0;
  auto* target = reinterpret_cast<unsigned char*>(out.data());
  CHECK(EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes(key),
                           bytes(encrypted)) == 1);
  CHECK(EVP_DecryptUpdate(context.get(), nullptr, &size, bytes(beside),
                          static_cast<int>(beside.size())) == 1);
  CHECK(EVP_DecryptUpdate(context.get(), target, &size, bytes(hidden),
                          static_cast<int>(hidden.size())) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) == 1);
  if (EVP_DecryptFinal_ex(context.get(), target + size, &size) == 1) return out;
  wipe(out);
  return std::nullopt;
}

void wipe(std::string& text) {
  OPENSSL_cleanse(text.data(), text.size());
  text.clear();
}

}  // namespace aurora_global::region
