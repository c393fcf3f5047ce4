// Goal: the credentials of an assumed role are taken by every service, until they expire, and no
// others are.
#include <gtest/gtest.h>

#include "services/testing/call.h"

namespace aurora_global::services {
namespace {

using testing::code_in;
using testing::element_in;
using testing::FakeRegion;

net::HttpRequest request_with(const awsapi::Credentials& credentials, std::string body,
                              WallTime at = SystemClock().wall_now()) {
  awsapi::HttpMessage message{"POST", "/", {}, std::move(body)};
  awsapi::sign(message, credentials, "127.0.1.1:4566", "us-east-1", "sts", at);
  net::HttpRequest request;
  request.method = "POST";
  request.target = "/";
  request.headers = message.headers;
  request.body = message.body;
  return request;
}

const std::string kWho = "Action=GetCallerIdentity&Version=2011-06-15";

std::string assuming(const std::string& role, const std::string& more = "") {
  return "Action=AssumeRole&Version=2011-06-15&RoleSessionName=me&RoleArn=" + role + more;
}

awsapi::Credentials assumed(FakeRegion& region, const std::string& role) {
  const auto answer = send(region, testing::signed_request("POST", "/", assuming(role), "sts"));
  EXPECT_EQ(answer.status, 200) << answer.body;
  return {element_in(answer, "AccessKeyId"), element_in(answer, "SecretAccessKey"),
          element_in(answer, "SessionToken")};
}

TEST(Sts, AnAssumedRoleIsWhoAsks) {
  FakeRegion region;
  const auto credentials = assumed(region, "arn:aws:iam::123456789012:role/service/deploy");
  EXPECT_TRUE(credentials.access_key_id.starts_with("ASIA"));
  const auto who = send(region, request_with(credentials, kWho));
  EXPECT_EQ(element_in(who, "Arn"), "arn:aws:sts::123456789012:assumed-role/deploy/me");
  EXPECT_TRUE(element_in(who, "UserId").ends_with(":me")) << who.body;
  // A role may assume the next.
  const auto next =
      send(region, request_with(credentials, assuming("arn:aws:iam::123456789012:role/next")));
  EXPECT_EQ(element_in(next, "Arn"), "arn:aws:sts::123456789012:assumed-role/next/me");
}

TEST(Sts, OtherCredentialsAreRefused) {
  FakeRegion region;
  const auto good = assumed(region, "arn:aws:iam::123456789012:role/deploy");
  auto bad = good;
  bad.session_token.clear();
  EXPECT_EQ(code_in(send(region, request_with(bad, kWho))), "InvalidClientTokenId");
  bad = good;
  bad.session_token[60] = bad.session_token[60] == 'a' ? 'b' : 'a';
  EXPECT_EQ(code_in(send(region, request_with(bad, kWho))), "InvalidClientTokenId");
  bad = good;
  bad.secret_access_key = "other";
  EXPECT_EQ(code_in(send(region, request_with(bad, kWho))), "SignatureDoesNotMatch");
  const awsapi::Session past{"ASIA0", FakeRegion::kKey, "deploy", "me",
                             SystemClock().wall_now() - std::chrono::seconds(1)};
  const auto expired =
      send(region, request_with(awsapi::session_credentials(past, FakeRegion::kSecret), kWho));
  EXPECT_EQ(expired.status, 403);
  EXPECT_EQ(code_in(expired), "ExpiredToken");
  EXPECT_EQ(element_in(expired, "Message"),
            "The security token included in the request is expired");
}

TEST(Sts, RolesOfOthersAreNotAssumed) {
  FakeRegion region;
  const auto code = [&](const std::string& body) {
    return code_in(send(region, testing::signed_request("POST", "/", body, "sts")));
  };
  EXPECT_EQ(code(assuming("arn:aws:iam::999999999999:role/deploy")), "AccessDenied");
  EXPECT_EQ(code(assuming("arn:aws:iam::123456789012:user/someone")), "ValidationError");
  EXPECT_EQ(code(assuming("arn:aws:iam::123456789012:role/deploy", "&DurationSeconds=60")),
            "ValidationError");
  EXPECT_EQ(code("Action=AssumeRole&Version=2011-06-15"), "MissingParameter");
}

}  // namespace
}  // namespace aurora_global::services
