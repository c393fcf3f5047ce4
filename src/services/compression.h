// Request bodies that clients compress (AWS's SDKs do with PutMetricData over 10 KB).
#pragma once

#include "net/http.h"

namespace aurora_global::services {

// Replaces a gzip body by what is in all of its members (RFC 1952). Fails with
// InvalidParameterValue for a body that is none, has anything behind them or has another encoding,
// with RequestTooLargeException for one that is over kHttpBodyBytesMax inside.
Result<void> decompress(net::HttpRequest& request);

}  // namespace aurora_global::services
