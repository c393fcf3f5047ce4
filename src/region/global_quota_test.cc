// Goal: global clusters come and go for ever without a row too many.
#include "region/global_quota.h"

#include <gtest/gtest.h>

namespace aurora_global::region {
namespace {

std::string code_of(const Result<void>& result) {
  return result.has_error() ? result.error().code : "room";
}

TEST(GlobalQuota, FiveAreThereAtATime) {
  std::map<std::string, model::GlobalCluster> globals;
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(code_of(check_room_for("new", globals)), "room");
    globals["g" + std::to_string(i)];
  }
  EXPECT_EQ(code_of(check_room_for("new", globals)), "GlobalClusterQuotaExceededFault");
  globals["g0"].deleted = true;
  EXPECT_EQ(code_of(check_room_for("new", globals)), "room");
}

TEST(GlobalQuota, TheNamesOfDeletedOnesAreBoundedAndMayBeTakenAgain) {
  std::map<std::string, model::GlobalCluster> globals;
  while (globals.size() < kGlobalNamesMax) {
    const std::string name = "g" + std::to_string(globals.size());
    EXPECT_EQ(code_of(check_room_for(name, globals)), "room");
    globals[name].deleted = true;
  }
  EXPECT_EQ(code_of(check_room_for("new", globals)), "GlobalClusterQuotaExceededFault");
  EXPECT_EQ(code_of(check_room_for("g7", globals)), "room");
}

}  // namespace
}  // namespace aurora_global::region
