// Where the functions of custom resources send their answers: URLs of the region's own API that
// nobody can guess, each for one answer. They end with the process that gave them.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "net/http.h"

namespace aurora_global::services {

class CustomAnswers {
 public:
  // `base_url`: of the region's API, "http://127.0.1.1:4566".
  CustomAnswers(boost::asio::any_io_executor executor, std::string base_url)
      : executor_(std::move(executor)), base_url_(std::move(base_url)) {}

  // A URL that takes one PUT. It is gone with the object.
  class Address {
   public:
    explicit Address(CustomAnswers& owner);
    ~Address();
    Address(const Address&) = delete;
    Address& operator=(const Address&) = delete;
    const std::string& url() const { return url_; }
    // What was sent; nullopt at the deadline. One caller only.
    net::Task<std::optional<std::string>> wait(Deadline deadline);

   private:
    CustomAnswers& owner_;
    std::string token_, url_;
  };

  // Whether the request is for a URL of this kind, given or not.
  static bool is_for_answers(const net::HttpRequest& request);
  // 403 for a URL that was not given, or has had its answer.
  net::HttpResponse take(const net::HttpRequest& request);

 private:
  struct Waiting {
    explicit Waiting(const boost::asio::any_io_executor& executor) : arrived(executor) {}
    net::Event arrived;
    std::optional<std::string> answer;
  };

  boost::asio::any_io_executor executor_;
  std::string base_url_;
  std::map<std::string, std::shared_ptr<Waiting>> waiting_;  // By token.
};

}  // namespace aurora_global::services
