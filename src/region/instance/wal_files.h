// What pg_wal of a stopped server has: read and copied without PostgreSQL.
#pragma once

#include <filesystem>
#include <optional>

#include "base/ids.h"
#include "base/result.h"

namespace aurora_global::region {

// Whether the WAL on disk has, or may have, a record of `timeline` at or after `lsn`, where a
// record ends or would begin. A server that recovers from its crash would replay it. Fails with
// `not_found` if there is no WAL at all.
Result<bool> wal_goes_past(const std::filesystem::path& data_dir, std::uint32_t timeline, Lsn lsn);

// Where the WAL of `timeline` begins that leads to `end` without a gap, and is not older than
// `least`. Nullopt: not even the segment with `end` is there.
std::optional<Lsn> oldest_wal(const std::filesystem::path& data_dir, std::uint32_t timeline,
                              Lsn end, Lsn least);

// Copies the segments of `timeline` that have WAL at or after `from` and are still there into the
// new directory `place`, and syncs them. Fails with `exhausted` where there is no room.
Result<void> copy_wal(const std::filesystem::path& data_dir, std::uint32_t timeline, Lsn from,
                      const std::filesystem::path& place);

// Takes off what the WAL of `timeline` has at and after `from`, where a record begins, and syncs
// it. After a crash in between it can be done again. Fails with `not_found` and `unavailable`.
Result<void> cut_wal(const std::filesystem::path& data_dir, std::uint32_t timeline, Lsn from);

}  // namespace aurora_global::region
