// CHECK(condition): a bug stops the process, in release builds too.
#pragma once

namespace aurora_global {

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace aurora_global

#define CHECK(condition)                                                             \
  do {                                                                               \
    if (!(condition)) ::aurora_global::check_failed(#condition, __FILE__, __LINE__); \
  } while (false)
