// Goal: signatures are AWS's, and nothing else passes.
#include "awsapi/sigv4.h"

#include <gtest/gtest.h>

namespace aurora_global::awsapi {
namespace {

// The credentials, time and scope of AWS's published Signature Version 4 test suite.
const Credentials kSuite{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"};
const WallTime kSuiteTime{std::chrono::seconds(1440938160)};  // 20150830T123600Z

std::string signature_of(const HttpMessage& message) {
  const std::string text = header(message.headers, "Authorization");
  return text.substr(text.find("Signature=") + 10);
}

HttpMessage suite_request(std::string method, std::string target) {
  HttpMessage message{std::move(method), std::move(target), {}, ""};
  sign(message, kSuite, "example.amazonaws.com", "us-east-1", "service", kSuiteTime);
  return message;
}

TEST(SigV4, AgreesWithThePublishedSuite) {
  EXPECT_EQ(signature_of(suite_request("GET", "/")),
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");  // get-vanilla
  EXPECT_EQ(signature_of(suite_request("POST", "/")),
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");  // post-vanilla
  EXPECT_EQ(signature_of(suite_request("GET", "/?Param2=value2&Param1=value1")),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");  // order of keys
}

std::optional<std::string> secret_of(std::string_view id) {
  if (id == kSuite.access_key_id) return kSuite.secret_access_key;
  return std::nullopt;
}

std::string code_of(const HttpMessage& message, WallTime now = kSuiteTime) {
  const auto verified = verify(message, secret_of, now);
  return verified.has_value() ? "ok" : verified.error().code;
}

HttpMessage post() {
  HttpMessage message{"POST", "/", {}, "Action=DescribeGlobalClusters"};
  sign(message, kSuite, "127.0.1.1:4566", "us-west-2", "rds", kSuiteTime);
  return message;
}

TEST(SigV4, AcceptsItsOwnSignature) {
  const auto scope = verify(post(), secret_of, kSuiteTime);
  ASSERT_TRUE(scope.has_value());
  EXPECT_EQ(scope->region, "us-west-2");
  EXPECT_EQ(scope->service, "rds");
}

TEST(SigV4, RefusesEveryChange) {
  HttpMessage message = post();
  message.body += "&x=1";
  EXPECT_EQ(code_of(message), "SignatureDoesNotMatch");
  message = post();
  message.target = "/?Action=DeleteGlobalCluster";
  EXPECT_EQ(code_of(message), "SignatureDoesNotMatch");
  message = post();
  message.method = "GET";
  EXPECT_EQ(code_of(message), "SignatureDoesNotMatch");
  message = post();
  for (auto& [name, value] : message.headers) {
    if (name == "Host") value = "127.0.2.1:4566";
  }
  EXPECT_EQ(code_of(message), "SignatureDoesNotMatch");
}

TEST(SigV4, RefusesOldAndFutureRequests) {
  EXPECT_EQ(code_of(post(), kSuiteTime + std::chrono::minutes(5)), "ok");
  EXPECT_EQ(code_of(post(), kSuiteTime + std::chrono::minutes(6)), "SignatureDoesNotMatch");
  EXPECT_EQ(code_of(post(), kSuiteTime - std::chrono::minutes(6)), "SignatureDoesNotMatch");
}

TEST(SigV4, NamesWhatIsMissing) {
  EXPECT_EQ(code_of(HttpMessage{"GET", "/", {}, ""}), "MissingAuthenticationToken");
  EXPECT_EQ(code_of(HttpMessage{"GET", "/", {{"Authorization", "Basic eA=="}}, ""}),
            "IncompleteSignature");
  HttpMessage message{"GET", "/", {}, ""};
  sign(message, Credentials{"AKIDOTHER", "x"}, "h", "r", "s", kSuiteTime);
  EXPECT_EQ(code_of(message), "InvalidClientTokenId");
}

TEST(Percent, IsReadBack) {
  const std::string all = "a b+c/d%e~é&=?";
  EXPECT_EQ(percent_decode(percent_encode(all)), all);
  EXPECT_EQ(percent_encode("a~b c"), "a~b%20c");
  EXPECT_EQ(percent_decode("100%"), "100%");
}

}  // namespace
}  // namespace aurora_global::awsapi
