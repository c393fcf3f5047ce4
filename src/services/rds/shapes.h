// What RDS tells of the region's things, as JSON by AWS's model. Pure.
#pragma once

#include <nlohmann/json.hpp>

#include "model/global_cluster.h"
#include "region/region.h"

namespace aurora_global::services::rds {

// A version of the engine: "15" and "15.18".
struct EngineVersion {
  std::string major, full;
};

// "default.aurora-postgresql15".
std::string default_group(const region::Facts& facts);
nlohmann::json tag_list(const std::vector<model::Tag>& tags);
nlohmann::json shape_of(const region::Facts& facts, const model::GlobalCluster& global);
nlohmann::json shape_of(const region::Facts& facts, const model::DbCluster& cluster);
nlohmann::json shape_of(const region::Facts& facts, const model::DbInstance& instance);
nlohmann::json shape_of(const region::Facts& facts, const model::Event& event);
nlohmann::json shape_of(const region::Facts& facts, const EngineVersion& version);

}  // namespace aurora_global::services::rds
