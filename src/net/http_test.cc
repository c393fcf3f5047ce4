// Goal: what a client learns from the server, and what both do when the other misbehaves.
#include "net/http.h"

#include <gtest/gtest.h>

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "net/testing/address.h"
#include "net/testing/run.h"

namespace aurora_global::net {
namespace {

using asio::ip::tcp;
using testing::own_address;
using testing::run;
using namespace std::chrono_literals;

Deadline soon() { return Deadline::in(20s); }

// Says back what came in.
Task<HttpResponse> echo(HttpRequest request) {
  HttpResponse response;
  response.status = request.target == "/teapot" ? 418 : 200;
  response.headers.emplace_back("X-Method", request.method);
  response.headers.emplace_back("X-Given", header_value(request.headers, "X-Given"));
  response.body = std::move(request.body);
  co_return response;
}

std::unique_ptr<HttpServer> listen(TaskGroup& tasks, const std::string& address,
                                   HttpHandler handler = echo) {
  auto server = HttpServer::listen(tasks, address, std::move(handler));
  EXPECT_TRUE(server.has_value()) << server.error().message;
  return std::move(*server);
}

HttpRequest request_of(std::string method, std::string target, std::string body = "") {
  HttpRequest request;
  request.method = std::move(method);
  request.target = std::move(target);
  request.body = std::move(body);
  return request;
}

// Sends bytes as they are and reads until the server closes or `enough` is in the answer.
Task<std::string> converse(std::string address, std::string bytes, std::string enough = "") {
  tcp::socket socket(co_await asio::this_coro::executor);
  auto [refused] = co_await socket.async_connect(*parse_endpoint(address), use_result);
  EXPECT_FALSE(refused);
  auto [unsent, sent] = co_await asio::async_write(socket, asio::buffer(bytes), use_result);
  EXPECT_FALSE(unsent);
  std::string answer;
  std::array<char, 4096> piece;
  DeadlineGuard guard(socket, soon());
  while (enough.empty() || answer.find(enough) == std::string::npos) {
    auto [error, size] = co_await socket.async_read_some(asio::buffer(piece), use_result);
    answer.append(piece.data(), size);
    if (error) break;
  }
  co_return answer;
}

TEST(Endpoint, IsReadStrictly) {
  EXPECT_EQ(parse_endpoint("127.0.1.1:4566")->port(), 4566);
  for (const char* text : {"", "127.0.1.1", "127.0.1.1:", "127.0.1.1:0", "127.0.1.1:65536",
                           "127.0.1.1:45x", "127.0.1:4566", "localhost:1", "127.0.1.1:+1"}) {
    EXPECT_TRUE(parse_endpoint(text).has_error()) << text;
  }
}

TEST(Http, CarriesMethodTargetHeadersAndBody) {
  run([](TaskGroup& tasks) -> Task<void> {
    const auto server = listen(tasks, own_address(1));
    HttpClient client(tasks.executor(), own_address(1));
    HttpRequest request = request_of("PURGE", "/teapot", std::string(1'000'000, 'x'));
    request.headers.emplace_back("x-given", "this");
    const auto answer = co_await client.request(request, soon());
    CO_ASSERT_OK(answer);
    EXPECT_EQ(answer->status, 418);
    EXPECT_EQ(header_value(answer->headers, "X-METHOD"), "PURGE");
    EXPECT_EQ(header_value(answer->headers, "X-Given"), "this");
    EXPECT_EQ(answer->body, request.body);
  });
}

TEST(Http, TellsThatAnAddressIsTaken) {
  run([](TaskGroup& tasks) -> Task<void> {
    const auto server = listen(tasks, own_address(2));
    const auto second = HttpServer::listen(tasks, own_address(2), echo);
    EXPECT_EQ(second.error().kind, ErrorKind::conflict);
    EXPECT_NE(second.error().message.find("--address-prefix"), std::string::npos);
    co_return;
  });
}

TEST(Http, KeepsAConnectionForTheNextRequest) {
  run([](TaskGroup& tasks) -> Task<void> {
    const auto server = listen(tasks, own_address(3));
    HttpClient client(tasks.executor(), own_address(3));
    for (int i = 0; i < 3; ++i) {
      const auto answer = co_await client.request(request_of("GET", "/"), soon());
      CO_ASSERT_OK(answer);
    }
    EXPECT_EQ(tasks.size(), 2u);  // The accepting task and one connection.
  });
}

TEST(Http, SendsAgainWhenAKeptConnectionWasClosed) {
  run([](TaskGroup& tasks) -> Task<void> {
    HttpClient client(tasks.executor(), own_address(4));
    {
      TaskGroup first(tasks.executor());
      const auto server = listen(first, own_address(4));
      const auto answer = co_await client.request(request_of("GET", "/"), soon());
      CO_ASSERT_OK(answer);
      first.stop();
      co_await first.join();
    }
    const auto server = listen(tasks, own_address(4));
    const auto answer = co_await client.request(request_of("GET", "/again"), soon());
    CO_ASSERT_OK(answer);
  });
}

TEST(Http, RefusedAndSilentServersAreToldApart) {
  run([](TaskGroup& tasks) -> Task<void> {
    HttpClient nobody(tasks.executor(), own_address(5));
    const auto refused = co_await nobody.request(request_of("GET", "/"), soon());
    EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);

    auto silent = listen_on(tasks.executor(), own_address(6));  // Nobody accepts or answers.
    CO_ASSERT_OK(silent);
    HttpClient client(tasks.executor(), own_address(6));
    const auto late = co_await client.request(request_of("GET", "/"), Deadline::in(50ms));
    EXPECT_EQ(late.error().kind, ErrorKind::timeout);
  });
}

TEST(Http, HonoursExpectContinue) {
  run([](TaskGroup& tasks) -> Task<void> {
    const auto server = listen(tasks, own_address(7));
    const std::string answer = co_await converse(
        own_address(7),
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n",
        "\r\n\r\n");
    EXPECT_EQ(answer, "HTTP/1.1 100 Continue\r\n\r\n");
  });
}

TEST(Http, AnswersWhatItCannotServe) {
  run([](TaskGroup& tasks) -> Task<void> {
    const auto server = listen(tasks, own_address(8));
    const std::pair<std::string, std::string> cases[] = {
        {"nonsense\r\n\r\n", "HTTP/1.1 400 "},
        {"GET / HTTP/1.1\r\nHost x\r\n\r\n", "HTTP/1.1 400 "},
        {"GET / HTTP/1.1\r\nX: " + std::string(kHttpHeaderBytesMax, 'x') + "\r\n\r\n",
         "HTTP/1.1 431 "},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8388609\r\n\r\n", "HTTP/1.1 413 "},
    };
    for (const auto& [bytes, expected] : cases) {
      const std::string answer = co_await converse(own_address(8), bytes);
      EXPECT_EQ(answer.substr(0, expected.size()), expected) << bytes.substr(0, 60);
    }
    const std::string head = co_await converse(
        own_address(8), "HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(head.substr(0, 13), "HTTP/1.1 200 ");
  });
}

TEST(Http, SomeRequestsMayBeLargerButNotAllAtOnce) {
  run([](TaskGroup& tasks) -> Task<void> {
    HttpServing serving;
    serving.body_bytes_max = 10;
    serving.large = {100, 150, [](const HttpRequest& head) { return head.method == "PUT"; }};
    auto server = HttpServer::listen(tasks, own_address(11), echo, serving);
    CO_ASSERT_OK(server);
    const auto head = [](const std::string& method, std::size_t length) {
      return method + " / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: " +
             std::to_string(length) + "\r\n\r\n";
    };
    const auto status = [&](const std::string& method, std::size_t length) -> Task<std::string> {
      auto talking = converse(own_address(11), head(method, length) + std::string(length, 'x'));
      const std::string answer = co_await std::move(talking);
      co_return answer.substr(9, 3);
    };
    EXPECT_EQ(co_await status("POST", 10), "200");
    EXPECT_EQ(co_await status("POST", 11), "413");
    EXPECT_EQ(co_await status("PUT", 100), "200");
    EXPECT_EQ(co_await status("PUT", 101), "413");
    tcp::socket first(co_await asio::this_coro::executor);
    auto [refused] = co_await first.async_connect(*parse_endpoint(own_address(11)), use_result);
    EXPECT_FALSE(refused);
    const std::string begun = "Expect: 100-continue\r\n";
    std::string text = head("PUT", 100);
    text.insert(text.find("Connection"), begun);
    auto [unsent, sent] = co_await asio::async_write(first, asio::buffer(text), use_result);
    EXPECT_FALSE(unsent);
    std::array<char, 64> go;  // It is let in: its room is taken.
    auto [unread, size] = co_await first.async_read_some(asio::buffer(go), use_result);
    EXPECT_EQ(std::string(go.data(), size).substr(0, 12), "HTTP/1.1 100");
    EXPECT_EQ(co_await status("PUT", 60), "503");
    EXPECT_EQ(co_await status("PUT", 50), "200");
    const std::string rest(100, 'x');
    auto [late, written] = co_await asio::async_write(first, asio::buffer(rest), use_result);
    EXPECT_FALSE(late);
    std::string answer;
    while (answer.find(rest) == std::string::npos) {
      auto [error, more] = co_await first.async_read_some(asio::buffer(go), use_result);
      if (error) break;
      answer.append(go.data(), more);
    }
    EXPECT_EQ(answer.substr(0, 12), "HTTP/1.1 200");
    EXPECT_EQ(co_await status("PUT", 100), "200");
  });
}

TEST(Http, AnAnswerToHeadTellsALengthThatItHasNot) {
  run([](TaskGroup& tasks) -> Task<void> {
    const auto said = [](HttpRequest) -> Task<HttpResponse> {
      HttpResponse response;
      response.headers.emplace_back("Content-Length", "4711");
      co_return response;
    };
    const auto server = listen(tasks, own_address(12), said);
    const auto of = [](const std::string& method) {
      return converse(own_address(12),
                      method + " / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    };
    const std::string head = co_await of("HEAD");
    EXPECT_NE(head.find("Content-Length: 4711\r\n"), std::string::npos) << head;
    const std::string got = co_await of("GET");
    EXPECT_NE(got.find("Content-Length: 0\r\n"), std::string::npos) << got;
  });
}

TEST(Http, PipelinedRequestsAreAnsweredInOrder) {
  run([](TaskGroup& tasks) -> Task<void> {
    const auto server = listen(tasks, own_address(9));
    const std::string one = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n";
    const std::string last =
        "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\n";
    const std::string answer = co_await converse(own_address(9), one + "abc" + last + "def");
    const auto first = answer.find("abc");
    EXPECT_NE(first, std::string::npos);
    EXPECT_NE(answer.find("def", first), std::string::npos);
  });
}

Task<void> broken_answer(tcp::acceptor& listening, std::string bytes) {
  tcp::socket socket(listening.get_executor());
  (void)co_await listening.async_accept(socket, use_result);
  std::array<char, 1024> request;
  (void)co_await socket.async_read_some(asio::buffer(request), use_result);
  (void)co_await asio::async_write(socket, asio::buffer(bytes), use_result);
}

// Goal: whatever byte a connection breaks at, the client gets an error it can act on, never a hang
// and never half an answer. Method: a server that sends the first n bytes of a good answer and then
// closes, for every n.
TEST(Http, AnAnswerBrokenAtAnyByteIsUnavailable) {
  run([](TaskGroup& tasks) -> Task<void> {
    const std::string whole = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    auto acceptor = listen_on(tasks.executor(), own_address(10));
    CO_ASSERT_OK(acceptor);
    for (std::size_t n = 0; n <= whole.size(); ++n) {
      tasks.spawn("broken server", broken_answer(*acceptor, whole.substr(0, n)));
      HttpClient client(tasks.executor(), own_address(10));
      const auto answer = co_await client.request(request_of("GET", "/"), soon());
      EXPECT_EQ(answer.has_value(), n == whole.size()) << n;
      if (answer.has_error()) EXPECT_EQ(answer.error().kind, ErrorKind::unavailable) << n;
    }
  });
}

// Connections that say nothing keep nobody out.
TEST(HttpServer, WhoeverWaitsLongestMakesRoom) {
  run([](TaskGroup& tasks) -> Task<void> {
    const std::string address = own_address(23);
    const auto server = listen(tasks, address);
    std::vector<tcp::socket> idle;
    for (std::size_t i = 0; i < kHttpConnectionsMax + 20; ++i) {
      idle.emplace_back(tasks.executor());
      auto [refused] = co_await idle.back().async_connect(*parse_endpoint(address), use_result);
      EXPECT_FALSE(refused);
    }
    HttpClient client(tasks.executor(), address);
    const auto answer = co_await client.request(request_of("GET", "/"), soon());
    EXPECT_TRUE(answer.has_value()) << answer.error().message;
    // The first has gone, the last is still there.
    char byte = 0;
    DeadlineGuard guard(idle.front(), soon());
    auto [ended, size] = co_await idle.front().async_read_some(asio::buffer(&byte, 1), use_result);
    EXPECT_EQ(ended, asio::error::eof);
    const std::string request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    auto [unsent, sent] =
        co_await asio::async_write(idle.back(), asio::buffer(request), use_result);
    EXPECT_FALSE(unsent);
    DeadlineGuard last(idle.back(), soon());
    auto [error, got] = co_await idle.back().async_read_some(asio::buffer(&byte, 1), use_result);
    EXPECT_EQ(got, 1u);
  });
}

// A handler's failure is the answer to one request, and to nothing else.
TEST(HttpServer, WhatLeavesAHandlerIsAnInternalError) {
  run([](TaskGroup& tasks) -> Task<void> {
    const std::string address = own_address(21);
    const auto server = listen(tasks, address, [](HttpRequest request) -> Task<HttpResponse> {
      HttpResponse response;
      if (request.target == "/throws") throw std::runtime_error("a library's");
      if (request.target == "/status") response.status = std::stoi(request.body);
      if (request.target == "/header") response.headers.emplace_back("A", "b\r\nC: d");
      if (request.target == "/name") response.headers.emplace_back("A b", "c");
      if (request.target == "/large") response.headers.emplace_back("A", std::string(70'000, 'x'));
      co_return response;
    });
    HttpClient client(tasks.executor(), address);
    const std::pair<const char*, const char*> requests[] = {
        {"/throws", ""},  {"/status", "1000"}, {"/status", "-1"}, {"/status", "101"},
        {"/status", "0"}, {"/header", ""},     {"/name", ""},     {"/large", ""}};
    for (const auto& [target, body] : requests) {
      const auto answer = co_await client.request(request_of("POST", target, body), soon());
      EXPECT_TRUE(answer.has_value()) << target;
      if (!answer) continue;
      EXPECT_EQ(answer->status, 500) << target << body;
      EXPECT_NE(header_value(answer->headers, "x-amzn-RequestId"), "");
      EXPECT_EQ(header_value(answer->headers, "C"), "");
    }
    const auto after = co_await client.request(request_of("GET", "/"), soon());
    EXPECT_TRUE(after.has_value() && after->status == 200);
  });
}

TEST(HttpServer, EveryAnswerHasADateAndNoneABodyThatItMayNotHave) {
  run([](TaskGroup& tasks) -> Task<void> {
    const std::string address = own_address(22);
    const auto server = listen(tasks, address, [](HttpRequest request) -> Task<HttpResponse> {
      HttpResponse response;
      response.status = std::stoi(request.body);
      response.headers = {{"Content-Length", "9"}, {"Transfer-Encoding", "x"}};
      response.body = "body";
      co_return response;
    });
    HttpClient client(tasks.executor(), address);
    for (const int status : {200, 204, 304, 599}) {
      const auto answer =
          co_await client.request(request_of("POST", "/", std::to_string(status)), soon());
      EXPECT_TRUE(answer.has_value()) << status;
      if (!answer) continue;
      EXPECT_EQ(answer->status, status);
      EXPECT_EQ(answer->body, status == 200 || status == 599 ? "body" : "");
      const std::string date = header_value(answer->headers, "Date");
      EXPECT_EQ(date.size(), std::string_view("Sun, 29 Nov 2026 15:26:51 GMT").size()) << date;
    }
  });
}

TEST(HttpServer, CountsWhatIsOverTheLimitWhereAsked) {
  run([](TaskGroup& tasks) -> Task<void> {
    const HttpHandler handler = [](HttpRequest request) -> Task<HttpResponse> {
      HttpResponse response;
      response.body = std::to_string(request.body_bytes) + ":" + request.body;
      co_return response;
    };
    HttpServing serving;
    serving.body_bytes_max = 4;
    serving.over = OverLimit::counted;
    const auto server = HttpServer::listen(tasks, own_address(14), handler, std::move(serving));
    CO_ASSERT_OK(server);
    HttpClient client(tasks.executor(), own_address(14));
    for (const auto& [body, told] :
         {std::pair("abcd", "4:abcd"), std::pair("abcdefg", "7:abcd"), std::pair("", "0:")}) {
      HttpRequest request = request_of("POST", "/");
      request.body = body;
      const auto answer = co_await client.request(std::move(request), soon());
      CO_ASSERT_OK(answer);
      EXPECT_EQ(answer->body, told);
    }
    const std::string chunked = co_await converse(
        own_address(14),
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n");
    EXPECT_TRUE(chunked.ends_with("6:abcd")) << chunked;
  });
}

}  // namespace
}  // namespace aurora_global::net
