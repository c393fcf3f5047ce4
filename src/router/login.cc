#include "router/login.h"

#include <openssl/rand.h>
#include <openssl/sha.h>

#include "base/check.h"
#include "net/file.h"
#include "net/tls.h"
#include "pgwire/message.h"
#include "pgwire/scram.h"

namespace aurora_global::router {
namespace {

using pgwire::Bytes;
using pgwire::BytesView;

constexpr std::size_t kPasswordBytesMax = 64 * 1024;

Error refused(const std::string& user) {
  return make_error(ErrorKind::denied, "password authentication failed for user \"" + user + "\"",
                    "28P01");
}

// Without a certificate there is nothing that is secret and stays.
const Bytes& process_secret() {
  static const Bytes secret = [] {
    Bytes bytes(SHA256_DIGEST_LENGTH);
    CHECK(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1);
    return bytes;
  }();
  return secret;
}

// The body of the client's next message, which has to be a password message.
net::Task<Result<Bytes>> read_password_message(Channel& client, Bytes& received,
                                               Deadline deadline) {
  pgwire::Splitter whole([](char, std::size_t size) { return size; });
  for (;;) {
    CO_TRY(const auto piece, whole.next(received));
    if (piece) {
      if (piece->type != 'p') {
        co_return make_error(ErrorKind::corrupt,
                             std::string("expected SASL response, got message type ") +
                                 std::to_string(static_cast<unsigned char>(piece->type)),
                             "08P01");
      }
      const auto body = piece->bytes.subspan(pgwire::kHeaderBytes);
      Bytes message(body.begin(), body.end());
      received.erase(received.begin(),
                     received.begin() + static_cast<std::ptrdiff_t>(piece->bytes.size()));
      co_return message;
    }
    if (received.size() > kPasswordBytesMax) {
      co_return make_error(ErrorKind::corrupt, "a password message of more than 64 kB", "08P01");
    }
    CO_TRY_VOID(co_await client.read(received, deadline));
  }
}

}  // namespace

Result<ServerIdentity> load_identity(const std::filesystem::path& tls_dir) {
  ServerIdentity identity;
  TRY(identity.context, net::server_tls(tls_dir / "server.crt", tls_dir / "server.key"));
  X509* certificate = SSL_CTX_get0_certificate(identity.context->native_handle());
  identity.end_point = pgwire::tls_server_end_point(*certificate);
  TRY(const std::string key, net::read_file(tls_dir / "server.key"));
  identity.decoy_secret.resize(SHA256_DIGEST_LENGTH);
  SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(),
         identity.decoy_secret.data());
  return identity;
}

net::Task<Result<std::optional<pgwire::FirstPacket>>> greet(Channel& client,
                                                            const ServerIdentity* identity,
                                                            Bytes& received, Deadline deadline) {
  using Packet = std::optional<pgwire::FirstPacket>;
  for (;;) {
    CO_TRY(const auto parsed, pgwire::parse_first_packet(received));
    if (!parsed) {
      const auto read = co_await client.read(received, deadline);
      if (read.has_value()) continue;
      if (read.error().kind == ErrorKind::timeout) co_return read.error();
      co_return Packet();
    }
    received.erase(received.begin(), received.begin() + static_cast<std::ptrdiff_t>(parsed->size));
    const bool ssl = std::holds_alternative<pgwire::SslRequest>(parsed->packet);
    if (!ssl && !std::holds_alternative<pgwire::GssEncRequest>(parsed->packet)) {
      co_return Packet(parsed->packet);
    }
    const bool accepted = ssl && identity != nullptr && !client.tls();
    const Bytes answer = {static_cast<std::uint8_t>(accepted ? 'S' : 'N')};
    CO_TRY_VOID(co_await client.write(answer, deadline));
    if (!received.empty()) {
      // Whoever sits in between could have put it there, to be taken for what came under TLS.
      co_return make_error(ErrorKind::corrupt, std::string("received unencrypted data after ") +
                                                   (ssl ? "SSL" : "GSSAPI encryption") +
                                                   " request");
    }
    if (!accepted) continue;
    CO_TRY_VOID(co_await client.accept_tls(identity->context, deadline));
  }
}

net::Task<Result<void>> authenticate(Channel& client, const ServerIdentity* identity,
                                     std::string user, Verifiers::Role role, Bytes& received,
                                     Deadline deadline) {
  auto verifier = pgwire::parse_scram_verifier(role.verifier);
  const bool may_match = verifier.has_value();
  const Bytes end_point = client.tls() ? identity->end_point : Bytes();
  pgwire::ScramServer scram(
      may_match ? *verifier
                : pgwire::decoy_verifier(
                      user, identity == nullptr ? process_secret() : identity->decoy_secret),
      end_point, may_match);
  Bytes out;
  pgwire::put_sasl_mechanisms(out, pgwire::ScramServer::mechanisms(!end_point.empty()));
  CO_TRY_VOID(co_await client.write(std::move(out), deadline));

  CO_TRY(const Bytes first, co_await read_password_message(client, received, deadline));
  const auto initial = pgwire::parse_sasl_initial(first);
  if (!initial) {
    co_return make_error(ErrorKind::corrupt, "malformed SASLInitialResponse message", "08P01");
  }
  CO_TRY(const std::string server_first, scram.first(initial->mechanism, initial->data));
  out.clear();
  pgwire::put_sasl_continue(out, server_first);
  CO_TRY_VOID(co_await client.write(std::move(out), deadline));

  CO_TRY(const Bytes last, co_await read_password_message(client, received, deadline));
  const auto server_final = scram.final({reinterpret_cast<const char*>(last.data()), last.size()});
  if (server_final.has_error()) {
    if (server_final.error().kind == ErrorKind::denied) co_return refused(user);
    co_return server_final.error();
  }
  // Only who knows the password learns that it is not valid any more, as PostgreSQL has it.
  if (role.expired) co_return refused(user);
  out.clear();
  pgwire::put_sasl_final(out, *server_final);
  co_return co_await client.write(std::move(out), deadline);
}

}  // namespace aurora_global::router
