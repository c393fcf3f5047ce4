// Tasks that run beside each other while one waits for them all.
#pragma once

#include <string>
#include <vector>

#include "net/task.h"

namespace aurora_global::net {

// Starts `tasks` in `owner` and returns when all have ended, or when `owner` stops. Whoever waits
// may be cancelled: the tasks go on, as those of `owner`, so that they must not refer to anything
// of the one who waits.
Task<void> together(TaskGroup& owner, std::string name, std::vector<Task<void>> tasks);

}  // namespace aurora_global::net
