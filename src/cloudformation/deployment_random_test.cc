// Goal: whatever fails, and whenever it is asked to stop, a deployment makes nothing before what it
// depends on, removes nothing before what depends on it, always ends, and leaves nothing of a
// create that was rolled back but what is retained.
// Method: random templates and outcomes over several operations of a stack; an oracle that knows
// the templates and a world of physical resources, and nothing of the deployment's state. Every
// turn the deployment is written as JSON and read back.
#include <gtest/gtest.h>

#include "cloudformation/testing/random_stack.h"

namespace aurora_global::cloudformation {
namespace {

constexpr std::uint64_t kSeeds = 100;

TEST(DeploymentRandom, KeepsItsPromises) {
  std::map<std::string_view, int> ends;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    testing::RandomStack stack(seed);
    for (int operation = 0; operation < 8; ++operation) {
      const bool is_there = stack.run_operation();
      if (::testing::Test::HasFailure()) return;
      ++ends[name_of(stack.status())];
      if (!is_there) break;
    }
  }
  // It has been everywhere.
  for (const StackStatus status :
       {StackStatus::create_complete, StackStatus::create_failed, StackStatus::rollback_complete,
        StackStatus::rollback_failed, StackStatus::update_complete, StackStatus::update_failed,
        StackStatus::update_rollback_complete, StackStatus::update_rollback_failed,
        StackStatus::delete_complete, StackStatus::delete_failed, StackStatus::import_complete,
        StackStatus::import_rollback_complete}) {
    EXPECT_GT(ends[name_of(status)], 0) << name_of(status);
  }
}

}  // namespace
}  // namespace aurora_global::cloudformation
