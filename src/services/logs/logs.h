// CloudWatch Logs: the functions' log groups, to be read. JSON 1.1, API 2014-03-28.
#pragma once

#include "database/database.h"
#include "net/http.h"
#include "region/region.h"
#include "services/sinks.h"

namespace aurora_global::services::logs {

inline constexpr int kLinesKept = 200'000;
inline constexpr std::chrono::hours kRetention{7 * 24};

std::vector<std::string_view> action_names();

class Logs final : public LogSink {
 public:
  // `tasks` and `facts` outlive the service.
  static Result<std::unique_ptr<Logs>> open(net::TaskGroup& tasks, const region::Facts& facts,
                                            const std::filesystem::path& file);

  void put_lines(std::string group, std::string stream, std::vector<LogLine> lines) override;
  net::Task<net::HttpResponse> serve(net::HttpRequest request);

 private:
  Logs(net::TaskGroup& tasks, const region::Facts& facts,
       std::unique_ptr<database::Database> database)
      : tasks_(tasks), facts_(facts), database_(std::move(database)) {}
  net::Task<void> store(std::string group, std::string stream, std::vector<LogLine> lines);

  net::TaskGroup& tasks_;
  const region::Facts& facts_;
  std::unique_ptr<database::Database> database_;
};

}  // namespace aurora_global::services::logs
