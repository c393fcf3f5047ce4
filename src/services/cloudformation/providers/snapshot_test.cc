// Goal: what the CDK app of this repository deploys is taken, property by property.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "cloudformation/template.h"
#include "services/cloudformation/providers/all.h"
#include "services/cloudformation/testing/recording.h"

namespace aurora_global::services::cloudformation {
namespace {

TEST(Snapshots, HaveOnlyPropertiesThatAreTaken) {
  testing::Recording recording;
  const Providers providers = all_providers(recording.context());
  int checked = 0;
  for (const auto& file :
       std::filesystem::directory_iterator(AURORA_GLOBAL_SOURCE_DIR "/cdk/test/snapshot")) {
    std::stringstream text;
    text << std::ifstream(file.path()).rdbuf();
    const auto made = core::read_template(text.str());
    ASSERT_TRUE(made.has_value()) << file.path() << ": " << made.error().message;
    for (const auto& [name, resource] : made->resources) {
      const Provider* provider = providers.find(resource.type);
      ASSERT_NE(provider, nullptr) << file.path() << " " << name << ": " << resource.type;
      std::set<std::string> unknown;
      for (const auto& [property, value] : resource.properties.items()) unknown.insert(property);
      const auto taken = check_properties(provider->table(), resource.properties, unknown);
      EXPECT_TRUE(taken.has_value()) << file.path() << " " << name << ": " << taken.error().message;
      ++checked;
    }
  }
  EXPECT_GT(checked, 50);
}

}  // namespace
}  // namespace aurora_global::services::cloudformation
