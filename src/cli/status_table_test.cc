#include "cli/status_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "cli/words.h"

namespace aurora_global::cli {
namespace {

using nlohmann::json;

json region(const std::string& name, const std::string& duty, bool in_recovery,
            std::uint64_t position) {
  return {{"region", name},
          {"duty", duty},
          {"clusters", {{{"instances", {{{"status", "available"}}}}}}},
          {"globals", {{{"epoch", 7}}}},
          {"operations", json::array()},
          {"head",
           {{"in_recovery", in_recovery},
            {"position", position},
            {"streaming", false},
            {"replay_lag_ms", 123456}}},
          {"router",
           {{"endpoints",
             {{{"name", "global-writer"},
               {"listen", "127.64.1.10:5432"},
               {"sessions", 1234},
               {"held", 55},
               {"moved_total", 123456},
               {"cut_total", 7},
               {"refused_total", 98765}}}}}},
          {"sessions",
           {{{"endpoint", "global-writer"},
             {"client", "127.0.0.1:53214"},
             {"user", "postgres"},
             {"database", "auroraglobaldb"},
             {"application_name", "a name that is long"},
             {"state", "idle"},
             {"server", "127.64.1.21:5432"},
             {"server_pid", 424242}}}}};
}

json two_regions() {
  return {{"global_cluster", "aurora-global-db"},
          {"regions",
           {region("us-east-1", "primary", false, 10), region("us-west-2", "standby", true, 11)}},
          {"link", {{{"from", "us-east-1"}, {"to", "us-west-2"}, {"latency_ms", 31.0}}}}};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// The words of a text, wherever its lines are broken.
std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  std::istringstream in(text);
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

TEST(StatusTable, EveryCellStaysInItsColumn) {
  json all = two_regions();
  for (const char* name : {"us-west-2", "a-region-with-a-long-name-1"}) {
    all["regions"][1]["region"] = name;
    const auto lines = lines_of(status_table(all));
    const auto head = std::find_if(lines.begin(), lines.end(), [](const std::string& line) {
      return line.starts_with("REGION");
    });
    ASSERT_NE(head, lines.end());
    int rows = 0;
    for (const std::string& line : lines) {
      if (!line.starts_with("us-east-1 ") && !line.starts_with(std::string(name) + " ")) continue;
      ++rows;
      for (const char* column : {"DUTY", "SERVERS", "BEHIND", "SESSIONS", "FORWARDING"}) {
        const std::size_t at = head->find(column);
        ASSERT_LT(at, line.size()) << line;
        EXPECT_EQ(line[at - 1], ' ') << column << " in " << line;
        EXPECT_NE(line[at], ' ') << column << " in " << line;
      }
    }
    EXPECT_EQ(rows, 2);
  }
  EXPECT_NE(status_table(all).find("cut off, past the writer 1234"), std::string::npos);
}

TEST(StatusTable, WrappedItHasEveryWordAtEveryWidth) {
  const std::string table = status_table(two_regions());
  for (std::size_t columns = 34; columns <= 140; ++columns) {
    const std::string text = wrapped(table, columns);
    EXPECT_EQ(words_of(text), words_of(table)) << columns;
    for (const std::string& line : lines_of(text)) EXPECT_LE(line.size(), columns) << line;
  }
  EXPECT_EQ(wrapped(table, 0), table);
}

// What is left of a line are its first words, whole; or a word that is marked.
TEST(StatusTable, CutNoWordReadsAsAnother) {
  for (const std::string& line : lines_of(status_table(two_regions()))) {
    const auto whole = words_of(line);
    for (std::size_t columns = 1; columns <= line.size() + 2; ++columns) {
      const std::string cut = cut_line(line, columns);
      if (columns >= line.size()) {
        EXPECT_EQ(cut, line);
        continue;
      }
      ASSERT_TRUE(cut.ends_with("…")) << cut;
      EXPECT_LE(cut.size() - std::string("…").size() + 1, columns) << cut;
      const auto words = words_of(cut.substr(0, cut.rfind("…")));
      for (std::size_t i = 0; i < words.size(); ++i) {
        const bool marked = i == 0 && words.size() == 1 && cut.find(words[0] + "…") != cut.npos;
        EXPECT_TRUE(words[i] == whole[i] || marked) << columns << ": " << cut;
      }
    }
  }
}

TEST(StatusTable, ARegionThatIsDownSaysWhyInFull) {
  json all = two_regions();
  const std::string why(3000, 'x');
  all["regions"][1] = {{"region", "us-west-2"}, {"error", why}};
  EXPECT_NE(status_table(all).find("down: " + why + "\n"), std::string::npos);
}

}  // namespace
}  // namespace aurora_global::cli
