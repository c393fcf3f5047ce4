// Bodies in `aws-chunked` coding: chunks with signatures, and a trailer with checksums. Pure.
//
// Source: Amazon S3, "Signature Calculations for the Authorization Header: Transferring Payload in
// Multiple Chunks", with and without trailing headers.
#pragma once

#include "awsapi/sigv4.h"

namespace aurora_global::awsapi {

inline constexpr std::size_t kChunkLineMax = 1024;
inline constexpr std::size_t kTrailersMax = 16;

struct Unchunked {
  std::string content;
  Headers trailers;  // Names in lower case.
};

// What is in `body`. Fails with SignatureDoesNotMatch for a chunk that was changed, and with
// IncompleteBody for what is no such body or does not end.
Result<Unchunked> read_chunks(std::string_view body, Payload kind, const ChunkSigning& signing);

}  // namespace aurora_global::awsapi
