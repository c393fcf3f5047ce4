// What a function is: one TOML file in <region>/functions/. Keys: docs/reference/functions.md.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace aurora_global::services::lambda {

struct FunctionConfig {
  std::string name;
  std::string description;
  std::filesystem::path code;  // A folder with `bootstrap` in it, or a zip.
  std::string handler = "bootstrap";
  int memory_mb = 512;
  int timeout_s = 60;
  int concurrency = 10;
  int event_retries = 2;                           // Of an asynchronous invocation that failed.
  int event_age_max_s = 21'600;                    // After which it is tried no more.
  std::vector<double> retry_delays_s = {60, 120};  // Before each; the last one repeats.
  std::map<std::string, std::string> environment;
  // Where the ends of asynchronous invocations are told: ARNs, each empty for nowhere.
  std::string on_success, on_failure, dead_letters;
  std::string log_group;    // Empty: /aws/lambda/<name>.
  bool empty_root = false;  // chroot to a root with nothing but the code in /var/task; needs root.
  // Files to copy into that root: path in it -> path here.
  std::map<std::string, std::string> files;
};

// Fails with `invalid`: file, key, what is wrong.
Result<FunctionConfig> load_function(const std::filesystem::path& file);

inline constexpr std::uint64_t kUnzippedBytesMax = 250u << 20;
inline constexpr std::int64_t kUnzippedEntriesMax = 65'535;
// Unpacks a zip below `target`. Fails with `invalid` for anything that is no zip, leads out of
// `target`, is over a limit above, or holds more than it says; what was written until then stays.
Result<void> unzip(const std::filesystem::path& zip, const std::filesystem::path& target);

}  // namespace aurora_global::services::lambda
