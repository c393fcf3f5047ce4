#include "awsapi/aws_chunked.h"

#include <openssl/crypto.h>

#include <charconv>

#include "awsapi/hashes.h"

namespace aurora_global::awsapi {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kTrailerSignature = "x-amz-trailer-signature";

Error incomplete(const std::string& why) {
  return make_error(ErrorKind::invalid, "The body is no aws-chunked content: " + why,
                    "IncompleteBody");
}

Error mismatch() {
  return make_error(
      ErrorKind::denied,
      "The request signature we calculated does not match the signature you provided. "
      "Check your key and signing method.",
      "SignatureDoesNotMatch");
}

class ChunkReader {
 public:
  ChunkReader(std::string_view body, Payload kind, const ChunkSigning& signing)
      : rest_(body), kind_(kind), signing_(signing), previous_(signing.seed) {}

  Result<Unchunked> read() {
    Unchunked read;
    for (;;) {
      TRY(const std::string_view head, line());
      TRY(const std::string_view chunk, chunk_of(head));
      read.content += chunk;
      if (chunk.empty()) break;
    }
    TRY_VOID(read_trailers(read.trailers));
    return read;
  }

 private:
  bool chunks_are_signed() const { return kind_ != Payload::unsigned_trailer; }

  Result<std::string_view> line() {
    const auto end = rest_.substr(0, kChunkLineMax).find(kLineEnd);
    if (end == std::string_view::npos) return incomplete("a line does not end");
    const std::string_view found = rest_.substr(0, end);
    rest_.remove_prefix(end + kLineEnd.size());
    return found;
  }

  // The chunk that a line such as "10000;chunk-signature=..." begins.
  Result<std::string_view> chunk_of(std::string_view head) {
    const auto semicolon = std::min(head.find(';'), head.size());
    std::size_t size = 0;
    const auto [end, error] = std::from_chars(head.data(), head.data() + semicolon, size, 16);
    if (error != std::errc() || end != head.data() + semicolon) {
      return incomplete("a chunk has no size");
    }
    // The last chunk has no line end of its own where trailers follow.
    const std::string_view after = rest_.substr(std::min(size, rest_.size()));
    if (size > rest_.size() || (size > 0 && !after.starts_with(kLineEnd))) {
      return incomplete("a chunk is shorter than it says");
    }
    const std::string_view chunk = rest_.substr(0, size);
    if (chunks_are_signed()) TRY_VOID(check(head.substr(semicolon), chunk));
    rest_.remove_prefix(size + (size > 0 ? kLineEnd.size() : 0));
    return chunk;
  }

  Result<void> check(std::string_view extension, std::string_view chunk) {
    constexpr std::string_view kName = ";chunk-signature=";
    if (!extension.starts_with(kName)) return mismatch();
    const std::string expected =
        sign_after("AWS4-HMAC-SHA256-PAYLOAD", sha256_hex("") + "\n" + sha256_hex(chunk));
    return compare(extension.substr(kName.size()), expected);
  }

  std::string sign_after(const std::string& algorithm, const std::string& what) const {
    return hex_text(hmac_sha256(signing_.key, algorithm + "\n" + signing_.amz_date + "\n" +
                                                  signing_.scope + "\n" + previous_ + "\n" + what));
  }

  Result<void> compare(std::string_view given, const std::string& expected) {
    if (given.size() != expected.size() ||
        CRYPTO_memcmp(given.data(), expected.data(), expected.size()) != 0) {
      return mismatch();
    }
    previous_ = expected;
    return ok();
  }

  Result<void> read_trailers(Headers& trailers) {
    std::string text, signature;
    while (!rest_.empty()) {
      TRY(const std::string_view one, line());
      if (one.empty()) break;
      const auto colon = one.find(':');
      if (colon == std::string_view::npos || trailers.size() == kTrailersMax) {
        return incomplete("a trailer is none");
      }
      const std::string name = lower(one.substr(0, colon));
      std::string_view value = one.substr(colon + 1);
      while (value.starts_with(' ')) value.remove_prefix(1);
      if (name == kTrailerSignature) {
        signature = value;
        continue;
      }
      text += name + ":" + std::string(value) + "\n";
      trailers.emplace_back(name, value);
    }
    if (!rest_.empty()) return incomplete("something follows its end");
    if (kind_ != Payload::signed_trailer) return ok();
    return compare(signature, sign_after("AWS4-HMAC-SHA256-TRAILER", sha256_hex(text)));
  }

  std::string_view rest_;
  Payload kind_;
  const ChunkSigning& signing_;
  std::string previous_;
};

}  // namespace

Result<Unchunked> read_chunks(std::string_view body, Payload kind, const ChunkSigning& signing) {
  return ChunkReader(body, kind, signing).read();
}

}  // namespace aurora_global::awsapi
