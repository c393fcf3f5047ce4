#include "cli/command.h"
namespace aurora_global::cli {
int drill(const Home&, const DrillCommand&) { return 1; }
}  // namespace aurora_global::cli
