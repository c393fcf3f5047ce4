// Goal: what was sent is received until it is deleted, also after the daemon has ended, and clients
// of both protocols can read it.
#include "services/sqs/sqs.h"

#include <gtest/gtest.h>

#include "services/testing/call.h"
#include "services/testing/service_test.h"

namespace aurora_global::services::sqs {
namespace {

using nlohmann::json;

class SqsTest : public services::testing::ServiceTest<Sqs> {
 public:
  SqsTest() : ServiceTest("sqs") {}
  using ServiceTest::call;

  template <typename Body>
  void live(const Body& body) {
    net::testing::run([&](net::TaskGroup& tasks) -> net::Task<void> {
      auto service = Sqs::open(tasks.executor(), facts_, "http://127.0.1.1:4566",
                               home_ / "queues.sqlite", bytes_max_);
      CO_ASSERT_OK(service);
      service_ = service->get();
      tasks_ = &tasks;
      auto running = body();
      co_await std::move(running);
    });
  }

  static json q(json more = json::object(), const char* name = "q") {
    more["QueueUrl"] = std::string("http://127.0.1.1:4566/123456789012/") + name;
    return more;
  }
  net::Task<json> receive(json more = json::object()) {
    const json answer = co_await call("ReceiveMessage", q(std::move(more)));
    co_return answer.value("Messages", json::array());
  }

  net::TaskGroup* tasks_ = nullptr;
  std::int64_t bytes_max_ = kBytesMax;
};

TEST_F(SqsTest, AMessageIsReceivedUntilItIsDeleted) {
  live([&]() -> net::Task<void> {
    EXPECT_EQ((co_await call("CreateQueue", {{"QueueName", "q"}})).value("QueueUrl", ""),
              "http://127.0.1.1:4566/123456789012/q");
    const json sent = co_await call(
        "SendMessage",
        q({{"MessageBody", "hello"},
           {"MessageAttributes", {{"a", {{"DataType", "String"}, {"StringValue", "b"}}}}}}));
    EXPECT_EQ(sent.value("MD5OfMessageBody", ""), "5d41402abc4b2a76b9719d911017c592");
    // Computed with the AWS SDK for Python.
    EXPECT_EQ(sent.value("MD5OfMessageAttributes", "").size(), 32u);
  });
  live([&]() -> net::Task<void> {
    const json first = co_await receive({{"VisibilityTimeout", 0},
                                         {"AttributeNames", {"All"}},
                                         {"MessageAttributeNames", {"All"}}});
    EXPECT_EQ(first.size(), 1u);
    EXPECT_EQ(first[0]["Body"], "hello");
    EXPECT_EQ(first[0]["Attributes"]["ApproximateReceiveCount"], "1");
    EXPECT_EQ(first[0]["MessageAttributes"]["a"]["StringValue"], "b");
    const json second = co_await receive();
    EXPECT_EQ(second.size(), 1u) << "visible again at once";
    EXPECT_TRUE((co_await receive()).empty()) << "now hidden";
    // An older receipt says nothing any more.
    co_await call("DeleteMessage", q({{"ReceiptHandle", first[0]["ReceiptHandle"]}}));
    co_await call("ChangeMessageVisibility",
                  q({{"ReceiptHandle", second[0]["ReceiptHandle"]}, {"VisibilityTimeout", 0}}));
    const json third = co_await receive();
    EXPECT_EQ(third.size(), 1u);
    co_await call("DeleteMessage", q({{"ReceiptHandle", third[0]["ReceiptHandle"]}}));
    const json shown = co_await call("GetQueueAttributes", q({{"AttributeNames", {"All"}}}));
    EXPECT_EQ(shown["Attributes"]["ApproximateNumberOfMessages"], "0");
    EXPECT_EQ(shown["Attributes"]["ApproximateNumberOfMessagesNotVisible"], "0");
    EXPECT_EQ((co_await code("DeleteMessage", q({{"ReceiptHandle", "x"}}))),
              "ReceiptHandleIsInvalid");
  });
}

TEST_F(SqsTest, WhoWaitsIsWokenByAMessage) {
  live([&]() -> net::Task<void> {
    co_await call("CreateQueue", {{"QueueName", "q"}});
    auto send = [](SqsTest& test) -> net::Task<void> {
      co_await test.call("SendMessage", q({{"MessageBody", "late"}}));
    };
    const Instant begun = SystemClock().now();
    tasks_->spawn("send", send(*this));
    const json got = co_await receive({{"WaitTimeSeconds", 20}});
    EXPECT_EQ(got.size(), 1u);
    EXPECT_LT(SystemClock().now() - begun, std::chrono::seconds(20));
    service_->stop();
    EXPECT_TRUE((co_await receive({{"WaitTimeSeconds", 20}})).empty()) << "nobody waits any more";
  });
}

TEST_F(SqsTest, WhatIsReceivedTooOftenIsADeadLetter) {
  live([&]() -> net::Task<void> {
    co_await call("CreateQueue", {{"QueueName", "dead"}});
    const std::string policy =
        R"({"deadLetterTargetArn":"arn:aws:sqs:us-east-1:123456789012:dead","maxReceiveCount":"2"})";
    co_await call("CreateQueue",
                  {{"QueueName", "q"},
                   {"Attributes", {{"RedrivePolicy", policy}, {"VisibilityTimeout", "0"}}}});
    co_await call("SendMessage", q({{"MessageBody", "x"}}));
    EXPECT_EQ((co_await receive()).size(), 1u);
    EXPECT_EQ((co_await receive()).size(), 1u);
    co_await call("SendMessage", q({{"MessageBody", "behind it"}}));
    EXPECT_EQ((co_await receive())[0].value("Body", ""), "behind it");
    const json dead = co_await call("ReceiveMessage", q({}, "dead"));
    EXPECT_EQ(dead["Messages"][0]["Body"], "x");
  });
}

TEST_F(SqsTest, WhatIsTooOldIsNeitherCountedNorReceived) {
  live([&]() -> net::Task<void> {
    co_await call("CreateQueue",
                  {{"QueueName", "q"}, {"Attributes", {{"MessageRetentionPeriod", "60"}}}});
    co_await call("SendMessage", q({{"MessageBody", "old"}}));
    auto ageing = service_->work<void>(
        [](sqlite3* raw) { return database::run(raw, "UPDATE message SET sent = sent - 61000"); });
    EXPECT_TRUE((co_await std::move(ageing)).has_value());
    const json shown = co_await call("GetQueueAttributes", q({{"AttributeNames", {"All"}}}));
    EXPECT_EQ(shown["Attributes"]["ApproximateNumberOfMessages"], "0");
    EXPECT_TRUE((co_await receive()).empty());
  });
}

TEST_F(SqsTest, AllQueuesTogetherHaveABound) {
  bytes_max_ = 1 << 20;
  live([&]() -> net::Task<void> {
    co_await call("CreateQueue", {{"QueueName", "q"}});
    co_await call("CreateQueue", {{"QueueName", "other"}});
    const std::string body(200'000, 'x');
    std::string answered = "none";
    int sent = 0;
    for (; answered == "none" && sent < 10; ++sent) {
      answered = co_await code("SendMessage", q({{"MessageBody", body}}));
    }
    EXPECT_EQ(answered, "OverLimit");
    EXPECT_GT(sent, 4);
    EXPECT_EQ((co_await code("SendMessage", q({{"MessageBody", "x"}}, "other"))), "OverLimit");
    // What is too old in another queue makes room.
    auto ageing = service_->work<void>(
        [](sqlite3* raw) { return database::run(raw, "UPDATE message SET sent = 0"); });
    EXPECT_TRUE((co_await std::move(ageing)).has_value());
    EXPECT_EQ((co_await code("SendMessage", q({{"MessageBody", "x"}}, "other"))), "none");
  });
}

TEST_F(SqsTest, QueuesAreNamedTaggedAndRefused) {
  live([&]() -> net::Task<void> {
    const json attributes = {{"DelaySeconds", "1"}};
    co_await call("CreateQueue", {{"QueueName", "q"}, {"Attributes", attributes}});
    EXPECT_EQ((co_await code("CreateQueue", {{"QueueName", "q"}, {"Attributes", attributes}})),
              "none");
    EXPECT_EQ((co_await code("CreateQueue",
                             {{"QueueName", "q"}, {"Attributes", {{"DelaySeconds", "2"}}}})),
              "QueueNameExists");
    EXPECT_EQ((co_await code("CreateQueue", {{"QueueName", "a b"}})), "InvalidParameterValue");
    EXPECT_EQ((co_await code("CreateQueue", {{"QueueName", "q.fifo"}})), "UnsupportedOperation");
    EXPECT_EQ((co_await code("SetQueueAttributes", q({{"Attributes", {{"DelaySeconds", "901"}}}}))),
              "InvalidAttributeValue");
    EXPECT_EQ((co_await code("GetQueueUrl", {{"QueueName", "absent"}})), "QueueDoesNotExist");
    EXPECT_EQ((co_await code("SendMessage", q({{"MessageBody", "x"}}, "absent"))),
              "QueueDoesNotExist");
    EXPECT_EQ((co_await code("SendMessage",
                             {{"QueueUrl", "http://elsewhere/1/q"}, {"MessageBody", "x"}})),
              "QueueDoesNotExist");
    co_await call("SetQueueAttributes", q({{"Attributes", {{"MaximumMessageSize", "1024"}}}}));
    const auto with = [](const std::string& value) {
      return q({{"MessageBody", std::string(1000, 'x')},
                {"MessageAttributes", {{"a", {{"DataType", "String"}, {"StringValue", value}}}}}});
    };
    EXPECT_EQ((co_await code("SendMessage", with(std::string(17, 'v')))), "none");
    EXPECT_EQ((co_await code("SendMessage", with(std::string(18, 'v')))), "InvalidParameterValue");
    EXPECT_EQ((co_await code("SendMessage", with(""))), "InvalidParameterValue");
    co_await call("TagQueue", q({{"Tags", {{"a", "b"}, {"c", "d"}}}}));
    co_await call("UntagQueue", q({{"TagKeys", {"a"}}}));
    EXPECT_EQ((co_await call("ListQueueTags", q()))["Tags"], (json{{"c", "d"}}));
    EXPECT_EQ((co_await call("ListQueues", {{"QueueNamePrefix", "q"}}))["QueueUrls"].size(), 1u);
    co_await call("SendMessage", q({{"MessageBody", "x"}, {"DelaySeconds", 0}}));
    co_await call("PurgeQueue", q());
    EXPECT_TRUE((co_await receive()).empty());
    co_await call("DeleteQueue", q());
    EXPECT_EQ((co_await code("DeleteQueue", q())), "QueueDoesNotExist");
  });
}

// As Debian's AWS CLI asks: at the queue's URL, in the Query protocol.
TEST(SqsQuery, OlderClientsAreAnsweredInTheirForm) {
  services::testing::FakeRegion region;
  services::testing::with_server(region, [](const net::HttpHandler& handler) -> net::Task<void> {
    const auto ask = [&](std::string path, std::string form) -> net::Task<net::HttpResponse> {
      auto request = services::testing::signed_request("POST", path, form, "sqs");
      request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
      auto handling = handler(std::move(request));
      co_return co_await std::move(handling);
    };
    const std::string version = "&Version=2012-11-05";
    const auto made = co_await ask(
        "/", "Action=CreateQueue&QueueName=q&Attribute.1.Name=DelaySeconds&Attribute.1.Value=0" +
                 version);
    EXPECT_EQ(services::testing::element_in(made, "QueueUrl"),
              "http://127.0.1.1:4566/123456789012/q")
        << made.body;
    const std::string at = "/123456789012/q";
    const std::string url = "&QueueUrl=http%3A%2F%2F127.0.1.1%3A4566%2F123456789012%2Fq" + version;
    co_await ask(at,
                 "Action=SendMessage&MessageBody=hi&MessageAttribute.1.Name=n&"
                 "MessageAttribute.1.Value.DataType=String&"
                 "MessageAttribute.1.Value.StringValue=v" +
                     url);
    const auto got = co_await ask(at,
                                  "Action=ReceiveMessage&AttributeName.1=All&"
                                  "MessageAttributeName.1=All" +
                                      url);
    EXPECT_NE(got.body.find("<ReceiveMessageResult><Message>"), std::string::npos) << got.body;
    EXPECT_NE(got.body.find("<MessageAttribute><Name>n</Name><Value>"), std::string::npos)
        << got.body;
    EXPECT_NE(got.body.find("<Attribute><Name>ApproximateReceiveCount</Name><Value>1</Value>"),
              std::string::npos)
        << got.body;
    const auto gone =
        co_await ask("/123456789012/absent",
                     "Action=PurgeQueue&QueueUrl=http%3A%2F%2Fh%2F123456789012%2Fabsent" + version);
    EXPECT_EQ(gone.status, 400);
    EXPECT_EQ(services::testing::code_in(gone), "AWS.SimpleQueueService.NonExistentQueue");
  });
}

}  // namespace
}  // namespace aurora_global::services::sqs
