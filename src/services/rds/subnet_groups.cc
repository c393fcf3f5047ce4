// DB subnet groups: kept and shown. There is no network behind their subnets.
#include <set>

#include "services/rds/handlers.h"

namespace aurora_global::services::rds {
namespace {

using model::DbGroup;
using model::GroupKind;

constexpr std::size_t kSubnetsMax = 20;

json shape_of_group(const region::Facts& facts, const DbGroup& group) {
  json subnets = json::array();
  char zone = 'a';
  for (const std::string& id : group.subnets) {
    const std::string name = facts.region.name + zone;
    zone = zone == 'c' ? 'a' : static_cast<char>(zone + 1);
    subnets.push_back({{"SubnetIdentifier", id},
                       {"SubnetAvailabilityZone", {{"Name", name}}},
                       {"SubnetStatus", "Active"}});
  }
  return {{"DBSubnetGroupName", group.name},
          {"DBSubnetGroupDescription", group.description},
          {"SubnetGroupStatus", "Complete"},
          {"Subnets", std::move(subnets)},
          {"SupportedNetworkTypes", {"IPV4"}},
          {"DBSubnetGroupArn",
           model::group_arn(GroupKind::subnets, facts.region, facts.account_id, group.name)}};
}

Result<void> check_subnets(const std::vector<std::string>& ids) {
  const std::set<std::string> different(ids.begin(), ids.end());
  if (ids.size() > kSubnetsMax) {
    return make_error(ErrorKind::exhausted, "A DB subnet group has at most 20 subnets",
                      "DBSubnetQuotaExceededFault");
  }
  for (const std::string& id : ids) {
    if (!id.starts_with("subnet-")) {
      return invalid("InvalidSubnet", "The subnet ID '" + id + "' does not exist");
    }
  }
  if (different.size() >= 2) return ok();
  return invalid("DBSubnetGroupDoesNotCoverEnoughAZs",
                 "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. "
                 "Current AZ coverage: " +
                     std::to_string(different.size()) + ". Add subnets to cover at least 2 AZs.");
}

}  // namespace

Answer create_db_subnet_group(Region& region, Parameters p) {
  DbGroup made;
  made.name = lower(p.required("DBSubnetGroupName"));
  made.description = p.required("DBSubnetGroupDescription");
  made.subnets = p.texts("SubnetIds");
  made.tags = p.tags();
  CO_TRY_VOID(p.finish());
  CO_TRY_VOID(check_subnet_group_name(made.name));
  CO_TRY_VOID(check_subnets(made.subnets));
  const auto edit = [&](std::optional<DbGroup> present) -> region::EditedGroup {
    if (!present) return made;
    return make_error(ErrorKind::conflict,
                      "The DB subnet group '" + made.name + "' already exists.",
                      "DBSubnetGroupAlreadyExists");
  };
  CO_TRY_VOID(co_await region.update_db_group(GroupKind::subnets, made.name, edit));
  co_return json{{"DBSubnetGroup", shape_of_group(region.facts(), made)}};
}

Answer describe_db_subnet_groups(Region& region, Parameters p) {
  const std::string wanted = lower(p.text("DBSubnetGroupName"));
  const Page page = p.page();
  CO_TRY_VOID(p.finish());
  auto found = region.db_groups(GroupKind::subnets);
  std::erase_if(found, [&](const DbGroup& one) { return !wanted.empty() && one.name != wanted; });
  if (!wanted.empty() && found.empty()) co_return no_such_group(GroupKind::subnets, wanted);
  co_return page_of("DBSubnetGroups", found, page,
                    [&](const DbGroup& one) { return shape_of_group(region.facts(), one); });
}

Answer modify_db_subnet_group(Region& region, Parameters p) {
  const std::string name = lower(p.required("DBSubnetGroupName"));
  const auto description = p.optional_text("DBSubnetGroupDescription");
  const auto subnets = p.texts("SubnetIds");
  CO_TRY_VOID(p.finish());
  CO_TRY_VOID(check_subnets(subnets));
  DbGroup changed;
  const auto edit = [&](std::optional<DbGroup> present) -> region::EditedGroup {
    if (!present) return no_such_group(GroupKind::subnets, name);
    changed = *present;
    if (description) changed.description = *description;
    changed.subnets = subnets;
    return changed;
  };
  CO_TRY_VOID(co_await region.update_db_group(GroupKind::subnets, name, edit));
  co_return json{{"DBSubnetGroup", shape_of_group(region.facts(), changed)}};
}

Answer delete_db_subnet_group(Region& region, Parameters p) {
  const std::string name = lower(p.required("DBSubnetGroupName"));
  CO_TRY_VOID(p.finish());
  for (const model::DbCluster& cluster : region.db_clusters()) {
    if (cluster.subnet_group != name) continue;
    co_return make_error(ErrorKind::conflict,
                         "Cannot delete the subnet group '" + name +
                             "' because at least one database cluster: " + cluster.identifier +
                             " is still using it.",
                         "InvalidDBSubnetGroupStateFault");
  }
  const auto edit = [&](std::optional<DbGroup> present) -> region::EditedGroup {
    if (!present) return no_such_group(GroupKind::subnets, name);
    return std::optional<DbGroup>();
  };
  CO_TRY_VOID(co_await region.update_db_group(GroupKind::subnets, name, edit));
  co_return json::object();
}

}  // namespace aurora_global::services::rds
