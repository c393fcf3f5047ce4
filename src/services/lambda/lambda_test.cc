// Goal: Lambda's API says what AWS says: statuses, headers, error codes, limits, pages.
#include "services/lambda/lambda.h"

#include <gtest/gtest.h>

#include <fstream>

#include "base/base64.h"
#include "net/testing/run.h"

namespace aurora_global::services::lambda {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

// Answers with the event and what came beside it; an event of 5 is an error.
constexpr std::string_view kEchoingRuntime = R"(#!/usr/bin/python3
import json, os, urllib.request
API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(API + "next") as answer:
        event, told = json.load(answer), answer.headers
    what, body = "response", {"event": event, "trace": told["Lambda-Runtime-Trace-Id"],
                              "context": told["Lambda-Runtime-Client-Context"]}
    if event == 5:
        what, body = "error", {"errorType": "Five", "errorMessage": "no fives"}
    path = f"{API}{told['Lambda-Runtime-Aws-Request-Id']}/{what}"
    urllib.request.urlopen(path, json.dumps(body).encode())
)";

class NoSinks final : public LogSink, public MetricSink {
 public:
  void put_lines(std::string, std::string, std::vector<LogLine>) override {}
  void put_metrics(std::vector<MetricDatum>) override {}
};

class NoServices final : public ServiceCaller {
 public:
  net::Task<Result<json>> call(std::string, std::string operation, json) override {
    co_return unknown_operation(operation);
  }
};

class LambdaTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char place[] = "/tmp/aurora-global-lambda-XXXXXX";
    home_ = mkdtemp(place);
    fs::create_directories(home_ / "code");
    std::ofstream(home_ / "code" / "bootstrap") << kEchoingRuntime;
    fs::permissions(home_ / "code" / "bootstrap", fs::perms::owner_all);
    for (const char* name : {"a", "b", "c"}) {
      std::ofstream(home_ / (std::string(name) + ".toml")) << "code = \"code\"\nmemory_mb = 256\n";
    }
  }
  void TearDown() override { fs::remove_all(home_); }

  template <typename Body>
  void with_lambda(const Body& body) {
    net::testing::run([&](net::TaskGroup& tasks) -> net::Task<void> {
      LambdaOptions options;
      options.directory = home_;
      options.sandboxes = {"us-east-1", "http://127.0.0.1:9", "127.0.0.1", {"key", "secret"}};
      auto lambda =
          Lambda::open(tasks.executor(), facts_, std::move(options), sinks_, sinks_, services_);
      CO_ASSERT_OK(lambda);
      (*lambda)->start();
      auto running = body(**lambda);
      co_await std::move(running);
      co_await (*lambda)->stop();
    });
  }

  static net::Task<net::HttpResponse> invoke(Lambda& lambda, std::string payload,
                                             net::Headers headers = {},
                                             std::string function = "a") {
    net::HttpRequest request;
    request.method = "POST";
    request.target = "/2015-03-31/functions/" + function + "/invocations";
    request.headers = std::move(headers);
    request.body = std::move(payload);
    co_return co_await lambda.serve(std::move(request));
  }
  static net::Task<json> get(Lambda& lambda, std::string target) {
    net::HttpRequest request;
    request.method = "GET";
    request.target = std::move(target);
    const auto answer = co_await lambda.serve(std::move(request));
    EXPECT_EQ(answer.status, 200) << answer.body;
    co_return json::parse(answer.body);
  }
  static void expect_refusal(const net::HttpResponse& answer, int status, std::string_view code) {
    EXPECT_EQ(answer.status, status) << answer.body;
    EXPECT_EQ(net::header_value(answer.headers, "x-amzn-ErrorType"), code) << answer.body;
  }

  fs::path home_;
  NoSinks sinks_;
  NoServices services_;
  region::Facts facts_{RegionId{"us-east-1"}, "123456789012", "", "", {}};
};

TEST_F(LambdaTest, AnInvocationHasTheHeadersOfAws) {
  with_lambda([](Lambda& lambda) -> net::Task<void> {
    const auto answer = co_await invoke(lambda, "{\"a\":1}",
                                        {{"X-Amz-Log-Type", "Tail"},
                                         {"X-Amzn-Trace-Id", "Root=1-5-6"},
                                         {"X-Amz-Client-Context", base64("{\"custom\":{}}")}});
    EXPECT_EQ(answer.status, 200);
    const json said = json::parse(answer.body);
    EXPECT_EQ(said["event"], (json{{"a", 1}}));
    EXPECT_EQ(said["trace"], "Root=1-5-6");
    EXPECT_EQ(said["context"], "{\"custom\":{}}");
    EXPECT_EQ(net::header_value(answer.headers, "X-Amz-Executed-Version"), "$LATEST");
    EXPECT_EQ(net::header_value(answer.headers, "X-Amz-Function-Error"), "");
    const auto tail = from_base64(net::header_value(answer.headers, "X-Amz-Log-Result"));
    EXPECT_TRUE(tail && tail->rfind("START RequestId: ", 0) == 0);

    // More than a header of the Runtime API may hold, or nothing that it may: one of our own.
    for (const std::string& odd : {std::string(70'000, 'x'), std::string(257, 'x'),
                                   std::string("a\x01z"), std::string("\xc3\xa9")}) {
      const auto own = co_await invoke(lambda, "{}", {{"X-Amzn-Trace-Id", odd}});
      EXPECT_EQ(own.status, 200);
      const auto trace = json::parse(own.body)["trace"].get<std::string>();
      EXPECT_EQ(trace.rfind("Root=1-", 0), 0u) << trace;
    }

    const auto failed = co_await invoke(lambda, "5");
    EXPECT_EQ(failed.status, 200);
    EXPECT_EQ(net::header_value(failed.headers, "X-Amz-Function-Error"), "Unhandled");
    EXPECT_EQ(json::parse(failed.body)["errorType"], "Five");
  });
}

TEST_F(LambdaTest, EachTypeOfInvocationHasItsStatus) {
  with_lambda([](Lambda& lambda) -> net::Task<void> {
    const auto dry = co_await invoke(lambda, "{}", {{"X-Amz-Invocation-Type", "DryRun"}});
    EXPECT_EQ(dry.status, 204);
    const auto event = co_await invoke(lambda, "{}", {{"X-Amz-Invocation-Type", "Event"}});
    EXPECT_EQ(event.status, 202);
    EXPECT_TRUE(event.body.empty());
    const auto other = co_await invoke(lambda, "{}", {{"X-Amz-Invocation-Type", "Sometimes"}});
    EXPECT_EQ(other.status, 400);
  });
}

TEST_F(LambdaTest, WhatCannotBeIsRefusedByName) {
  with_lambda([](Lambda& lambda) -> net::Task<void> {
    expect_refusal(co_await invoke(lambda, "{}", {}, "none"), 404, "ResourceNotFoundException");
    expect_refusal(co_await invoke(lambda, "{no"), 400, "InvalidRequestContentException");
    expect_refusal(co_await invoke(lambda, "{}", {{"X-Amz-Client-Context", "%%%"}}), 400,
                   "InvalidRequestContentException");
    const std::string large = "\"" + std::string(kRequestBytesMax, 'x') + "\"";
    expect_refusal(co_await invoke(lambda, large), 413, "RequestTooLargeException");
    const std::string million = "\"" + std::string(1'048'576, 'x') + "\"";
    expect_refusal(co_await invoke(lambda, million, {{"X-Amz-Invocation-Type", "Event"}}), 413,
                   "RequestTooLargeException");
    // Of versions there is $LATEST alone.
    expect_refusal(co_await invoke(lambda, "{}", {}, "a/invocations?Qualifier=1&x="), 404,
                   "ResourceNotFoundException");
  });
}

TEST_F(LambdaTest, FunctionsAreListedInPages) {
  with_lambda([](Lambda& lambda) -> net::Task<void> {
    const json first = co_await get(lambda, "/2015-03-31/functions/?MaxItems=2");
    EXPECT_EQ(first["Functions"].size(), 2u);
    EXPECT_EQ(first["NextMarker"], "b");
    const json rest = co_await get(lambda, "/2015-03-31/functions/?MaxItems=2&Marker=b");
    EXPECT_EQ(rest["Functions"].size(), 1u);
    EXPECT_EQ(rest["Functions"][0]["FunctionArn"],
              "arn:aws:lambda:us-east-1:123456789012:function:c");
    EXPECT_FALSE(rest.contains("NextMarker"));
    const json one = co_await get(lambda, "/2015-03-31/functions/b/configuration");
    EXPECT_EQ(one["MemorySize"], 256);
    EXPECT_EQ((co_await get(lambda, "/2015-03-31/functions/b"))["Configuration"], one);
  });
}

TEST_F(LambdaTest, CodeHasASizeAndADigest) {
  // Only what is in it counts, so any bytes do for a zip that nobody runs.
  std::ofstream(home_ / "z.zip") << "abc";
  std::ofstream(home_ / "z.toml") << "code = \"z.zip\"\n";
  fs::create_directories(home_ / "other" / "lib");
  std::ofstream(home_ / "other" / "bootstrap") << "b";
  std::ofstream(home_ / "other" / "lib" / "x") << "xy";
  std::ofstream(home_ / "d.toml") << "code = \"other\"\n";
  with_lambda([this](Lambda& lambda) -> net::Task<void> {
    const json zip = co_await get(lambda, "/2015-03-31/functions/z/configuration");
    EXPECT_EQ(zip["CodeSize"], 3);
    EXPECT_EQ(zip["CodeSha256"], "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");  // Of FIPS 180.
    // printf 'bootstrap\0001\000blib/x\0002\000xy' | openssl dgst -sha256 -binary | base64
    const json folder = co_await get(lambda, "/2015-03-31/functions/d/configuration");
    EXPECT_EQ(folder["CodeSize"], 3);
    EXPECT_EQ(folder["CodeSha256"], "WYnzCg62NuC7Ygtt9fth8lUX9fQjTPwfRZMW4kgauz8=");
    std::ofstream(home_ / "z.zip") << "abcd";
    const json later = co_await get(lambda, "/2015-03-31/functions/z");
    EXPECT_EQ(later["Configuration"]["CodeSize"], 4);
    EXPECT_NE(later["Configuration"]["CodeSha256"], zip["CodeSha256"]);
    const json listed = co_await get(lambda, "/2015-03-31/functions/");
    EXPECT_EQ(listed["Functions"].back()["CodeSha256"], later["Configuration"]["CodeSha256"]);
  });
}

}  // namespace
}  // namespace aurora_global::services::lambda
