// The router of a real region: JSON lines over its control socket.
#pragma once

#include <filesystem>

#include "net/control_socket.h"
#include "region/router_link.h"

namespace aurora_global::region {

class ControlRouter final : public RouterLink {
 public:
  ControlRouter(boost::asio::any_io_executor executor, const std::filesystem::path& socket,
                std::filesystem::path topology_file)
      : quick_(executor, socket), slow_(executor, socket), topology_(std::move(topology_file)) {}

  net::Task<Result<void>> publish(model::Topology topology, Deadline deadline) override;
  net::Task<Result<std::uint64_t>> version(Deadline deadline) override;
  net::Task<Result<void>> prepare(PrepareOrder order, Deadline deadline) override;
  net::Task<Result<Held>> hold(HoldOrder order, Deadline deadline) override;
  net::Task<Result<void>> release(std::string endpoint, Deadline deadline) override;
  net::Task<Result<nlohmann::json>> status(Deadline deadline) override;
  net::Task<Result<void>> keep(model::Topology topology) override;

 private:
  net::ControlClient quick_;
  net::ControlClient slow_;  // Orders that take their time: the others do not wait for them.
  std::filesystem::path topology_;
};

}  // namespace aurora_global::region
