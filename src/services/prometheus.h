// What GET /metrics says: the region's numbers in Prometheus's text format. Pure.
//
// Source: Prometheus, "Exposition formats", text-based format 0.0.4.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace aurora_global::services {

inline constexpr char kPrometheusContentType[] = "text/plain; version=0.0.4; charset=utf-8";

// `status` is what Region::status_json() gives; what is missing there is left out.
std::string prometheus_text(const nlohmann::json& status);

}  // namespace aurora_global::services
