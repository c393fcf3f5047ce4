// A server's side of SCRAM against arbitrary clients: nobody gets in but by the one right proof,
// who has it is never refused for another reason than a rule, and no error carries a client's raw
// bytes.
//
// Input: a letter whose low bits choose the case, client-first-message, a newline,
// client-final-message.
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/base64.h"
#include "pgwire/scram.h"

namespace {

using namespace aurora_global;
using namespace aurora_global::pgwire;
using Key = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

constexpr std::string_view kNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";  // RFC 7677's.
constexpr std::string_view kSalt = "salt of sixteen.";
constexpr unsigned kTls = 1;
constexpr unsigned kPlus = 2;
constexpr unsigned kBarred = 4;
constexpr unsigned kKnowsPassword = 8;  // The final message comes without its proof; it is added.

void require(bool condition) {
  if (!condition) std::abort();
}

Key hmac(const Key& key, std::string_view text) {
  Key out{};
  HMAC(EVP_sha256(), key.data(), key.size(), reinterpret_cast<const unsigned char*>(text.data()),
       text.size(), out.data(), nullptr);
  return out;
}

std::string encoded(const Key& key) {
  return base64({reinterpret_cast<const char*>(key.data()), key.size()});
}

// A user, and what only its password gives.
struct User {
  ScramVerifier verifier;
  Key client_key{};
};

const User& user() {
  static const User made = [] {
    User user;
    Key salted{};
    PKCS5_PBKDF2_HMAC("pencil", 6, reinterpret_cast<const unsigned char*>(kSalt.data()),
                      kSalt.size(), 4096, EVP_sha256(), salted.size(), salted.data());
    user.client_key = hmac(salted, "Client Key");
    user.verifier.iterations = 4096;
    user.verifier.salt.assign(kSalt.begin(), kSalt.end());
    SHA256(user.client_key.data(), user.client_key.size(), user.verifier.stored_key.data());
    user.verifier.server_key = hmac(salted, "Server Key");
    return user;
  }();
  return made;
}

std::string proof_of(std::string_view auth_message) {
  Key proof = hmac(user().verifier.stored_key, auth_message);
  for (std::size_t i = 0; i < proof.size(); ++i) proof[i] ^= user().client_key[i];
  return encoded(proof);
}

void check(const Error& error) {
  require(error.kind == ErrorKind::corrupt || error.kind == ErrorKind::denied);
  require((error.kind == ErrorKind::corrupt) == (error.code == "08P01"));
  require(error.code == "08P01" || error.code == "0A000" || error.code == "28000" ||
          error.code == "28P01");
  require(!error.message.empty() && error.message.size() < 256);
  require(std::all_of(error.message.begin(), error.message.end(),
                      [](char c) { return c >= 0x20 && c <= 0x7e; }));
}

void log_in(unsigned how, std::string_view client_first, std::string client_final) {
  const Bytes hash = how & kTls ? Bytes(32, 0xa5) : Bytes();
  ScramServer server(user().verifier, hash, !(how & kBarred), std::string(kNonce));
  const auto first =
      server.first(how & kPlus ? "SCRAM-SHA-256-PLUS" : "SCRAM-SHA-256", client_first);
  if (first.has_error()) return check(first.error());
  require(client_first.size() <= kScramMessageBytesMax);
  require(!(how & kPlus) || (how & kTls));
  require(first->starts_with("r=") && first->find(kNonce) != std::string::npos);

  const std::string known =
      std::string(client_first.substr(client_first.find(",,") + 2)) + "," + *first + ",";
  if (how & kKnowsPassword) client_final += ",p=" + proof_of(known + client_final);
  const auto final = server.final(client_final);
  if (final.has_error()) {
    check(final.error());
    require(!(how & kKnowsPassword) || (how & kBarred) || final.error().code != "28P01");
    return;
  }
  require(!(how & kBarred) && client_final.size() <= kScramMessageBytesMax);
  const std::string without_proof = client_final.substr(0, client_final.rfind(",p="));
  require(client_final == without_proof + ",p=" + proof_of(known + without_proof));
  require(*final == "v=" + encoded(hmac(user().verifier.server_key, known + without_proof)));
}

void read_verifier(std::string_view text) {
  const auto verifier = parse_scram_verifier(text);
  if (verifier.has_error()) return require(verifier.error().kind == ErrorKind::invalid);
  require(verifier->iterations > 0 && !verifier->salt.empty());
  const std::string again =
      "SCRAM-SHA-256$" + std::to_string(verifier->iterations) + ":" +
      base64({reinterpret_cast<const char*>(verifier->salt.data()), verifier->salt.size()}) + "$" +
      encoded(verifier->stored_key) + ":" + encoded(verifier->server_key);
  require(again.size() <= text.size());  // Shorter where the iterations have leading zeros.
  const auto same = parse_scram_verifier(again);
  require(same.has_value() && same->salt == verifier->salt &&
          same->iterations == verifier->iterations && same->stored_key == verifier->stored_key &&
          same->server_key == verifier->server_key);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_verifier(text);
  decoy_verifier(text, BytesView(data, size));
  if (text.empty()) return 0;
  const auto end = std::min(text.find('\n'), text.size());
  log_in(data[0], text.substr(1, std::max<std::size_t>(end, 1) - 1),
         std::string(text.substr(std::min(end + 1, text.size()))));
  return 0;
}
