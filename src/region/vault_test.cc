// Goal: what is sealed opens only unchanged, under its own name and root key.
#include "region/vault.h"

#include <gtest/gtest.h>
#include <stdlib.h>

namespace aurora_global::region {
namespace {

class VaultTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char place[] = "/tmp/aurora-global-vault-XXXXXX";
    dir_ = mkdtemp(place);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  std::filesystem::path dir_;
};

TEST_F(VaultTest, OpensAgainAfterARestart) {
  const std::string sealed = Vault::open(dir_ / "root.key")->seal("name", "the text");
  EXPECT_EQ(sealed.find("the text"), std::string::npos);
  const auto again = Vault::open(dir_ / "root.key");
  EXPECT_EQ(again->open_sealed("name", sealed).value(), "the text");
  EXPECT_NE(again->seal("name", "the text"), sealed);
  const auto mode = std::filesystem::status(dir_ / "root.key").permissions();
  EXPECT_EQ(mode, std::filesystem::perms(0600));
}

TEST_F(VaultTest, RefusesChangedBytesOtherNamesAndOtherKeys) {
  const auto vault = Vault::open(dir_ / "root.key");
  const std::string sealed = vault->seal("name", "the text");
  for (std::size_t i = 0; i < sealed.size(); i += 7) {
    std::string changed = sealed;
    changed[i] = changed[i] == '0' ? '1' : '0';
    EXPECT_TRUE(vault->open_sealed("name", changed).has_error());
  }
  EXPECT_TRUE(vault->open_sealed("other", sealed).has_error());
  EXPECT_TRUE(vault->open_sealed("name", "").has_error());
  EXPECT_TRUE(vault->open_sealed("name", "zz").has_error());
  EXPECT_TRUE(Vault::open(dir_ / "other.key")->open_sealed("name", sealed).has_error());
}

}  // namespace
}  // namespace aurora_global::region
