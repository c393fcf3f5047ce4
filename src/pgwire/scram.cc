#include "pgwire/scram.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <optional>

#include "base/base64.h"
#include "base/check.h"

namespace aurora_global::pgwire {
namespace {

constexpr std::string_view kMechanism = "SCRAM-SHA-256";
constexpr std::string_view kMechanismPlus = "SCRAM-SHA-256-PLUS";
constexpr std::string_view kBindingType = "tls-server-end-point";
// What PostgreSQL gives its own verifiers; a decoy has to look like one of them.
constexpr int kIterations = 4096;
constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kNonceBytes = 18;

using Key = std::array<std::uint8_t, SHA256_DIGEST_LENGTH>;

Error violation(std::string message) {
  return make_error(ErrorKind::corrupt, std::move(message), "08P01");
}
Error malformed(const std::string& detail) {
  return violation("malformed SCRAM message: " + detail);
}
Error unsupported(std::string message) {
  return make_error(ErrorKind::denied, std::move(message), "0A000");
}
Error wrong_binding(std::string message) {
  return make_error(ErrorKind::denied, std::move(message), "28000");
}

std::string_view text_of(BytesView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

BytesView bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

Key hmac(BytesView key, std::string_view text) {
  Key out{};
  unsigned int size = 0;
  CHECK(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(text).data(),
             text.size(), out.data(), &size) != nullptr);
  return out;
}

bool printable_char(char c) { return c >= 0x21 && c <= 0x7e; }

// A client's character in a message to that client.
std::string shown(char c) {
  if (printable_char(c)) return std::string("'") + c + "'";
  char text[8];
  std::snprintf(text, sizeof text, "0x%02x", static_cast<unsigned char>(c));
  return text;
}

std::string shown(std::string_view text) {
  constexpr std::size_t kShownMax = 30;
  std::string out(text.substr(0, kShownMax));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return !printable_char(c); }, '?');
  return out;
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// name=value, separated by commas. The end of the text reads as a NUL, which no message contains.
class AttributeReader {
 public:
  struct Attribute {
    char name = 0;
    std::string_view value;
  };

  explicit AttributeReader(std::string_view text) : rest_(text) {}

  char peek() const { return rest_.empty() ? '\0' : rest_.front(); }
  void skip() { rest_.remove_prefix(std::min<std::size_t>(1, rest_.size())); }
  std::string_view rest() const { return rest_; }

  Result<std::string_view> value_of(char name) {
    if (peek() != name) {
      return malformed(std::string("Expected attribute \"") + name + "\" but found \"" +
                       shown(peek()) + "\".");
    }
    TRY(const Attribute attribute, any());
    return attribute.value;
  }

  Result<Attribute> any() {
    const char name = peek();
    if (rest_.empty()) return malformed("Attribute expected, but found end of string.");
    if (!is_letter(name)) {
      return malformed("Attribute expected, but found invalid character \"" + shown(name) + "\".");
    }
    skip();
    if (peek() != '=') {
      return malformed(std::string("Expected character \"=\" for attribute \"") + name + "\".");
    }
    skip();
    const std::string_view value = rest_.substr(0, rest_.find(','));
    rest_.remove_prefix(value.size());
    skip();
    return Attribute{name, value};
  }

 private:
  std::string_view rest_;
};

Result<void> check_text(std::string_view message) {
  if (message.empty()) return malformed("The message is empty.");
  if (message.size() > kScramMessageBytesMax) return violation("invalid message length");
  if (message.find('\0') != std::string_view::npos) {
    return malformed("Message length does not match input length.");
  }
  return ok();
}

// What stands before the separator, which goes too.
std::optional<std::string_view> cut(std::string_view& text, char separator) {
  const auto end = text.find(separator);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end + 1);
  return part;
}

std::optional<Key> read_key(std::string_view text) {
  const auto bytes = from_base64(text);
  Key key{};
  if (!bytes || bytes->size() != key.size()) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), key.begin());
  return key;
}

}  // namespace

Result<ScramVerifier> parse_scram_verifier(std::string_view text) {
  const auto invalid = [] {
    return make_error(ErrorKind::invalid, "the stored password is no SCRAM-SHA-256 verifier");
  };
  if (text.size() > kScramVerifierBytesMax) return invalid();
  const auto scheme = cut(text, '$');
  if (!scheme || *scheme != kMechanism) return invalid();
  const auto iterations = cut(text, ':');
  const auto salt_text = cut(text, '$');
  const auto stored_key = cut(text, ':');
  if (!iterations || !salt_text || !stored_key) return invalid();

  ScramVerifier verifier;
  const char* end = iterations->data() + iterations->size();
  const auto read = std::from_chars(iterations->data(), end, verifier.iterations);
  if (read.ec != std::errc() || read.ptr != end || verifier.iterations < 1) return invalid();
  const auto salt = from_base64(*salt_text);
  if (!salt || salt->empty()) return invalid();
  verifier.salt.assign(salt->begin(), salt->end());
  const auto stored = read_key(*stored_key);
  const auto server = read_key(text);
  if (!stored || !server) return invalid();
  verifier.stored_key = *stored;
  verifier.server_key = *server;
  return verifier;
}

ScramVerifier decoy_verifier(std::string_view user, BytesView process_secret) {
  // The first character keeps the three uses of the secret apart.
  const auto derive = [&](char use) { return hmac(process_secret, use + std::string(user)); };
  ScramVerifier verifier;
  verifier.iterations = kIterations;
  const Key salt = derive('s');
  verifier.salt.assign(salt.begin(), salt.begin() + kSaltBytes);
  verifier.stored_key = derive('c');
  verifier.server_key = derive('k');
  return verifier;
}

Bytes tls_server_end_point(const X509& certificate) {
  // Old signatures of X509 functions take what they only read without const.
  X509* const x509 = const_cast<X509*>(&certificate);
  int digest_nid = NID_undef;
  // Unlike the signature's own identifier this knows the digest of RSA-PSS too.
  if (X509_get_signature_info(x509, &digest_nid, nullptr, nullptr, nullptr) != 1) return {};
  const EVP_MD* digest = digest_nid == NID_md5 || digest_nid == NID_sha1
                             ? EVP_sha256()
                             : EVP_get_digestbynid(digest_nid);
  if (digest == nullptr) return {};
  Bytes out(EVP_MAX_MD_SIZE);
  unsigned int size = 0;
  if (X509_digest(x509, digest, out.data(), &size) != 1) return {};
  out.resize(size);
  return out;
}

std::string fresh_scram_nonce() {
  std::array<std::uint8_t, kNonceBytes> bytes{};
  CHECK(RAND_bytes(bytes.data(), bytes.size()) == 1);
  return base64(text_of(bytes));  // Base64 has no comma, which a nonce may not contain.
}

ScramServer::ScramServer(ScramVerifier verifier, Bytes certificate_hash, bool may_match,
                         std::string server_nonce)
    : verifier_(std::move(verifier)),
      certificate_hash_(std::move(certificate_hash)),
      may_match_(may_match),
      server_nonce_(std::move(server_nonce)) {}

std::vector<std::string> ScramServer::mechanisms(bool tls) {
  std::vector<std::string> names;
  if (tls) names.emplace_back(kMechanismPlus);
  names.emplace_back(kMechanism);
  return names;
}

// Reads the GS2 header and gives client-first-message-bare.
Result<std::string_view> ScramServer::read_binding_flag(std::string_view client_first) {
  AttributeReader reader(client_first);
  flag_ = reader.peek();
  if (flag_ == 'n' || flag_ == 'y') {
    if (plus_) {
      return malformed(
          "The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel "
          "binding data.");
    }
    // Somebody between us took the -PLUS out of what we offered.
    if (flag_ == 'y' && !certificate_hash_.empty()) {
      return wrong_binding(
          "SCRAM channel binding negotiation error: The client supports SCRAM channel binding but "
          "thinks the server does not.  However, this server does support channel binding.");
    }
    reader.skip();
    if (reader.peek() != ',') {
      return malformed("Comma expected, but found character \"" + shown(reader.peek()) + "\".");
    }
    reader.skip();
  } else if (flag_ == 'p') {
    if (!plus_) {
      return malformed(
          "The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message "
          "includes channel binding data.");
    }
    TRY(const std::string_view type, reader.value_of('p'));
    if (type != kBindingType) {
      return violation("unsupported SCRAM channel-binding type \"" + shown(type) + "\"");
    }
  } else {
    return malformed("Unexpected channel-binding flag \"" + shown(flag_) + "\".");
  }
  if (reader.peek() == 'a') {
    return unsupported("client uses authorization identity, but it is not supported");
  }
  if (reader.peek() != ',') {
    return malformed("Unexpected attribute \"" + shown(reader.peek()) +
                     "\" in client-first-message.");
  }
  reader.skip();
  return reader.rest();
}

Result<std::string> ScramServer::first(std::string_view mechanism, std::string_view client_first) {
  CHECK(stage_ == Stage::first);
  stage_ = Stage::over;
  plus_ = mechanism == kMechanismPlus && !certificate_hash_.empty();
  if (!plus_ && mechanism != kMechanism) {
    return violation("client selected an invalid SASL authentication mechanism");
  }
  TRY_VOID(check_text(client_first));
  TRY(const std::string_view bare, read_binding_flag(client_first));
  AttributeReader reader(bare);
  if (reader.peek() == 'm') return unsupported("client requires an unsupported SCRAM extension");
  // The user is the one of the start-up packet; PostgreSQL's clients leave this name empty.
  TRY_VOID(reader.value_of('n'));
  TRY(const std::string_view nonce, reader.value_of('r'));
  if (!std::all_of(nonce.begin(), nonce.end(), printable_char)) {
    return violation("non-printable characters in SCRAM nonce");
  }
  while (!reader.rest().empty()) TRY_VOID(reader.any());

  client_first_bare_ = bare;
  nonce_ = std::string(nonce) + server_nonce_;
  server_first_ = "r=" + nonce_ + ",s=" + base64(text_of(verifier_.salt)) +
                  ",i=" + std::to_string(verifier_.iterations);
  stage_ = Stage::final;
  return server_first_;
}

// What c= of the client has to be: the GS2 header as it was sent, and the binding data.
std::string ScramServer::binding() const {
  if (!plus_) return base64(std::string(1, flag_) + ",,");
  std::string data = "p=" + std::string(kBindingType) + ",,";
  data += text_of(certificate_hash_);
  return base64(data);
}

bool ScramServer::proves(BytesView proof, std::string_view auth_message) const {
  Key client_key = hmac(verifier_.stored_key, auth_message);
  for (std::size_t i = 0; i < client_key.size(); ++i) client_key[i] ^= proof[i];
  Key stored_key{};
  SHA256(client_key.data(), client_key.size(), stored_key.data());
  // With it anybody could log in as this user.
  OPENSSL_cleanse(client_key.data(), client_key.size());
  const bool equal =
      CRYPTO_memcmp(stored_key.data(), verifier_.stored_key.data(), stored_key.size()) == 0;
  return equal && may_match_;
}

Result<std::string> ScramServer::final(std::string_view client_final) {
  CHECK(stage_ == Stage::final);
  stage_ = Stage::over;
  TRY_VOID(check_text(client_final));
  AttributeReader reader(client_final);
  TRY(const std::string_view bound, reader.value_of('c'));
  if (bound != binding()) {
    return plus_ ? wrong_binding("SCRAM channel binding check failed")
                 : violation("unexpected SCRAM channel-binding attribute in client-final-message");
  }
  TRY(const std::string_view nonce, reader.value_of('r'));
  AttributeReader::Attribute attribute;
  std::string_view without_proof;
  do {  // Extensions that a server need not know may stand before the proof.
    const std::size_t at = client_final.size() - reader.rest().size();
    without_proof = client_final.substr(0, at - 1);
    TRY(attribute, reader.any());
  } while (attribute.name != 'p');
  const auto proof = read_key(attribute.value);
  if (!proof) return malformed("Malformed proof in client-final-message.");
  if (!reader.rest().empty()) {
    return malformed("Garbage found at the end of client-final-message.");
  }
  if (nonce != nonce_) return violation("invalid SCRAM response: Nonce does not match.");

  const std::string auth_message =
      client_first_bare_ + "," + server_first_ + "," + std::string(without_proof);
  if (!proves(*proof, auth_message)) {
    return make_error(ErrorKind::denied, "password authentication failed", "28P01");
  }
  return "v=" + base64(text_of(hmac(verifier_.server_key, auth_message)));
}

}  // namespace aurora_global::pgwire
