// How a call of an API and its answer travel between two regions: a line of JSON for what is in the
// head, then the body as it is. A body may be any bytes and does not grow on the way. Pure.
#pragma once

#include "net/http.h"
#include "region/region.h"

namespace aurora_global::region {

// What the peers' server and client take: a call that the API takes (an object on its way to S3 is
// the largest), and its head.
inline constexpr std::size_t kPassedBytesMax = (256u << 20) + (2u << 20);

std::string encode(const RawRequest& request);
std::string encode(const RawResponse& response);
// Fail with `corrupt`.
Result<RawRequest> decode_request(std::string_view text);
Result<RawResponse> decode_response(std::string_view text);

}  // namespace aurora_global::region
