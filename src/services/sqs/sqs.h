// SQS: standard queues, durable. JSON 1.0 and Query, API 2012-11-05.
#pragma once

#include <memory>

#include "base/aging_clock.h"
#include "database/database.h"
#include "net/http.h"
#include "region/region.h"
#include "services/sqs/queue.h"

namespace aurora_global::services::sqs {

inline constexpr std::int64_t kBytesMax = std::int64_t{4} << 30;  // Of all queues.

std::vector<std::string_view> action_names();

class Sqs {
 public:
  // `base_url`: of the region's API; queues' URLs begin with it.
  static Result<std::unique_ptr<Sqs>> open(boost::asio::any_io_executor executor,
                                           const region::Facts& facts, std::string base_url,
                                           const std::filesystem::path& file,
                                           std::int64_t bytes_max = kBytesMax);

  net::Task<net::HttpResponse> serve(net::HttpRequest request);
  // As ServiceCaller has it; `input` has passed the model.
  net::Task<Result<nlohmann::json>> call(std::string operation, nlohmann::json input);
  // Lets nobody wait for a message any more.
  void stop();

  // For the operations.
  template <typename T, typename Job>
  net::Task<Result<T>> work(Job job) {
    return database_->work<T>(std::move(job));
  }
  std::string url_of(const std::string& name) const {
    return base_url_ + "/" + account_ + "/" + name;
  }
  const std::string& arns() const { return arns_; }
  const std::string& account() const { return account_; }
  bool stopping() const { return stopping_; }
  std::int64_t bytes_max() const { return bytes_max_; }
  WallTime age() const { return age_.now(); }  // The time that messages are old by.
  net::Event& arrived() { return arrived_; }   // A message has come to some queue.

 private:
  Sqs(boost::asio::any_io_executor executor, const region::Facts& facts, std::string base_url,
      std::unique_ptr<database::Database> database, std::int64_t bytes_max)
      : base_url_(std::move(base_url)),
        account_(facts.account_id),
        arns_("arn:aws:sqs:" + facts.region.name + ":" + facts.account_id + ":"),
        database_(std::move(database)),
        bytes_max_(bytes_max),
        arrived_(executor) {}

  std::string base_url_, account_, arns_;
  std::unique_ptr<database::Database> database_;
  std::int64_t bytes_max_;
  net::Event arrived_;
  SystemClock clock_;
  AgingClock age_{clock_};
  bool stopping_ = false;
};

}  // namespace aurora_global::services::sqs
