// `logs`: those of a region, of a process of each region, or of the link.
#include <unistd.h>

#include <algorithm>

#include "cli/command.h"
#include "cli/words.h"

namespace aurora_global::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kLogs[] = {"daemon", "router", "supervisor", "postgres", "link"};
constexpr std::string_view kLink = "link";  // There is one for all regions.

// Empty: all.
struct Which {
  std::string region, log;
};

bool is_log(const std::string& word) {
  return std::find(std::begin(kLogs), std::end(kLogs), word) != std::end(kLogs);
}

std::string all_logs() {
  std::string names;
  for (const std::string_view log : kLogs) names += (names.empty() ? "" : ", ") + std::string(log);
  return names;
}

// `words`: a region, a log, or a region and a log.
Result<Which> which_of(const Platform& platform, const std::vector<std::string>& words) {
  Which which;
  if (words.size() == 1 && is_log(words[0])) {
    which.log = words[0];
  } else if (!words.empty()) {
    const auto number = region_number(platform, RegionId{words[0]});
    if (number.has_error() && words.size() == 1) {
      return make_error(ErrorKind::not_found, number.error().message + "; nor is it a log" +
                                                  did_you_mean(words[0], kLogs) +
                                                  "; logs: " + all_logs());
    }
    TRY_VOID(number);
    which.region = words[0];
  }
  if (words.size() < 2) return which;
  which.log = words[1];
  if (is_log(which.log)) return which;
  return make_error(
      ErrorKind::not_found,
      "no log '" + which.log + "'" + did_you_mean(which.log, kLogs) + "; logs: " + all_logs());
}

// The newest file that each PostgreSQL of a region writes to.
std::vector<fs::path> postgres_logs(const fs::path& region_dir) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& instance : fs::directory_iterator(region_dir / "instances", error)) {
    fs::path newest;
    for (const auto& log : fs::directory_iterator(instance.path() / "log", error)) {
      if (newest.empty() || fs::last_write_time(log) > fs::last_write_time(newest)) {
        newest = log.path();
      }
    }
    if (!newest.empty()) found.push_back(newest);
  }
  return found;
}

std::vector<std::string> files_of(const Home& home, const Platform& platform, const Which& which) {
  std::vector<fs::path> wanted;
  for (const RegionId& one : platform.regions) {
    if (!which.region.empty() && one.name != which.region) continue;
    const fs::path dir = home.region_dir(one);
    for (const char* name : {"daemon", "router", "supervisor"}) {
      if (which.log.empty() || which.log == name)
        wanted.push_back(dir / (name + std::string(".log")));
    }
    if (!which.log.empty() && which.log != "postgres") continue;
    for (fs::path& file : postgres_logs(dir)) wanted.push_back(std::move(file));
  }
  const bool everything = which.region.empty() && which.log.empty();
  if (everything || which.log == kLink) wanted.push_back(home.link_dir() / "link.log");
  std::vector<std::string> files;
  std::error_code error;
  for (const fs::path& file : wanted) {
    if (fs::exists(file, error)) files.push_back(file.string());
  }
  return files;
}

}  // namespace

int logs(const Home& home, const std::vector<std::string>& words, bool follow) {
  const auto platform = home.load();
  if (platform.has_error()) return report(platform.error());
  const auto which = which_of(*platform, words);
  if (which.has_error()) return report(which.error());
  const std::vector<std::string> files = files_of(home, *platform, *which);
  if (files.empty()) {
    return report(make_error(
        ErrorKind::not_found,
        "nothing has been logged there yet; `" + command_for(home) + " up` starts what logs"));
  }
  std::vector<std::string> command = {"tail", "-n", follow ? "10" : "200"};
  if (follow) command.push_back("-F");
  command.insert(command.end(), files.begin(), files.end());
  std::vector<char*> argv;
  argv.reserve(command.size() + 1);
  for (std::string& part : command) argv.push_back(part.data());
  argv.push_back(nullptr);
  execvp("tail", argv.data());
  return report(make_error(ErrorKind::unavailable, "cannot start tail"));
}

}  // namespace aurora_global::cli
