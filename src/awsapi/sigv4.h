// AWS Signature Version 4: signing requests and verifying those of others. Pure.
//
// Source: AWS General Reference, "Signature Version 4 signing process" (canonical request, string
// to sign, signing key); "Authenticating Requests: Using Query Parameters" for presigned URLs,
// which are taken, and not made.
#pragma once

#include <functional>
#include <optional>

#include "awsapi/http_message.h"
#include "base/clock.h"
#include "base/result.h"

namespace aurora_global::awsapi {

inline constexpr std::chrono::minutes kClockSkewMax{5};

struct Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  // Temporary credentials have one; else empty.
};

// Who signed, for which region and service.
struct CredentialScope {
  std::string access_key_id;
  std::string date;  // YYYYMMDD
  std::string region;
  std::string service;
};

// Adds Host (if missing), X-Amz-Date, X-Amz-Security-Token (if any) and Authorization.
void sign(HttpMessage& message, const Credentials& credentials, std::string_view host,
          std::string_view region, std::string_view service, WallTime now);

// The scope that a request names, without checking the signature. Fails as verify() does.
Result<CredentialScope> scope_of(const HttpMessage& message);

// How the body is: as it is, or in chunks that awsapi/aws_chunked.h reads. S3 alone has chunks.
enum class Payload { whole, signed_chunks, signed_trailer, unsigned_trailer };

// What the chunks of a body are signed with.
struct ChunkSigning {
  std::string key, amz_date, scope;
  std::string seed;  // The signature of the header.
};

struct Verified : CredentialScope {
  Payload payload = Payload::whole;
  ChunkSigning chunks;
};

// The secret of an access key, used with a session token ("": without one). Fails with
// InvalidClientTokenId, ExpiredToken.
using SecretOf =
    std::function<Result<std::string>(std::string_view access_key_id, const std::string& token)>;
// "The security token included in the request is invalid."
Error invalid_token();

// Checks the signature. Errors carry AWS's code: MissingAuthenticationToken, IncompleteSignature,
// SignatureDoesNotMatch (also for a time that is more than five minutes away from `now`, or a
// presigned URL that has expired), and those of `secret_of`; for S3 also RequestTimeTooSkewed (more
// than 15 minutes), AccessDenied (an expired URL), XAmzContentSHA256Mismatch, InvalidRequest and
// NotImplemented.
Result<Verified> verify(const HttpMessage& message, const SecretOf& secret_of, WallTime now);

}  // namespace aurora_global::awsapi
