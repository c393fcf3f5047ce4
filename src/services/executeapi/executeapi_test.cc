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
  Result<void> may_invoke(const std::string& name, const FunctionCaller& caller) override {
    function = name;
    source = caller.source_arn;
    if (permitted) return ok();
    return make_error(ErrorKind::denied, "no", "AccessDeniedException");
  }
  bool permitted = true;
  std::string function, source;
  FunctionAnswer answer;
  std::optional<Error> refused;
  json event;
  std::string trace;
};

// A region without APIs, or with the one route that is set.
class Routes final : public ApiRoutes {
 public:
  bool has_apis() const override { return route.has_value(); }
  Result<ApiRoute> find_route(const ApiRequestLine& request) const override {
    if (request.path.rfind("/prod/", 0) == 0) return *route;
    return make_error(ErrorKind::denied, "Forbidden", "ForbiddenException");
  }
  std::optional<ApiRoute> route;
};

const region::Facts kFacts{RegionId{"us-east-1"}, "123456789012", "", "", {}};

net::HttpResponse ask(Invoker& invoker, const Routes& routes, net::HttpRequest request) {
  net::HttpResponse response;
  net::testing::run([&](net::TaskGroup&) -> net::Task<void> {
    auto serving = serve(invoker, routes, kFacts, request);
    response = co_await std::move(serving);
  });
  return response;
}

net::HttpResponse post(Invoker& invoker, std::string body = "") {
  net::HttpRequest request;
  request.method = "POST";
  request.target = "/prod/failover";
  request.headers = {{"X-Amzn-Trace-Id", "Root=1-2-3"}, {"X-Odd", "\xFF"}};
  request.body = std::move(body);
  return ask(invoker, Routes(), request);
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
                              R"({"statusCode": 200, "headers": {"A": "\u007f"}})",
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

class RoutedTest : public ::testing::Test {
 protected:
  RoutedTest() {
    invoker_.answer.payload = R"({"statusCode": 200, "body": "ok"})";
    ApiRoute route;
    route.api_id = "a1b2";
    route.stage = "prod";
    route.resource_path = "/orders/{id}";
    route.path = "/orders/7";
    route.http_method = "POST";
    route.function_arn = "arn:aws:lambda:us-east-1:123456789012:function:f";
    route.path_parameters = {{"id", "7"}};
    route.stage_variables = {{"color", "red"}};
    routes_.route = route;
  }
  net::HttpResponse send(std::string body, net::Headers headers = {}) {
    net::HttpRequest request;
    request.method = "POST";
    request.target = "/prod/orders/7?x=1&x=2&y=%20";
    request.headers = std::move(headers);
    request.body = std::move(body);
    return ask(invoker_, routes_, std::move(request));
  }
  Invoker invoker_;
  Routes routes_;
};

TEST_F(RoutedTest, TheFunctionGetsAProxyEventOfTheRoute) {
  EXPECT_EQ(send("{}", {{"X-A", "b"}}).status, 200);
  EXPECT_EQ(invoker_.function, routes_.route->function_arn);
  EXPECT_EQ(invoker_.source, "arn:aws:execute-api:us-east-1:123456789012:a1b2/prod/POST/orders/*");
  const json& event = invoker_.event;
  EXPECT_EQ(event["resource"], "/orders/{id}");
  EXPECT_EQ(event["path"], "/orders/7");
  EXPECT_EQ(event["pathParameters"], (json{{"id", "7"}}));
  EXPECT_EQ(event["queryStringParameters"], (json{{"x", "2"}, {"y", " "}}));
  EXPECT_EQ(event["multiValueQueryStringParameters"]["x"], json::array({"1", "2"}));
  EXPECT_EQ(event["stageVariables"], (json{{"color", "red"}}));
  EXPECT_EQ(event["requestContext"]["apiId"], "a1b2");
  EXPECT_EQ(event["requestContext"]["path"], "/prod/orders/7");
  EXPECT_EQ(event["multiValueHeaders"]["X-A"], json::array({"b"}));
}

TEST_F(RoutedTest, WithoutPermissionNothingIsInvoked) {
  invoker_.permitted = false;
  EXPECT_EQ(send("{}").status, 500);
  EXPECT_TRUE(invoker_.event.is_null());
}

TEST_F(RoutedTest, BodiesAndParametersAreHeldToWhatIsDeclared) {
  routes_.route->body_schemas["application/json"] =
      json::parse(R"({"type": "object", "properties": {"a": {"enum": ["x", "y"]}},
                      "additionalProperties": false})");
  for (const char* body : {"{\"a\": \"z\"}", "{\"b\": 1}", "[]", "5", "{", "null"}) {
    const auto refused = send(body, {{"Content-Type", "application/json; charset=utf-8"}});
    EXPECT_EQ(refused.status, 400) << body;
    EXPECT_EQ(json::parse(refused.body)["message"], "Invalid request body");
    EXPECT_EQ(send(body).status, 400) << "JSON is the default: " << body;
    EXPECT_TRUE(invoker_.event.is_null());
  }
  EXPECT_EQ(send("{\"a\": \"x\"}").status, 200);
  EXPECT_EQ(send("").status, 200);
  EXPECT_EQ(send("[]", {{"Content-Type", "text/plain"}}).status, 200);
  routes_.route->required = {"querystring.x", "path.id", "querystring.z", "header.X-B"};
  const auto refused = send("{}", {{"X-A", "b"}});
  EXPECT_EQ(json::parse(refused.body)["message"], "Missing required request parameters: [z, X-B]");
}

TEST_F(RoutedTest, AFunctionReadsEveryHeaderButTheSignature) {
  send("{}", {{"authorization", "AWS4-HMAC-SHA256 Credential=x"}, {"X-A", "a"}, {"X-A", "b"}});
  EXPECT_FALSE(invoker_.event.at("headers").contains("authorization"));
  EXPECT_FALSE(invoker_.event.at("multiValueHeaders").contains("authorization"));
  EXPECT_EQ(invoker_.event.at("headers").at("X-A"), "b");
  EXPECT_EQ(invoker_.event.at("multiValueHeaders").at("X-A"), (json{"a", "b"}));
  send("{}", {{"Authorization", "Bearer token"}});
  EXPECT_EQ(invoker_.event.at("headers").at("Authorization"), "Bearer token");
}

TEST_F(RoutedTest, AnApiIsNamedByItsHostOrAHeader) {
  net::HttpRequest request;
  request.method = "POST";
  request.target = "/prod/x?y";
  EXPECT_EQ(line_of(request).api_id, "");
  EXPECT_EQ(line_of(request).path, "/prod/x");
  request.headers = {{"Host", "127.0.1.1:4566"}};
  EXPECT_EQ(line_of(request).api_id, "");
  request.headers = {{"Host", "a1b2.execute-api.us-east-1.amazonaws.com"}};
  EXPECT_EQ(line_of(request).api_id, "a1b2");
  request.headers = {{"Host", "127.0.1.1:4566"}, {"x-apigw-api-id", "c3"}};
  EXPECT_EQ(line_of(request).api_id, "c3");
}

TEST_F(RoutedTest, OnlyAMethodWithoutAuthorisationIsOpen) {
  net::HttpRequest request;
  request.method = "POST";
  request.target = "/prod/x";
  EXPECT_FALSE(is_open(routes_, request));
  routes_.route->is_signed = false;
  EXPECT_TRUE(is_open(routes_, request));
  request.headers = {{"Authorization", "AWS4-HMAC-SHA256 ..."}};
  EXPECT_FALSE(is_open(routes_, request)) << "it may be a service's call";
  request.headers = {{"Authorization", "Bearer token"}};
  EXPECT_TRUE(is_open(routes_, request)) << "no service takes it";
  request.headers = {{"Authorization", "AWS4-HMAC-SHA256 ..."}, {"x-apigw-api-id", "a1b2"}};
  EXPECT_TRUE(is_open(routes_, request));
  request.target = "/other/x";
  EXPECT_FALSE(is_open(routes_, request));
  EXPECT_FALSE(is_open(Routes(), request));
}

}  // namespace
}  // namespace aurora_global::services::executeapi
