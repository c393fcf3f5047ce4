// Goal: groups survive the daemon, and an instance has the parameters of its own group before those
// of its cluster's.
#include "region/group_book.h"

#include <gtest/gtest.h>

#include "net/testing/run.h"
#include "region/testing/memory_store.h"

namespace aurora_global::region {
namespace {

using model::DbGroup;
using model::GroupKind;

DbGroup group(const std::string& name, std::map<std::string, std::string> parameters) {
  DbGroup made;
  made.name = name;
  made.family = "aurora-postgresql15";
  made.parameters = std::move(parameters);
  made.tags = {{"k", "v"}};
  return made;
}

TEST(GroupBook, KeepsGroupsAndForgetsThem) {
  testing::MemoryStore store;
  int changes = 0;
  net::testing::run([&](net::TaskGroup& tasks) -> net::Task<void> {
    GroupBook book(tasks.executor(), store, [&] { ++changes; });
    const auto put = [&](GroupKind kind, DbGroup made) {
      const std::string name = made.name;
      return book.update_db_group(kind, name,
                                  [made](std::optional<DbGroup>) -> EditedGroup { return made; });
    };
    auto one = put(GroupKind::cluster_parameters, group("g", {{"jit", "0"}, {"work_mem", "64"}}));
    EXPECT_TRUE((co_await std::move(one)).has_value());
    auto two = put(GroupKind::instance_parameters, group("g", {{"work_mem", "128"}}));
    EXPECT_TRUE((co_await std::move(two)).has_value());
    auto three = put(GroupKind::subnets, group("s", {}));
    EXPECT_TRUE((co_await std::move(three)).has_value());
    store.fail_put = store.puts;
    auto failing = put(GroupKind::subnets, group("t", {}));
    EXPECT_TRUE((co_await std::move(failing)).has_error());
    auto gone = book.update_db_group(GroupKind::subnets, "s",
                                     [](std::optional<DbGroup> present) -> EditedGroup {
                                       EXPECT_TRUE(present.has_value());
                                       return std::optional<DbGroup>();
                                     });
    EXPECT_TRUE((co_await std::move(gone)).has_value());
    EXPECT_EQ(changes, 4);

    GroupBook again(tasks.executor(), store, [] {});
    EXPECT_TRUE(again.load(*store.load()).has_value());
    EXPECT_TRUE(again.db_groups(GroupKind::subnets).empty());
    EXPECT_EQ(again.db_groups(GroupKind::cluster_parameters).at(0).tags.at(0).value, "v");
    model::DbCluster cluster;
    cluster.parameter_group = "g";
    cluster.instances.resize(2);
    cluster.instances[0].identifier = "a";
    cluster.instances[0].parameter_group = "g";
    cluster.instances[1].identifier = "b";
    using Parameters = std::map<std::string, std::string>;
    EXPECT_EQ(again.parameters_of(cluster, "a"), (Parameters{{"jit", "0"}, {"work_mem", "128"}}));
    EXPECT_EQ(again.parameters_of(cluster, "b"), (Parameters{{"jit", "0"}, {"work_mem", "64"}}));
    cluster.parameter_group = "";
    EXPECT_EQ(again.parameters_of(cluster, "b"), Parameters{});
  });
}

}  // namespace
}  // namespace aurora_global::region
