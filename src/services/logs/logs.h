// CloudWatch Logs: what functions and clients log, to be read. JSON 1.1, API 2014-03-28.
#pragma once

#include <deque>
#include <map>
#include <optional>

#include "base/aging_clock.h"
#include "database/database.h"
#include "net/http.h"
#include "region/region.h"
#include "services/sinks.h"

namespace aurora_global::services::logs {

inline constexpr int kLinesKept = 200'000;
inline constexpr std::int64_t kLineBytesKept = std::int64_t{1} << 30;  // With what finds them.
inline constexpr std::chrono::hours kRetention{7 * 24};
// Of lines that wait to be stored: over the first nobody should send more, over the second they are
// dropped, and a line of the stream says how many.
inline constexpr std::size_t kRoomBytes = 4u << 20;
inline constexpr std::size_t kWaitingBytesMax = 16u << 20;

std::vector<std::string_view> action_names();

// When lines are to be looked through for those that are too many or too old: not with each of
// them.
class LineBounds {
 public:
  explicit LineBounds(std::int64_t bytes_kept) : bytes_kept_(bytes_kept) {}

  // What to remove now that so much comes.
  struct Trim {
    std::int64_t bytes_kept = 0;
    WallTime age{};  // The time that lines are old by.
  };
  std::optional<Trim> due(std::size_t lines, std::size_t bytes);

 private:
  const std::int64_t bytes_kept_;
  std::size_t lines_ = 0, bytes_ = 0;  // Since the last time.
  Instant last_{};
  SystemClock clock_;
  AgingClock age_{clock_};
};

class Logs final : public LogSink {
 public:
  // `tasks` outlives the service.
  static Result<std::unique_ptr<Logs>> open(net::TaskGroup& tasks, const region::Facts& facts,
                                            const std::filesystem::path& file,
                                            std::int64_t bytes_kept = kLineBytesKept);

  void put_lines(std::string group, std::string stream, std::vector<LogLine> lines) override;
  net::Task<void> room_for_lines() override;
  // Returns when nothing waits any more, or at the deadline.
  net::Task<void> drain(Deadline deadline);
  net::Task<net::HttpResponse> serve(net::HttpRequest request);
  // As ServiceCaller has it; `input` has passed the model.
  net::Task<Result<nlohmann::json>> call(std::string operation, nlohmann::json input);

 private:
  Logs(net::TaskGroup& tasks, const region::Facts& facts,
       std::unique_ptr<database::Database> database, std::int64_t bytes_kept)
      : tasks_(tasks),
        arns_("arn:aws:logs:" + facts.region.name + ":" + facts.account_id + ":log-group:"),
        database_(std::move(database)),
        bounds_(bytes_kept),
        written_(tasks.executor()) {}
  using Stream = std::pair<std::string, std::string>;  // Group and stream.
  using Waiting = std::pair<Stream, LogLine>;
  void enqueue(Stream stream, LogLine line);
  std::vector<Waiting> take_batch();
  net::Task<void> write();

  net::TaskGroup& tasks_;
  std::string arns_;
  std::unique_ptr<database::Database> database_;
  LineBounds bounds_;
  std::deque<Waiting> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::map<Stream, std::uint64_t> dropped_;
  bool writing_ = false;
  net::Event written_;  // A batch is stored.
};

}  // namespace aurora_global::services::logs
