// Words on a terminal: how wide it is, what was probably meant, numbers that a person reads.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace aurora_global::cli {

// Columns and rows of the terminal behind a descriptor, as they are now; 0 where there is none.
struct TerminalSize {
  std::size_t columns = 0;
  std::size_t rows = 0;
};
TerminalSize terminal_size(int fd);

// The known word that is at most two typing errors away from `word`; empty if there is none.
std::string_view nearest(std::string_view word, std::span<const std::string_view> known);
// "; did you mean status?", or nothing.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> known);

// Lines that are too long go on below, further to the right: broken at spaces, so that each word
// stays whole. Words that are longer than a line are left to the terminal. No columns: as it is.
std::string wrapped(const std::string& text, std::size_t columns);
// One line with "…" for what does not fit. No number or word is cut so that it reads as another.
std::string cut_line(const std::string& line, std::size_t columns);

// "17 B", "20.8 MiB".
std::string bytes_text(std::uint64_t bytes);
// "1 session", "2 sessions".
std::string counted(std::uint64_t count, std::string_view one);

}  // namespace aurora_global::cli
