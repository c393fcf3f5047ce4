// Tags of whatever has an ARN of RDS: they are read and changed by it.
#include <functional>

#include "services/rds/handlers.h"

namespace aurora_global::services::rds {
namespace {

using model::DbGroup;
using model::GroupKind;
using model::Tag;
using Tags = std::vector<Tag>;
using TagEdit = std::function<Result<void>(Tags&)>;

// A resource that has tags: those it has, and how others are stored.
struct Tagged {
  Tags tags;
  std::function<net::Task<Result<void>>(Region&, Tags)> store;
};

// In these, what is captured lives in the function object of the Tagged that the caller holds.
net::Task<Result<void>> store_global(Region& region, std::string identifier, Tags tags) {
  region::ModifyGlobalCluster change;
  change.identifier = std::move(identifier);
  change.tags = std::move(tags);
  CO_TRY_VOID(co_await region.modify_global_cluster(std::move(change)));
  co_return ok();
}
net::Task<Result<void>> store_cluster(Region& region, std::string identifier, Tags tags) {
  region::ModifyDbCluster change;
  change.identifier = std::move(identifier);
  change.tags = std::move(tags);
  CO_TRY_VOID(co_await region.modify_db_cluster(std::move(change)));
  co_return ok();
}
net::Task<Result<void>> store_instance(Region& region, std::string identifier, Tags tags) {
  region::ModifyDbInstance change;
  change.identifier = std::move(identifier);
  change.tags = std::move(tags);
  CO_TRY_VOID(co_await region.modify_db_instance(std::move(change)));
  co_return ok();
}
net::Task<Result<void>> store_group(Region& region, GroupKind kind, std::string name, Tags tags) {
  const auto edit = [&](std::optional<DbGroup> present) -> region::EditedGroup {
    if (!present) return no_such_group(kind, name);
    present->tags = tags;
    return present;
  };
  co_return co_await region.update_db_group(kind, name, edit);
}

std::optional<Tagged> tagged_group(const Region& region, const std::string& arn) {
  const region::Facts& facts = region.facts();
  for (const GroupKind kind :
       {GroupKind::subnets, GroupKind::cluster_parameters, GroupKind::instance_parameters}) {
    for (const DbGroup& group : region.db_groups(kind)) {
      if (model::group_arn(kind, facts.region, facts.account_id, group.name) != arn) continue;
      return Tagged{group.tags, [kind, name = group.name](Region& to, Tags tags) {
                      return store_group(to, kind, name, std::move(tags));
                    }};
    }
  }
  return std::nullopt;
}

Error no_such_resource(const std::string& arn) {
  if (arn.rfind("arn:aws:rds:", 0) != 0) {
    return invalid("InvalidParameterValue", "Invalid resource name: " + arn);
  }
  const auto has = [&](const char* part) { return arn.find(part) != std::string::npos; };
  const char* code = has(":db:")               ? "DBInstanceNotFound"
                     : has(":global-cluster:") ? "GlobalClusterNotFoundFault"
                     : has(":subgrp:")         ? "DBSubnetGroupNotFoundFault"
                     : has("pg:")              ? "DBParameterGroupNotFound"
                                               : "DBClusterNotFoundFault";
  return make_error(ErrorKind::not_found, arn + " not found.", code);
}

Result<Tagged> tagged(const Region& region, const std::string& arn) {
  const region::Facts& facts = region.facts();
  for (const model::GlobalCluster& global : region.global_clusters()) {
    if (model::global_cluster_arn(facts.account_id, global.identifier) != arn) continue;
    return Tagged{global.tags, [id = global.identifier](Region& to, Tags tags) {
                    return store_global(to, id, std::move(tags));
                  }};
  }
  for (const model::DbCluster& cluster : region.db_clusters()) {
    if (cluster.arn == arn) {
      return Tagged{cluster.tags, [id = cluster.identifier](Region& to, Tags tags) {
                      return store_cluster(to, id, std::move(tags));
                    }};
    }
    for (const model::DbInstance& instance : cluster.instances) {
      if (model::instance_arn(facts.region, facts.account_id, instance.identifier) != arn) continue;
      return Tagged{instance.tags, [id = instance.identifier](Region& to, Tags tags) {
                      return store_instance(to, id, std::move(tags));
                    }};
    }
  }
  if (auto group = tagged_group(region, arn)) return std::move(*group);
  return no_such_resource(arn);
}

Answer change(Region& region, std::string arn, TagEdit edit) {
  CO_TRY(Tagged resource, tagged(region, arn));
  CO_TRY_VOID(edit(resource.tags));
  auto storing = resource.store(region, resource.tags);
  CO_TRY_VOID(co_await std::move(storing));
  co_return json::object();
}

}  // namespace

Answer list_tags_for_resource(Region& region, Parameters p) {
  const std::string arn = p.required("ResourceName");
  CO_TRY_VOID(p.finish());
  CO_TRY(const Tagged resource, tagged(region, arn));
  co_return json{{"TagList", tag_list(resource.tags)}};
}

Answer add_tags_to_resource(Region& region, Parameters p) {
  const std::string arn = p.required("ResourceName");
  const Tags given = p.tags();
  CO_TRY_VOID(p.finish());
  const TagEdit edit = [&](Tags& tags) -> Result<void> {
    for (const Tag& one : given) {
      std::erase_if(tags, [&](const Tag& present) { return present.key == one.key; });
      tags.push_back(one);
    }
    if (tags.size() <= kTagsMax) return ok();
    return invalid("InvalidParameterValue",
                   "A resource has at most " + std::to_string(kTagsMax) + " tags");
  };
  auto changing = change(region, arn, edit);
  co_return co_await std::move(changing);
}

Answer remove_tags_from_resource(Region& region, Parameters p) {
  const std::string arn = p.required("ResourceName");
  const std::vector<std::string> keys = p.texts("TagKeys");
  CO_TRY_VOID(p.finish());
  const TagEdit edit = [&](Tags& tags) -> Result<void> {
    std::erase_if(tags, [&](const Tag& one) {
      return std::find(keys.begin(), keys.end(), one.key) != keys.end();
    });
    return ok();
  };
  auto changing = change(region, arn, edit);
  co_return co_await std::move(changing);
}

}  // namespace aurora_global::services::rds
