// The region's API address: verifies who asks, then hands the call to the service it is for.
//
// Service and region come from the signature's credential scope. A call for another region is
// passed on unmodified to that region's daemon, which verifies it itself.
#pragma once

#include "net/http.h"
#include "region/region.h"

namespace aurora_global::services {

// `region` must outlive the handler.
net::HttpHandler make_api_handler(region::Region& region);

}  // namespace aurora_global::services
