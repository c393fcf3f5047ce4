#include "awsclient/credentials.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

namespace aurora_global::awsclient {
namespace {

class CredentialsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = "/tmp/ag-credentials-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    home_ = pattern;
    variables_["HOME"] = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(home_); }

  void write(const std::filesystem::path& file, const std::string& text) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  Result<awsapi::Credentials> find() {
    return find_credentials([&](const char* name) { return variables_[name]; });
  }
  std::string refusal() {
    const auto found = find();
    return found.has_error() ? found.error().message : "(found)";
  }

  std::filesystem::path home_;
  std::map<std::string, std::string> variables_;
};

constexpr const char* kFile =
    "# mine\n[default]\naws_access_key_id = A\naws_secret_access_key=S=1\n\n"
    "[ other ]\naws_access_key_id=B\naws_secret_access_key = T\naws_session_token = U\n"
    "[sso]\nsso_session = x\n";

TEST_F(CredentialsTest, TheEnvironmentComesFirst) {
  write(home_ / ".aws/credentials", kFile);
  variables_["AWS_ACCESS_KEY_ID"] = "E";
  variables_["AWS_SECRET_ACCESS_KEY"] = "F";
  variables_["AWS_SESSION_TOKEN"] = "G";
  const auto found = find();
  ASSERT_TRUE(found.has_value()) << found.error().message;
  EXPECT_EQ(found->access_key_id, "E");
  EXPECT_EQ(found->secret_access_key, "F");
  EXPECT_EQ(found->session_token, "G");
}

TEST_F(CredentialsTest, ThenAProfileOfTheSharedFile) {
  write(home_ / ".aws/credentials", kFile);
  auto found = find();
  ASSERT_TRUE(found.has_value()) << found.error().message;
  EXPECT_EQ(found->access_key_id, "A");
  EXPECT_EQ(found->secret_access_key, "S=1");
  EXPECT_EQ(found->session_token, "");
  variables_["AWS_PROFILE"] = "other";
  found = find();
  ASSERT_TRUE(found.has_value()) << found.error().message;
  EXPECT_EQ(found->secret_access_key, "T");
  EXPECT_EQ(found->session_token, "U");
  write(home_ / "elsewhere", "[other]\naws_access_key_id=C\naws_secret_access_key=D\n");
  variables_["AWS_SHARED_CREDENTIALS_FILE"] = home_ / "elsewhere";
  EXPECT_EQ(find()->access_key_id, "C");
}

TEST_F(CredentialsTest, RefusalsSayWhatWasLookedForAndWhatToDo) {
  EXPECT_NE(refusal().find("/.aws/credentials cannot be read"), std::string::npos) << refusal();
  EXPECT_NE(refusal().find("aws configure export-credentials --format env"), std::string::npos);
  write(home_ / ".aws/credentials", kFile);
  variables_["AWS_PROFILE"] = "nobody";
  EXPECT_NE(refusal().find("has no profile [nobody]"), std::string::npos) << refusal();
  variables_["AWS_PROFILE"] = "sso";
  EXPECT_NE(refusal().find("has no aws_access_key_id"), std::string::npos) << refusal();
  variables_["AWS_ACCESS_KEY_ID"] = "E";
  EXPECT_NE(refusal().find("only one is set"), std::string::npos) << refusal();
}

}  // namespace
}  // namespace aurora_global::awsclient
