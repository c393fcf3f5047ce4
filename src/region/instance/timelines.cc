#include "region/instance/timelines.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <vector>

#include "region/instance/postgres_files.h"

namespace aurora_global::region {
namespace {

namespace fs = std::filesystem;

// More are not left out for the order of epochs alone: a standby fetches each of their files.
constexpr std::uint64_t kLeftOutMax = 256;
constexpr std::string_view kReserved =
    "# Left out by aurora-global: nobody follows this timeline.\n";
constexpr std::size_t kSegmentNameLength = 24;

fs::path history_file(const fs::path& data_dir, std::uint32_t timeline) {
  char name[32];
  snprintf(name, sizeof name, "%08X.history", timeline);
  return data_dir / "pg_wal" / name;
}

// The lines of a history that name an older timeline and where it was left:
// "1\t0/3000158\tno recovery target specified".
struct Ancestor {
  std::uint32_t timeline = 0;
  std::string left_at;
};
std::vector<Ancestor> ancestors_in(const fs::path& history) {
  std::vector<Ancestor> found;
  std::ifstream in(history);
  for (std::string line; std::getline(in, line);) {
    std::istringstream fields(line);
    Ancestor one;
    if (fields >> one.timeline >> one.left_at) found.push_back(std::move(one));
  }
  return found;
}

// What pg_wal has of timelines.
struct Timelines {
  std::vector<std::uint32_t> histories;
  std::uint32_t newest_wal = 0;  // Of any segment.
};
Timelines timelines_in(const fs::path& data_dir) {
  Timelines all;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(data_dir / "pg_wal", error)) {
    const std::string name = entry.path().filename().string();
    unsigned timeline = 0;
    int end = 0;
    if (sscanf(name.c_str(), "%8X.history%n", &timeline, &end) == 1 &&
        static_cast<std::size_t>(end) == name.size()) {
      all.histories.push_back(timeline);
    } else if (name.size() == kSegmentNameLength &&
               name.find_first_not_of("0123456789ABCDEF") == std::string::npos &&
               sscanf(name.c_str(), "%8X", &timeline) == 1) {
      all.newest_wal = std::max<std::uint32_t>(all.newest_wal, timeline);
    }
  }
  return all;
}

// The newest that is not reserved only; 1 without any.
std::uint32_t newest_begun(const fs::path& data_dir, std::vector<std::uint32_t> histories) {
  std::sort(histories.rbegin(), histories.rend());
  for (const std::uint32_t timeline : histories) {
    if (!ancestors_in(history_file(data_dir, timeline)).empty()) return timeline;
  }
  return 1;
}

}  // namespace

TimelineShare share_of(const RegionConfig& config) {
  TimelineShare share;
  share.regions = static_cast<std::uint32_t>(config.peers.size()) + 1;
  for (const PeerConfig& peer : config.peers) share.rank += peer.region < config.region ? 1 : 0;
  return share;
}

std::uint32_t timeline_for(Epoch epoch, std::uint32_t known, TimelineShare share) {
  std::uint64_t above = known;
  // Epoch n has the numbers of block n, unless `known` is past them. The first comparison keeps
  // the multiplication small.
  if (epoch.value > 1 && epoch.value <= std::uint64_t{known} + kLeftOutMax) {
    const std::uint64_t block = (epoch.value - 1) * share.regions;
    if (block > above && block - above <= kLeftOutMax) above = block;
  }
  const std::uint64_t first = above + 1;
  const std::uint64_t rest = (share.rank + 1) % share.regions;
  const std::uint64_t gap = (rest + share.regions - first % share.regions) % share.regions;
  return static_cast<std::uint32_t>(first + gap);
}

Result<std::uint32_t> last_timeline(const fs::path& data_dir) {
  TRY(const ControlFile control, read_control_file(data_dir));
  return std::max(control.timeline, newest_begun(data_dir, timelines_in(data_dir).histories));
}

Result<Lsn> fork_of(const fs::path& data_dir, std::uint32_t timeline) {
  const std::uint32_t newest = newest_begun(data_dir, timelines_in(data_dir).histories);
  for (const Ancestor& one : ancestors_in(history_file(data_dir, newest))) {
    if (one.timeline == timeline) return Lsn::parse(one.left_at);
  }
  return make_error(ErrorKind::not_found, "no timeline of " + data_dir.string() +
                                              " forked off timeline " + std::to_string(timeline));
}

Result<void> reserve_timelines_below(const fs::path& data_dir, std::uint32_t next,
                                     const net::SystemUser& owner) {
  // PostgreSQL counts from the timeline that it recovers, which is this one or a newer.
  TRY(const ControlFile control, read_control_file(data_dir));
  for (std::uint32_t timeline = control.timeline + 1; timeline < next; ++timeline) {
    const fs::path file = history_file(data_dir, timeline);
    std::error_code ignored;
    if (fs::exists(file, ignored)) continue;
    std::ofstream out(file, std::ios::binary);
    out << kReserved;
    out.close();
    if (!out || chown(file.c_str(), owner.uid, owner.gid) != 0 || chmod(file.c_str(), 0600) != 0) {
      return make_error(ErrorKind::unavailable, "write " + file.string());
    }
  }
  return ok();
}

Result<void> drop_unused_histories(const fs::path& data_dir) {
  const auto control = read_control_file(data_dir);
  if (control.has_error()) return ok();  // What is no server has no timeline.
  Timelines all = timelines_in(data_dir);
  const std::uint32_t written = std::max(all.newest_wal, control->timeline);
  std::erase_if(all.histories, [&](std::uint32_t timeline) { return timeline == 0; });
  std::vector<std::uint32_t> used = all.histories;
  std::erase_if(used, [&](std::uint32_t timeline) { return timeline > written; });
  const std::uint32_t newest = std::max(control->timeline, newest_begun(data_dir, used));
  for (const std::uint32_t timeline : all.histories) {
    if (timeline <= newest) continue;
    std::error_code error;
    fs::remove(history_file(data_dir, timeline), error);
    if (error) {
      return make_error(
          ErrorKind::unavailable,
          "remove " + history_file(data_dir, timeline).string() + ": " + error.message());
    }
  }
  return ok();
}

bool promotion_broke_off(const fs::path& data_dir) {
  const auto control = read_control_file(data_dir);
  if (control.has_error()) return false;
  const Timelines all = timelines_in(data_dir);
  const std::uint32_t begun = newest_begun(data_dir, all.histories);
  const std::uint32_t written_down = std::max(control->timeline, control->recovery_timeline);
  return std::max(begun, all.newest_wal) > written_down;
}

}  // namespace aurora_global::region
