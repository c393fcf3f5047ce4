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

// "17 B", "20.8 MiB".
std::string bytes_text(std::uint64_t bytes);
// "1 session", "2 sessions".
std::string counted(std::uint64_t count, std::string_view one);

}  // namespace aurora_global::cli
