#include "net/control_socket.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include "net/testing/run.h"

namespace aurora_global::net {
namespace {

using namespace std::chrono_literals;
using Protocol = asio::local::stream_protocol;

std::filesystem::path socket_path(const char* name) {
  return std::filesystem::temp_directory_path() /
         ("ag-" + std::string(name) + "-" + std::to_string(getpid()));
}

Task<void> say_once(Protocol::acceptor& acceptor, std::string line) {
  Protocol::socket socket(acceptor.get_executor());
  auto [error] = co_await acceptor.async_accept(socket, use_result);
  if (error) co_return;
  std::string question;
  co_await asio::async_read_until(socket, asio::dynamic_buffer(question), '\n', use_result);
  co_await asio::async_write(socket, asio::buffer(line), use_result);
  co_await sleep_for(1h);
}

// What a call makes of `line`, said by whoever listens at the socket.
Result<nlohmann::json> answer_to(const std::string& line) {
  const auto path = socket_path("client");
  Result<nlohmann::json> answer = make_error(ErrorKind::internal, "never answered");
  testing::run([&](TaskGroup& tasks) -> Task<void> {
    std::filesystem::remove(path);
    Protocol::acceptor acceptor(tasks.executor(), Protocol::endpoint(path.string()));
    tasks.spawn("listener", say_once(acceptor, line));
    ControlClient client(tasks.executor(), path);
    const nlohmann::json request = {{"do", "status"}};
    answer = co_await client.call(request, Deadline::in(5s));
    tasks.stop();
    co_await tasks.join();
  });
  std::filesystem::remove(path);
  return answer;
}

TEST(ControlClient, TakesAnAnswer) {
  const auto answer = answer_to("{\"ok\": true, \"version\": 7}\n");
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->at("version"), 7);
}

TEST(ControlClient, AMalformedAnswerIsAnErrorAndNothingWorse) {
  for (const char* line :
       {"\n", "nothing\n", "[]\n", "{}\n", "{\"ok\": 1}\n", "{\"ok\": null}\n",
        "{\"ok\": \"true\"}\n", "{\"ok\": [[[]]]}\n", "\xff\xfe\n", "{\"ok\": true\n"}) {
    const auto answer = answer_to(line);
    ASSERT_TRUE(answer.has_error()) << line;
    EXPECT_EQ(answer.error().kind, ErrorKind::corrupt) << line;
  }
}

TEST(ControlClient, ARefusalWithoutASentenceIsOne) {
  for (const char* line : {"{\"ok\": false}\n", "{\"ok\": false, \"error\": 1}\n",
                           "{\"ok\": false, \"error\": null}\n"}) {
    const auto answer = answer_to(line);
    ASSERT_TRUE(answer.has_error()) << line;
    EXPECT_EQ(answer.error().kind, ErrorKind::conflict) << line;
    EXPECT_EQ(answer.error().message, "refused") << line;
  }
}

Task<Result<nlohmann::json>> handle(nlohmann::json request) {
  co_return nlohmann::json{{"number", request.at("number").get<int>()}};
}

TEST(ControlServer, AMalformedLineIsAnsweredAndTheNextOneServed) {
  const auto path = socket_path("server");
  testing::run([&](TaskGroup& tasks) -> Task<void> {
    auto server = ControlServer::listen(tasks, path, handle);
    CO_ASSERT_OK(server);
    Protocol::socket socket(tasks.executor());
    socket.connect(Protocol::endpoint(path.string()));
    std::string buffer;
    for (const char* line :
         {"\n", "{}\n", "[]\n", "{\"do\": 1}\n", "{\"do\": \"x\", \"number\": []}\n", "\xff\n",
          "{\"do\": \"x\", \"number\": 1e999}\n"}) {
      const std::string text = line;
      co_await asio::async_write(socket, asio::buffer(text), use_result);
      auto [error, size] =
          co_await asio::async_read_until(socket, asio::dynamic_buffer(buffer), '\n', use_result);
      EXPECT_FALSE(error) << line;
      if (error) co_return;
      EXPECT_NE(buffer.find("\"ok\":false"), std::string::npos) << buffer;
      buffer.erase(0, size);
    }
    const std::string good = "{\"do\": \"x\", \"number\": 5}\n";
    co_await asio::async_write(socket, asio::buffer(good), use_result);
    co_await asio::async_read_until(socket, asio::dynamic_buffer(buffer), '\n', use_result);
    EXPECT_EQ(nlohmann::json::parse(buffer), (nlohmann::json{{"number", 5}, {"ok", true}}));
  });
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace aurora_global::net
