// Goal: whatever a function answers, the gateway's answer is HTTP: the function's where it has the
// form of a proxy integration, 502 where it has not, 500 where it was not asked.
#include "services/executeapi/executeapi.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "net/testing/run.h"

namespace aurora_global::services::executeapi {
namespace {

using nlohmann::json;

class Invoker final : public FunctionInvoker {
 public:
  net::Task<Result<FunctionAnswer>> invoke_function(std::string, std::string payload,
                                                    std::string trace_id) override {
    event = json::parse(payload);
    trace = std::move(trace_id);
    if (refused) co_return *refused;
    co_return answer;
  }
  FunctionAnswer answer;
  std::optional<Error> refused;
  json event;
  std::string trace;
};

net::HttpResponse post(Invoker& invoker, std::string body = "") {
  net::HttpRequest request;
  request.method = "POST";
  request.target = "/prod/failover";
  request.headers = {{"X-Amzn-Trace-Id", "Root=1-2-3"}, {"X-Odd", "\xFF"}};
  request.body = std::move(body);
  net::HttpResponse response;
  net::testing::run([&](net::TaskGroup&) -> net::Task<void> {
    auto serving = serve(invoker, request);
    response = co_await std::move(serving);
  });
  return response;
}

TEST(ExecuteApi, AFunctionsAnswerIsPassedOn) {
  Invoker invoker;
  invoker.answer.payload = R"({"statusCode": "201", "body": "aGk=", "isBase64Encoded": true,
      "headers": {"X-A": 1, "content-length": "5", "Connection": "close", "Date": "never"},
      "multiValueHeaders": {"Set-Cookie": ["a", "b"]}})";
  const auto answer = post(invoker, "{}");
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.body, "hi");
  EXPECT_EQ(net::header_value(answer.headers, "X-A"), "1");
  EXPECT_EQ(net::header_value(answer.headers, "Content-Length"), "");
  EXPECT_EQ(net::header_value(answer.headers, "Connection"), "");
  EXPECT_EQ(std::count(answer.headers.begin(), answer.headers.end(),
                       std::pair<std::string, std::string>("Set-Cookie", "b")),
            1);
  EXPECT_EQ(invoker.event.at("body"), "{}");
  EXPECT_EQ(invoker.trace, "Root=1-2-3");
}

TEST(ExecuteApi, WhatIsNoProxyAnswerIsABadGateway) {
  for (const char* payload : {"",
                              "null",
                              "\"x\"",
                              "[]",
                              "{}",
                              "\xFF",
                              R"({"statusCode": 1000, "body": ""})",
                              R"({"statusCode": -1, "body": ""})",
                              R"({"statusCode": 99, "body": ""})",
                              R"({"statusCode": 100, "body": ""})",
                              R"({"statusCode": 18446744073709551615})",
                              R"({"statusCode": 200.5, "body": ""})",
                              R"({"statusCode": "2xx"})",
                              R"({"statusCode": null})",
                              R"({"statusCode": 200, "body": 5})",
                              R"({"statusCode": 200, "headers": "x"})",
                              R"({"statusCode": 200, "headers": [1]})",
                              R"({"statusCode": 200, "headers": {"A": null}})",
                              R"({"statusCode": 200, "headers": {"A b": "c"}})",
                              R"({"statusCode": 200, "headers": {"A": "b\r\nC: d"}})",
                              R"({"statusCode": 200, "headers": {"": "b"}})",
                              R"({"statusCode": 200, "multiValueHeaders": {"A": "b"}})",
                              R"({"statusCode": 200, "body": "%", "isBase64Encoded": true})"}) {
    Invoker invoker;
    invoker.answer.payload = payload;
    EXPECT_EQ(post(invoker).status, 502) << payload;
  }
  Invoker invoker;
  invoker.answer = {R"({"statusCode": 200, "body": ""})", "Unhandled"};
  EXPECT_EQ(post(invoker).status, 502);
}

// Not 429: API Gateway counts it as a failure of the integration.
TEST(ExecuteApi, WhatLambdaRefusesIsAnInternalError) {
  Invoker invoker;
  for (const char* code : {"TooManyRequestsException", "ResourceNotFoundException"}) {
    invoker.refused = make_error(ErrorKind::exhausted, "Rate Exceeded.", code);
    const auto answer = post(invoker);
    EXPECT_EQ(answer.status, 500) << code;
    EXPECT_EQ(answer.body, R"({"message":"Internal server error"})");
    EXPECT_EQ(net::header_value(answer.headers, "x-amzn-ErrorType"),
              "InternalServerErrorException");
  }
}

}  // namespace
}  // namespace aurora_global::services::executeapi
