// The platform as AWS has it: known by the outputs of its stacks and by its APIs, nothing else.
#pragma once

#include "drill/deploy_outputs.h"
#include "drill/platform.h"

namespace aurora_global::drill {

class AwsPlatform final : public Platform {
 public:
  // `endpoint`: as AwsClient's, for all regions.
  AwsPlatform(boost::asio::any_io_executor executor, DeployOutputs outputs,
              awsclient::Endpoint endpoint, awsapi::Credentials credentials);

  // Asks once, and waits for nothing. Fails as a call does (a wrong key, no network), and with
  // `invalid` where a stack's region is no member of the global cluster.
  net::Task<Result<void>> check(Deadline deadline);

  const std::vector<RegionId>& regions() const override { return names_; }
  // A region that cannot be reached is not asked twice; regions that disagree are a move under way.
  // AWS itself is asked every 2 s at most: a call too early waits.
  net::Task<Result<Situation>> situation(Deadline deadline) override;
  net::Task<Result<void>> move_writer(RegionId to, model::OperationKind kind,
                                      Deadline deadline) override;
  net::Task<Result<model::Operation>> last_operation(RegionId to, Deadline deadline) override;
  Result<pgclient::Parameters> endpoint(const RegionId& region,
                                        const std::string& name) const override;
  std::optional<Functions> functions(const RegionId& region) override;

 private:
  net::Task<Result<model::GlobalCluster>> global_cluster(Deadline deadline);

  DeployOutputs outputs_;
  std::vector<RegionId> names_;
  Duration pause_;  // Between two questions for the global cluster.
  Instant may_ask_{};
  awsclient::AwsClient aws_;
};

}  // namespace aurora_global::drill
