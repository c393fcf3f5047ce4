// Goal: a daemon takes over what one of an earlier layout has stored, without loss.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "net/testing/run.h"
#include "region/key_ring.h"
#include "region/testing/memory_store.h"
#include "region/truth.h"
#include "region/vault.h"

namespace aurora_global::region {
namespace {

std::string file_of(const std::string& name) {
  std::ifstream in(std::string(AURORA_GLOBAL_SOURCE_DIR) + "/tests/homes/first-layout/" + name);
  return std::string((std::istreambuf_iterator<char>(in)), {});
}

TEST(Layout, TheFirstOneIsTakenOver) {
  for (const char* name : {"us-east-1", "us-west-2"}) {
    const RegionId here{name};
    net::testing::run([&](net::TaskGroup& tasks) -> net::Task<void> {
      testing::MemoryStore store;
      nlohmann::json::parse(file_of(here.name + ".json")).get_to(store.documents);
      const auto documents = store.load().value();
      Truth truth(tasks.executor(), store, here);
      const auto loaded = truth.load(documents);
      CO_ASSERT_OK(loaded);
      const model::GlobalCluster* global = truth.own_global();
      EXPECT_NE(global, nullptr);
      if (global == nullptr) co_return;
      EXPECT_EQ(global->writer_region.name, "us-west-2");
      EXPECT_EQ(global->decision, (model::Decision{RegionId{"us-west-2"}, ""}));
      EXPECT_EQ(global->epoch, Epoch{2});
      EXPECT_EQ(global->members.size(), 2u);
      EXPECT_EQ(truth.cluster()->instances.size(), 1u);
      EXPECT_FALSE(truth.now().fence.up());
      const bool writes = here.name == "us-west-2";
      EXPECT_EQ(truth.duty(), writes ? model::Duty::waiting_for_epoch : model::Duty::standby);
      if (writes) {
        EXPECT_EQ(truth.operation(global->identifier)->step, model::Step::done);
      }
      auto vault = Vault::from_key(file_of(here.name + ".root-key"));
      CO_ASSERT_OK(vault);
      ManualClock clock;
      KeyRing ring(tasks.executor(), store, *vault, clock, here, "123456789012");
      const auto keys = ring.load(documents);
      CO_ASSERT_OK(keys);
      // What the first layout stored is stored again as it was read, with nothing missing.
      Change change;
      change.globals = {*global};
      change.cluster = truth.now().cluster;
      const auto kept = co_await truth.commit(std::move(change));
      CO_ASSERT_OK(kept);
      for (const auto& document : documents) {
        const auto before = nlohmann::json::parse(document.text, nullptr, false);
        const auto after = nlohmann::json::parse(store.documents[document.name], nullptr, false);
        if (!before.is_object()) continue;
        for (const auto& [member, value] : before.items()) {
          EXPECT_EQ(after.value(member, nlohmann::json()), value) << document.name << member;
        }
      }
    });
  }
}

}  // namespace
}  // namespace aurora_global::region
