#include "cli/words.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <vector>

namespace aurora_global::cli {
namespace {

constexpr std::size_t kTypingErrorsMax = 2;

// Levenshtein's distance, where two neighbours that changed places count once.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  std::iota(cost[0].begin(), cost[0].end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1,
                             cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[a.size()][b.size()];
}

constexpr std::size_t kHangingIndent = 4;

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

// How many bytes of a line of UTF-8 its first columns are.
std::size_t bytes_of(std::string_view line, std::size_t columns) {
  std::size_t at = 0;
  for (; at < line.size(); ++at) {
    if (begins_character(line[at]) && columns-- == 0) break;
  }
  return at;
}

void append_wrapped(std::string& out, std::string_view line, std::size_t columns) {
  const std::size_t indent = std::min(line.find_first_not_of(' '), line.size()) + kHangingIndent;
  std::string rest(line.substr(0, line.find_last_not_of(' ') + 1));
  for (;;) {
    const std::size_t fits = bytes_of(rest, columns);
    if (fits == rest.size()) break;
    const std::size_t begin = rest.find_first_not_of(' ');
    std::size_t space = rest.rfind(' ', fits);
    if (space == rest.npos || space < begin) space = rest.find(' ', begin);  // A long word.
    if (space == rest.npos) break;
    out += rest.substr(0, rest.find_last_not_of(' ', space) + 1) + "\n";
    rest = std::string(indent, ' ') + rest.substr(rest.find_first_not_of(' ', space));
  }
  out += rest + "\n";
}

}  // namespace

TerminalSize terminal_size(int fd) {
  winsize size{};
  if (isatty(fd) == 0 || ioctl(fd, TIOCGWINSZ, &size) != 0) return {};
  return {size.ws_col, size.ws_row};
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> known) {
  std::string_view best;
  std::size_t least = kTypingErrorsMax + 1;
  for (const std::string_view one : known) {
    const std::size_t errors = distance(word, one);
    if (errors >= least || errors >= one.size()) continue;
    least = errors;
    best = one;
  }
  return best;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> known) {
  const std::string_view near = nearest(word, known);
  return near.empty() ? "" : "; did you mean " + std::string(near) + "?";
}

std::string wrapped(const std::string& text, std::size_t columns) {
  if (columns == 0) return text;
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    append_wrapped(out, std::string_view(text).substr(at, end - at), columns);
    at = end + 1;
  }
  return out;
}

std::string cut_line(const std::string& line, std::size_t columns) {
  if (columns == 0 || bytes_of(line, columns) == line.size()) return line;
  const std::size_t fits = bytes_of(line, columns - 1);
  const std::size_t last = line.find_last_not_of(' ', line.rfind(' ', fits));
  const bool has_whole_words = line.rfind(' ', fits) != line.npos && last != line.npos;
  // The mark stands where the next word would have begun, or in the only one.
  return line.substr(0, has_whole_words ? std::min(last + 2, fits) : fits) + "…";
}

std::string bytes_text(std::uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text;
}

std::string counted(std::uint64_t count, std::string_view one) {
  return std::to_string(count) + " " + std::string(one) + (count == 1 ? "" : "s");
}

}  // namespace aurora_global::cli
