// One function per action of the RDS API, and what they share.
//
// A handler reads its parameters, calls finish() before it acts, and writes the result between
// <XxxResult> and </XxxResult>. The references outlive the call.
#pragma once

#include <algorithm>

#include "awsapi/rds_shapes.h"
#include "region/region.h"
#include "services/rds/parameters.h"
#include "services/rds/rules.h"

namespace aurora_global::services::rds {

using awsapi::XmlWriter;
using region::Region;
using Outcome = net::Task<Result<void>>;
using Handler = Outcome (*)(Region&, Parameters&, XmlWriter&);

Outcome create_global_cluster(Region& region, Parameters& p, XmlWriter& xml);
Outcome describe_global_clusters(Region& region, Parameters& p, XmlWriter& xml);
Outcome modify_global_cluster(Region& region, Parameters& p, XmlWriter& xml);
Outcome delete_global_cluster(Region& region, Parameters& p, XmlWriter& xml);
Outcome remove_from_global_cluster(Region& region, Parameters& p, XmlWriter& xml);
Outcome switchover_global_cluster(Region& region, Parameters& p, XmlWriter& xml);
Outcome failover_global_cluster(Region& region, Parameters& p, XmlWriter& xml);
Outcome create_db_cluster(Region& region, Parameters& p, XmlWriter& xml);
Outcome describe_db_clusters(Region& region, Parameters& p, XmlWriter& xml);
Outcome modify_db_cluster(Region& region, Parameters& p, XmlWriter& xml);
Outcome delete_db_cluster(Region& region, Parameters& p, XmlWriter& xml);
Outcome create_db_instance(Region& region, Parameters& p, XmlWriter& xml);
Outcome describe_db_instances(Region& region, Parameters& p, XmlWriter& xml);
Outcome modify_db_instance(Region& region, Parameters& p, XmlWriter& xml);
Outcome delete_db_instance(Region& region, Parameters& p, XmlWriter& xml);
Outcome describe_events(Region& region, Parameters& p, XmlWriter& xml);
Outcome describe_db_engine_versions(Region& region, Parameters& p, XmlWriter& xml);
Outcome list_tags_for_resource(Region& region, Parameters& p, XmlWriter& xml);

// Identifiers are stored in lower case and compared without case.
std::string lower(std::string text);
Error invalid(std::string code, std::string message);
// Fails with InvalidParameterValue for any engine but ours.
Result<void> check_engine(const std::string& engine);

// Writes <list> with the items of one page, and <Marker> if more follow.
template <typename Item, typename Write>
void write_page(XmlWriter& xml, std::string_view list, const std::vector<Item>& items, Page page,
                Write write) {
  const std::size_t from = std::min(page.from, items.size());
  const std::size_t to = std::min(from + page.size, items.size());
  xml.open(list);
  for (std::size_t i = from; i < to; ++i) write(items[i]);
  xml.close();
  if (to < items.size()) xml.element("Marker", std::to_string(to));
}

}  // namespace aurora_global::services::rds
