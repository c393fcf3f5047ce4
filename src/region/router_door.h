// How a daemon gives orders to its region's router (docs/reference/control.md, "Orders").
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "net/control_socket.h"
#include "net/task.h"

namespace aurora_global::region {

class RouterDoor {
 public:
  virtual ~RouterDoor() = default;
  // One after the other. Fails with `unavailable`, `timeout`, or `conflict` with the router's own
  // sentence.
  virtual net::Task<Result<nlohmann::json>> order(nlohmann::json order, Deadline deadline) = 0;
  // The same, for orders that take their time: the others do not wait for them.
  virtual net::Task<Result<nlohmann::json>> slow_order(nlohmann::json order, Deadline deadline) = 0;
  // What a router starts from when no daemon is there to tell it.
  virtual net::Task<Result<void>> keep_topology(std::string text) = 0;
};

class ControlRouter final : public RouterDoor {
 public:
  ControlRouter(boost::asio::any_io_executor executor, const std::filesystem::path& socket,
                std::filesystem::path topology_file)
      : quick_(executor, socket), slow_(executor, socket), topology_(std::move(topology_file)) {}

  net::Task<Result<nlohmann::json>> order(nlohmann::json order, Deadline deadline) override {
    return quick_.call(std::move(order), deadline);
  }
  net::Task<Result<nlohmann::json>> slow_order(nlohmann::json order, Deadline deadline) override {
    return slow_.call(std::move(order), deadline);
  }
  net::Task<Result<void>> keep_topology(std::string text) override;

 private:
  net::ControlClient quick_;
  net::ControlClient slow_;
  std::filesystem::path topology_;
};

}  // namespace aurora_global::region
