// Makes a plan small that shows something, without losing what it shows.
#pragma once

#include <functional>

#include "plan.h"

namespace aurora_global::sessions {

// `shows` is asked of smaller and smaller plans, at most `tries_max` times.
Plan shrink(Plan plan, const std::function<bool(const Plan&)>& shows, int tries_max);

}  // namespace aurora_global::sessions
