// What a drill does to the processes of this machine: kill, start, change the link.
#pragma once

#include "cli/home.h"
#include "drill/faults.h"
#include "net/control_socket.h"

namespace aurora_global::cli {

// What a drill breaks is noted in the home before it is broken, so that it is mended on any way
// out: by the drill at its end or when it is interrupted, by the next `up` or drill after one that
// was killed. Mends the link's settings, a link and regions that were killed. Says what it mended.
net::Task<Result<void>> mend_faults(Home home, boost::asio::any_io_executor executor);

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
  net::Task<Result<void>> check_dead(RegionId region);
  Result<void> note_region(const RegionId& region, bool broken);
  net::Task<Result<void>> note_link();

  Home home_;
  Platform platform_;
  net::ControlClient link_;
};

}  // namespace aurora_global::cli
