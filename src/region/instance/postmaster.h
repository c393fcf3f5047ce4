// The process of one PostgreSQL instance: started, adopted, and ended for certain.
#pragma once

#include <optional>

#include "net/process.h"
#include "region/instance/data_directory.h"

namespace aurora_global::region {

class Postmaster {
 public:
  explicit Postmaster(const DataDirectory& files) : files_(files) {}

  // One that an earlier daemon has started is as good as our own.
  bool running();
  // `arguments`: after those that every start has.
  Result<void> start(const std::vector<std::string>& arguments);
  // Ends it and waits. `fast` becomes `immediate` when two thirds of the time are over; one that
  // takes longer than a second then is killed with all processes of its data directory, for a
  // postmaster that hangs passes no signal on to its backends. Fails with `timeout`.
  net::Task<Result<void>> stop(StopMode mode, Deadline deadline);

 private:
  net::Task<bool> ends_within(Deadline deadline);
  net::Task<Result<void>> kill_all(Deadline deadline);

  const DataDirectory& files_;
  std::optional<net::Process> process_;
};

}  // namespace aurora_global::region
