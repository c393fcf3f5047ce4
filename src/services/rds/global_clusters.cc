// Global clusters: creating, describing, changing them, and moving their writer.
#include "services/rds/handlers.h"

namespace aurora_global::services::rds {
namespace {

using region::MoveKind;

Answer move(Region& region, Parameters p, MoveKind kind) {
  const std::string identifier = lower(p.required("GlobalClusterIdentifier"));
  const std::string target = p.required("TargetDbClusterIdentifier");
  // Ours alone: AWS has no such parameters.
  model::Drain drain;
  const int longest = static_cast<int>(
      std::chrono::duration_cast<std::chrono::milliseconds>(model::kDrainTimeoutMax).count());
  const auto timeout_ms = p.number("DrainTimeoutMs", 0, longest);
  const auto policy = p.optional_text("DrainPolicy");
  CO_TRY_VOID(p.finish());
  if ((timeout_ms || policy) && kind != MoveKind::lossless) {
    co_return invalid("InvalidParameterCombination",
                      "DrainTimeoutMs and DrainPolicy are for a switchover; with AllowDataLoss "
                      "nothing is waited for");
  }
  if (timeout_ms) drain.timeout = std::chrono::milliseconds(*timeout_ms);
  if (policy) {
    const auto named = model::drain_policy_named(*policy);
    if (!named) {
      co_return invalid("InvalidParameterValue",
                        "The parameter DrainPolicy must be terminate or abort; given: " + *policy);
    }
    drain.policy = *named;
  }
  CO_TRY(const auto global, co_await region.move_writer(identifier, target, kind, drain));
  co_return json{{"GlobalCluster", shape_of(region.facts(), global)}};
}

}  // namespace

Answer create_global_cluster(Region& region, Parameters p) {
  region::CreateGlobalCluster request;
  request.identifier = p.required("GlobalClusterIdentifier");
  request.source_cluster_arn = p.text("SourceDBClusterIdentifier");
  request.engine = p.text("Engine");
  request.engine_version = p.text("EngineVersion");
  request.database_name = p.text("DatabaseName");
  request.storage_encrypted = p.optional_flag("StorageEncrypted");
  request.deletion_protection = p.flag("DeletionProtection");
  request.tags = p.tags();
  CO_TRY_VOID(p.finish());
  const bool has_source = !request.source_cluster_arn.empty();
  if (has_source && !request.engine.empty()) {
    co_return invalid("InvalidParameterCombination",
                      "When creating global cluster from an existing db cluster, value for "
                      "engineName should not be specified since it will be inherited from source "
                      "cluster");
  }
  if (!has_source && request.engine.empty()) {
    co_return invalid("InvalidParameterValue",
                      "When creating standalone global cluster, value for engineName should be "
                      "specified");
  }
  if (!has_source) CO_TRY_VOID(check_engine(request.engine));
  CO_TRY_VOID(check_engine_version(request.engine_version, region.facts().engine_version));
  if (!request.database_name.empty()) CO_TRY_VOID(check_database_name(request.database_name));
  CO_TRY(const auto global, co_await region.create_global_cluster(std::move(request)));
  co_return json{{"GlobalCluster", shape_of(region.facts(), global)}};
}

Answer describe_global_clusters(Region& region, Parameters p) {
  const std::string wanted = lower(p.text("GlobalClusterIdentifier"));
  const Filters filters = p.filters({"region", "db-cluster-id"});
  const Page page = p.page();
  CO_TRY_VOID(p.finish());
  std::vector<model::GlobalCluster> found;
  for (model::GlobalCluster& global : region.global_clusters()) {
    std::vector<std::string> regions;
    std::vector<std::string> arns;
    for (const model::GlobalMember& member : global.members) {
      regions.push_back(member.region.name);
      arns.push_back(member.cluster_arn);
    }
    if (!wanted.empty() && global.identifier != wanted) continue;
    if (!filters.take("region", regions) || !filters.take("db-cluster-id", arns)) continue;
    found.push_back(std::move(global));
  }
  if (!wanted.empty() && found.empty()) {
    co_return make_error(ErrorKind::not_found, "Global cluster " + wanted + " not found",
                         "GlobalClusterNotFoundFault");
  }
  co_return page_of(region, "GlobalClusters", found, page);
}

Answer modify_global_cluster(Region& region, Parameters p) {
  region::ModifyGlobalCluster request;
  request.identifier = lower(p.required("GlobalClusterIdentifier"));
  request.new_identifier = lower(p.text("NewGlobalClusterIdentifier"));
  request.engine_version = p.text("EngineVersion");
  request.deletion_protection = p.optional_flag("DeletionProtection");
  CO_TRY_VOID(p.finish());
  CO_TRY(const auto global, co_await region.modify_global_cluster(std::move(request)));
  co_return json{{"GlobalCluster", shape_of(region.facts(), global)}};
}

Answer delete_global_cluster(Region& region, Parameters p) {
  const std::string identifier = lower(p.required("GlobalClusterIdentifier"));
  CO_TRY_VOID(p.finish());
  CO_TRY(const auto global, co_await region.delete_global_cluster(identifier));
  co_return json{{"GlobalCluster", shape_of(region.facts(), global)}};
}

Answer remove_from_global_cluster(Region& region, Parameters p) {
  const std::string identifier = lower(p.required("GlobalClusterIdentifier"));
  const std::string arn = p.required("DbClusterIdentifier");
  CO_TRY_VOID(p.finish());
  CO_TRY(const auto global, co_await region.remove_from_global_cluster(identifier, arn));
  co_return json{{"GlobalCluster", shape_of(region.facts(), global)}};
}

Answer switchover_global_cluster(Region& region, Parameters p) {
  co_return co_await move(region, std::move(p), MoveKind::lossless);
}

// FailoverGlobalCluster without AllowDataLoss *is* a switchover: decided here, once.
Answer failover_global_cluster(Region& region, Parameters p) {
  const bool loss = p.flag("AllowDataLoss");
  const bool switchover = p.flag("Switchover");
  if (loss && switchover) {
    co_return invalid("InvalidParameterCombination",
                      "AllowDataLoss and Switchover cannot be specified together");
  }
  const MoveKind kind = loss ? MoveKind::data_loss_allowed : MoveKind::lossless;
  co_return co_await move(region, std::move(p), kind);
}

}  // namespace aurora_global::services::rds
