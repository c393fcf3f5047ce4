// Goal: the writer moves only when an event clearly asks for it; whatever looks like HTTP is judged
// as HTTP.
#include "functions/failover.h"

#include <gtest/gtest.h>

namespace aurora_global::functions {
namespace {

using nlohmann::json;
using Kind = FailoverEvent::Kind;

Result<FailoverEvent> read(const char* text) { return read_failover_event(json::parse(text)); }

TEST(FailoverEvent, ADirectInvocationIsPlannedUnlessItSaysOtherwise) {
  const auto empty = read("{}");
  ASSERT_TRUE(empty.has_value());
  EXPECT_EQ(empty->kind, Kind::direct);
  EXPECT_EQ(empty->request.kind, model::OperationKind::switchover);
  const auto told = read(R"({"failover_type": "unplanned", "target_region": "us-west-2"})");
  ASSERT_TRUE(told.has_value());
  EXPECT_EQ(told->request.kind, model::OperationKind::failover);
  EXPECT_EQ(told->request.target.name, "us-west-2");
}

TEST(FailoverEvent, ADirectInvocationThatIsNotUnderstoodIsAnError) {
  for (const char* text :
       {"null", "[]", "\"planned\"", "0", R"({"failover_type": "bad"})",
        R"({"failover_type": null})", R"({"type": "planned"})", R"({"wait": "yes"})",
        R"({"target_region": 5})", R"({"target_region": ""})", R"({"expected_primary": ""})"}) {
    EXPECT_TRUE(read(text).has_error()) << text;
  }
}

TEST(FailoverEvent, WhatHasAKeyOfAProxyRequestIsJudgedAsHttp) {
  const std::pair<const char*, int> cases[] = {
      {R"({"httpMethod": "OPTIONS", "path": "/failover"})", 405},
      {R"({"httpMethod": "DELETE", "path": "/prod/failover"})", 405},
      {R"({"httpMethod": "get", "path": "/failover"})", 405},
      {R"({"httpMethod": "OPTIONS"})", 400},
      {R"({"httpMethod": null})", 400},
      {R"({"httpMethod": null, "failover_type": "planned"})", 400},
      {R"({"httpMethod": ["POST"], "path": "/failover"})", 400},
      {R"({"httpMethod": "POST", "body": {"failover_type": "bad"}})", 400},
      {R"({"httpMethod": "POST", "path": "/failover", "body": {"failover_type": "bad"}})", 400},
      {R"({"httpMethod": "POST", "path": "/failover", "body": {"failover_type": "planned"}})", 400},
      {R"({"httpMethod": "POST", "path": "/failover", "body": 5})", 400},
      {R"({"httpMethod": "POST", "path": "/failover", "body": "[]"})", 400},
      {R"({"httpMethod": "POST", "path": "/failover", "body": "no"})", 400},
      {R"({"httpMethod": "POST", "path": "/failover", "body": "e30", "isBase64Encoded": true})",
       400},
      {R"({"httpMethod": "POST", "path": "/failover", "body": "{\"failover_type\":\"bad\"}"})",
       400},
      {R"({"httpMethod": "POST", "path": "/failover", "body": "{\"wait\":true}"})", 400},
      {R"({"httpMethod": "POST", "path": "/other"})", 404},
      {R"({"httpMethod": "POST", "path": null})", 400},
      {R"({"body": "{}"})", 400},
      {R"({"rawPath": "/failover", "requestContext": {"http": {"method": "POST"}}})", 400},
      {R"({"requestContext": {}})", 400},
      {R"({"headers": {}, "failover_type": "unplanned"})", 400},
  };
  for (const auto& [text, status] : cases) {
    const auto event = read(text);
    ASSERT_TRUE(event.has_value()) << text;
    EXPECT_EQ(event->kind, Kind::refused) << text;
    EXPECT_EQ(event->answer.value("statusCode", 0), status) << text;
  }
}

TEST(FailoverEvent, AProxyRequestAsksByItsMethodAndBody) {
  const auto get = read(R"({"httpMethod": "GET", "path": "/failover", "body": null})");
  ASSERT_TRUE(get.has_value());
  EXPECT_EQ(get->kind, Kind::get);
  for (const char* body : {"null", "\"\"", "\"{}\""}) {
    const auto post =
        read((std::string(R"({"httpMethod": "POST", "path": "/failover", "body": )") + body + "}")
                 .c_str());
    ASSERT_TRUE(post.has_value());
    EXPECT_EQ(post->kind, Kind::post) << body;
    EXPECT_EQ(post->request.kind, model::OperationKind::switchover);
  }
  // {"failover_type":"unplanned"}
  const auto encoded = read(R"({"httpMethod": "POST", "path": "/failover", "isBase64Encoded": true,
      "body": "eyJmYWlsb3Zlcl90eXBlIjoidW5wbGFubmVkIn0="})");
  ASSERT_TRUE(encoded.has_value());
  EXPECT_EQ(encoded->kind, Kind::post);
  EXPECT_EQ(encoded->request.kind, model::OperationKind::failover);
}

}  // namespace
}  // namespace aurora_global::functions
