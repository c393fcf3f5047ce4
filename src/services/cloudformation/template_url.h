// Where a template is that is not in the call: an object of this platform's own S3.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace aurora_global::services::cloudformation {

struct ObjectName {
  std::string bucket;
  std::string key;
};

// Nothing is fetched from the address: it only says which object is meant. Taken are the forms of
// AWS's S3 (path and virtual-host style, and s3://) and path style at a loopback address, as
// clients with an endpoint of their own write it. Fails with ValidationError for every other.
Result<ObjectName> object_named(std::string_view url);

}  // namespace aurora_global::services::cloudformation
