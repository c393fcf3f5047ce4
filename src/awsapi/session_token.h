// Temporary credentials that say themselves what they are: nothing is stored, and every daemon that
// has the permanent key's secret verifies them. Pure.
//
// A token is what it says (access key, permanent key, role, session, expiry) and an authentication
// code over it; the secret follows from the access key. Both are made with a key that is derived
// from the permanent secret, which no signature is made with.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "awsapi/sigv4.h"

namespace aurora_global::awsapi {

inline constexpr std::string_view kSessionKeyPrefix = "ASIA";  // Of the access keys of sessions.

// A role's id, the same in every region and always: nothing more is known of a role than its name.
std::string role_id(const std::string& account, const std::string& name);

struct Session {
  std::string access_key_id;
  std::string permanent_key_id;  // Whose secret the session stands on.
  std::string role_name;
  std::string name;
  WallTime expires{};  // In whole seconds.
};

Credentials session_credentials(const Session& session, std::string_view permanent_secret);

struct OpenedSession {
  Session session;
  std::string secret_access_key;
};
// Fails with InvalidClientTokenId for a token that was changed or is another key's, with
// ExpiredToken at its time.
Result<OpenedSession> open_session(
    std::string_view access_key_id, const std::string& token,
    const std::function<std::optional<std::string>(std::string_view)>& permanent_secret_of,
    WallTime now);

}  // namespace aurora_global::awsapi
