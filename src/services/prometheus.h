// What GET /metrics says: the region's numbers in Prometheus's text format. Pure.
//
// Source: Prometheus, "Exposition formats", text-based format 0.0.4.
#pragma once

#include <string>
#include "model/region_status.h"

namespace aurora_global::services {

inline constexpr char kPrometheusContentType[] = "text/plain; version=0.0.4; charset=utf-8";

std::string prometheus_text(const model::RegionStatus& status);

}  // namespace aurora_global::services
