// A random session from a seed: what applications, drivers and nobody would do.
#pragma once

#include <cstdint>

#include "plan.h"

namespace aurora_global::sessions {

Plan generate(std::uint64_t seed);

}  // namespace aurora_global::sessions
