// Certificates: contexts for mutual TLS, and the two issuers of a platform.
//
// One issuer signs servers (serverAuth), the other only clients (clientAuth). PostgreSQL and the
// peer protocol trust the second alone for clients, so a server's certificate logs in nowhere.
#pragma once

#include <openssl/ssl.h>

#include <filesystem>
#include <string>
#include <vector>

#include "net/http.h"

namespace aurora_global::net {

// Requires a client certificate signed by an issuer in `client_ca`. TLS 1.2 or newer. Fails with
// `invalid`, naming the file.
Result<TlsContext> server_tls(const std::filesystem::path& certificate,
                              const std::filesystem::path& key,
                              const std::filesystem::path& client_ca);
// Asks for no client certificate.
Result<TlsContext> server_tls(const std::filesystem::path& certificate,
                              const std::filesystem::path& key);
// Shows `certificate`; trusts servers signed by an issuer in `server_ca`.
Result<TlsContext> client_tls(const std::filesystem::path& certificate,
                              const std::filesystem::path& key,
                              const std::filesystem::path& server_ca);

// Shows no certificate; trusts servers signed by an issuer in `server_ca`.
Result<TlsContext> client_tls(const std::filesystem::path& server_ca);

// Common name of the verified certificate of the other side; "" if there is none.
std::string peer_common_name(SSL* connection);

struct KeyPair {
  std::string certificate_pem;
  std::string private_key_pem;
};

// EC P-256, valid for ten years. Fail with `internal` when OpenSSL does.
Result<KeyPair> make_issuer(const std::string& common_name);
Result<KeyPair> issue_server(const KeyPair& issuer, const std::string& common_name,
                             const std::vector<std::string>& dns_names,
                             const std::vector<std::string>& ip_addresses);
Result<KeyPair> issue_client(const KeyPair& issuer, const std::string& common_name);

}  // namespace aurora_global::net
