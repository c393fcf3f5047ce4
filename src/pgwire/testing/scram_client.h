// SCRAM-SHA-256, the side of the client, for tests and for tools that log in to a router.
//
// The password is taken as it is: SASLprep changes no printable ASCII, and nothing else is used
// here.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "pgwire/scram.h"

namespace aurora_global::pgwire::testing {

class ScramClient {
 public:
  struct Options {
    std::string user;  // PostgreSQL's clients leave it empty.
    std::string nonce = fresh_scram_nonce();
    // tls_server_end_point() of the server; with it the client speaks SCRAM-SHA-256-PLUS.
    Bytes certificate_hash;
  };

  explicit ScramClient(std::string password) : ScramClient(std::move(password), Options()) {}
  ScramClient(std::string password, Options options);

  // client-first-message.
  std::string first() const;
  // server-first-message -> client-final-message. Fails with `corrupt`.
  Result<std::string> final(std::string_view server_first);
  // server-final-message: fails with `denied` if the server does not know the verifier.
  Result<void> verify(std::string_view server_final) const;

 private:
  std::string header() const;
  std::string first_bare() const;

  std::string password_;
  Options options_;
  std::string server_signature_;  // Base64.
};

}  // namespace aurora_global::pgwire::testing
