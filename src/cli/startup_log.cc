#include "cli/startup_log.h"

#include <fstream>

#include "cli/preflight.h"

namespace aurora_global::cli {
namespace {

constexpr const char* kHopeless[] = {"No space left on device", "Permission denied",
                                     "Read-only file system", "Disk quota exceeded",
                                     "Address already in use"};
// A child that ends more often will not come up.
constexpr int kEndsMax = 2;

// Of a server that starts up after a crash: it gets there, however long that takes.
bool passes(const std::string& reason) { return reason.find("57P03") != std::string::npos; }

// "2026-01-01T00:00:00.000Z warning region TEXT; again in 100 ms" -> TEXT, `who` is "region".
std::string reason_in(const std::string& line, std::string& who, bool& again, bool& error) {
  for (const std::string level : {" warning ", " error "}) {
    error = level == " error ";
    const std::size_t at = line.find(level);
    const std::size_t name = at + level.size();
    const std::size_t end = at == std::string::npos ? at : line.find(' ', name);
    if (end == std::string::npos) continue;
    who = line.substr(name, end - name);
    std::string text = line.substr(end + 1);
    const std::size_t pause = text.rfind("; again in ");
    again = pause != std::string::npos;
    return again ? text.substr(0, pause) : text;
  }
  return "";
}

}  // namespace

void StartupLogs::follow(std::string region, std::filesystem::path path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  Log log;
  log.region = std::move(region);
  log.path = std::move(path);
  log.read = error ? 0 : size;
  logs_.push_back(std::move(log));
}

bool StartupLogs::take_line(Log& log, const std::string& line, Instant now) {
  bool hopeless = false;
  // The words of a command that failed follow its line.
  for (const char* words : kHopeless) {
    hopeless = hopeless || line.find(words) != std::string::npos;
  }
  bool again = false;
  bool error = false;
  std::string who;
  std::string reason = reason_in(line, who, again, error);
  Said& said = of_region_[log.region];
  // What a child said before it ended says more than that it has.
  if (who == "supervisor" && reason.ends_with(" has ended")) {
    obstacle_ = said.text.empty() ? log.region + ": " + reason : said.text;
    return ++log.ends >= kEndsMax;
  }
  if (reason.empty() && hopeless) {
    obstacle_ = log.region + ": " + log.reason + (log.reason.empty() ? "" : "; ") + line;
    last_.take(obstacle_, true);
  }
  if (!reason.empty()) {
    obstacle_ = log.region + ": " + reason;
    said.take(obstacle_, error);
    last_.take(obstacle_, error);
    if (!again || passes(reason) || reason != log.reason || !log.since) log.since = now;
    log.reason = std::move(reason);
  }
  return hopeless || (again && now - *log.since >= kObstacleAfter);
}

std::optional<std::string> StartupLogs::obstacle(Instant now) {
  for (Log& log : logs_) {
    std::ifstream in(log.path, std::ios::binary);
    in.seekg(static_cast<std::streamoff>(log.read));
    for (std::string line; std::getline(in, line);) {
      if (in.eof()) break;  // Not whole yet.
      log.read += line.size() + 1;
      if (take_line(log, line, now)) return obstacle_;
    }
    if (!is_full(log.path.parent_path())) continue;  // A log that cannot be written says nothing.
    return log.region + ": No space left on device: " + log.path.parent_path().string();
  }
  return std::nullopt;
}

}  // namespace aurora_global::cli
