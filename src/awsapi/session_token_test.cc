// Goal: the credentials of a session verify as long as they last, and nothing else passes for them.
#include "awsapi/session_token.h"

#include <gtest/gtest.h>

namespace aurora_global::awsapi {
namespace {

const WallTime kNow{std::chrono::seconds(1'796'000'000)};
const Session kSession{"ASIA0000", "AKID", "deploy", "me", kNow + std::chrono::hours(1)};

std::optional<std::string> permanent(std::string_view id) {
  if (id == "AKID") return "permanent secret";
  return std::nullopt;
}

Result<std::string> secret_at(std::string_view id, const std::string& token, WallTime now) {
  TRY(const auto opened, open_session(id, token, permanent, now));
  return opened.secret_access_key;
}

std::string code_of(const Credentials& credentials, WallTime now) {
  HttpMessage message{"POST", "/", {}, "Action=DescribeDBClusters"};
  sign(message, credentials, "127.0.1.1:4566", "us-west-2", "rds", now);
  const auto verified = verify(
      message,
      [&](std::string_view id, const std::string& token) { return secret_at(id, token, now); },
      now);
  return verified.has_value() ? "ok" : verified.error().code;
}

TEST(SessionToken, ItsCredentialsSignUntilTheyExpire) {
  const Credentials made = session_credentials(kSession, "permanent secret");
  EXPECT_EQ(code_of(made, kNow), "ok");
  EXPECT_EQ(code_of(made, kNow + std::chrono::minutes(59)), "ok");
  EXPECT_EQ(code_of(made, kNow + std::chrono::hours(1)), "ExpiredToken");
  const auto opened = open_session("ASIA0000", made.session_token, permanent, kNow);
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ(opened->session.role_name + " " + opened->session.name, "deploy me");
}

TEST(SessionToken, AnyOtherIsNone) {
  const Credentials made = session_credentials(kSession, "permanent secret");
  Credentials other = session_credentials(kSession, "another secret");
  EXPECT_EQ(code_of(other, kNow), "InvalidClientTokenId");
  other = made;
  other.secret_access_key += "x";
  EXPECT_EQ(code_of(other, kNow), "SignatureDoesNotMatch");
  other = made;
  other.access_key_id = "ASIA0001";
  EXPECT_EQ(code_of(other, kNow), "InvalidClientTokenId");
  other = made;
  other.session_token = "";
  EXPECT_EQ(code_of(other, kNow), "InvalidClientTokenId");
  for (std::size_t i = 0; i < made.session_token.size(); ++i) {
    other = made;
    char& at = other.session_token[i];
    at = at == 'A' ? 'B' : 'A';
    EXPECT_EQ(code_of(other, kNow), "InvalidClientTokenId") << i;
  }
}

TEST(SessionToken, ALongerLifeNeedsThePermanentSecret) {
  Session longer = kSession;
  longer.expires += std::chrono::hours(12);
  const Credentials made = session_credentials(kSession, "permanent secret");
  const Credentials forged = session_credentials(longer, made.secret_access_key);
  EXPECT_EQ(code_of(forged, kNow), "InvalidClientTokenId");
}

}  // namespace
}  // namespace aurora_global::awsapi
