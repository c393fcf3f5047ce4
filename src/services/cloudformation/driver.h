// Drives the deployments of stacks: begins the steps that may begin, side by side, lets providers
// do them, stores what came of it.
//
// A step is stored as begun before its provider is called, and its outcome before anything follows
// from it. What is found begun when the region starts is done again. While the store takes nothing
// (a full disk), nothing goes on; it is tried again until it does.
#pragma once

#include "cloudformation/deployment.h"
#include "services/cloudformation/planning.h"

namespace aurora_global::services::cloudformation {

// Of one stack.
inline constexpr std::size_t kStepsAtOnceMax = 16;

class Driver {
 public:
  // All outlive the driver.
  Driver(boost::asio::any_io_executor executor, Book& book, Planner& planner, Fetcher& fetcher,
         const Providers& providers)
      : book_(book),
        planner_(planner),
        fetcher_(fetcher),
        providers_(providers),
        tasks_(executor) {}

  // Takes up what an earlier process left.
  void start();
  // Ends what is under way; its steps stay begun.
  net::Task<void> stop();
  // The deployment of a stack has something to do, or was asked for something. It is stored.
  void drive(Stack& stack);

 private:
  struct Run;

  net::Task<void> run(std::string uuid);
  net::Task<void> drive_to_end(Stack& stack);
  net::Task<bool> turn(Stack& stack, Run& run);
  net::Task<void> begin_ready(Stack& stack, Run& run);
  net::Task<Result<void>> read_blueprint(Stack& stack, Run& run);
  net::Task<void> begin_apply(Stack& stack, Run& run, core::Step step);
  net::Task<void> conclude(Stack& stack, Run& run);
  net::Task<void> save(Stack& stack);
  net::Task<void> after_end(Stack& stack);
  net::Task<Result<void>> follow_end(Stack& stack);
  void launch_running(Stack& stack, Run& run);
  void take_outcomes(Stack& stack, Run& run);

  net::Task<void> step(std::string uuid, core::Step step, std::shared_ptr<bool> called_off);
  net::Task<Outcome> perform(std::string uuid, core::Step step, std::shared_ptr<bool> called_off);
  net::Task<Result<void>> call_provider(Provider& provider, const core::Step& step,
                                        const ResourceRequest& request, Made& made);
  ResourceRequest request_of(const Stack& stack, const core::Step& step) const;

  Book& book_;
  Planner& planner_;
  Fetcher& fetcher_;
  const Providers& providers_;
  net::TaskGroup tasks_;
};

}  // namespace aurora_global::services::cloudformation
