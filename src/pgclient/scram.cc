// SCRAM-SHA-256 verifiers (RFC 5802, RFC 7677), in the form PostgreSQL keeps in pg_authid.
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <array>

#include "base/check.h"
#include "pgclient/connection.h"

namespace aurora_global::pgclient {
namespace {

constexpr int kIterations = 4096;
using Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

std::string base64(const unsigned char* data, std::size_t size) {
  std::string text(4 * ((size + 2) / 3) + 1, '\0');
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), data, static_cast<int>(size));
  text.resize(static_cast<std::size_t>(length));
  return text;
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
  return "SCRAM-SHA-256$" + std::to_string(kIterations) + ":" + base64(salt.data(), salt.size()) +
         "$" + base64(stored_key.data(), stored_key.size()) + ":" +
         base64(server_key.data(), server_key.size());
}

}  // namespace aurora_global::pgclient
