// Apart from main_loop.cc, so that programs that do not log need no logging library.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "net/main_loop.h"

namespace aurora_global::net {

void init_logging(const std::string& name) {
  auto logger = spdlog::default_logger();
  logger->sinks().assign({std::make_shared<spdlog::sinks::stderr_sink_st>()});
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l " + name + " %v", spdlog::pattern_time_type::utc);
  spdlog::flush_on(spdlog::level::info);
}

}  // namespace aurora_global::net
