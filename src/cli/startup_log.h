// What daemons, routers and supervisors say while a platform comes up: the reason why it does not.
#pragma once

#include <filesystem>
#include <map>
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
  // The last error of any, without one the last warning; empty if there is neither.
  const std::string& last() const { return last_.text; }

 private:
  struct Log {
    std::string region;
    std::filesystem::path path;
    std::uintmax_t read = 0;
    std::string reason;
    std::optional<Instant> since;  // Nothing but this reason was given from here on.
    int ends = 0;                  // Of children of a supervisor.
  };
  // A warning says less than the error before it: a region that misses its peer warns for ever.
  struct Said {
    std::string text;
    bool is_error = false;
    void take(const std::string& more, bool error) {
      if (!is_error || error) *this = {more, error};
    }
  };
  bool take_line(Log& log, const std::string& line, Instant now);

  std::vector<Log> logs_;
  Said last_;
  std::map<std::string, Said> of_region_;
  std::string obstacle_;
};

}  // namespace aurora_global::cli
