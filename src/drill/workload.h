// What a drill puts on the database: operations over its own connections, or over invocations of
// the CRUD functions. One thread.
#pragma once

#include "drill/cloudwatch.h"
#include "load/checker.h"

namespace aurora_global::drill {

class Workload {
 public:
  virtual ~Workload() = default;

  // Makes the tables. Called once, before run().
  virtual net::Task<Result<void>> prepare() = 0;
  // Runs to the end, as Load::run().
  virtual net::Task<Result<void>> run() = 0;
  // As those of Load.
  virtual void stop() = 0;
  virtual void hold_open(bool open) = 0;
  // The writer is in another region now, and the clients follow it there.
  virtual void follow(const RegionId& writer) = 0;
  // After run(): counts what was lost. A Verification is for what was logged; `problems` gets what
  // was not.
  virtual net::Task<Result<Verification>> verify(Deadline deadline,
                                                 std::vector<std::string>& problems) = 0;
  // nullopt: it runs over connections.
  virtual std::optional<FunctionUse> function_use() const = 0;
};

// `plan.options.run` is set. Platform and history outlive the workload. Fails with `invalid`.
Result<std::unique_ptr<Workload>> make_workload(boost::asio::any_io_executor executor,
                                                const LoadPlan& plan, Platform& platform,
                                                const RegionId& client_region, History& history);

}  // namespace aurora_global::drill
