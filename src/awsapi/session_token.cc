#include "awsapi/session_token.h"

#include <openssl/crypto.h>

#include "awsapi/hashes.h"
#include "base/base64.h"
#include "base/json.h"

namespace aurora_global::awsapi {
namespace {

using nlohmann::json;

constexpr std::size_t kTokenMax = 4096;
constexpr std::size_t kCodeBytes = 32;

std::string token_key(std::string_view permanent_secret) {
  return hmac_sha256(permanent_secret, "aurora-global session token 1");
}

std::string secret_of(const std::string& key, std::string_view access_key_id) {
  std::string secret = base64(hmac_sha256(key, "secret of " + std::string(access_key_id)));
  return secret.substr(0, secret.find('='));
}

std::int64_t seconds_of(WallTime at) {
  return std::chrono::floor<std::chrono::seconds>(at.time_since_epoch()).count();
}

std::string said(const Session& session) {
  return json::array({session.access_key_id, session.permanent_key_id, session.role_name,
                      session.name, seconds_of(session.expires)})
      .dump();
}

std::optional<Session> parse_session(std::string_view text) {
  const json said = parse_json(text);
  if (!said.is_array() || said.size() != 5 || !said[4].is_number_integer()) return std::nullopt;
  for (std::size_t i = 0; i < 4; ++i) {
    if (!said[i].is_string()) return std::nullopt;
  }
  return Session{said[0].get<std::string>(), said[1].get<std::string>(), said[2].get<std::string>(),
                 said[3].get<std::string>(),
                 WallTime(std::chrono::seconds(said[4].get<std::int64_t>()))};
}

}  // namespace

std::string role_id(const std::string& account, const std::string& name) {
  std::string id = sha256_hex(account + "/" + name).substr(0, 17);
  for (char& c : id) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return "AROA" + id;
}

Credentials session_credentials(const Session& session, std::string_view permanent_secret) {
  const std::string key = token_key(permanent_secret);
  const std::string text = said(session);
  return {session.access_key_id, secret_of(key, session.access_key_id),
          base64(hmac_sha256(key, text) + text)};
}

Result<OpenedSession> open_session(
    std::string_view access_key_id, const std::string& token,
    const std::function<std::optional<std::string>(std::string_view)>& permanent_secret_of,
    WallTime now) {
  const auto bytes = token.size() > kTokenMax ? std::nullopt : from_base64(token);
  if (!bytes || bytes->size() <= kCodeBytes) return invalid_token();
  const std::string text = bytes->substr(kCodeBytes);
  const auto session = parse_session(text);
  if (!session || session->access_key_id != access_key_id) return invalid_token();
  const auto permanent = permanent_secret_of(session->permanent_key_id);
  if (!permanent) return invalid_token();
  const std::string key = token_key(*permanent);
  if (CRYPTO_memcmp(hmac_sha256(key, text).data(), bytes->data(), kCodeBytes) != 0) {
    return invalid_token();
  }
  if (session->expires <= now) {
    return make_error(ErrorKind::denied, "The security token included in the request is expired",
                      "ExpiredToken");
  }
  return OpenedSession{*session, secret_of(key, access_key_id)};
}

}  // namespace aurora_global::awsapi
