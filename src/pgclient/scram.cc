// SCRAM-SHA-256 verifiers (RFC 5802, RFC 7677), in the form PostgreSQL keeps in pg_authid.
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <array>

#include "base/base64.h"
#include "base/check.h"
#include "pgclient/connection.h"

namespace aurora_global::pgclient {
namespace {

constexpr int kIterations = 4096;
using Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

template <std::size_t kSize>
std::string base64(const std::array<unsigned char, kSize>& bytes) {
  return aurora_global::base64({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

Digest hmac(const Digest& key, std::string_view text) {
  Digest out{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data(), &size);
  return out;
}

}  // namespace

std::string scram_verifier(std::string_view password) {
  std::array<unsigned char, 16> salt{};
  CHECK(RAND_bytes(salt.data(), salt.size()) == 1);
  Digest salted{};
  CHECK(PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), salt.data(),
                          salt.size(), kIterations, EVP_sha256(), salted.size(),
                          salted.data()) == 1);
  const Digest client_key = hmac(salted, "Client Key");
  const Digest server_key = hmac(salted, "Server Key");
  Digest stored_key{};
  SHA256(client_key.data(), client_key.size(), stored_key.data());
  return "SCRAM-SHA-256$" + std::to_string(kIterations) + ":" + base64(salt) + "$" +
         base64(stored_key) + ":" + base64(server_key);
}

}  // namespace aurora_global::pgclient
