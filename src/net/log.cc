#include "net/log.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace aurora_global::log {
namespace {

spdlog::level::level_enum level_of(Level level) {
  switch (level) {
    case Level::info: return spdlog::level::info;
    case Level::warn: return spdlog::level::warn;
    case Level::error: return spdlog::level::err;
  }
  return spdlog::level::err;
}

}  // namespace

void write(Level level, fmt::string_view format, fmt::format_args arguments) {
  const auto spd_level = level_of(level);
  spdlog::logger* logger = spdlog::default_logger_raw();
  if (logger->should_log(spd_level)) logger->log(spd_level, fmt::vformat(format, arguments));
}

}  // namespace aurora_global::log
