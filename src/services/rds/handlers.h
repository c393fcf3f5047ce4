// One function per action of the RDS API, and what they share.
//
// A handler reads its parameters, calls finish() before it acts, and gives the output by AWS's
// model. The region outlives the call.
#pragma once

#include <algorithm>

#include "region/region.h"
#include "services/rds/parameters.h"
#include "services/rds/rules.h"
#include "services/rds/shapes.h"

namespace aurora_global::services::rds {

using nlohmann::json;
using region::Region;
using Answer = net::Task<Result<json>>;
using Handler = Answer (*)(Region&, Parameters);

Answer create_global_cluster(Region& region, Parameters p);
Answer describe_global_clusters(Region& region, Parameters p);
Answer modify_global_cluster(Region& region, Parameters p);
Answer delete_global_cluster(Region& region, Parameters p);
Answer remove_from_global_cluster(Region& region, Parameters p);
Answer switchover_global_cluster(Region& region, Parameters p);
Answer failover_global_cluster(Region& region, Parameters p);
Answer create_db_cluster(Region& region, Parameters p);
Answer describe_db_clusters(Region& region, Parameters p);
Answer modify_db_cluster(Region& region, Parameters p);
Answer delete_db_cluster(Region& region, Parameters p);
Answer create_db_instance(Region& region, Parameters p);
Answer describe_db_instances(Region& region, Parameters p);
Answer modify_db_instance(Region& region, Parameters p);
Answer delete_db_instance(Region& region, Parameters p);
Answer describe_events(Region& region, Parameters p);
Answer describe_db_engine_versions(Region& region, Parameters p);
Answer list_tags_for_resource(Region& region, Parameters p);

// Identifiers are stored in lower case and compared without case.
std::string lower(std::string text);
Error invalid(std::string code, std::string message);
// Fails with InvalidParameterValue for any engine but ours.
Result<void> check_engine(const std::string& engine);

// The items of one page as the list `name`, with a Marker if more follow.
template <typename Item>
json page_of(const Region& region, const char* name, const std::vector<Item>& items, Page page) {
  const std::size_t from = std::min(page.from, items.size());
  const std::size_t to = std::min(from + page.size, items.size());
  json answer = {{name, json::array()}};
  for (std::size_t i = from; i < to; ++i) {
    answer[name].push_back(shape_of(region.facts(), items[i]));
  }
  if (to < items.size()) answer["Marker"] = std::to_string(to);
  return answer;
}

}  // namespace aurora_global::services::rds
