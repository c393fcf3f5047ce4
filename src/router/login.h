// How a client comes in: its first packets, TLS, and the proof that it knows its password.
#pragma once

#include <optional>

#include "router/channel.h"
#include "router/verifiers.h"

namespace aurora_global::router {

// The certificate that clients are shown, and what binds their passwords to it.
struct ServerIdentity {
  net::TlsContext context;
  pgwire::Bytes end_point;  // tls-server-end-point (RFC 5929).
  // Made of the private key, so that the salt of a user who does not exist stays over a restart.
  pgwire::Bytes decoy_secret;
};
// Fails with `invalid`.
Result<ServerIdentity> load_identity(const std::filesystem::path& tls_dir);

// Reads up to the packet that is no request for encryption; answers those. Without an identity TLS
// is refused. `received` keeps what was read beyond it. Nullopt: the client has left. Fails with
// `corrupt`, `denied` (TLS) or `timeout`.
net::Task<Result<std::optional<pgwire::FirstPacket>>> greet(Channel& client,
                                                            const ServerIdentity* identity,
                                                            pgwire::Bytes& received,
                                                            Deadline deadline);

// SCRAM-SHA-256, under TLS also -PLUS. The same for a user that does not exist, up to the refusal.
// Fails with `denied` and the SQLSTATE in Error::code, `corrupt`, `unavailable` or `timeout`.
net::Task<Result<void>> authenticate(Channel& client, const ServerIdentity* identity,
                                     std::string user, Verifiers::Role role,
                                     pgwire::Bytes& received, Deadline deadline);

}  // namespace aurora_global::router
