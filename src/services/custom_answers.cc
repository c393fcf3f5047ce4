#include "services/custom_answers.h"

#include "base/rng.h"

namespace aurora_global::services {
namespace {

constexpr std::string_view kPath = "/-/cloudformation/custom-resource-response/";
// What CloudFormation takes, and a little more, to tell a long answer from a cut one.
constexpr std::size_t kAnswerBytesMax = 64 * 1024;

}  // namespace

CustomAnswers::Address::Address(CustomAnswers& owner)
    : owner_(owner), token_(random_hex(32)), url_(owner.base_url_ + std::string(kPath) + token_) {
  owner_.waiting_.emplace(token_, std::make_shared<Waiting>(owner_.executor_));
}

CustomAnswers::Address::~Address() { owner_.waiting_.erase(token_); }

net::Task<std::optional<std::string>> CustomAnswers::Address::wait(Deadline deadline) {
  const std::shared_ptr<Waiting> waiting = owner_.waiting_.at(token_);
  while (!waiting->answer && !deadline.passed()) co_await waiting->arrived.wait(deadline);
  co_return waiting->answer;
}

bool CustomAnswers::is_for_answers(const net::HttpRequest& request) {
  return request.target.rfind(kPath, 0) == 0;
}

net::HttpResponse CustomAnswers::take(const net::HttpRequest& request) {
  const std::string token =
      request.target.substr(kPath.size(), request.target.find('?') - kPath.size());
  const auto found = waiting_.find(token);
  net::HttpResponse response;
  response.headers.emplace_back("x-amzn-RequestId", random_uuid());
  const bool fine = request.method == "PUT" && found != waiting_.end() && !found->second->answer;
  if (!fine || request.body.size() > kAnswerBytesMax) {
    response.status = fine ? 413 : 403;
    return response;
  }
  found->second->answer = request.body;
  found->second->arrived.notify();
  return response;
}

}  // namespace aurora_global::services
