#include "region/instance/wal_files.h"

#include <array>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>

#include "region/instance/postgres_files.h"

namespace aurora_global::region {
namespace {

// All segments have one size.
Result<std::uint64_t> segment_size(const std::filesystem::path& data_dir) {
  constexpr std::size_t kNameLength = 24;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(data_dir / "pg_wal", error)) {
    const std::string name = entry.path().filename().string();
    if (name.size() != kNameLength ||
        name.find_first_not_of("0123456789ABCDEF") != std::string::npos) {
      continue;
    }
    const auto size = std::filesystem::file_size(entry.path(), error);
    if (!error && size != 0) return size;
  }
  return make_error(ErrorKind::not_found, "no WAL in " + data_dir.string());
}

std::string segment_name(std::uint32_t timeline, std::uint64_t number, std::uint64_t size) {
  const std::uint64_t per_id = 0x100000000u / size;
  char name[32];
  snprintf(name, sizeof name, "%08X%08X%08X", timeline, static_cast<unsigned>(number / per_id),
           static_cast<unsigned>(number % per_id));
  return name;
}

// Page headers of PostgreSQL 15 (XLogPageHeaderData), native order.
constexpr std::uint64_t kPage = 8192;
constexpr std::uint16_t kMagic = 0xD110;

// Whether the segment has WAL of its own; one that was used before has its old contents under its
// new name.
bool is_written(const std::filesystem::path& segment, std::uint64_t start) {
  std::ifstream in(segment, std::ios::binary);
  std::array<char, 16> header{};
  if (!in.read(header.data(), header.size())) return false;
  std::uint16_t magic = 0;
  std::uint64_t address = 0;
  std::memcpy(&magic, header.data(), sizeof magic);
  std::memcpy(&address, header.data() + 8, sizeof address);
  return magic == kMagic && address == start;
}

// The number of the first segment of `timeline` from `number` on that is there and has WAL.
std::optional<std::uint64_t> first_written_from(const std::filesystem::path& data_dir,
                                                std::uint32_t timeline, std::uint64_t number,
                                                std::uint64_t size) {
  const std::string wanted = segment_name(timeline, number, size);
  std::optional<std::uint64_t> first;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(data_dir / "pg_wal", error)) {
    const std::string name = entry.path().filename().string();
    unsigned of = 0, high = 0, low = 0;
    if (name.size() != wanted.size() || name < wanted ||
        sscanf(name.c_str(), "%8X%8X%8X", &of, &high, &low) != 3 || of != timeline) {
      continue;
    }
    const std::uint64_t found = high * (0x100000000u / size) + low;
    if (first && *first < found) continue;
    if (is_written(entry.path(), found * size)) first = found;
  }
  return first;
}

}  // namespace

Result<bool> wal_goes_past(const std::filesystem::path& data_dir, std::uint32_t timeline, Lsn lsn) {
  constexpr std::uint16_t kFirstIsContinued = 1;
  constexpr std::uint16_t kLongHeader = 2;
  TRY(const std::uint64_t size, segment_size(data_dir));
  std::ifstream in(data_dir / "pg_wal" / segment_name(timeline, lsn.value / size, size),
                   std::ios::binary);
  // It may have been removed because so much came after it.
  if (!in) return first_written_from(data_dir, timeline, lsn.value / size, size).has_value();
  const std::uint64_t page_start = lsn.value - lsn.value % kPage;
  std::array<char, kPage> page{};
  in.seekg(static_cast<std::streamoff>(page_start % size));
  if (!in.read(page.data(), page.size())) return true;
  const auto at = [&](std::size_t offset, auto type) {
    std::memcpy(&type, page.data() + offset, sizeof type);
    return type;
  };
  const auto info = at(2, std::uint16_t{});
  const bool written = at(0, std::uint16_t{}) == kMagic && at(8, std::uint64_t{}) == page_start;
  std::uint64_t offset = lsn.value - page_start;
  if (offset == 0) {
    // A page that was not written yet is empty, or of a segment that was used before.
    if (!written) return false;
    if ((info & kFirstIsContinued) != 0) return true;
    offset = (info & kLongHeader) != 0 ? 40 : 24;
  } else if (!written) {
    return true;
  }
  // A record begins with its length, and lies aligned; pages are zero where no record was written.
  return at(offset, std::uint32_t{}) != 0;
}

std::optional<Lsn> oldest_wal(const std::filesystem::path& data_dir, std::uint32_t timeline,
                              Lsn end, Lsn least) {
  const auto size = segment_size(data_dir);
  if (size.has_error() || end.value == 0) return std::nullopt;
  std::optional<Lsn> oldest;
  // At the boundary of two segments, the last one may not have been begun.
  for (std::uint64_t number = (end.value - 1) / *size;; --number) {
    const Lsn start{number * *size};
    if (!is_written(data_dir / "pg_wal" / segment_name(timeline, number, *size), start.value))
      break;
    oldest = start;
    if (number == 0 || start <= least) break;
  }
  return oldest;
}

Result<void> copy_wal(const std::filesystem::path& data_dir, std::uint32_t timeline, Lsn from,
                      const std::filesystem::path& place) {
  TRY(const std::uint64_t size, segment_size(data_dir));
  const auto failed = [&](std::error_code error) {
    std::error_code ignored;
    std::filesystem::remove_all(place, ignored);
    const bool full = error == std::errc::no_space_on_device;
    return make_error(full ? ErrorKind::exhausted : ErrorKind::unavailable,
                      "keep WAL in " + place.string() + ": " + error.message());
  };
  // The first may have been removed already: what is left is kept.
  const auto first = first_written_from(data_dir, timeline, from.value / size, size);
  if (!first) return failed(std::make_error_code(std::errc::no_such_file_or_directory));
  std::error_code error;
  std::filesystem::create_directory(place, error);
  for (std::uint64_t number = *first; !error; ++number) {
    const std::string name = segment_name(timeline, number, size);
    const auto segment = data_dir / "pg_wal" / name;
    if (!is_written(segment, number * size)) return sync_directory(place);
    std::filesystem::copy_file(segment, place / name, error);
    if (!error) TRY_VOID(sync_file(place / name));
  }
  return failed(error);
}

Result<void> cut_wal(const std::filesystem::path& data_dir, std::uint32_t timeline, Lsn from) {
  TRY(const std::uint64_t size, segment_size(data_dir));
  const std::uint64_t first = from.value / size;
  const auto segment = data_dir / "pg_wal" / segment_name(timeline, first, size);
  const auto failed = [&](const std::filesystem::path& file) {
    return make_error(ErrorKind::unavailable, "cut the WAL in " + file.string());
  };
  std::error_code error;
  if (std::filesystem::exists(segment, error)) {
    std::fstream file(segment, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(from.value % size));
    // From its front: a crash leaves a beginning that is no record.
    file << std::string(size - from.value % size, '\0');
    file.close();
    if (!file) return failed(segment);
    TRY_VOID(sync_file(segment));
  }
  while (const auto later = first_written_from(data_dir, timeline, first + 1, size)) {
    const auto file = data_dir / "pg_wal" / segment_name(timeline, *later, size);
    if (!std::filesystem::remove(file, error)) return failed(file);
  }
  return sync_directory(data_dir / "pg_wal");
}

}  // namespace aurora_global::region
