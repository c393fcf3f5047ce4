// Buckets and objects of a region: what they are in SQLite, what is in them as files.
//
// A file is written whole and synced before a row names it, and has a name of its own: what a
// crash leaves is a file that no row names, and goes when the store is opened. An object that is
// open keeps its content, whatever becomes of the object.
#pragma once

#include <nlohmann/json.hpp>

#include "database/database.h"
#include "services/sinks.h"

namespace aurora_global::services::s3 {

inline constexpr std::int64_t kObjectBytesMax = std::int64_t{5} << 30;
inline constexpr std::int64_t kStoreBytesMax = std::int64_t{16} << 30;
inline constexpr std::int64_t kObjectsMax = 200'000;  // And parts, in all buckets.
inline constexpr std::int64_t kBucketsMax = 100;
inline constexpr std::string_view kNullVersion = "null";

struct Bucket {
  std::string name;
  WallTime created{};
  std::string versioning;                              // "", "Enabled", "Suspended".
  nlohmann::json settings = nlohmann::json::object();  // As they were put, by their names.
};

// A file of the store with what is known of its content.
struct Content {
  std::string file;
  std::int64_t size = 0;
  std::string etag;  // Without quotation marks.
};

struct Object {
  std::string bucket, key;
  std::string version_id = std::string(kNullVersion);
  Content content;
  WallTime modified{};
  bool latest = true;
  bool delete_marker = false;
  nlohmann::json about = nlohmann::json::object();  // Members of GetObject's output.
};

struct Upload {
  std::string id, bucket, key;
  WallTime created{};
  nlohmann::json about = nlohmann::json::object();
};

struct Part {
  int number = 0;
  Content content;
  WallTime modified{};
  nlohmann::json checksums = nlohmann::json::object();
};

// What a listing asks for.
struct Listing {
  std::string bucket, prefix, delimiter;
  std::string after;  // A key or a common prefix; only what is greater.
  std::size_t limit = 1000;
  bool versions = false;           // All of them, and delete markers.
  std::string after_version = "";  // Of the key `after`: those that follow it.
};
struct Listed {
  std::vector<Object> objects;  // By key, the newest version first.
  std::vector<std::string> prefixes;
  bool truncated = false;
  std::string last, last_version;  // Of what is listed.
};

// What a delete did.
struct Deleted {
  std::string version_id;
  bool delete_marker = false;
};

// When a new object is to be refused: by what stands there. Empty: never.
struct Condition {
  std::string if_match, if_none_match;
};

class ObjectStore {
 public:
  static Result<std::unique_ptr<ObjectStore>> open(const std::filesystem::path& directory);

  net::Task<Result<std::vector<Bucket>>> buckets();
  // Fails with NoSuchBucket.
  net::Task<Result<Bucket>> bucket(std::string name);
  net::Task<Result<void>> create_bucket(Bucket bucket);
  net::Task<Result<void>> delete_bucket(std::string name);
  net::Task<Result<void>> set_versioning(std::string name, std::string versioning);
  net::Task<Result<void>> set(std::string name, std::string setting, nlohmann::json value);

  // Writes a file that no object has yet; drop() it if none will.
  net::Task<Result<Content>> write(std::string content);
  void drop(const Content& content) const;
  net::Task<Result<std::string>> read(Content content, std::int64_t from, std::int64_t size);
  net::Task<Result<std::shared_ptr<const ObjectFile>>> open_file(Object object);

  // Makes the content an object's; gives it its version. On failure the content is dropped.
  net::Task<Result<Object>> put(Object object, Condition condition);
  // Fails with NoSuchBucket, NoSuchKey, NoSuchVersion; `version_id` empty: the newest.
  net::Task<Result<Object>> find(std::string bucket, std::string key, std::string version_id);
  net::Task<Result<Listed>> list(Listing listing);
  net::Task<Result<Deleted>> remove(std::string bucket, std::string key, std::string version_id);

  net::Task<Result<void>> begin_upload(Upload upload);
  // Fails with NoSuchUpload.
  net::Task<Result<Upload>> upload(std::string bucket, std::string key, std::string id);
  // The same, also for one that ended meanwhile; then the content is dropped.
  net::Task<Result<void>> put_part(std::string upload_id, Part part);
  net::Task<Result<std::vector<Part>>> parts(std::string upload_id);
  // One file of them, one after the other.
  net::Task<Result<Content>> join(std::vector<Part> parts);
  net::Task<Result<void>> end_upload(std::string upload_id);
  // put(), which ends the upload. Fails with NoSuchUpload as well.
  net::Task<Result<Object>> complete_upload(std::string upload_id, Object object,
                                            Condition condition);
  // What a completed upload has made. Fails with NoSuchUpload.
  net::Task<Result<Object>> object_of_upload(std::string bucket, std::string key, std::string id);

 private:
  ObjectStore(std::filesystem::path directory, std::unique_ptr<database::Database> database)
      : directory_(std::move(directory)), database_(std::move(database)) {}
  Result<void> sweep();
  template <typename T, typename Job>
  net::Task<Result<T>> change(Job job);
  template <typename T, typename Job>
  net::Task<Result<T>> change_with(Content content, Job job);

  std::filesystem::path directory_;
  std::unique_ptr<database::Database> database_;
};

}  // namespace aurora_global::services::s3
