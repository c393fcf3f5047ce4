// SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, the side of the server: proves that a client knows the
// password of a verifier without seeing the password.
//
// Source: RFC 5802, RFC 7677, RFC 5929 (tls-server-end-point), PostgreSQL 15 manual, 55.3 "SASL
// Authentication". What is refused, and in which words, is what PostgreSQL 15 does. Pure but for
// the random nonce.
#pragma once

#include <openssl/types.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "pgwire/startup.h"

namespace aurora_global::pgwire {

// PostgreSQL's own limit for one message of a client in the exchange.
inline constexpr std::size_t kScramMessageBytesMax = 1024;
// Of a verifier's text; one that PostgreSQL makes has 133 bytes.
inline constexpr std::size_t kScramVerifierBytesMax = 1024;

// A verifier as PostgreSQL keeps it in pg_authid.
struct ScramVerifier {
  int iterations = 0;
  Bytes salt;
  std::array<std::uint8_t, 32> stored_key{};
  std::array<std::uint8_t, 32> server_key{};
};

// Fails with `invalid` for other text (an md5 hash, say). The message never repeats the text.
Result<ScramVerifier> parse_scram_verifier(std::string_view text);

// What a user that does not exist is given, so that the exchange tells nothing. The same name gets
// the same salt as long as the secret is the same; nobody knows a password that matches.
ScramVerifier decoy_verifier(std::string_view user, BytesView process_secret);

// Binding data of RFC 5929 for a server's certificate: its hash by the digest of its signature, by
// SHA-256 where that is MD5 or SHA-1. Empty where the RFC names no digest (Ed25519, say): such a
// server cannot offer channel binding.
Bytes tls_server_end_point(const X509& certificate);

// From a CSPRNG, printable, as long as PostgreSQL's.
std::string fresh_scram_nonce();

// One exchange: first(), then final(), each once; nothing after a failure.
//
// Errors carry the SQLSTATE in `code`: 08P01 (`corrupt`) for malformed messages; `denied` with
// 0A000 for what SCRAM has and PostgreSQL does not, 28000 for a channel binding that is not ours,
// 28P01 for a wrong proof. Where PostgreSQL adds a DETAIL it follows the message after ": ".
class ScramServer {
 public:
  // `certificate_hash`: tls_server_end_point(), empty without TLS or where there is none.
  // `may_match`: false for a decoy (the proof is checked and refused all the same).
  ScramServer(ScramVerifier verifier, Bytes certificate_hash, bool may_match,
              std::string server_nonce = fresh_scram_nonce());

  // Mechanisms to offer in AuthenticationSASL, in order. `tls`: there is a certificate hash.
  static std::vector<std::string> mechanisms(bool tls);

  // client-first-message, with the mechanism chosen -> server-first-message.
  Result<std::string> first(std::string_view mechanism, std::string_view client_first);

  // client-final-message -> server-final-message: the client has proved itself. The refusal of a
  // wrong proof names no user; this class knows none.
  Result<std::string> final(std::string_view client_final);

 private:
  enum class Stage { first, final, over };

  Result<std::string_view> read_binding_flag(std::string_view client_first);
  std::string binding() const;
  bool proves(BytesView proof, std::string_view auth_message) const;

  ScramVerifier verifier_;
  Bytes certificate_hash_;
  bool may_match_;
  std::string server_nonce_;
  Stage stage_ = Stage::first;
  bool plus_ = false;  // The client chose SCRAM-SHA-256-PLUS.
  char flag_ = 0;      // n, y or p, as the client sent it.
  std::string nonce_;  // The client's and ours.
  std::string client_first_bare_;
  std::string server_first_;
};

}  // namespace aurora_global::pgwire
