// What people and scripts get to see of a drill: the live line, the table, JSON, the page.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "drill/results.h"

namespace aurora_global::drill {

// Everything but the single operations.
nlohmann::json results_json(const Results& results, const History& history);
// The final table.
std::string results_text(const Results& results, const History& history);
// One self-contained page.
std::string results_html(const Results& results, const History& history);

// In lines of at most 78 characters, each after `indent` spaces.
std::string wrapped(const std::string& text, std::size_t indent);

// Writes results.json, report.html and ops.csv. Fails with `unavailable`, naming the file.
Result<void> write_report(const Results& results, const History& history,
                          const std::filesystem::path& dir);

// The live line on standard error: in place on a terminal, else one line a second.
class Progress {
 public:
  explicit Progress(bool quiet);
  ~Progress();
  // `doing`: the step under way, or "".
  void show(const History& history, const std::string& doing);
  // A line that stays.
  void say(const std::string& line);

 private:
  bool quiet_;
  bool terminal_;
  std::int64_t shown_at_ = -1;
  std::uint64_t shown_ok_ = 0;
  double rate_ = 0;
};

}  // namespace aurora_global::drill
