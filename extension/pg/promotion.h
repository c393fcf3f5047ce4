// The two waits of a standby that becomes the primary, without rooms to wait in.
#pragma once

#include "pg/pg.h"

namespace aurora_global::extension {

// Waits until replay has `position`. False: not within `limit_ms`.
bool await_replay(XLogRecPtr position, int limit_ms);

// Ends recovery, as pg_promote() does, and returns when this server is out of it; at once if it is
// already. False: not within `limit_ms`, and the promotion goes on.
bool promote(int limit_ms);

}  // namespace aurora_global::extension
