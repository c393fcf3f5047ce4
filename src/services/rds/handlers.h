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
Answer reboot_db_instance(Region& region, Parameters p);
Answer create_db_subnet_group(Region& region, Parameters p);
Answer describe_db_subnet_groups(Region& region, Parameters p);
Answer modify_db_subnet_group(Region& region, Parameters p);
Answer delete_db_subnet_group(Region& region, Parameters p);
Answer create_db_cluster_parameter_group(Region& region, Parameters p);
Answer describe_db_cluster_parameter_groups(Region& region, Parameters p);
Answer modify_db_cluster_parameter_group(Region& region, Parameters p);
Answer reset_db_cluster_parameter_group(Region& region, Parameters p);
Answer delete_db_cluster_parameter_group(Region& region, Parameters p);
Answer describe_db_cluster_parameters(Region& region, Parameters p);
Answer create_db_parameter_group(Region& region, Parameters p);
Answer describe_db_parameter_groups(Region& region, Parameters p);
Answer modify_db_parameter_group(Region& region, Parameters p);
Answer reset_db_parameter_group(Region& region, Parameters p);
Answer delete_db_parameter_group(Region& region, Parameters p);
Answer describe_db_parameters(Region& region, Parameters p);
Answer list_tags_for_resource(Region& region, Parameters p);
Answer add_tags_to_resource(Region& region, Parameters p);
Answer remove_tags_from_resource(Region& region, Parameters p);

// Identifiers are stored in lower case and compared without case.
std::string lower(std::string text);
Error invalid(std::string code, std::string message);
// Fails with InvalidParameterValue for any engine but ours.
Result<void> check_engine(const std::string& engine);

// The items of one page as the list `name`, with a Marker if more follow.
template <typename Items, typename Shape>
json page_of(const char* name, const Items& items, Page page, const Shape& shape) {
  const std::size_t from = std::min(page.from, items.size());
  const std::size_t to = std::min(from + page.size, items.size());
  json answer = {{name, json::array()}};
  for (std::size_t i = from; i < to; ++i) answer[name].push_back(shape(items[i]));
  if (to < items.size()) answer["Marker"] = std::to_string(to);
  return answer;
}
template <typename Item>
json page_of(const Region& region, const char* name, const std::vector<Item>& items, Page page) {
  return page_of(name, items, page,
                 [&](const Item& item) { return shape_of(region.facts(), item); });
}

// ---- groups

Error no_such_group(model::GroupKind kind, const std::string& name);
// The group of that name, in lower case, as a cluster or an instance keeps it: "" for the default
// one. Fails with the code of the kind.
Result<std::string> named_group(const Region& region, model::GroupKind kind,
                                const std::string& name);

}  // namespace aurora_global::services::rds
