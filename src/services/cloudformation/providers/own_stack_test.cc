// Goal: what our own stacks are made of comes up as real services, a repeated step finds its own,
// and what is removed is gone.
//
// Method: the providers over a region's services, without PostgreSQL; the function behind the API
// is declared by hand.
#include <gtest/gtest.h>

#include <fstream>

#include "base/base64.h"
#include "services/cloudformation/providers/all.h"
#include "services/cloudformation/testing/provider_step.h"
#include "services/cloudformation/testing/recording.h"
#include "services/custom_answers.h"
#include "services/testing/call.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;
using services::testing::FakeRegion;
namespace fs = std::filesystem;

constexpr std::string_view kRuntime = R"(#!/usr/bin/python3
import json, os, urllib.request
API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(API + "next") as answer:
        event, told = json.load(answer), answer.headers
    body = {"statusCode": 202, "body": json.dumps([event["path"], event["body"]])}
    path = f"{API}{told['Lambda-Runtime-Aws-Request-Id']}/response"
    urllib.request.urlopen(path, json.dumps(body).encode())
)";

class OwnStackTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char place[] = "/tmp/aurora-global-stack-XXXXXX";
    home_ = mkdtemp(place);
    const fs::path code = home_ / "functions" / "code";
    fs::create_directories(code);
    std::ofstream(code / "bootstrap") << kRuntime;
    fs::permissions(code / "bootstrap", fs::perms::owner_all);
    std::ofstream(home_ / "functions" / "failover.toml") << "code = \"code\"\n";
  }
  void TearDown() override { fs::remove_all(home_); }

  template <typename Body>
  void with_region(const Body& body) {
    net::testing::run([&](net::TaskGroup& tasks) -> net::Task<void> {
      ApiOptions options{home_, "127.0.1.1:4566", {FakeRegion::kKey, FakeRegion::kSecret}};
      auto server = ApiServer::open(tasks.executor(), region_, std::move(options));
      CO_ASSERT_OK(server);
      server_ = server->get();
      providers_ = all_providers({.services = **server,
                                  .records = &recording_.records,
                                  .elsewhere = &recording_.elsewhere});
      auto running = body();
      co_await std::move(running);
      co_await (*server)->stop();
    });
  }

  // A create as the daemon does it, and again as a daemon does that was killed in it.
  net::Task<Made> make(std::string type, std::string logical_id, json properties) {
    Provider& provider = *providers_.find(type);
    EXPECT_TRUE(check_properties(provider.table(), properties, {}).has_value());
    auto claims = std::make_shared<testing::FakeClaims>();
    ResourceRequest request{.token = logical_id + "/1/0",
                            .stack_name = "own",
                            .stack_id = "arn:aws:cloudformation:us-east-1:123456789012:stack/own/1",
                            .logical_id = logical_id,
                            .type = type,
                            .region = "us-east-1",
                            .account_id = "123456789012",
                            .properties = std::move(properties),
                            .claims = claims.get()};
    Made made;
    auto creating = provider.create(request, made);
    const auto created = co_await std::move(creating);
    EXPECT_TRUE(created.has_value())
        << type << ": " << (created.has_error() ? created.error().message : "");
    request.claimed = claims->claimed;
    Made again;
    auto repeating = provider.create(request, again);
    const auto repeated = co_await std::move(repeating);
    EXPECT_TRUE(repeated.has_value())
        << type << ": " << (repeated.has_error() ? repeated.error().message : "");
    EXPECT_EQ(again.physical_id, made.physical_id) << type << " was made twice";
    EXPECT_EQ(again.attributes, made.attributes) << type;
    request.physical_id = made.physical_id;
    Made seen;
    auto reading = provider.read(request, seen);
    const auto read = co_await std::move(reading);
    EXPECT_TRUE(read.has_value()) << type;
    EXPECT_EQ(seen.attributes, made.attributes) << type;
    made_.push_back(std::move(request));
    keep_.push_back(std::move(claims));
    co_return made;
  }

  net::Task<void> remove_all() {
    for (; !made_.empty(); made_.pop_back()) {
      const ResourceRequest& request = made_.back();
      for (int time = 0; time < 2; ++time) {
        auto removing = providers_.find(request.type)->remove(request);
        const auto removed = co_await std::move(removing);
        EXPECT_TRUE(removed.has_value())
            << request.type << ": " << (removed.has_error() ? removed.error().message : "");
      }
    }
  }

  net::Task<json> call(std::string service, std::string operation, json input) {
    auto calling = server_->call(std::move(service), std::move(operation), std::move(input));
    const auto answer = co_await std::move(calling);
    EXPECT_TRUE(answer.has_value()) << (answer.has_error() ? answer.error().message : "");
    co_return answer.has_value() ? *answer : json();
  }

  net::Task<net::HttpResponse> post(std::string body) {
    const net::HttpHandler handler = server_->handler();
    auto handling = handler(services::testing::signed_request("POST", "/prod/failover",
                                                              std::move(body), "execute-api"));
    co_return co_await std::move(handling);
  }

  fs::path home_;
  FakeRegion region_;
  ApiServer* server_ = nullptr;
  testing::Recording recording_;
  Providers providers_;
  std::vector<ResourceRequest> made_;
  std::vector<std::shared_ptr<testing::FakeClaims>> keep_;
};

TEST_F(OwnStackTest, TheApiIsServedAndGoes) {
  const std::string uri =
      "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/"
      "arn:aws:lambda:us-east-1:123456789012:function:failover/invocations";
  with_region([&]() -> net::Task<void> {
    const Made api =
        co_await make("AWS::ApiGateway::RestApi", "Api",
                      {{"Name", "failover"}, {"EndpointConfiguration", {{"Types", {"REGIONAL"}}}}});
    const json of_api = {{"RestApiId", api.physical_id}};
    const auto with = [&](json more) {
      more.update(of_api);
      return more;
    };
    const Made resource = co_await make(
        "AWS::ApiGateway::Resource", "Failover",
        with({{"ParentId", api.attributes["RootResourceId"]}, {"PathPart", "failover"}}));
    const Made validator = co_await make("AWS::ApiGateway::RequestValidator", "Validator",
                                         with({{"ValidateRequestBody", "true"}}));
    const Made model = co_await make(
        "AWS::ApiGateway::Model", "Request",
        with({{"ContentType", "application/json"},
              {"Schema", json::parse(R"({"type": "object", "additionalProperties": false,
                  "properties": {"failover_type": {"enum": ["planned", "unplanned"]}}})")}}));
    co_await make(
        "AWS::ApiGateway::Method", "Post",
        with({{"ResourceId", resource.physical_id},
              {"HttpMethod", "POST"},
              {"AuthorizationType", "AWS_IAM"},
              {"RequestValidatorId", validator.physical_id},
              {"RequestModels", {{"application/json", model.physical_id}}},
              {"Integration",
               {{"Type", "AWS_PROXY"}, {"IntegrationHttpMethod", "POST"}, {"Uri", uri}}}}));
    const Made deployment = co_await make("AWS::ApiGateway::Deployment", "Deployment", of_api);
    co_await make("AWS::ApiGateway::Stage", "Stage",
                  with({{"StageName", "prod"},
                        {"DeploymentId", deployment.physical_id},
                        {"MethodSettings", json::parse(R"([{"ResourcePath": "/*", "HttpMethod": "*",
                            "ThrottlingRateLimit": 5, "LoggingLevel": "INFO"}])")},
                        {"Tags", json::parse(R"([{"Key": "a", "Value": "b"}])")}}));
    const auto answer = co_await post("{\"failover_type\": \"planned\"}");
    EXPECT_EQ(answer.status, 202) << answer.body;
    EXPECT_EQ(answer.body, R"(["/failover", "{\"failover_type\": \"planned\"}"])");
    EXPECT_EQ((co_await post("{\"failover_type\": \"now\"}")).status, 400);
    const json stage = co_await call("apigateway", "GetStage",
                                     {{"restApiId", api.physical_id}, {"stageName", "prod"}});
    EXPECT_EQ(stage["methodSettings"]["*/*"]["throttlingRateLimit"], 5);
    EXPECT_EQ(stage["tags"], (json{{"a", "b"}}));
    EXPECT_EQ(
        (co_await call("apigateway", "GetDeployments", {{"restApiId", api.physical_id}}))["items"]
            .size(),
        1u);
    co_await remove_all();
    EXPECT_TRUE((co_await call("apigateway", "GetRestApis", json::object()))["items"].empty());
    // Without any API it is as before.
    EXPECT_EQ((co_await post("{}")).status, 202);
  });
}

TEST_F(OwnStackTest, QueuesAndLogGroups) {
  with_region([&]() -> net::Task<void> {
    const Made queue = co_await make("AWS::SQS::Queue", "DeadLetters",
                                     {{"QueueName", "dead-letters"},
                                      {"MessageRetentionPeriod", 1'209'600},
                                      {"SqsManagedSseEnabled", true}});
    EXPECT_EQ(queue.attributes["Arn"], "arn:aws:sqs:us-east-1:123456789012:dead-letters");
    EXPECT_EQ(queue.physical_id, "http://127.0.1.1:4566/123456789012/dead-letters");
    const json url = {{"QueueUrl", queue.physical_id}};
    json asked = url;
    asked["AttributeNames"] = {"All"};
    EXPECT_EQ(
        (co_await call("sqs", "GetQueueAttributes", asked))["Attributes"]["MessageRetentionPeriod"],
        "1209600");
    const Made group = co_await make("AWS::Logs::LogGroup", "LogGroup",
                                     {{"LogGroupName", "/aws/lambda/f"},
                                      {"RetentionInDays", "30"},
                                      {"KmsKeyId", "arn:aws:kms:us-east-1:123456789012:key/k"}});
    EXPECT_EQ(group.attributes["Arn"],
              "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/f:*");
    const json groups = co_await call("logs", "DescribeLogGroups", json::object());
    EXPECT_EQ(groups["logGroups"][0]["retentionInDays"], 30) << groups;
    EXPECT_EQ(groups["logGroups"][0]["kmsKeyId"], "arn:aws:kms:us-east-1:123456789012:key/k");
    co_await remove_all();
    EXPECT_FALSE((co_await call("sqs", "ListQueues", json::object())).contains("QueueUrls"));
    EXPECT_TRUE((co_await call("logs", "DescribeLogGroups", json::object()))["logGroups"].empty());
  });
}

// ---- functions, whose code would come from S3

class FunctionTypesTest : public ::testing::Test {
 protected:
  FunctionTypesTest() {
    add_lambda(providers_, {.services = services_});
    add_custom(providers_, {.services = services_, .answers = nullptr});
    for (const char* name : {"UpdateFunctionConfiguration", "UpdateFunctionCode", "TagResource",
                             "DeleteFunction", "PutFunctionConcurrency"}) {
      services_.operations[std::string("lambda.") + name] = [this, name](const json& input) {
        inputs_[name] = input;
        return Result<json>(json::object());
      };
    }
    services_.operations["lambda.CreateFunction"] = [this](const json& input) -> Result<json> {
      inputs_["CreateFunction"] = input;
      if (there_) {
        return make_error(ErrorKind::conflict, "Function already exist",
                          "ResourceConflictException");
      }
      there_ = true;
      return json::object();
    };
    const auto show = [this](const json&) -> Result<json> {
      if (!there_) return make_error(ErrorKind::not_found, "", "ResourceNotFoundException");
      return json{{"FunctionArn", "arn:f"}, {"Configuration", {{"FunctionArn", "arn:f"}}}};
    };
    services_.operations["lambda.GetFunction"] = show;
    services_.operations["lambda.GetFunctionConfiguration"] = show;
  }

  static json properties(int memory = 256) {
    return {{"FunctionName", "failover"},
            {"Code", {{"S3Bucket", "assets"}, {"S3Key", "a.zip"}}},
            {"Role", "arn:aws:iam::123456789012:role/r"},
            {"Runtime", "provided.al2023"},
            {"Handler", "bootstrap"},
            {"MemorySize", std::to_string(memory)},
            {"Timeout", 900},
            {"Tags", json::parse(R"([{"Key": "a", "Value": "b"}])")}};
  }
  testing::ProviderStep step(json given) {
    return {*providers_.find("AWS::Lambda::Function"), "AWS::Lambda::Function", std::move(given)};
  }

  services::testing::FakeServices services_;
  Providers providers_;
  std::map<std::string, json> inputs_;
  bool there_ = false;
};

TEST_F(FunctionTypesTest, AFunctionIsMadeOnceAndChangedWhereItDiffers) {
  auto one = step(properties());
  ASSERT_TRUE(one.create().has_value());
  EXPECT_EQ(one.made.physical_id, "failover");
  EXPECT_EQ(one.made.attributes, (json{{"Arn", "arn:f"}}));
  EXPECT_EQ(inputs_["CreateFunction"]["MemorySize"], 256)
      << "a text in the template, a number here";
  EXPECT_EQ(inputs_["CreateFunction"]["Tags"]["a"], "b");
  EXPECT_TRUE(one.create_again().has_value()) << "its own, found again";
  inputs_.clear();
  ASSERT_TRUE(one.update(properties(512)).has_value());
  EXPECT_EQ(inputs_["UpdateFunctionConfiguration"]["MemorySize"], 512);
  EXPECT_FALSE(inputs_.contains("UpdateFunctionCode")) << "the code is the same";
  json coded = properties(512);
  coded["Code"]["S3Key"] = "b.zip";
  coded["ReservedConcurrentExecutions"] = "7";
  ASSERT_TRUE(one.update(coded).has_value());
  EXPECT_EQ(inputs_["UpdateFunctionCode"]["S3Key"], "b.zip");
  EXPECT_EQ(inputs_["PutFunctionConcurrency"]["ReservedConcurrentExecutions"], 7);
  // Somebody else's function is not taken over.
  auto other = step(properties());
  const auto refused = other.create();
  ASSERT_TRUE(refused.has_error());
  EXPECT_EQ(refused.error().message, "failover already exists");
  EXPECT_EQ(other.made.physical_id, "");
}

class CustomResourceTest : public ::testing::Test {
 protected:
  // Creates or updates; the function answers with `answer`, where its ids are filled in.
  Result<void> run(json answer, Made& made, std::string physical_id = "") {
    Result<void> outcome = ok();
    net::testing::run([&](net::TaskGroup& tasks) -> net::Task<void> {
      CustomAnswers answers(tasks.executor(), "http://127.0.1.1:4566");
      services::testing::FakeServices services;
      services.operations["lambda.Invoke"] = [&](const json& input) -> Result<json> {
        EXPECT_EQ(input["InvocationType"], "Event");
        event_ = json::parse(*from_base64(input["Payload"].get<std::string>()));
        for (const char* name : {"StackId", "RequestId", "LogicalResourceId"}) {
          if (!answer.contains(name)) answer[name] = event_[name];
        }
        put_ = {};
        put_.method = "PUT";
        put_.target = event_["ResponseURL"].get<std::string>().substr(
            std::string("http://127.0.1.1:4566").size());
        put_.body = answer.dump();
        EXPECT_TRUE(CustomAnswers::is_for_answers(put_));
        if (!silent_) EXPECT_EQ(answers.take(put_).status, 200);
        if (!silent_) EXPECT_EQ(answers.take(put_).status, 403) << "one answer only";
        return json{{"StatusCode", 202}};
      };
      Providers providers;
      add_custom(providers, {.services = services, .answers = &answers});
      testing::ProviderStep step(*providers.find("Custom::Anything"), "Custom::Anything",
                                 {{"ServiceToken", "arn:aws:lambda:us-east-1:1:function:f"},
                                  {"ServiceTimeout", silent_ ? 1 : 60},
                                  {"Number", 5},
                                  {"List", {true}}});
      step.request.physical_id = physical_id;
      made = {.physical_id = physical_id};
      auto running = physical_id.empty() ? step.provider.create(step.request, made)
                                         : step.provider.update(step.request, made);
      outcome = co_await std::move(running);
      EXPECT_EQ(answers.take(put_).status, 403) << "its URL has gone";
    });
    return outcome;
  }

  json event_;
  net::HttpRequest put_;
  bool silent_ = false;
};

TEST_F(CustomResourceTest, TheFunctionSaysWhatWasMade) {
  Made made;
  ASSERT_TRUE(
      run({{"Status", "SUCCESS"}, {"PhysicalResourceId", "mine"}, {"Data", {{"Endpoint", "host"}}}},
          made)
          .has_value());
  EXPECT_EQ(made.physical_id, "mine");
  EXPECT_EQ(made.attributes, (json{{"Endpoint", "host"}}));
  EXPECT_EQ(event_["RequestType"], "Create");
  EXPECT_EQ(event_["ResourceProperties"]["Number"], "5");
  EXPECT_EQ(event_["ResourceProperties"]["List"], json::array({"true"}));
  EXPECT_FALSE(event_.contains("PhysicalResourceId"));
  ASSERT_TRUE(
      run({{"Status", "SUCCESS"}, {"PhysicalResourceId", "other"}}, made, "mine").has_value());
  EXPECT_EQ(event_["RequestType"], "Update");
  EXPECT_EQ(event_["PhysicalResourceId"], "mine");
  EXPECT_EQ(made.physical_id, "other");
}

TEST_F(CustomResourceTest, WhatItSaysIsJudged) {
  Made made;
  const auto failed = run({{"Status", "FAILED"}, {"Reason", "because"}}, made);
  ASSERT_TRUE(failed.has_error());
  EXPECT_NE(failed.error().message.find("because"), std::string::npos);
  EXPECT_EQ(made.physical_id, "");
  EXPECT_TRUE(run({{"Status", "FAILED"}, {"PhysicalResourceId", "half"}}, made).has_error());
  EXPECT_EQ(made.physical_id, "half") << "it is asked to delete it";
  for (const json& answer : std::vector<json>{
           json::object(),
           {{"Status", "SUCCESS"}},
           {{"Status", "success"}, {"PhysicalResourceId", "x"}},
           {{"Status", "SUCCESS"}, {"PhysicalResourceId", 5}},
           {{"Status", "SUCCESS"}, {"PhysicalResourceId", "x"}, {"StackId", "another"}},
           {{"Status", "SUCCESS"}, {"PhysicalResourceId", "x"}, {"Data", "text"}},
           {{"Status", "SUCCESS"},
            {"PhysicalResourceId", "x"},
            {"Reason", std::string(5000, 'x')}}}) {
    EXPECT_TRUE(run(answer, made).has_error()) << answer.dump().substr(0, 200);
  }
}

TEST_F(CustomResourceTest, AFunctionThatSaysNothingTimesOut) {
  silent_ = true;
  Made made;
  const auto late = run({{"Status", "SUCCESS"}}, made);
  ASSERT_TRUE(late.has_error());
  EXPECT_EQ(late.error().kind, ErrorKind::timeout);
}

}  // namespace
}  // namespace aurora_global::services::cloudformation
