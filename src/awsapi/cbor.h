// CBOR as AWS's RPC v2 protocol uses it. Pure.
//
// Sources: RFC 8949; Smithy, "Smithy RPC v2 CBOR protocol".
#pragma once

#include <nlohmann/json.hpp>

#include "awsapi/service_model.h"
#include "base/json.h"
#include "base/result.h"

namespace aurora_global::awsapi {

inline constexpr int kCborDepthMax = 64;

// One document: byte strings as binary, tags passed over, undefined as null. Fails with
// SerializationException for anything that is not one well-formed document within the limits. Of
// those, kJsonValuesMax counts tags and pieces of texts, too.
Result<nlohmann::json> read_cbor(std::string_view bytes);

// `value` by its shape: timestamps (seconds) with tag 1, floating numbers as 64-bit floats, blobs
// (base64) as byte strings. Members that the shape does not have are written by what they are.
std::string write_cbor(const Shape* shape, const nlohmann::json& value);

}  // namespace aurora_global::awsapi
