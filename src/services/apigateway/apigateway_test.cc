// Goal: an API is made, deployed and routed as at AWS, survives the daemon, and what is deployed
// does not change with what it was made of.
#include "services/apigateway/apigateway.h"

#include <gtest/gtest.h>

#include "services/testing/service_test.h"

namespace aurora_global::services::apigateway {
namespace {

using nlohmann::json;

constexpr const char* kFunction = "arn:aws:lambda:us-east-1:123456789012:function:failover";

class ApiGatewayTest : public services::testing::ServiceTest<ApiGateway> {
 protected:
  ApiGatewayTest() : ServiceTest("apigateway") {}

  template <typename Body>
  void live(const Body& body) {
    net::testing::run([&](net::TaskGroup& tasks) -> net::Task<void> {
      auto service = ApiGateway::open(tasks.executor(), facts_, home_ / "apis.sqlite");
      CO_ASSERT_OK(service);
      service_ = service->get();
      auto running = body();
      co_await std::move(running);
    });
  }

  static json with(json input, const json& more) {
    input.update(more);
    return input;
  }
  static json integration(std::string function = kFunction) {
    return {{"type", "AWS_PROXY"},
            {"integrationHttpMethod", "POST"},
            {"uri", "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/" + function +
                        "/invocations"}};
  }

  // The API of our own stacks; sets api_ and resource_.
  net::Task<void> make_api(std::string authorization = "AWS_IAM") {
    const json made = co_await call("CreateRestApi", {{"name", "failover"}});
    api_ = {{"restApiId", made.value("id", "")}};
    const json resource = co_await call(
        "CreateResource",
        with(api_, {{"parentId", made.value("rootResourceId", "")}, {"pathPart", "failover"}}));
    method_ = with(api_, {{"resourceId", resource.value("id", "")}, {"httpMethod", "POST"}});
    const json validator =
        co_await call("CreateRequestValidator", with(api_, {{"validateRequestBody", true}}));
    co_await call("CreateModel", with(api_, {{"name", "Request"},
                                             {"contentType", "application/json"},
                                             {"schema", R"({"type": "object"})"}}));
    co_await call("PutMethod",
                  with(method_, {{"authorizationType", authorization},
                                 {"requestValidatorId", validator.value("id", "")},
                                 {"requestParameters", {{"method.request.querystring.x", true}}},
                                 {"requestModels", {{"application/json", "Request"}}}}));
    co_await call("PutIntegration", with(method_, integration()));
  }
  net::Task<std::string> deploy() {
    const json deployment = co_await call("CreateDeployment", with(api_, {{"stageName", "prod"}}));
    co_return deployment.value("id", deployment.value("message", ""));
  }
  Result<ApiRoute> route(std::string method, std::string path, std::string api = "") {
    return service_->find_route({std::move(api), std::move(method), std::move(path)});
  }

  json api_, method_;
};

TEST_F(ApiGatewayTest, WhatIsDeployedIsRoutedAlsoAfterARestart) {
  live([&]() -> net::Task<void> {
    EXPECT_FALSE(service_->has_apis());
    co_await make_api();
    EXPECT_EQ(route("POST", "/prod/failover").error().code, "MissingAuthenticationTokenException");
    co_await deploy();
  });
  live([&]() -> net::Task<void> {
    EXPECT_TRUE(service_->has_apis());
    for (const std::string& id : {std::string(), api_["restApiId"].get<std::string>()}) {
      const auto found = route("POST", "/prod/failover", id);
      CO_ASSERT_OK(found);
      EXPECT_EQ(found->function_arn, kFunction);
      EXPECT_TRUE(found->is_signed);
      EXPECT_EQ(found->resource_path, "/failover");
      EXPECT_EQ(found->body_schemas["application/json"], (json{{"type", "object"}}));
      EXPECT_TRUE(found->required.empty()) << "the validator looks at bodies alone";
    }
    EXPECT_EQ(route("GET", "/prod/failover").error().code, "MissingAuthenticationTokenException");
    EXPECT_EQ(route("POST", "/prod/other").error().code, "MissingAuthenticationTokenException");
    EXPECT_EQ(route("POST", "/prod").error().code, "MissingAuthenticationTokenException");
    EXPECT_EQ(route("POST", "/dev/failover").error().code, "MissingAuthenticationTokenException");
    EXPECT_EQ(route("POST", "/prod/failover", "other").error().code, "ForbiddenException");
    EXPECT_EQ(route("POST", "").error().code, "ForbiddenException");
    co_await call("DeleteRestApi", api_);
    EXPECT_FALSE(service_->has_apis());
    EXPECT_EQ((co_await code("GetRestApi", api_)), "NotFoundException");
  });
}

TEST_F(ApiGatewayTest, ADeploymentStaysWhatItIs) {
  live([&]() -> net::Task<void> {
    co_await make_api();
    const std::string first = co_await deploy();
    co_await call("DeleteMethod", method_);
    EXPECT_TRUE(route("POST", "/prod/failover").has_value());
    EXPECT_EQ((co_await deploy()), "The REST API doesn't contain any methods");
    co_await call("PutMethod", with(method_, {{"authorizationType", "NONE"}}));
    EXPECT_EQ((co_await deploy()), "No integration defined for method");
    co_await call("PutIntegration", with(method_, integration()));
    EXPECT_TRUE(route("POST", "/prod/failover")->is_signed);
    const std::string second = co_await deploy();
    EXPECT_FALSE(route("POST", "/prod/failover")->is_signed);
    EXPECT_EQ((co_await code("DeleteDeployment", with(api_, {{"deploymentId", second}}))),
              "BadRequestException");
    // Back again, by hand.
    const json back = {{"op", "replace"}, {"path", "/deploymentId"}, {"value", first}};
    co_await call("UpdateStage", with(api_, {{"stageName", "prod"}, {"patchOperations", {back}}}));
    EXPECT_TRUE(route("POST", "/prod/failover")->is_signed);
    co_await call("DeleteDeployment", with(api_, {{"deploymentId", second}}));
    EXPECT_EQ((co_await call("GetDeployments", api_))["items"].size(), 1u);
  });
}

TEST_F(ApiGatewayTest, TheMoreSpecialResourceIsTaken) {
  live([&]() -> net::Task<void> {
    const json made = co_await call("CreateRestApi", {{"name", "orders"}});
    api_ = {{"restApiId", made.value("id", "")}};
    const std::string root = made.value("rootResourceId", "");
    const auto add = [&](std::string parent, std::string part,
                         std::string method) -> net::Task<std::string> {
      const json resource =
          co_await call("CreateResource", with(api_, {{"parentId", parent}, {"pathPart", part}}));
      const json named =
          with(api_, {{"resourceId", resource.value("id", "")}, {"httpMethod", method}});
      co_await call("PutMethod", with(named, {{"authorizationType", "NONE"}}));
      co_await call("PutIntegration", with(named, integration()));
      co_return resource.value("id", "");
    };
    const std::string orders = co_await add(root, "orders", "GET");
    co_await add(orders, "{id}", "GET");
    co_await add(orders, "new", "GET");
    co_await add(root, "{rest+}", "ANY");
    co_await deploy();
    const auto resource = [&](const char* path) {
      const auto found = route("GET", path);
      return found.has_value() ? found->resource_path : found.error().code;
    };
    EXPECT_EQ(resource("/prod/orders"), "/orders");
    EXPECT_EQ(resource("/prod/orders/"), "/orders");
    EXPECT_EQ(resource("/prod/orders/new"), "/orders/new");
    EXPECT_EQ(resource("/prod/orders/7%2F8"), "/orders/{id}");
    EXPECT_EQ(route("GET", "/prod/orders/7%2F8")->path_parameters.at("id"), "7/8");
    EXPECT_EQ(resource("/prod/orders/7/8"), "/{rest+}");
    EXPECT_EQ(route("GET", "/prod/orders/7/8")->path_parameters.at("rest"), "orders/7/8");
    EXPECT_EQ(route("PUT", "/prod/orders")->resource_path, "/{rest+}");
    EXPECT_EQ(resource("/prod/"), "MissingAuthenticationTokenException");
  });
}

TEST_F(ApiGatewayTest, WhatCannotBeIsRefusedByName) {
  live([&]() -> net::Task<void> {
    co_await make_api();
    const std::string bad = "BadRequestException", there = "ConflictException";
    EXPECT_EQ((co_await code("PutMethod", with(method_, {{"authorizationType", "AWS_IAM"}}))),
              there);
    EXPECT_EQ(
        (co_await code("PutIntegration", with(method_, integration("arn:aws:lambda:us-west-2:1"
                                                                   "23456789012:function:f")))),
        bad);
    json mock = with(method_, {{"type", "MOCK"}});
    EXPECT_EQ((co_await code("PutIntegration", mock)), bad);
    json other = with(method_, {{"httpMethod", "GET"}, {"authorizationType", "CUSTOM"}});
    EXPECT_EQ((co_await code("PutMethod", other)), bad);
    other["authorizationType"] = "NONE";
    other["requestModels"] = {{"application/json", "Absent"}};
    EXPECT_EQ((co_await code("PutMethod", other)), bad);
    for (const char* schema : {"{", "[]", R"({"type": "text"})", R"({"oneOf": []})",
                               R"({"pattern": "("})", R"({"items": 5})"}) {
      EXPECT_EQ((co_await code("CreateModel", with(api_, {{"name", "Other"},
                                                          {"contentType", "application/json"},
                                                          {"schema", schema}}))),
                bad)
          << schema;
    }
    EXPECT_EQ((co_await code("DeleteModel", with(api_, {{"modelName", "Request"}}))), there);
    EXPECT_EQ((co_await code("CreateStage",
                             with(api_, {{"stageName", "a b"}, {"deploymentId", "none"}}))),
              bad);
    EXPECT_EQ(
        (co_await code("CreateStage", with(api_, {{"stageName", "ab"}, {"deploymentId", "none"}}))),
        "NotFoundException");
    EXPECT_EQ((co_await code("CreateRestApi", {{"name", "x"}, {"policy", "{}"}})), bad);
    EXPECT_EQ((co_await code("CreateRestApi", json::object())), bad);
    EXPECT_EQ((co_await code("GetTags", {{"resourceArn", "arn:aws:apigateway:us-east-1::/x"}})),
              "NotFoundException");
  });
}

TEST_F(ApiGatewayTest, StagesHaveSettingsAndTags) {
  live([&]() -> net::Task<void> {
    co_await make_api();
    co_await deploy();
    const auto patch = [](const char* path, const char* value) {
      return json{{"op", "replace"}, {"path", path}, {"value", value}};
    };
    const json prod = with(api_, {{"stageName", "prod"}});
    const json changed = co_await call(
        "UpdateStage",
        with(prod, {{"patchOperations",
                     {patch("/*/*/throttling/rateLimit", "5"), patch("/tracingEnabled", "true"),
                      patch("/~1failover/POST/logging/loglevel", "INFO"),
                      patch("/variables/color", "red")}}}));
    EXPECT_EQ(changed["methodSettings"]["*/*"]["throttlingRateLimit"], 5) << changed;
    EXPECT_EQ(changed["methodSettings"]["failover/POST"]["loggingLevel"], "INFO");
    EXPECT_EQ(changed["variables"], (json{{"color", "red"}}));
    EXPECT_EQ(changed["tracingEnabled"], true);
    EXPECT_EQ((co_await code("UpdateStage",
                             with(prod, {{"patchOperations", {patch("/webAclArn", "x")}}}))),
              "BadRequestException");
    const std::string arn = "arn:aws:apigateway:us-east-1::/restapis/" +
                            api_["restApiId"].get<std::string>() + "/stages/prod";
    co_await call("TagResource", {{"resourceArn", arn}, {"tags", {{"a", "b"}, {"c", "d"}}}});
    co_await call("UntagResource", {{"resourceArn", arn}, {"tagKeys", {"a"}}});
    EXPECT_EQ((co_await call("GetTags", {{"resourceArn", arn}}))["tags"], (json{{"c", "d"}}));
    EXPECT_EQ((co_await call("GetStages", api_))["item"].size(), 1u);
  });
}

}  // namespace
}  // namespace aurora_global::services::apigateway
