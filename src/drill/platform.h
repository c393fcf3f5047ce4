// The platform as a drill sees it: where the writer is, how to move it, where clients connect.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "awsclient/aws_client.h"
#include "base/ids.h"
#include "model/operation.h"
#include "pgclient/connection.h"

namespace aurora_global::drill {

// The global cluster as RDS describes it.
struct Situation {
  std::string status;  // "available" or what is going on.
  RegionId writer;     // Empty: there is none.
  std::vector<RegionId> members;
  std::map<RegionId, std::string> clusters;  // Identifier of each member's DB cluster.
  bool synchronized = false;                 // Every member that is not the writer is `connected`.

  bool available() const { return status == "available" && !writer.empty(); }
};

Situation situation_of(const model::GlobalCluster& global);

// The CRUD functions of a region and where they are invoked. The client lives as the platform does.
struct Functions {
  awsclient::AwsClient* aws = nullptr;
  std::string global_endpoint = "crud-global-endpoint";
  std::string write_forwarding = "crud-write-forwarding";
};

class Platform {
 public:
  virtual ~Platform() = default;

  virtual const std::vector<RegionId>& regions() const = 0;
  // Asked of every region that answers; the newest view. `unavailable` if none answers.
  virtual net::Task<Result<Situation>> situation(Deadline deadline) = 0;
  // SwitchoverGlobalCluster or FailoverGlobalCluster with AllowDataLoss; returns when accepted.
  virtual net::Task<Result<void>> move_writer(RegionId to, model::OperationKind kind,
                                              Deadline deadline) = 0;
  // The last operation that moved (or moves) the writer to `to`, with its step timings.
  // `not_found` where the platform does not tell (AWS).
  virtual net::Task<Result<model::Operation>> last_operation(RegionId to, Deadline deadline) = 0;
  // libpq parameters of "global-writer", "cluster" or "reader" of a region.
  virtual Result<pgclient::Parameters> endpoint(const RegionId& region,
                                                const std::string& name) const = 0;
  // nullopt: the region has none.
  virtual std::optional<Functions> functions(const RegionId& region) = 0;
};

// Over the RDS API, at one address per region.
class RdsPlatform final : public Platform {
 public:
  struct Region {
    RegionId region;
    std::string api_address;        // "127.0.1.1:4566"
    std::string endpoint_hosts[3];  // global-writer, cluster, reader
    int port = 5432;
  };
  struct Options {
    std::string global_cluster;
    std::vector<Region> regions;
    awsapi::Credentials credentials;
    // For every connection: user, password, dbname, sslmode, sslrootcert ...
    pgclient::Parameters login;
  };

  RdsPlatform(boost::asio::any_io_executor executor, Options options);

  const std::vector<RegionId>& regions() const override { return names_; }
  net::Task<Result<Situation>> situation(Deadline deadline) override;
  net::Task<Result<void>> move_writer(RegionId to, model::OperationKind kind,
                                      Deadline deadline) override;
  net::Task<Result<model::Operation>> last_operation(RegionId to, Deadline deadline) override;
  Result<pgclient::Parameters> endpoint(const RegionId& region,
                                        const std::string& name) const override;
  std::optional<Functions> functions(const RegionId& region) override;

 private:
  net::Task<Result<model::GlobalCluster>> global_cluster(Deadline deadline);

  Options options_;
  std::vector<RegionId> names_;
  std::vector<std::unique_ptr<awsclient::AwsClient>> clients_;  // Same order as regions.
};

}  // namespace aurora_global::drill
