// Where an instance's data come from and go: removed, set aside, kept for an operator, taken from
// and left to the cluster's volume.
#include "net/run_blocking.h"
#include "region/instance/data_directory.h"
#include "region/instance/wal_files.h"

namespace aurora_global::region {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDiscarded = "discarded-wal-";
constexpr std::string_view kLostWrites = "lost-writes-";
// No identifier of an instance: those begin with a letter.
constexpr std::string_view kRemoved = ".removed-";
constexpr std::string_view kUnfinished = ".new";

}  // namespace

net::Task<Result<void>> DataDirectory::clear() {
  CO_TRY_VOID(note_timeline());
  const auto job = [directory = directory_, data = data_]() -> Result<void> {
    std::error_code error;
    fs::remove(directory / kComplete, error);
    if (fs::exists(directory, error)) TRY_VOID(sync_directory(directory));
    fs::remove_all(data, error);
    if (!error) return ok();
    return make_error(ErrorKind::unavailable, "remove " + data.string() + ": " + error.message());
  };
  co_return co_await net::run_blocking(job);
}

net::Task<Result<fs::path>> DataDirectory::set_aside(std::string why) {
  CO_TRY_VOID(note_timeline());
  const auto job = [directory = directory_, data = data_, why]() -> Result<fs::path> {
    std::error_code error;
    // One beside the other: what only this region had is nobody's to overwrite.
    fs::path kept;
    for (int n = 1; kept.empty() || fs::exists(kept, error); ++n) {
      kept = directory / ("data." + why + "-" + std::to_string(n));
    }
    fs::rename(data, kept, error);
    if (!error) {
      fs::remove(directory / kComplete, error);
      return kept;
    }
    return make_error(ErrorKind::unavailable,
                      "move " + data.string() + " aside: " + error.message());
  };
  co_return co_await net::run_blocking(job);
}

std::vector<fs::path> DataDirectory::kept(std::string_view prefix) const {
  std::vector<fs::path> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory_, error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(prefix) && !name.ends_with(kUnfinished)) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<fs::path> DataDirectory::kept() const {
  std::vector<fs::path> found = kept("data.");
  for (const std::string_view prefix : {kDiscarded, kLostWrites}) {
    for (fs::path& one : kept(prefix)) found.push_back(std::move(one));
  }
  return found;
}

fs::path DataDirectory::lost_place(Epoch epoch) const {
  char name[64];
  std::snprintf(name, sizeof name, "%s%010llu", kLostWrites.data(),
                static_cast<unsigned long long>(epoch.value));
  return directory_ / name;
}

net::Task<Result<fs::path>> DataDirectory::make_lost() const {
  const fs::path fresh =
      directory_ / (std::string(kLostWrites) + "begun" + std::string(kUnfinished));
  const auto job = [fresh, user = user_]() -> Result<fs::path> {
    std::error_code error;
    fs::remove_all(fresh, error);
    TRY_VOID(make_directory(fresh, user, 0700));
    return fresh;
  };
  co_return co_await net::run_blocking(job);
}

net::Task<Result<void>> DataDirectory::take_lost(fs::path fresh, fs::path place) const {
  const auto job = [before = kept(kLostWrites), fresh, place]() -> Result<void> {
    std::error_code error;
    fs::rename(fresh, place, error);
    if (error) {
      return make_error(ErrorKind::unavailable,
                        "keep lost writes in " + place.string() + ": " + error.message());
    }
    TRY_VOID(sync_directory(place.parent_path()));
    if (before.size() >= kKeptMax) fs::remove_all(before.front(), error);
    return ok();
  };
  co_return co_await net::run_blocking(job);
}

net::Task<Result<fs::path>> DataDirectory::keep_wal(std::uint32_t timeline, Lsn fork) {
  char name[64];
  std::snprintf(name, sizeof name, "%s%08X-%016llX", kDiscarded.data(), timeline,
                static_cast<unsigned long long>(fork.value));
  const auto job = [data = data_, before = kept(kDiscarded), timeline, fork,
                    place = directory_ / name]() -> Result<fs::path> {
    std::error_code error;
    if (fs::exists(place, error)) return fs::path();  // An earlier try got this far.
    const fs::path fresh = place.string() + std::string(kUnfinished);
    fs::remove_all(fresh, error);
    TRY_VOID(copy_wal(data, timeline, fork, fresh));
    fs::rename(fresh, place, error);
    if (error) {
      return make_error(ErrorKind::unavailable,
                        "keep WAL in " + place.string() + ": " + error.message());
    }
    TRY_VOID(sync_directory(place.parent_path()));
    if (before.size() >= kKeptMax) fs::remove_all(before.front(), error);
    return place;
  };
  co_return co_await net::run_blocking(job);
}

// Out of the way before the first wait: another instance may get the name at once.
net::Task<Result<void>> DataDirectory::remove() {
  CO_TRY_VOID(note_timeline());
  const fs::path instances = directory_.parent_path();
  std::error_code error;
  fs::remove_all(socket_dir(), error);  // It may lie elsewhere.
  fs::path gone;
  for (int n = 1; gone.empty() || fs::exists(gone, error); ++n) {
    gone = instances / (std::string(kRemoved) + std::to_string(n));
  }
  if (fs::exists(directory_, error)) fs::rename(directory_, gone, error);
  if (error) {
    co_return make_error(ErrorKind::unavailable,
                         "remove " + directory_.string() + ": " + error.message());
  }
  // With what an earlier daemon has not got to.
  const auto job = [instances]() -> Result<void> {
    std::error_code failed;
    for (const auto& entry : fs::directory_iterator(instances, failed)) {
      if (entry.path().filename().string().starts_with(kRemoved)) {
        fs::remove_all(entry.path(), failed);
      }
    }
    if (!failed) return ok();
    return make_error(ErrorKind::unavailable,
                      "remove what is left in " + instances.string() + ": " + failed.message());
  };
  co_return co_await net::run_blocking(job);
}

net::Task<Result<bool>> DataDirectory::take_volume(fs::path volume) {
  std::error_code error;
  if (!fs::exists(volume, error)) co_return false;
  CO_TRY_VOID(prepare());
  // Before they are here: without the mark they would be taken for the rest of an initdb.
  CO_TRY_VOID(mark_complete());
  fs::rename(volume, data_, error);
  if (error) {
    co_return make_error(ErrorKind::unavailable,
                         "move " + volume.string() + " to the instance: " + error.message());
  }
  co_return true;
}

net::Task<Result<void>> DataDirectory::leave_volume(fs::path volume) {
  CO_TRY_VOID(note_timeline());
  const auto job = [directory = directory_, from = data_,
                    to = std::move(volume)]() -> Result<void> {
    std::error_code error;
    // Asked again after it was done: what is there is the volume.
    const bool done = !fs::exists(from, error) && fs::exists(to, error);
    if (!done) fs::remove_all(to, error);
    if (!done) fs::rename(from, to, error);
    if (!error) fs::remove(directory / kComplete, error);
    if (!error) return ok();
    return make_error(ErrorKind::unavailable,
                      "cannot keep the cluster's volume: " + error.message());
  };
  co_return co_await net::run_blocking(job);
}

}  // namespace aurora_global::region
