#include "pgwire/testing/scram_client.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <algorithm>
#include <charconv>

#include "base/base64.h"
#include "base/check.h"

namespace aurora_global::pgwire::testing {
namespace {

using Key = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

// A server that names more would only keep this client busy.
constexpr int kIterationsMax = 1'000'000;

Key hmac(const Key& key, std::string_view text) {
  Key out{};
  unsigned int size = 0;
  CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data(),
             &size) != nullptr);
  return out;
}

std::string encoded(const Key& key) {
  return base64({reinterpret_cast<const char*>(key.data()), key.size()});
}

// Gives the value of `name`, which has to come next, and takes it off with the comma after it.
Result<std::string> take(std::string_view& text, char name) {
  if (text.size() < 2 || text[0] != name || text[1] != '=') {
    return make_error(ErrorKind::corrupt,
                      std::string("the server's SCRAM message has no ") + name + "=");
  }
  text.remove_prefix(2);
  const std::string value(text.substr(0, text.find(',')));
  text.remove_prefix(std::min(value.size() + 1, text.size()));
  return value;
}

}  // namespace

ScramClient::ScramClient(std::string password, Options options)
    : password_(std::move(password)), options_(std::move(options)) {}

std::string ScramClient::header() const {
  return options_.certificate_hash.empty() ? "n,," : "p=tls-server-end-point,,";
}

std::string ScramClient::first_bare() const {
  return "n=" + options_.user + ",r=" + options_.nonce;
}

std::string ScramClient::first() const { return header() + first_bare(); }

Result<std::string> ScramClient::final(std::string_view server_first) {
  std::string_view rest = server_first;
  TRY(const std::string nonce, take(rest, 'r'));
  TRY(const std::string salt_text, take(rest, 's'));
  TRY(const std::string count, take(rest, 'i'));
  const auto salt = from_base64(salt_text);
  int iterations = 0;
  const char* end = count.data() + count.size();
  const auto read = std::from_chars(count.data(), end, iterations);
  if (nonce.size() <= options_.nonce.size() || !nonce.starts_with(options_.nonce) || !salt ||
      read.ec != std::errc() || read.ptr != end || iterations < 1 || iterations > kIterationsMax) {
    return make_error(ErrorKind::corrupt, "the server's first SCRAM message makes no sense");
  }
  Key salted{};
  CHECK(PKCS5_PBKDF2_HMAC(password_.data(), static_cast<int>(password_.size()),
                          reinterpret_cast<const unsigned char*>(salt->data()),
                          static_cast<int>(salt->size()), iterations, EVP_sha256(), salted.size(),
                          salted.data()) == 1);
  std::string bound = header();
  bound.append(options_.certificate_hash.begin(), options_.certificate_hash.end());
  const std::string without_proof = "c=" + base64(bound) + ",r=" + nonce;
  const std::string auth_message =
      first_bare() + "," + std::string(server_first) + "," + without_proof;

  Key proof = hmac(salted, "Client Key");
  Key stored_key{};
  SHA256(proof.data(), proof.size(), stored_key.data());
  const Key signature = hmac(stored_key, auth_message);
  for (std::size_t i = 0; i < proof.size(); ++i) proof[i] ^= signature[i];
  server_signature_ = encoded(hmac(hmac(salted, "Server Key"), auth_message));
  return without_proof + ",p=" + encoded(proof);
}

Result<void> ScramClient::verify(std::string_view server_final) const {
  if (server_signature_.empty() || server_final != "v=" + server_signature_) {
    return make_error(ErrorKind::denied, "the server does not know the user's SCRAM verifier");
  }
  return ok();
}

}  // namespace aurora_global::pgwire::testing
