#include "awsapi/sigv4.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <functional>
#include <map>

#include "awsapi/hashes.h"

namespace aurora_global::awsapi {
namespace {

constexpr std::chrono::seconds kExpiresMax = std::chrono::days(7);  // Of a presigned URL.
constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kS3 = "s3";
constexpr std::string_view kUnsignedBody = "UNSIGNED-PAYLOAD";
constexpr std::chrono::minutes kClockSkewMaxOfS3{15};

// Spaces at the ends go, runs of spaces become one.
std::string trimmed(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool space = c == ' ' || c == '\t';
    if (space && (out.empty() || out.back() == ' ')) continue;
    out += space ? ' ' : c;
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const auto end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string canonical_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const std::string_view part = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (part.empty() || part.rfind("X-Amz-Signature=", 0) == 0) continue;
    const auto equals = part.find('=');
    const std::string name = percent_decode(part.substr(0, equals));
    const std::string value =
        equals == std::string_view::npos ? "" : percent_decode(part.substr(equals + 1));
    pairs.emplace_back(percent_encode(name), percent_encode(value));
  }
  std::sort(pairs.begin(), pairs.end());
  std::string out;
  for (const auto& [name, value] : pairs) out += (out.empty() ? "" : "&") + name + "=" + value;
  return out;
}

// Dot segments and empty segments go (RFC 3986, 5.2.4); what remains is encoded once more than it
// was sent. Both hold for all services but S3.
std::string canonical_path(std::string_view path) {
  std::vector<std::string> kept;
  const std::vector<std::string> segments = split(path, '/');
  for (const std::string& segment : segments) {
    if (segment.empty() || segment == ".") continue;
    if (segment == "..") {
      if (!kept.empty()) kept.pop_back();
    } else {
      kept.push_back(segment);
    }
  }
  std::string out;
  for (const std::string& segment : kept) out += "/" + percent_encode(segment);
  const bool slash = segments.back().empty() || segments.back() == "." || segments.back() == "..";
  return out.empty() || slash ? out + "/" : out;
}

// S3's: as it was sent, encoded in one way.
std::string s3_path(std::string_view path) {
  std::string out;
  for (const std::string& segment : split(path.substr(1), '/')) {
    out += "/" + percent_encode(percent_decode(segment));
  }
  return out;
}

std::string canonical_request(const HttpMessage& message,
                              const std::vector<std::string>& signed_names,
                              std::string_view service, std::string_view payload_hash) {
  const std::string_view target = message.target;
  const auto question = target.find('?');
  const std::string_view path = target.substr(0, question);
  const bool as_sent = service == kS3 && path.starts_with('/');
  std::string text =
      message.method + "\n" + (as_sent ? s3_path(path) : canonical_path(path)) + "\n";
  text += question == std::string_view::npos ? "" : canonical_query(target.substr(question + 1));
  text += "\n";
  std::map<std::string, std::string> headers;
  for (const auto& [key, value] : message.headers) {
    const auto [header, first] = headers.emplace(lower(key), trimmed(value));
    if (!first) header->second += "," + trimmed(value);
  }
  std::string list;
  for (const std::string& name : signed_names) {
    text += name + ":" + headers[name] + "\n";
    list += (list.empty() ? "" : ";") + name;
  }
  text += "\n" + list + "\n";
  text += payload_hash;
  return text;
}

std::string text_of(const CredentialScope& scope) {
  return scope.date + "/" + scope.region + "/" + scope.service + "/aws4_request";
}

std::string signing_key(std::string_view secret, const CredentialScope& scope) {
  const std::string date_key = hmac_sha256("AWS4" + std::string(secret), scope.date);
  const std::string region_key = hmac_sha256(date_key, scope.region);
  return hmac_sha256(hmac_sha256(region_key, scope.service), "aws4_request");
}

std::string signature(std::string_view key, const CredentialScope& scope, std::string_view amz_date,
                      std::string_view request) {
  const std::string to_sign = std::string(kAlgorithm) + "\n" + std::string(amz_date) + "\n" +
                              text_of(scope) + "\n" + sha256_hex(request);
  return hex_text(hmac_sha256(key, to_sign));
}

std::string amz_date_of(WallTime now) {
  const std::time_t seconds =
      std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &utc);
  return text;
}

std::optional<WallTime> parse_amz_date(const std::string& text) {
  std::tm utc{};
  const char* end = strptime(text.c_str(), "%Y%m%dT%H%M%SZ", &utc);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return WallTime(std::chrono::seconds(timegm(&utc)));
}

Error refuse(std::string code, std::string message) {
  return make_error(ErrorKind::denied, std::move(message), std::move(code));
}

// What the Authorization header says, or the query of a presigned URL.
struct Authorization {
  CredentialScope scope;
  std::vector<std::string> signed_headers;
  std::string signature;
  std::string amz_date;
  std::optional<std::chrono::seconds> expires;  // Of a presigned URL.
};

// The value of a parameter in the query of a target; "" if there is none.
std::string query_value(std::string_view target, std::string_view name) {
  const auto question = target.find('?');
  if (question == std::string_view::npos) return "";
  for (const std::string& part : split(target.substr(question + 1), '&')) {
    const auto equals = part.find('=');
    if (part.substr(0, equals) != name || equals == std::string::npos) continue;
    return percent_decode(std::string_view(part).substr(equals + 1));
  }
  return "";
}

Result<Authorization> parse_presigned(const HttpMessage& message) {
  const auto value = [&](std::string_view name) { return query_value(message.target, name); };
  Authorization parsed;
  const auto credential = split(value("X-Amz-Credential"), '/');
  parsed.signed_headers = split(value("X-Amz-SignedHeaders"), ';');
  parsed.signature = value("X-Amz-Signature");
  parsed.amz_date = value("X-Amz-Date");
  const std::string expires = value("X-Amz-Expires");
  std::int64_t seconds = 0;
  const auto [end, error] =
      std::from_chars(expires.data(), expires.data() + expires.size(), seconds);
  const bool timed = error == std::errc() && end == expires.data() + expires.size() &&
                     seconds >= 1 && seconds <= kExpiresMax.count();
  if (value("X-Amz-Algorithm") != kAlgorithm || credential.size() != 5 ||
      credential[4] != "aws4_request" || parsed.signature.empty() ||
      parsed.signed_headers.front().empty() || !timed) {
    return refuse(
        "IncompleteSignature",
        "A presigned URL requires X-Amz-Algorithm, X-Amz-Credential "
        "(KEY/DATE/REGION/SERVICE/aws4_request), X-Amz-Date, X-Amz-Expires (1 to 604800), "
        "X-Amz-SignedHeaders and X-Amz-Signature");
  }
  parsed.scope = {credential[0], credential[1], credential[2], credential[3]};
  parsed.expires = std::chrono::seconds(seconds);
  return parsed;
}

std::string member(std::string_view text, std::string_view name) {
  const auto at = text.find(std::string(name) + "=");
  if (at == std::string_view::npos) return "";
  const auto begin = at + name.size() + 1;
  return std::string(text.substr(begin, std::min(text.find(',', begin), text.size()) - begin));
}

Result<Authorization> parse_authorization(const HttpMessage& message) {
  const std::string text = header(message.headers, "Authorization");
  if (text.empty() && !query_value(message.target, "X-Amz-Algorithm").empty()) {
    return parse_presigned(message);
  }
  if (text.empty()) {
    return refuse("MissingAuthenticationToken", "Request is missing Authentication Token");
  }
  Authorization parsed;
  const auto credential = split(trimmed(member(text, "Credential")), '/');
  parsed.signed_headers = split(trimmed(member(text, "SignedHeaders")), ';');
  parsed.signature = trimmed(member(text, "Signature"));
  if (text.rfind(kAlgorithm, 0) != 0 || credential.size() != 5 || credential[4] != "aws4_request" ||
      parsed.signature.empty() || parsed.signed_headers.front().empty()) {
    return refuse("IncompleteSignature",
                  "Authorization header requires 'AWS4-HMAC-SHA256' with 'Credential' "
                  "(KEY/DATE/REGION/SERVICE/aws4_request), 'SignedHeaders' and 'Signature'");
  }
  parsed.scope = {credential[0], credential[1], credential[2], credential[3]};
  parsed.amz_date = header(message.headers, "X-Amz-Date");
  return parsed;
}

std::string session_token_of(const HttpMessage& message) {
  const std::string token = header(message.headers, "X-Amz-Security-Token");
  return token.empty() ? query_value(message.target, "X-Amz-Security-Token") : token;
}

// S3 allows more, and has words of its own.
Result<void> check_time_of_s3(const Authorization& authorization, WallTime date, WallTime now) {
  if (authorization.expires && date + *authorization.expires < now) {
    return refuse("AccessDenied", "Request has expired");
  }
  const bool early = date > now + kClockSkewMaxOfS3;
  if (early || (!authorization.expires && date + kClockSkewMaxOfS3 < now)) {
    return refuse("RequestTimeTooSkewed",
                  "The difference between the request time and the current time is too large.");
  }
  return ok();
}

// When a signature counts: five minutes either way, a presigned URL as long as it says.
Result<void> check_time(const Authorization& authorization, WallTime date, WallTime now) {
  if (authorization.scope.service == kS3) return check_time_of_s3(authorization, date, now);
  const std::string& amz_date = authorization.amz_date;
  const WallTime last = date + (authorization.expires ? *authorization.expires : kClockSkewMax);
  if (last < now && authorization.expires) {
    return refuse("SignatureDoesNotMatch", "Signature expired: the URL counted until " +
                                               amz_date_of(last) + ", and it is " +
                                               amz_date_of(now));
  }
  if (last < now) {
    return refuse("SignatureDoesNotMatch",
                  "Signature expired: " + amz_date + " is now earlier than " +
                      amz_date_of(now - kClockSkewMax) + " (" + amz_date_of(now) + " - 5 min.)");
  }
  if (date > now + kClockSkewMax) {
    return refuse("SignatureDoesNotMatch",
                  "Signature not yet current: " + amz_date + " is still later than " +
                      amz_date_of(now + kClockSkewMax) + " (" + amz_date_of(now) + " + 5 min.)");
  }
  return ok();
}

// A body in chunks is checked when they are read: what is signed is how they are.
Result<Payload> payload_kind(std::string_view hash) {
  if (hash == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD") return Payload::signed_chunks;
  if (hash == "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER") return Payload::signed_trailer;
  if (hash == "STREAMING-UNSIGNED-PAYLOAD-TRAILER") return Payload::unsigned_trailer;
  return make_error(ErrorKind::invalid,
                    "A header you provided implies functionality that is not implemented: "
                    "X-Amz-Content-Sha256: " +
                        shown(hash),
                    "NotImplemented");
}

// What the signature has for the payload. Fails for a body that has another hash.
Result<std::string> payload_hash_of(const HttpMessage& message, const Authorization& authorization,
                                    Payload& kind) {
  std::string named = header(message.headers, "X-Amz-Content-Sha256");
  const bool s3 = authorization.scope.service == kS3;
  if (s3 && named.empty() && authorization.expires) named = kUnsignedBody;
  if (s3 && named.empty()) {
    return make_error(ErrorKind::invalid,
                      "Missing required header for this request: x-amz-content-sha256",
                      "InvalidRequest");
  }
  if (named == kUnsignedBody) return named;
  if (s3 && named.starts_with("STREAMING-")) {
    TRY(kind, payload_kind(named));
    return named;
  }
  const std::string actual = sha256_hex(message.body);
  if (named.empty() || named == actual) return actual;
  if (s3) {
    return make_error(
        ErrorKind::invalid,
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
        "XAmzContentSHA256Mismatch");
  }
  return refuse("SignatureDoesNotMatch",
                "The payload does not have the hash that the request names");
}

}  // namespace

void sign(HttpMessage& message, const Credentials& credentials, std::string_view host,
          std::string_view region, std::string_view service, WallTime now) {
  if (header(message.headers, "Host").empty()) message.headers.emplace_back("Host", host);
  const std::string amz_date = amz_date_of(now);
  message.headers.emplace_back("X-Amz-Date", amz_date);
  const CredentialScope scope{credentials.access_key_id, amz_date.substr(0, 8), std::string(region),
                              std::string(service)};
  std::vector<std::string> names = {"host", "x-amz-date"};
  std::string list = "host;x-amz-date";
  const std::string hash = sha256_hex(message.body);
  if (service == kS3) {
    message.headers.emplace_back("X-Amz-Content-Sha256", hash);
    names = {"host", "x-amz-content-sha256", "x-amz-date"};
    list = "host;x-amz-content-sha256;x-amz-date";
  }
  if (!credentials.session_token.empty()) {
    message.headers.emplace_back("X-Amz-Security-Token", credentials.session_token);
    names.emplace_back("x-amz-security-token");
    list += ";x-amz-security-token";
  }
  const std::string request = canonical_request(message, names, service, hash);
  message.headers.emplace_back(
      "Authorization",
      std::string(kAlgorithm) + " Credential=" + scope.access_key_id + "/" + scope.date + "/" +
          scope.region + "/" + scope.service + "/aws4_request, SignedHeaders=" + list +
          ", Signature=" +
          signature(signing_key(credentials.secret_access_key, scope), scope, amz_date, request));
}

Result<CredentialScope> scope_of(const HttpMessage& message) {
  TRY(const Authorization authorization, parse_authorization(message));
  return authorization.scope;
}

Result<Verified> verify(const HttpMessage& message, const SecretOf& secret_of, WallTime now) {
  TRY(const Authorization authorization, parse_authorization(message));
  const CredentialScope& scope = authorization.scope;
  TRY(const std::string secret, secret_of(scope.access_key_id, session_token_of(message)));
  const std::string& amz_date = authorization.amz_date;
  const auto date = parse_amz_date(amz_date);
  const auto& names = authorization.signed_headers;
  const auto is_signed = [&](std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (!date || amz_date.substr(0, 8) != scope.date || !is_signed("host") ||
      (!is_signed("x-amz-date") && !authorization.expires)) {
    return refuse(
        "IncompleteSignature",
        "A signed 'X-Amz-Date' that agrees with the credential's date and a signed 'Host' "
        "are required");
  }
  TRY_VOID(check_time(authorization, *date, now));
  // Each once and in order, and each one there: whatever else is signed was signed by nobody's SDK.
  const bool in_order =
      std::adjacent_find(names.begin(), names.end(), std::greater_equal<>()) == names.end();
  if (!in_order || names.size() > message.headers.size()) {
    return refuse("IncompleteSignature",
                  "SignedHeaders names headers of the request, in lower case, sorted, each once");
  }
  Verified verified{scope};
  TRY(const std::string hash, payload_hash_of(message, authorization, verified.payload));
  const std::string request = canonical_request(message, names, scope.service, hash);
  const std::string key = signing_key(secret, scope);
  const std::string expected = signature(key, scope, amz_date, request);
  if (expected.size() != authorization.signature.size() ||
      CRYPTO_memcmp(expected.data(), authorization.signature.data(), expected.size()) != 0) {
    return refuse("SignatureDoesNotMatch",
                  "The request signature we calculated does not match the signature you provided. "
                  "Check your AWS Secret Access Key and signing method.");
  }
  verified.chunks = {key, amz_date, text_of(scope), expected};
  return verified;
}

Error invalid_token() {
  return refuse("InvalidClientTokenId", "The security token included in the request is invalid.");
}

}  // namespace aurora_global::awsapi
