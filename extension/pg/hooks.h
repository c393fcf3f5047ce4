// Where PostgreSQL asks us: planner, executor, utility statements.
#pragma once

namespace aurora_global::extension {

// Once, when the library is loaded.
void install_hooks();

}  // namespace aurora_global::extension
