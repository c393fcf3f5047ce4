// The primary's half: what it tells a forwarded session, and what it refuses.
#pragma once

#include "pg/pg.h"

namespace aurora_global::extension {

inline constexpr char kCommitParameter[] = "aurora_global.commit";
inline constexpr char kSettingsParameter[] = "aurora_global.session_settings";

// Hooks and callbacks. Once, when the library is loaded.
void install_primary();

}  // namespace aurora_global::extension
