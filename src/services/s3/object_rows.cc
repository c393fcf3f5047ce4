#include "services/s3/object_rows.h"

#include <algorithm>

#include "base/json.h"
#include "base/rng.h"

namespace aurora_global::services::s3 {
namespace {

using database::Statement;
using nlohmann::json;

const std::string kObjectColumns =
    "SELECT bucket, key, version_id, file, size, etag, modified, latest, delete_marker, about, seq"
    " FROM object ";

std::int64_t micros(WallTime at) { return at.time_since_epoch().count(); }
WallTime time_at(std::int64_t micros) { return WallTime(std::chrono::microseconds(micros)); }

std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

constexpr std::size_t kVersionIdMax = 1024;

Error row_refusal(ErrorKind kind, const char* code, std::string message) {
  return make_error(kind, std::move(message), code);
}

Object object_in(const Statement& row) {
  Object object;
  object.bucket = row.text(0);
  object.key = row.text(1);
  object.version_id = row.text(2);
  object.content = {row.text(3), row.number(4), row.text(5)};
  object.modified = time_at(row.number(6));
  object.latest = row.number(7) != 0;
  object.delete_marker = row.number(8) != 0;
  object.about = parse_json(row.text(9));
  return object;
}

Result<std::optional<Object>> newest_object(sqlite3* database, const std::string& bucket,
                                            const std::string& key) {
  Statement select(database,
                   kObjectColumns + "WHERE bucket = ? AND key = ? ORDER BY seq DESC LIMIT 1");
  select.bind(1, bucket);
  select.bind(2, key);
  TRY(const bool found, select.step());
  if (!found) return std::optional<Object>();
  return std::optional(object_in(select));
}

Result<std::optional<Object>> object_version(sqlite3* database, const std::string& bucket,
                                             const std::string& key,
                                             const std::string& version_id) {
  // Of these characters ids are made, and answers tell the id that they were asked for.
  const bool is_id = std::all_of(version_id.begin(), version_id.end(),
                                 [](char one) { return one > ' ' && one <= '~'; });
  if (!is_id || version_id.size() > kVersionIdMax) {
    return row_refusal(ErrorKind::invalid, "InvalidArgument", "Invalid version id specified");
  }
  Statement select(database, kObjectColumns + "WHERE bucket = ? AND key = ? AND version_id = ?");
  select.bind(1, bucket);
  select.bind(2, key);
  select.bind(3, version_id);
  TRY(const bool found, select.step());
  if (!found) return std::optional<Object>();
  return std::optional(object_in(select));
}

Result<void> run_with(sqlite3* database, const char* sql, const std::string& first,
                      const std::string& second = "", const std::string& third = "") {
  Statement statement(database, sql);
  const std::string* texts[] = {&first, &second, &third};
  const std::string_view text = sql;
  const auto count = std::count(text.begin(), text.end(), '?');
  for (int i = 0; i < count; ++i) statement.bind(i + 1, *texts[i]);
  TRY_VOID(statement.step());
  return ok();
}

Result<void> delete_version(sqlite3* database, const Object& object, Freed& freed) {
  if (!object.content.file.empty()) freed.push_back(object.content.file);
  for (const char* sql :
       {"DELETE FROM object WHERE bucket = ? AND key = ? AND version_id = ?",
        "DELETE FROM completed WHERE bucket = ? AND key = ? AND version_id = ?"}) {
    TRY_VOID(run_with(database, sql, object.bucket, object.key, object.version_id));
  }
  return ok();
}

// The newest version is the latest, and no other is.
Result<void> mark_latest(sqlite3* database, const std::string& bucket, const std::string& key) {
  TRY_VOID(
      run_with(database, "UPDATE object SET latest = 0 WHERE bucket = ? AND key = ?", bucket, key));
  return run_with(database,
                  "UPDATE object SET latest = 1 WHERE seq = (SELECT max(seq) FROM object WHERE "
                  "bucket = ? AND key = ?)",
                  bucket, key);
}

Result<void> insert_object(sqlite3* database, const Object& object) {
  Statement insert(database,
                   "INSERT INTO object(bucket, key, version_id, file, size, etag, modified, latest,"
                   " delete_marker, about) VALUES(?, ?, ?, ?, ?, ?, ?, 1, ?, ?)");
  insert.bind(1, object.bucket);
  insert.bind(2, object.key);
  insert.bind(3, object.version_id);
  insert.bind(4, object.content.file);
  insert.bind(5, object.content.size);
  insert.bind(6, object.content.etag);
  insert.bind(7, micros(object.modified));
  insert.bind(8, std::int64_t{object.delete_marker});
  insert.bind(9, text_of(object.about));
  TRY_VOID(insert.step());
  return mark_latest(database, object.bucket, object.key);
}

// Whoever writes without versions, or while they are suspended, replaces the null version.
Result<void> make_way(sqlite3* database, const Bucket& bucket, Object& object, Freed& freed) {
  if (bucket.versioning == "Enabled") {
    object.version_id = random_hex(16);
    return ok();
  }
  object.version_id = kNullVersion;
  TRY(const auto former,
      object_version(database, object.bucket, object.key, std::string(kNullVersion)));
  if (!former) return ok();
  return delete_version(database, *former, freed);
}

Result<Bucket> need_bucket(sqlite3* database, const std::string& name) {
  TRY(auto bucket, bucket_row(database, name));
  if (!bucket) return no_such_bucket(name);
  return std::move(*bucket);
}

Result<void> check_condition(const Condition& condition, const std::optional<Object>& former) {
  const bool there = former && !former->delete_marker;
  const std::string etag = there ? former->content.etag : "";
  const auto fits = [&](const std::string& wanted) {
    return there && (wanted == "*" || wanted == etag || wanted == "\"" + etag + "\"");
  };
  if (!condition.if_match.empty() && !there) {
    return row_refusal(ErrorKind::not_found, "NoSuchKey", "The specified key does not exist.");
  }
  const bool refused = (!condition.if_match.empty() && !fits(condition.if_match)) ||
                       (!condition.if_none_match.empty() && fits(condition.if_none_match));
  if (!refused) return ok();
  return row_refusal(ErrorKind::conflict, "PreconditionFailed",
                     "At least one of the pre-conditions you specified did not hold");
}

Bucket bucket_in(const Statement& row) {
  Bucket bucket;
  bucket.name = row.text(0);
  bucket.created = time_at(row.number(1));
  bucket.versioning = row.text(2);
  bucket.settings = parse_json(row.text(3));
  return bucket;
}

Error no_such_upload() {
  return row_refusal(ErrorKind::not_found, "NoSuchUpload",
                     "The specified upload does not exist. The upload ID may be invalid, or the "
                     "upload may have been aborted or completed.");
}

Result<void> need_upload(sqlite3* database, const std::string& upload_id) {
  Statement select(database, "SELECT 1 FROM upload WHERE id = ?");
  select.bind(1, upload_id);
  TRY(const bool is_open, select.step());
  if (!is_open) return no_such_upload();
  return ok();
}

// One listing under way.
class Lister {
 public:
  // `passed`: the version that the page goes on after is not there, or not asked for.
  Lister(const Listing& listing, Listed& listed, bool passed)
      : listing_(listing), listed_(listed), passed_(passed) {}

  // False: the rest is for another page, or there is none.
  bool take(Object object) {
    if (!object.key.starts_with(listing_.prefix)) return false;
    if (is_before(object)) return true;
    const std::string common = common_prefix(object.key);
    if (!common.empty() && (common == last_common_ || common == listing_.after)) return true;
    if (listed_.objects.size() + listed_.prefixes.size() == listing_.limit) {
      listed_.truncated = true;
      return false;
    }
    listed_.last = common.empty() ? object.key : common;
    listed_.last_version = common.empty() ? object.version_id : "";
    if (common.empty()) {
      listed_.objects.push_back(std::move(object));
    } else {
      last_common_ = common;
      listed_.prefixes.push_back(common);
    }
    return true;
  }

 private:
  // Of the versions of the key that a page goes on with, those that were listed.
  bool is_before(const Object& object) {
    if (passed_ || object.key != listing_.after) return false;
    passed_ = object.version_id == listing_.after_version;
    return true;
  }

  std::string common_prefix(const std::string& key) const {
    if (listing_.delimiter.empty()) return "";
    const auto at = key.find(listing_.delimiter, listing_.prefix.size());
    if (at == std::string::npos) return "";
    return key.substr(0, at + listing_.delimiter.size());
  }

  const Listing& listing_;
  Listed& listed_;
  std::string last_common_;
  bool passed_;
};

}  // namespace

const char* const kObjectSchema =
    "CREATE TABLE IF NOT EXISTS bucket(name TEXT PRIMARY KEY, created INTEGER NOT NULL,"
    " versioning TEXT NOT NULL, settings TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS object(seq INTEGER PRIMARY KEY AUTOINCREMENT, bucket TEXT NOT NULL,"
    " key TEXT NOT NULL, version_id TEXT NOT NULL, file TEXT NOT NULL, size INTEGER NOT NULL,"
    " etag TEXT NOT NULL, modified INTEGER NOT NULL, latest INTEGER NOT NULL,"
    " delete_marker INTEGER NOT NULL, about TEXT NOT NULL, UNIQUE(bucket, key, version_id));"
    "CREATE INDEX IF NOT EXISTS object_key ON object(bucket, key, seq);"
    "CREATE TABLE IF NOT EXISTS upload(id TEXT PRIMARY KEY, bucket TEXT NOT NULL,"
    " key TEXT NOT NULL, created INTEGER NOT NULL, about TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS part(upload_id TEXT NOT NULL, number INTEGER NOT NULL,"
    " file TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL, modified INTEGER NOT NULL,"
    " checksums TEXT NOT NULL, PRIMARY KEY(upload_id, number));"
    // Which upload made an object: a client whose answer was lost completes it once more.
    "CREATE TABLE IF NOT EXISTS completed(bucket TEXT NOT NULL, key TEXT NOT NULL,"
    " version_id TEXT NOT NULL, upload_id TEXT NOT NULL, PRIMARY KEY(bucket, key, version_id));";

Error no_such_bucket(const std::string& name) {
  return row_refusal(ErrorKind::not_found, "NoSuchBucket",
                     "The specified bucket does not exist: " + name);
}

Error no_such_key(const std::string&) {
  return row_refusal(ErrorKind::not_found, "NoSuchKey", "The specified key does not exist.");
}

Result<std::vector<Bucket>> bucket_rows(sqlite3* database) {
  Statement select(database,
                   "SELECT name, created, versioning, settings FROM bucket ORDER BY name");
  std::vector<Bucket> found;
  for (;;) {
    TRY(const bool more, select.step());
    if (!more) return found;
    found.push_back(bucket_in(select));
  }
}

Result<std::optional<Bucket>> bucket_row(sqlite3* database, const std::string& name) {
  Statement select(database,
                   "SELECT name, created, versioning, settings FROM bucket WHERE name = ?");
  select.bind(1, name);
  TRY(const bool found, select.step());
  if (!found) return std::optional<Bucket>();
  return std::optional(bucket_in(select));
}

Result<void> insert_bucket(sqlite3* database, const Bucket& bucket) {
  TRY(const auto all, bucket_rows(database));
  if (std::any_of(all.begin(), all.end(),
                  [&](const Bucket& one) { return one.name == bucket.name; })) {
    return row_refusal(
        ErrorKind::conflict, "BucketAlreadyOwnedByYou",
        "Your previous request to create the named bucket succeeded and you already own "
        "it.");
  }
  if (static_cast<std::int64_t>(all.size()) >= kBucketsMax) {
    return row_refusal(ErrorKind::exhausted, "TooManyBuckets",
                       "You have attempted to create more buckets than allowed");
  }
  Statement insert(database,
                   "INSERT INTO bucket(name, created, versioning, settings) "
                   "VALUES(?, ?, ?, ?)");
  insert.bind(1, bucket.name);
  insert.bind(2, micros(bucket.created));
  insert.bind(3, bucket.versioning);
  insert.bind(4, text_of(bucket.settings));
  TRY_VOID(insert.step());
  return ok();
}

Result<void> update_bucket(sqlite3* database, const Bucket& bucket) {
  return run_with(database, "UPDATE bucket SET versioning = ?, settings = ? WHERE name = ?",
                  bucket.versioning, text_of(bucket.settings), bucket.name);
}

Result<void> delete_bucket_row(sqlite3* database, const std::string& name) {
  TRY_VOID(need_bucket(database, name));
  for (const char* table : {"object", "upload"}) {
    Statement select(database, "SELECT 1 FROM " + std::string(table) + " WHERE bucket = ? LIMIT 1");
    select.bind(1, name);
    TRY(const bool found, select.step());
    if (found) {
      return row_refusal(ErrorKind::conflict, "BucketNotEmpty",
                         std::string_view(table) == "object"
                             ? "The bucket you tried to delete is not empty. You must delete all "
                               "versions in the bucket."
                             : "The bucket you tried to delete is not empty");
    }
  }
  return run_with(database, "DELETE FROM bucket WHERE name = ?", name);
}

Result<void> check_room(sqlite3* database, std::int64_t more) {
  Statement select(
      database,
      "SELECT (SELECT coalesce(sum(size), 0) FROM object) + (SELECT coalesce(sum(size),"
      " 0) FROM part), (SELECT count(*) FROM object) + (SELECT count(*) FROM part) + "
      "(SELECT count(*) FROM upload)");
  TRY_VOID(select.step());
  if (select.number(0) + more <= kStoreBytesMax && select.number(1) < kObjectsMax) return ok();
  return row_refusal(ErrorKind::exhausted, "QuotaExceeded",
                     "This region's buckets hold at most " + std::to_string(kStoreBytesMax) +
                         " bytes and " + std::to_string(kObjectsMax) + " objects");
}

Result<Object> put_object(sqlite3* database, Object object, const Condition& condition,
                          Freed& freed) {
  TRY(const Bucket bucket, need_bucket(database, object.bucket));
  TRY(const auto former, newest_object(database, object.bucket, object.key));
  TRY_VOID(check_condition(condition, former));
  TRY_VOID(check_room(database, object.content.size));
  TRY_VOID(make_way(database, bucket, object, freed));
  TRY_VOID(insert_object(database, object));
  if (bucket.versioning.empty()) object.version_id.clear();
  return object;
}

Result<Object> find_object(sqlite3* database, const std::string& bucket, const std::string& key,
                           const std::string& version_id) {
  TRY(const Bucket in, need_bucket(database, bucket));
  if (version_id.empty()) {
    TRY(auto found, newest_object(database, bucket, key));
    if (!found || found->delete_marker) return no_such_key(key);
    if (in.versioning.empty()) found->version_id.clear();
    return std::move(*found);
  }
  TRY(auto found, object_version(database, bucket, key, version_id));
  if (!found) {
    return row_refusal(ErrorKind::not_found, "NoSuchVersion",
                       "The specified version does not exist.");
  }
  if (found->delete_marker) {
    return row_refusal(ErrorKind::invalid, "MethodNotAllowed",
                       "The specified method is not allowed against this resource.");
  }
  return std::move(*found);
}

Result<Deleted> remove_object(sqlite3* database, const std::string& bucket, const std::string& key,
                              const std::string& version_id, Freed& freed) {
  TRY(const Bucket in, need_bucket(database, bucket));
  if (!version_id.empty()) {
    TRY(const auto found, object_version(database, bucket, key, version_id));
    if (!found) return Deleted{version_id, false};
    TRY_VOID(delete_version(database, *found, freed));
    TRY_VOID(mark_latest(database, bucket, key));
    return Deleted{version_id, found->delete_marker};
  }
  if (in.versioning.empty()) {
    TRY(const auto found, object_version(database, bucket, key, std::string(kNullVersion)));
    if (found) TRY_VOID(delete_version(database, *found, freed));
    return Deleted{};
  }
  TRY_VOID(check_room(database, 0));
  Object marker;
  marker.bucket = bucket;
  marker.key = key;
  marker.modified = SystemClock().wall_now();
  marker.delete_marker = true;
  TRY_VOID(make_way(database, in, marker, freed));
  TRY_VOID(insert_object(database, marker));
  return Deleted{marker.version_id, true};
}

Result<Listed> list_objects(sqlite3* database, const Listing& listing) {
  TRY_VOID(need_bucket(database, listing.bucket));
  Listed listed;
  if (listing.limit == 0) return listed;
  const bool same_key = !listing.after_version.empty();
  // Who empties a bucket page by page has deleted it: then all that is left of its key follows.
  bool passed = true;
  if (same_key) {
    TRY(const auto marker,
        object_version(database, listing.bucket, listing.after, listing.after_version));
    passed = !marker;
  }
  Lister lister(listing, listed, passed);
  Statement select(database, kObjectColumns + "WHERE bucket = ? AND key >= ? AND key " +
                                 (same_key ? ">=" : ">") + " ?" +
                                 (listing.versions ? " ORDER BY key, seq DESC"
                                                   : " AND latest = 1 AND delete_marker = 0 "
                                                     "ORDER BY key"));
  select.bind(1, listing.bucket);
  select.bind(2, listing.prefix);
  select.bind(3, listing.after);
  for (;;) {
    TRY(const bool more, select.step());
    if (!more || !lister.take(object_in(select))) return listed;
  }
}

Result<void> insert_upload(sqlite3* database, const Upload& upload) {
  TRY_VOID(need_bucket(database, upload.bucket));
  TRY_VOID(check_room(database, 0));
  Statement insert(database,
                   "INSERT INTO upload(id, bucket, key, created, about) VALUES(?, ?, ?, ?, ?)");
  insert.bind(1, upload.id);
  insert.bind(2, upload.bucket);
  insert.bind(3, upload.key);
  insert.bind(4, micros(upload.created));
  insert.bind(5, text_of(upload.about));
  TRY_VOID(insert.step());
  return ok();
}

Result<Upload> upload_row(sqlite3* database, const std::string& bucket, const std::string& key,
                          const std::string& id) {
  TRY_VOID(need_bucket(database, bucket));
  Statement select(database,
                   "SELECT created, about FROM upload WHERE id = ? AND bucket = ? AND "
                   "key = ?");
  select.bind(1, id);
  select.bind(2, bucket);
  select.bind(3, key);
  TRY(const bool found, select.step());
  if (!found) return no_such_upload();
  return Upload{id, bucket, key, time_at(select.number(0)), parse_json(select.text(1))};
}

Result<void> put_part_row(sqlite3* database, const std::string& upload_id, const Part& part,
                          Freed& freed) {
  // It may have ended while the part came: nothing would ever remove its parts.
  TRY_VOID(need_upload(database, upload_id));
  TRY_VOID(check_room(database, part.content.size));
  Statement former(database, "SELECT file FROM part WHERE upload_id = ? AND number = ?");
  former.bind(1, upload_id);
  former.bind(2, std::int64_t{part.number});
  TRY(const bool found, former.step());
  if (found) freed.push_back(former.text(0));
  Statement insert(database,
                   "INSERT OR REPLACE INTO part(upload_id, number, file, size, etag, "
                   "modified, checksums) VALUES(?, ?, ?, ?, ?, ?, ?)");
  insert.bind(1, upload_id);
  insert.bind(2, std::int64_t{part.number});
  insert.bind(3, part.content.file);
  insert.bind(4, part.content.size);
  insert.bind(5, part.content.etag);
  insert.bind(6, micros(part.modified));
  insert.bind(7, text_of(part.checksums));
  TRY_VOID(insert.step());
  return ok();
}

Result<std::vector<Part>> part_rows(sqlite3* database, const std::string& upload_id) {
  Statement select(database,
                   "SELECT number, file, size, etag, modified, checksums FROM part WHERE "
                   "upload_id = ? ORDER BY number");
  select.bind(1, upload_id);
  std::vector<Part> found;
  for (;;) {
    TRY(const bool more, select.step());
    if (!more) return found;
    found.push_back({static_cast<int>(select.number(0)),
                     {select.text(1), select.number(2), select.text(3)},
                     time_at(select.number(4)),
                     parse_json(select.text(5))});
  }
}

Result<void> delete_upload(sqlite3* database, const std::string& upload_id, Freed& freed) {
  TRY(const auto parts, part_rows(database, upload_id));
  for (const Part& part : parts) freed.push_back(part.content.file);
  TRY_VOID(run_with(database, "DELETE FROM part WHERE upload_id = ?", upload_id));
  return run_with(database, "DELETE FROM upload WHERE id = ?", upload_id);
}

Result<Object> complete_upload(sqlite3* database, const std::string& upload_id,
                               const Object& object, const Condition& condition, Freed& freed) {
  // It may have ended while its parts were joined.
  TRY_VOID(need_upload(database, upload_id));
  // Before the room is looked at: the object is what its parts were.
  TRY_VOID(delete_upload(database, upload_id, freed));
  TRY(Object made, put_object(database, object, condition, freed));
  Statement insert(database,
                   "INSERT INTO completed(bucket, key, version_id, upload_id) VALUES(?, ?, ?, ?)");
  insert.bind(1, made.bucket);
  insert.bind(2, made.key);
  insert.bind(3, made.version_id.empty() ? std::string(kNullVersion) : made.version_id);
  insert.bind(4, upload_id);
  TRY_VOID(insert.step());
  return made;
}

Result<Object> object_of_upload(sqlite3* database, const std::string& bucket,
                                const std::string& key, const std::string& upload_id) {
  TRY(const Bucket in, need_bucket(database, bucket));
  Statement select(database,
                   "SELECT version_id FROM completed WHERE bucket = ? AND key = ? AND "
                   "upload_id = ?");
  select.bind(1, bucket);
  select.bind(2, key);
  select.bind(3, upload_id);
  TRY(const bool found, select.step());
  if (!found) return no_such_upload();
  TRY(auto made, object_version(database, bucket, key, select.text(0)));
  if (!made) return no_such_upload();
  if (in.versioning.empty()) made->version_id.clear();
  return std::move(*made);
}

Result<std::vector<std::string>> named_files(sqlite3* database) {
  Statement select(database,
                   "SELECT file FROM object WHERE file != '' UNION SELECT file FROM part");
  std::vector<std::string> found;
  for (;;) {
    TRY(const bool more, select.step());
    if (!more) return found;
    found.push_back(select.text(0));
  }
}

}  // namespace aurora_global::services::s3
