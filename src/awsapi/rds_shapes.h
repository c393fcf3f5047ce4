// What RDS answers, read by a client. Pure.
//
// Element and list-item names are those of the RDS API model 2014-10-31, the odd ones included: the
// items of <GlobalClusters> are <GlobalClusterMember>, those of <Readers> are <member>.
#pragma once

#include "awsapi/query.h"
#include "model/global_cluster.h"

namespace aurora_global::awsapi {

// A GlobalCluster as a client sees it.
struct GlobalClusterView {
  model::GlobalCluster global;
  std::string endpoint;
};

// Answers of the RDS API. An <ErrorResponse> becomes an Error with its code; anything else that is
// not the expected document fails with `corrupt`.
Result<std::vector<GlobalClusterView>> parse_global_clusters(int status, std::string_view body);
Result<std::vector<model::DbCluster>> parse_db_clusters(int status, std::string_view body);
Result<std::vector<model::DbInstance>> parse_db_instances(int status, std::string_view body);
Result<std::vector<model::Event>> parse_events(int status, std::string_view body);
// For calls whose result does not matter.
Result<void> parse_acknowledgement(int status, std::string_view body);

}  // namespace aurora_global::awsapi
