// CloudWatch's embedded metric format: metrics inside log lines. Pure.
//
// Source: "Specification: CloudWatch embedded metric format".
#pragma once

#include <string_view>
#include <vector>

#include "services/sinks.h"

namespace aurora_global::services::lambda {

// The metrics of one line of output; none for a line that is no document of that format.
std::vector<MetricDatum> embedded_metrics(std::string_view line);

}  // namespace aurora_global::services::lambda
