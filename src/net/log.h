// The log of a process: one line an event, to standard error.
//
// Formatting is done in one place, so that a file that logs does not compile a formatter of its
// own. Thread-safe.
#pragma once

#include <fmt/core.h>

#include <string_view>

namespace aurora_global::log {

enum class Level { info, warn, error };

void write(Level level, fmt::string_view format, fmt::format_args arguments);

template <typename... Arguments>
void info(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  write(Level::info, format, fmt::make_format_args(arguments...));
}

template <typename... Arguments>
void warn(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  write(Level::warn, format, fmt::make_format_args(arguments...));
}

template <typename... Arguments>
void error(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  write(Level::error, format, fmt::make_format_args(arguments...));
}

}  // namespace aurora_global::log
