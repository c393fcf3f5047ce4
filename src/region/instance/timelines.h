// Which timeline a server begins when it is promoted, and the history files that see to it.
//
// PostgreSQL numbers a new timeline one above the newest history file that its own server has. Two
// servers that do not hear each other would number two histories alike, and afterwards nothing in
// PostgreSQL could tell them apart: neither a standby nor pg_rewind. So each pair of epoch and
// region has a number of its own, and the numbers below it get history files without content,
// over which PostgreSQL counts. Nobody can follow such a reserved timeline.
#pragma once

#include <filesystem>

#include "net/process.h"
#include "region/config.h"

namespace aurora_global::region {

// A region's share of the numbers: one in `regions`.
struct TimelineShare {
  std::uint32_t regions = 1;
  std::uint32_t rank = 0;  // Less than `regions`; every region has another one.
};
TimelineShare share_of(const RegionConfig& config);

// The timeline that a region begins with `epoch`: newer than `known`, of its own share, and newer
// than those of older epochs, unless history began with so low a number that far too many would
// have to be left out. Epoch zero: the region is in no global cluster. Pure.
std::uint32_t timeline_for(Epoch epoch, std::uint32_t known, TimelineShare share);

// The timeline that a server which was open for writing has written last: its control file may
// still name the one before. Fails as read_control_file().
Result<std::uint32_t> last_timeline(const std::filesystem::path& data_dir);

// Where the newest timeline of this data directory, or one between, left `timeline`. Fails with
// `not_found` if it does not descend from it.
Result<Lsn> fork_of(const std::filesystem::path& data_dir, std::uint32_t timeline);

// Sees to it that a promotion of the standby in this data directory begins `next`. They need not
// be synced: PostgreSQL syncs their directory before it opens, and without a promotion they are
// not needed. Fails with `unavailable`.
Result<void> reserve_timelines_below(const std::filesystem::path& data_dir, std::uint32_t next,
                                     const net::SystemUser& owner);

// Removes the history files of timelines of which there is no WAL here: those that were reserved
// for a promotion that did not happen, and those that were fetched from a server which was left
// before its WAL came. A standby that found one would wait for that timeline for ever.
Result<void> drop_unused_histories(const std::filesystem::path& data_dir);

// A promotion that broke off after it had made this server's directory one of a primary, and
// before the control file named the timeline that it has begun. PostgreSQL would go on with the old
// one. For a directory without a standby's mark: a standby fetches the history before the WAL.
bool promotion_broke_off(const std::filesystem::path& data_dir);

}  // namespace aurora_global::region
