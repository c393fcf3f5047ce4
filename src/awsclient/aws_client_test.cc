#include "awsclient/aws_client.h"

#include <gtest/gtest.h>

#include "net/testing/run.h"

namespace aurora_global::awsclient {
namespace {

using namespace std::chrono_literals;

constexpr const char* kNoClusters =
    "<DescribeGlobalClustersResponse><DescribeGlobalClustersResult><GlobalClusters/>"
    "</DescribeGlobalClustersResult></DescribeGlobalClustersResponse>";

// A server that throttles the first calls, each signed anew.
class Throttling {
 public:
  Throttling(net::TaskGroup& tasks, int refusals) : refusals_(refusals) {
    auto listening = net::HttpServer::listen(
        tasks, "127.0.0.1:0", [this](net::HttpRequest request) { return answer(request); });
    if (listening.has_value()) server_ = std::move(*listening);
  }
  AwsClient client(boost::asio::any_io_executor executor) const {
    return AwsClient(executor, "127.0.0.1:" + std::to_string(server_->port()),
                     awsapi::Credentials{"A", "S"});
  }
  int calls = 0;

 private:
  net::Task<net::HttpResponse> answer(net::HttpRequest request) {
    EXPECT_FALSE(net::header_value(request.headers, "Authorization").empty());
    net::HttpResponse response;
    response.body = kNoClusters;
    if (++calls > refusals_) co_return response;
    response.status = 400;
    response.body = awsapi::error_document("Throttling", "Rate exceeded", "1");
    co_return response;
  }

  int refusals_;
  std::unique_ptr<net::HttpServer> server_;
};

TEST(AwsClient, AThrottledCallIsSentAgain) {
  net::testing::run([](net::TaskGroup& tasks) -> net::Task<void> {
    const auto executor = co_await boost::asio::this_coro::executor;
    Throttling server(tasks, 2);
    AwsClient client = server.client(executor);
    const auto found =
        co_await client.describe_global_clusters(RegionId{"us-east-1"}, Deadline::in(30s));
    CO_ASSERT_OK(found);
    EXPECT_EQ(server.calls, 3);
  });
}

TEST(AwsClient, AtTheDeadlineTheRefusalIsTheAnswer) {
  net::testing::run([](net::TaskGroup& tasks) -> net::Task<void> {
    const auto executor = co_await boost::asio::this_coro::executor;
    Throttling server(tasks, 1000);
    AwsClient client = server.client(executor);
    const auto found =
        co_await client.describe_global_clusters(RegionId{"us-east-1"}, Deadline::in(500ms));
    EXPECT_TRUE(found.has_error());
    if (found.has_value()) co_return;
    EXPECT_EQ(found.error().kind, ErrorKind::exhausted);
    EXPECT_EQ(found.error().code, "Throttling");
    EXPECT_GE(server.calls, 2);
  });
}

}  // namespace
}  // namespace aurora_global::awsclient
