// Goal: a function that the API makes is stored before it is acknowledged, shown as AWS shows it,
// and refused in AWS's words; one that is declared by hand is never touched.
#include <gtest/gtest.h>
#include <zip.h>

#include <fstream>

#include "base/base64.h"
#include "services/lambda/lambda.h"
#include "services/testing/service_test.h"

namespace aurora_global::services::lambda {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr const char* kArn = "arn:aws:lambda:us-east-1:123456789012:function:made";

// Answers the event with what its environment says.
constexpr std::string_view kColorfulRuntime = R"(#!/usr/bin/python3
import json, os, urllib.request
API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(API + "next") as answer:
        event, told = json.load(answer), answer.headers
    body = {"event": event, "color": os.environ.get("COLOR"),
            "file": open(os.environ["INSIDE"]).read() if "INSIDE" in os.environ else None,
            "group": os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]}
    path = f"{API}{told['Lambda-Runtime-Aws-Request-Id']}/response"
    urllib.request.urlopen(path, json.dumps(body).encode())
)";

struct Entry {
  std::string name, content;
  int mode = 0644;
};

std::string zip_of(const std::vector<Entry>& entries) {
  char place[] = "/tmp/aurora-global-zip-XXXXXX";
  const fs::path folder = mkdtemp(place);
  const fs::path file = folder / "code.zip";
  int code = 0;
  zip_t* archive = zip_open(file.c_str(), ZIP_CREATE, &code);
  for (const Entry& entry : entries) {
    zip_source_t* source =
        zip_source_buffer(archive, entry.content.data(), entry.content.size(), 0);
    const auto index = zip_file_add(archive, entry.name.c_str(), source, 0);
    const auto mode = static_cast<zip_uint32_t>(0100000 | entry.mode) << 16;
    zip_file_set_external_attributes(archive, static_cast<zip_uint64_t>(index), 0, ZIP_OPSYS_UNIX,
                                     mode);
  }
  zip_close(archive);
  std::ifstream in(file, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), {});
  fs::remove_all(folder);
  return bytes;
}

std::string good_zip(const std::string& more = "") {
  return zip_of(
      {{"bootstrap", std::string(kColorfulRuntime) + "#" + more, 0755}, {"a.txt", "inside"}});
}

class RecordingSinks final : public LogSink, public MetricSink {
 public:
  void put_lines(std::string group, std::string, std::vector<LogLine>) override {
    groups.insert(std::move(group));
  }
  void put_metrics(std::vector<MetricDatum>) override {}
  std::set<std::string> groups;
};

// A queue that takes messages, and one that is not there.
class Queues final : public ServiceCaller {
 public:
  net::Task<Result<json>> call(std::string, std::string, json input) override {
    if (input.at("QueueUrl").get<std::string>().ends_with("/gone")) {
      co_return make_error(ErrorKind::not_found, "", "QueueDoesNotExist");
    }
    sent.push_back(std::move(input));
    co_return json::object();
  }
  std::vector<json> sent;
};

class ManagementTest : public services::testing::ServiceTest<Lambda> {
 protected:
  ManagementTest() : ServiceTest("lambda") {
    fs::create_directories(home_ / "code");
    std::ofstream(home_ / "code" / "bootstrap") << kColorfulRuntime;
    std::ofstream(home_ / "byhand.toml") << "code = \"code\"\n";
  }

  // One life of a region's Lambda.
  template <typename Body>
  void live(const Body& body) {
    net::testing::run([&](net::TaskGroup& tasks) -> net::Task<void> {
      LambdaOptions options;
      options.directory = home_;
      options.sandboxes = {"us-east-1", "http://127.0.0.1:9", "127.0.0.1", {"key", "secret"}};
      auto lambda =
          Lambda::open(tasks.executor(), facts_, std::move(options), sinks_, sinks_, services_);
      CO_ASSERT_OK(lambda);
      (*lambda)->start();
      service_ = lambda->get();
      auto running = body();
      co_await std::move(running);
      co_await (*lambda)->stop();
    });
  }

  net::Task<json> invoke() {
    const json answer = co_await call("Invoke", {{"FunctionName", "made"}});
    co_return json::parse(*from_base64(answer.value("Payload", "")), nullptr, false);
  }

  static json creation(const std::string& zip) {
    return {{"FunctionName", "made"},
            {"Runtime", "provided.al2023"},
            {"Handler", "bootstrap"},
            {"Role", "arn:aws:iam::123456789012:role/any"},
            {"Code", {{"ZipFile", base64(zip)}}},
            {"Environment", {{"Variables", {{"COLOR", "red"}, {"INSIDE", "/var/task/a.txt"}}}}},
            {"LoggingConfig", {{"LogGroup", "/own/group"}}},
            {"VpcConfig", {{"SubnetIds", {"subnet-1"}}, {"SecurityGroupIds", {"sg-1"}}}},
            {"TracingConfig", {{"Mode", "Active"}}},
            {"Tags", {{"a", "b"}}}};
  }

  std::size_t zips() const {
    std::error_code error;
    const fs::directory_iterator all(home_ / "made-by-api", error);
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  }

  RecordingSinks sinks_;
  Queues services_;
};

TEST_F(ManagementTest, AFunctionIsMadeRunsAndOutlivesItsDaemon) {
  live([&]() -> net::Task<void> {
    const json made = co_await call("CreateFunction", creation(good_zip()));
    EXPECT_EQ(made.value("FunctionArn", ""), kArn) << made;
    EXPECT_EQ(made.value("State", ""), "Active");
    EXPECT_EQ(made.value("CodeSize", 0u), good_zip().size());
    EXPECT_EQ(made.value("Timeout", 0), 3);
    EXPECT_EQ(made.value("MemorySize", 0), 128);
    EXPECT_EQ(made["TracingConfig"], (json{{"Mode", "Active"}}));
    EXPECT_EQ(made["VpcConfig"]["SubnetIds"], json::array({"subnet-1"}));
    EXPECT_EQ((co_await code("CreateFunction", creation(good_zip()))), "ResourceConflictException");
  });
  live([&]() -> net::Task<void> {
    const json said = co_await invoke();
    EXPECT_EQ(said.value("color", ""), "red") << said;
    EXPECT_EQ(said.value("file", ""), "inside");
    EXPECT_EQ(said.value("group", ""), "/own/group");
    EXPECT_TRUE(sinks_.groups.contains("/own/group"));
    const json shown = co_await call("GetFunction", {{"FunctionName", kArn}});
    EXPECT_EQ(shown["Tags"], (json{{"a", "b"}}));
    EXPECT_EQ((co_await call("DeleteFunction", {{"FunctionName", "made"}})).value("StatusCode", 0),
              204);
    EXPECT_EQ((co_await code("GetFunction", {{"FunctionName", "made"}})),
              "ResourceNotFoundException");
    EXPECT_EQ(zips(), 0u);
  });
}

TEST_F(ManagementTest, CodeAndConfigurationChangeInPlace) {
  live([&]() -> net::Task<void> {
    const json made = co_await call("CreateFunction", creation(good_zip()));
    const json changed = co_await call("UpdateFunctionConfiguration",
                                       {{"FunctionName", "made"},
                                        {"MemorySize", 256},
                                        {"RevisionId", made["RevisionId"]},
                                        {"Environment", {{"Variables", {{"COLOR", "blue"}}}}}});
    EXPECT_EQ(changed.value("MemorySize", 0), 256) << changed;
    EXPECT_EQ(changed["TracingConfig"], made["TracingConfig"]) << "what is not said stays";
    EXPECT_EQ((co_await invoke()).value("color", ""), "blue");
    EXPECT_EQ((co_await code("UpdateFunctionConfiguration",
                             {{"FunctionName", "made"}, {"RevisionId", made["RevisionId"]}})),
              "PreconditionFailedException");

    for (const char* version : {"2", "3", "4"}) {
      const json coded = co_await call(
          "UpdateFunctionCode", {{"FunctionName", "made"}, {"ZipFile", base64(good_zip(version))}});
      EXPECT_NE(coded.value("CodeSha256", ""), made.value("CodeSha256", "")) << coded;
      EXPECT_EQ((co_await invoke()).value("color", ""), "blue");
    }
    EXPECT_LE(zips(), 2u) << "the zip in use and the one before";
    for (const char* version : {"5", "6"}) {
      co_await call(
          "UpdateFunctionCode",
          {{"FunctionName", "made"}, {"DryRun", true}, {"ZipFile", base64(good_zip(version))}});
    }
    EXPECT_LE(zips(), 2u) << "a trial leaves nothing";
    const json bad = co_await call("UpdateFunctionCode",
                                   {{"FunctionName", "made"}, {"ZipFile", base64("no zip")}});
    EXPECT_EQ(bad.value("code", ""), "InvalidParameterValueException");
    EXPECT_EQ((co_await invoke()).value("color", ""), "blue") << "the old code stays";
    EXPECT_LE(zips(), 2u);
  });
}

TEST_F(ManagementTest, WhatCannotRunHereIsRefusedAndLeavesNothing) {
  live([&]() -> net::Task<void> {
    std::string torn = good_zip();
    torn[40] = static_cast<char>(torn[40] + 1);  // In the compressed bytes.
    for (const std::string& zip :
         {std::string("no zip at all"), std::string(), zip_of({{"other", "x", 0755}}),
          zip_of({{"bootstrap", "x", 0644}}),
          zip_of({{"bootstrap", "x", 0755}, {"../leads/out", "x"}}), torn,
          good_zip().substr(0, 100)}) {
      const json refused = co_await call("CreateFunction", creation(zip));
      EXPECT_EQ(refused.value("code", ""), "InvalidParameterValueException") << refused;
      EXPECT_EQ(refused.value("message", "").find(home_.string()), std::string::npos) << refused;
    }
    const auto with = [](json change) {
      json input = creation(good_zip());
      input.merge_patch(change);
      return input;
    };
    for (const json& change : std::vector<json>{
             {{"Runtime", "nodejs22.x"}},
             {{"Runtime", nullptr}},
             {{"Architectures", {"sparc"}}},
             {{"PackageType", "Image"}},
             {{"Layers", {"arn:aws:lambda:us-east-1:123456789012:layer:l:1"}}},
             {{"Environment", {{"Variables", {{"AWS_REGION", "x"}}}}}},
             {{"Environment", {{"Variables", {{"LONG", std::string(5000, 'x')}}}}}},
             {{"DeadLetterConfig", {{"TargetArn", "arn:aws:sqs:us-west-2:123456789012:q"}}}},
             {{"LoggingConfig", {{"LogFormat", "JSON"}}}},
             {{"Publish", true}},
             {{"Code", {{"ZipFile", nullptr}, {"S3Bucket", "bucket"}, {"S3Key", "key"}}}},
             {{"Tags", {{"aws:x", "y"}}}}}) {
      const std::string said = co_await code("CreateFunction", with(change));
      EXPECT_TRUE(said == "InvalidParameterValueException" || said == "ValidationException")
          << said << " " << change;
    }
    EXPECT_EQ((co_await code("GetFunction", {{"FunctionName", "made"}})),
              "ResourceNotFoundException");
    EXPECT_EQ(zips(), 0u);
  });
}

TEST_F(ManagementTest, WhatIsDeclaredByHandIsShownAndStays) {
  live([&]() -> net::Task<void> {
    EXPECT_EQ((co_await call("GetFunctionConfiguration", {{"FunctionName", "byhand"}}))
                  .value("MemorySize", 0),
              512);
    json again = creation(good_zip());
    again["FunctionName"] = "byhand";
    EXPECT_EQ((co_await code("CreateFunction", again)), "ResourceConflictException");
    const json named = {{"FunctionName", "byhand"}};
    json sized = named, reserved = named;
    sized["MemorySize"] = 256;
    reserved["ReservedConcurrentExecutions"] = 1;
    EXPECT_EQ((co_await code("DeleteFunction", named)), "ResourceConflictException");
    EXPECT_EQ((co_await code("UpdateFunctionConfiguration", sized)), "ResourceConflictException");
    EXPECT_EQ((co_await code("PutFunctionConcurrency", reserved)), "ResourceConflictException");
    EXPECT_EQ((co_await code("GetPolicy", named)), "ResourceNotFoundException");
    EXPECT_TRUE(fs::exists(home_ / "byhand.toml"));
    EXPECT_TRUE(fs::exists(home_ / "code" / "bootstrap"));
  });
}

TEST_F(ManagementTest, PermissionsSayWhoMayInvokeAndForWhat) {
  const std::string api = "arn:aws:execute-api:us-east-1:123456789012:a1/prod/POST/failover";
  const auto may = [&](const std::string& arn, const std::string& service) {
    return service_->may_invoke("made", {service, arn, "123456789012"}).has_value();
  };
  live([&]() -> net::Task<void> {
    co_await call("CreateFunction", creation(good_zip()));
    EXPECT_FALSE(may(api, "apigateway.amazonaws.com"));
    json permission = {{"FunctionName", "made"},
                       {"StatementId", "one"},
                       {"Action", "lambda:InvokeFunction"},
                       {"Principal", "apigateway.amazonaws.com"},
                       {"SourceArn", "arn:aws:execute-api:us-east-1:123456789012:a1/*/POST/*"}};
    const json added = co_await call("AddPermission", permission);
    EXPECT_NE(added.value("Statement", "").find(kArn), std::string::npos) << added;
    EXPECT_TRUE(may(api, "apigateway.amazonaws.com"));
    EXPECT_FALSE(may(api, "sns.amazonaws.com"));
    EXPECT_FALSE(may("arn:aws:execute-api:us-east-1:123456789012:b2/prod/POST/failover",
                     "apigateway.amazonaws.com"));
    EXPECT_FALSE(may("arn:aws:execute-api:us-east-1:123456789012:a1/prod/GET/failover",
                     "apigateway.amazonaws.com"));
    EXPECT_EQ((co_await code("AddPermission", permission)), "ResourceConflictException");
    permission["StatementId"] = "two";
    permission["Principal"] = "nobody in particular";
    EXPECT_EQ((co_await code("AddPermission", permission)), "ValidationException");
    permission["Principal"] = "nobody";
    EXPECT_EQ((co_await code("AddPermission", permission)), "InvalidParameterValueException");
    const json policy = co_await call("GetPolicy", {{"FunctionName", "made"}});
    EXPECT_EQ(json::parse(policy.value("Policy", "{}"))["Statement"].size(), 1u);
    const json one = {{"FunctionName", "made"}, {"StatementId", "one"}};
    co_await call("RemovePermission", one);
    EXPECT_FALSE(may(api, "apigateway.amazonaws.com"));
    EXPECT_EQ((co_await code("RemovePermission", one)), "ResourceNotFoundException");
    EXPECT_TRUE(service_->may_invoke("byhand", {"apigateway.amazonaws.com", api, ""}).has_value());
  });
}

TEST_F(ManagementTest, AsynchronousInvocationsHaveTheirRules) {
  const std::string queue = "arn:aws:sqs:us-east-1:123456789012:q";
  const json named = {{"FunctionName", "made"}, {"Qualifier", "$LATEST"}};
  const auto with = [&](json more) {
    more.update(named);
    return more;
  };
  live([&]() -> net::Task<void> {
    co_await call("CreateFunction", creation(good_zip()));
    EXPECT_EQ((co_await code("GetFunctionEventInvokeConfig", named)), "ResourceNotFoundException");
    const json put =
        co_await call("PutFunctionEventInvokeConfig",
                      with({{"MaximumRetryAttempts", 0},
                            {"DestinationConfig", {{"OnFailure", {{"Destination", queue}}}}}}));
    EXPECT_EQ(put.value("FunctionArn", ""), std::string(kArn) + ":$LATEST") << put;
    co_await call("UpdateFunctionEventInvokeConfig", with({{"MaximumEventAgeInSeconds", 60}}));
    const json got = co_await call("GetFunctionEventInvokeConfig", named);
    EXPECT_EQ(got.value("MaximumRetryAttempts", 9), 0) << got;
    EXPECT_EQ(got.value("MaximumEventAgeInSeconds", 0), 60);
    EXPECT_EQ(got["DestinationConfig"]["OnFailure"]["Destination"], queue);
    const json elsewhere =
        with({{"DestinationConfig",
               {{"OnFailure", {{"Destination", "arn:aws:sqs:us-west-2:123456789012:q"}}}}}});
    EXPECT_EQ((co_await code("PutFunctionEventInvokeConfig", elsewhere)),
              "InvalidParameterValueException");
    co_await call("DeleteFunctionEventInvokeConfig", named);
    EXPECT_EQ((co_await code("DeleteFunctionEventInvokeConfig", named)),
              "ResourceNotFoundException");
    json other = named;
    other["Qualifier"] = "1";
    EXPECT_EQ((co_await code("GetFunctionEventInvokeConfig", other)), "ResourceNotFoundException");
  });
}

TEST_F(ManagementTest, TheEndOfAnEventIsToldWhereTheFunctionWantsIt) {
  const std::string queues = "arn:aws:sqs:us-east-1:123456789012:";
  const auto destinations = [&](const std::string& success, const std::string& failure) {
    return json{
        {"FunctionName", "made"},
        {"MaximumRetryAttempts", 0},
        {"DestinationConfig",
         {{"OnSuccess", {{"Destination", success}}}, {"OnFailure", {{"Destination", failure}}}}}};
  };
  const auto until = [](const auto& condition) -> net::Task<void> {
    const Deadline limit = Deadline::in(std::chrono::seconds(20));
    while (!condition() && !limit.passed()) {
      co_await net::sleep_for(std::chrono::milliseconds(2));
    }
  };
  const json event = {
      {"FunctionName", "made"}, {"InvocationType", "Event"}, {"Payload", base64("{\"a\":1}")}};
  const auto buried = [&] { return fs::exists(home_ / "dead-letter.log"); };
  const auto sent = [&](std::size_t count) {
    return [this, count] { return services_.sent.size() >= count; };
  };
  live([&]() -> net::Task<void> {
    json input = creation(good_zip());
    input["DeadLetterConfig"] = {{"TargetArn", queues + "dead"}};
    co_await call("CreateFunction", input);
    co_await call("PutFunctionEventInvokeConfig", destinations(queues + "good", queues + "bad"));
    co_await call("Invoke", event);
    const auto one = sent(1);
    co_await until(one);
    EXPECT_EQ(services_.sent.size(), 1u);
    EXPECT_EQ(services_.sent[0]["QueueUrl"], "https://queue.amazonaws.com/123456789012/good");
    const json told = json::parse(services_.sent[0]["MessageBody"].get<std::string>());
    EXPECT_EQ(told["requestContext"]["condition"], "Success");
    EXPECT_EQ(told["requestPayload"], (json{{"a", 1}}));
    EXPECT_EQ(told["responsePayload"]["color"], "red");

    // What cannot even start fails.
    co_await call(
        "UpdateFunctionConfiguration",
        {{"FunctionName", "made"}, {"Environment", {{"Variables", {{"INSIDE", "/nowhere"}}}}}});
    co_await call("Invoke", event);
    const auto three = sent(3);
    co_await until(three);
    EXPECT_EQ(services_.sent.size(), 3u);
    EXPECT_EQ(services_.sent[1]["QueueUrl"], "https://queue.amazonaws.com/123456789012/bad");
    EXPECT_EQ(services_.sent[2]["QueueUrl"], "https://queue.amazonaws.com/123456789012/dead");
    EXPECT_EQ(services_.sent[2]["MessageBody"], "{\"a\":1}");
    EXPECT_TRUE(services_.sent[2]["MessageAttributes"].contains("RequestID"));
    EXPECT_FALSE(buried());

    // A queue that is gone: the log has it instead.
    co_await call("PutFunctionEventInvokeConfig", destinations("", queues + "gone"));
    co_await call("Invoke", event);
    co_await until(buried);
    EXPECT_TRUE(buried());
  });
}

TEST_F(ManagementTest, ConcurrencyAndTags) {
  live([&]() -> net::Task<void> {
    co_await call("CreateFunction", creation(good_zip()));
    co_await call("PutFunctionConcurrency",
                  {{"FunctionName", "made"}, {"ReservedConcurrentExecutions", 0}});
    EXPECT_EQ((co_await code("Invoke", {{"FunctionName", "made"}})), "TooManyRequestsException");
    co_await call("DeleteFunctionConcurrency", {{"FunctionName", "made"}});
    EXPECT_EQ((co_await invoke()).value("color", ""), "red");
    co_await call("TagResource", {{"Resource", kArn}, {"Tags", {{"c", "d"}}}});
    co_await call("UntagResource", {{"Resource", kArn}, {"TagKeys", {"a"}}});
    EXPECT_EQ((co_await call("ListTags", {{"Resource", kArn}}))["Tags"], (json{{"c", "d"}}));
  });
}

TEST_F(ManagementTest, ABrokenRecordLosesNothing) {
  live([&]() -> net::Task<void> { co_await call("CreateFunction", creation(good_zip())); });
  std::string record;
  {
    std::ifstream in(home_ / "made.json");
    record.assign(std::istreambuf_iterator<char>(in), {});
  }
  std::ofstream(home_ / "made.json") << "{";
  live([&]() -> net::Task<void> {
    EXPECT_EQ((co_await code("GetFunction", {{"FunctionName", "made"}})),
              "ResourceNotFoundException");
  });
  std::ofstream(home_ / "made.json") << record;
  live([&]() -> net::Task<void> { EXPECT_EQ((co_await invoke()).value("color", ""), "red"); });
}

}  // namespace
}  // namespace aurora_global::services::lambda
