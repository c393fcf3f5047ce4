// What a drill does to the processes of this machine: kill, start, change the link.
#pragma once

#include "cli/home.h"
#include "drill/faults.h"
#include "net/control_socket.h"

namespace aurora_global::cli {

class ProcessFaults final : public drill::LocalFaults {
 public:
  ProcessFaults(Home home, Platform platform, boost::asio::any_io_executor executor);

  net::Task<Result<void>> kill_region(RegionId region) override;
  net::Task<Result<void>> start_region(RegionId region) override;
  net::Task<Result<void>> kill_instance(RegionId region, int number) override;
  net::Task<Result<void>> kill_daemon(RegionId region) override;
  net::Task<Result<void>> kill_router(RegionId region) override;
  net::Task<Result<void>> kill_link() override;
  net::Task<Result<void>> start_link() override;
  net::Task<Result<void>> set_link(drill::LinkChange change) override;

 private:
  Home home_;
  Platform platform_;
  net::ControlClient link_;
};

}  // namespace aurora_global::cli
