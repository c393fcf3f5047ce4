#include "awsclient/aws_client.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/write.hpp>

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

using boost::asio::ip::tcp;

// Reads one request to its end; "" when the connection has ended.
net::Task<std::string> one_request(tcp::socket& socket) {
  std::string text;
  for (std::size_t whole = 0; whole == 0 || text.size() < whole;) {
    char some[4096];
    auto [error, size] =
        co_await socket.async_read_some(boost::asio::buffer(some), net::use_result);
    if (error) co_return "";
    text.append(some, size);
    const auto head = text.find("\r\n\r\n");
    const auto length = text.find("Content-Length: ");
    if (head == text.npos || length == text.npos) continue;
    whole = head + 4 + std::stoul(text.substr(length + 16));
  }
  co_return text;
}

// Answers the first request of a connection and keeps it; reads the second and hangs up.
class HangsUp {
 public:
  explicit HangsUp(net::TaskGroup& tasks)
      : tasks_(tasks), acceptor_(*net::listen_on(tasks.executor(), "127.0.0.1:0")) {
    tasks.spawn("server", serve());
  }
  std::string address() const {
    return "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
  }
  // How often an operation was asked.
  int asked(const std::string& operation) const {
    return static_cast<int>(std::count_if(
        requests_.begin(), requests_.end(),
        [&](const std::string& request) { return request.find(operation) != std::string::npos; }));
  }
  void close() { acceptor_.close(); }

 private:
  net::Task<void> serve() {
    for (;;) {
      tcp::socket socket(acceptor_.get_executor());
      auto [error] = co_await acceptor_.async_accept(socket, net::use_result);
      if (error) co_return;
      tasks_.spawn("connection", talk(std::move(socket)));
    }
  }
  net::Task<void> talk(tcp::socket socket) {
    for (int i = 0; i < 2; ++i) {
      std::string request = co_await one_request(socket);
      const bool answered = i == 0 && request.find("Switchover") == std::string::npos;
      if (!request.empty()) requests_.push_back(std::move(request));
      if (!answered) co_return;
      const std::string body = kNoClusters;
      const std::string answer =
          "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
      co_await boost::asio::async_write(socket, boost::asio::buffer(answer), net::use_result);
    }
  }

  net::TaskGroup& tasks_;
  tcp::acceptor acceptor_;
  std::vector<std::string> requests_;
};

TEST(AwsClient, OnlyReadsAreSentAgainWhenAnAnswerIsLost) {
  net::testing::run([](net::TaskGroup& tasks) -> net::Task<void> {
    HangsUp server(tasks);
    const auto executor = co_await boost::asio::this_coro::executor;
    AwsClient client(executor, server.address(), awsapi::Credentials{"A", "S"});
    const RegionId region{"us-east-1"};
    CO_ASSERT_OK(co_await client.describe_global_clusters(region, Deadline::in(30s)));
    CO_ASSERT_OK(co_await client.describe_global_clusters(region, Deadline::in(30s)));
    EXPECT_EQ(server.asked("DescribeGlobalClusters"), 3);  // Once it was hung up on.
    const auto moved = co_await client.move_writer(
        region, "g", "arn", model::OperationKind::switchover, Deadline::in(30s));
    EXPECT_TRUE(moved.has_error());
    EXPECT_EQ(server.asked("SwitchoverGlobalCluster"), 1);
    server.close();
  });
}

TEST(AwsClient, WhatChangesSomethingIsNotRepeatable) {
  for (const char* name : {"SwitchoverGlobalCluster", "FailoverGlobalCluster", "CreateDBCluster",
                           "CreateGlobalCluster", "CreateKey", "CreateSecret", "Invoke", ""}) {
    EXPECT_FALSE(is_repeatable(name)) << name;
  }
  EXPECT_TRUE(is_repeatable("GetSecretValue"));
}

}  // namespace
}  // namespace aurora_global::awsclient
