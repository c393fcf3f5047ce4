// What daemons, routers and supervisors say while a platform comes up: the reason why it does not.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace aurora_global::cli {

inline constexpr Duration kObstacleAfter = std::chrono::seconds(15);

// Reads logs from where they end now.
class StartupLogs {
 public:
  void follow(std::string region, std::filesystem::path log);
  // The reason that a program has given for kObstacleAfter for trying the same thing again, for its
  // end once and again, or one that no other attempt can help, a full disk among them; nullopt: it
  // may still come up.
  std::optional<std::string> obstacle(Instant now);
  // The last warning or error of any; empty if there is none.
  const std::string& last() const { return last_; }

 private:
  struct Log {
    std::string region;
    std::filesystem::path path;
    std::uintmax_t read = 0;
    std::string reason;
    std::optional<Instant> since;  // Nothing but this reason was given from here on.
    int ends = 0;                  // Of children of a supervisor.
  };
  bool take_line(Log& log, const std::string& line, Instant now);

  std::vector<Log> logs_;
  std::string last_;
};

}  // namespace aurora_global::cli
