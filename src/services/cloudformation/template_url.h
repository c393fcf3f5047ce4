// Where a template is that is not in the call: an object of this platform's own S3.
#pragma once

#include <string_view>

#include "awsapi/s3_address.h"
#include "base/result.h"

namespace aurora_global::services::cloudformation {

// Nothing is fetched from the address: it only says which object is meant. Taken are the forms of
// AWS's S3 (path and virtual-host style, and s3://) and those at a loopback address, as clients
// with an endpoint of their own write it. Fails with ValidationError for every other.
Result<awsapi::S3Address> object_named(std::string_view url);

}  // namespace aurora_global::services::cloudformation
