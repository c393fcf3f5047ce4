// DB instances of this region.
#include "services/rds/handlers.h"

namespace aurora_global::services::rds {

Answer create_db_instance(Region& region, Parameters p) {
  region::CreateDbInstance request;
  request.identifier = p.required("DBInstanceIdentifier");
  request.cluster_identifier = lower(p.required("DBClusterIdentifier"));
  request.engine = p.required("Engine");
  request.instance_class = p.required("DBInstanceClass");
  request.availability_zone = p.text("AvailabilityZone");
  request.promotion_tier = p.number("PromotionTier", 0, 15);
  request.parameter_group = p.text("DBParameterGroupName");
  request.tags = p.tags();
  CO_TRY_VOID(p.finish());
  CO_TRY_VOID(check_engine(request.engine));
  CO_TRY_VOID(check_identifier("DBInstanceIdentifier", request.identifier));
  CO_TRY_VOID(check_instance_class(request.instance_class));
  CO_TRY(request.parameter_group,
         named_group(region, model::GroupKind::instance_parameters, request.parameter_group));
  CO_TRY(const auto instance, co_await region.create_db_instance(std::move(request)));
  co_return json{{"DBInstance", shape_of(region.facts(), instance)}};
}

Answer describe_db_instances(Region& region, Parameters p) {
  const std::string wanted = lower(p.text("DBInstanceIdentifier"));
  const Filters filters =
      p.filters({"db-cluster-id", "db-instance-id", "dbi-resource-id", "engine"});
  const Page page = p.page();
  CO_TRY_VOID(p.finish());
  const region::Facts& facts = region.facts();
  std::vector<model::DbInstance> found;
  for (const model::DbCluster& cluster : region.db_clusters()) {
    if (!filters.take("db-cluster-id", {cluster.identifier, cluster.arn}) ||
        !filters.take("engine", {std::string(model::kEngine)})) {
      continue;
    }
    for (const model::DbInstance& instance : cluster.instances) {
      const std::string arn =
          model::instance_arn(facts.region, facts.account_id, instance.identifier);
      const bool named = wanted.empty() || instance.identifier == wanted || arn == wanted;
      if (named && filters.take("db-instance-id", {instance.identifier, arn}) &&
          filters.take("dbi-resource-id", {instance.resource_id})) {
        found.push_back(instance);
      }
    }
  }
  if (!wanted.empty() && found.empty()) {
    co_return make_error(ErrorKind::not_found, "DBInstance " + wanted + " not found.",
                         "DBInstanceNotFound");
  }
  co_return page_of(region, "DBInstances", found, page);
}

Answer modify_db_instance(Region& region, Parameters p) {
  region::ModifyDbInstance request;
  request.identifier = lower(p.required("DBInstanceIdentifier"));
  request.instance_class = p.optional_text("DBInstanceClass");
  const std::string engine_version = p.text("EngineVersion");
  request.promotion_tier = p.number("PromotionTier", 0, 15);
  const auto group = p.optional_text("DBParameterGroupName");
  CO_TRY_VOID(p.finish());
  if (group) {
    CO_TRY(request.parameter_group,
           named_group(region, model::GroupKind::instance_parameters, *group));
  }
  if (request.instance_class) CO_TRY_VOID(check_instance_class(*request.instance_class));
  CO_TRY_VOID(check_engine_version(engine_version, region.facts().engine_version));
  CO_TRY(const auto instance, co_await region.modify_db_instance(std::move(request)));
  co_return json{{"DBInstance", shape_of(region.facts(), instance)}};
}

Answer reboot_db_instance(Region& region, Parameters p) {
  const std::string identifier = lower(p.required("DBInstanceIdentifier"));
  CO_TRY_VOID(p.finish());
  CO_TRY(const auto instance, co_await region.reboot_db_instance(identifier));
  co_return json{{"DBInstance", shape_of(region.facts(), instance)}};
}

Answer delete_db_instance(Region& region, Parameters p) {
  const std::string identifier = lower(p.required("DBInstanceIdentifier"));
  CO_TRY_VOID(p.finish());
  CO_TRY(const auto instance, co_await region.delete_db_instance(identifier));
  co_return json{{"DBInstance", shape_of(region.facts(), instance)}};
}

}  // namespace aurora_global::services::rds
