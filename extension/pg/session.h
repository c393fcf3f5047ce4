// The settings of this session as they travel, and those of a remote one brought back.
#pragma once

#include "core/settings.h"
#include "pg/pg.h"

namespace aurora_global::extension {

// Looks up what a capture outside of a transaction must know. Inside one, once or more.
void note_login();

// Fills `now` with what session or client has set, `outside` with what of that stood before the
// open transaction block. Both are emptied first.
void capture_settings(Settings& now, Settings& outside);

// Makes this session's settings those of `wanted`. Inside a transaction.
void apply_settings(const Settings& wanted);

}  // namespace aurora_global::extension
