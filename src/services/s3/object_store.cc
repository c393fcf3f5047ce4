#include "services/s3/object_store.h"

#include <set>

#include "awsapi/checksums.h"
#include "base/hex.h"
#include "base/rng.h"
#include "net/run_blocking.h"
#include "services/s3/object_files.h"
#include "services/s3/object_rows.h"

namespace aurora_global::services::s3 {

namespace fs = std::filesystem;

Result<std::unique_ptr<ObjectStore>> ObjectStore::open(const fs::path& directory) {
  std::error_code failed;
  fs::create_directories(directory / "objects", failed);
  if (failed) {
    return make_error(ErrorKind::internal,
                      "cannot make " + directory.string() + ": " + failed.message());
  }
  TRY(auto database, database::Database::open(directory / "objects.sqlite",
                                              database::Durability::full, 1, kObjectSchema));
  std::unique_ptr<ObjectStore> store(new ObjectStore(directory, std::move(database)));
  TRY_VOID(store->sweep());
  return store;
}

// What a crash has left.
Result<void> ObjectStore::sweep() {
  TRY(const auto named, named_files(database_->raw()));
  const std::set<std::string> kept(named.begin(), named.end());
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(directory_ / "objects", failed)) {
    std::error_code ignored;
    if (!kept.contains(entry.path().filename().string())) fs::remove(entry.path(), ignored);
  }
  return ok();
}

// Runs `job(database, freed)` in a transaction, and removes what it freed.
template <typename T, typename Job>
net::Task<Result<T>> ObjectStore::change(Job job) {
  return database_->work<T>([job = std::move(job), directory = directory_ / "objects"](
                                sqlite3* database) mutable -> Result<T> {
    Freed freed;
    std::optional<T> result;
    TRY_VOID(database::in_transaction(database, [&]() -> Result<void> {
      TRY(result, job(database, freed));
      return ok();
    }));
    for (const std::string& file : freed) {
      std::error_code ignored;
      fs::remove(directory / file, ignored);
    }
    return std::move(*result);
  });
}

// The result of a change that has none.
struct Nothing {};

net::Task<Result<std::vector<Bucket>>> ObjectStore::buckets() {
  return database_->work<std::vector<Bucket>>(bucket_rows);
}

net::Task<Result<Bucket>> ObjectStore::bucket(std::string name) {
  return database_->work<Bucket>([name = std::move(name)](sqlite3* database) -> Result<Bucket> {
    TRY(auto found, bucket_row(database, name));
    if (!found) return no_such_bucket(name);
    return std::move(*found);
  });
}

net::Task<Result<void>> ObjectStore::create_bucket(Bucket bucket) {
  auto changing =
      change<Nothing>([bucket = std::move(bucket)](sqlite3* database, Freed&) -> Result<Nothing> {
        TRY_VOID(insert_bucket(database, bucket));
        return Nothing{};
      });
  CO_TRY_VOID(co_await std::move(changing));
  co_return ok();
}

net::Task<Result<void>> ObjectStore::delete_bucket(std::string name) {
  auto changing =
      change<Nothing>([name = std::move(name)](sqlite3* database, Freed&) -> Result<Nothing> {
        TRY_VOID(delete_bucket_row(database, name));
        return Nothing{};
      });
  CO_TRY_VOID(co_await std::move(changing));
  co_return ok();
}

net::Task<Result<void>> ObjectStore::set_versioning(std::string name, std::string versioning) {
  auto changing = change<Nothing>([name = std::move(name), versioning = std::move(versioning)](
                                      sqlite3* database, Freed&) -> Result<Nothing> {
    TRY(auto found, bucket_row(database, name));
    if (!found) return no_such_bucket(name);
    found->versioning = versioning;
    TRY_VOID(update_bucket(database, *found));
    return Nothing{};
  });
  CO_TRY_VOID(co_await std::move(changing));
  co_return ok();
}

net::Task<Result<void>> ObjectStore::set(std::string name, std::string setting,
                                         nlohmann::json value) {
  auto changing =
      change<Nothing>([name = std::move(name), setting = std::move(setting),
                       value = std::move(value)](sqlite3* database, Freed&) -> Result<Nothing> {
        TRY(auto found, bucket_row(database, name));
        if (!found) return no_such_bucket(name);
        if (value.is_null()) {
          found->settings.erase(setting);
        } else {
          found->settings[setting] = value;
        }
        TRY_VOID(update_bucket(database, *found));
        return Nothing{};
      });
  CO_TRY_VOID(co_await std::move(changing));
  co_return ok();
}

net::Task<Result<Content>> ObjectStore::write(std::string content) {
  const std::string name = random_hex(16);
  auto running = net::run_blocking([file = directory_ / "objects" / name, name,
                                    content = std::move(content)]() -> Result<Content> {
    TRY_VOID(write_object_file(file, content));
    return Content{name, static_cast<std::int64_t>(content.size()), hex_text(awsapi::md5(content))};
  });
  co_return co_await std::move(running);
}

void ObjectStore::drop(const Content& content) const {
  std::error_code ignored;
  if (!content.file.empty()) fs::remove(directory_ / "objects" / content.file, ignored);
}

net::Task<Result<std::string>> ObjectStore::read(Content content, std::int64_t from,
                                                 std::int64_t size) {
  auto running = net::run_blocking([file = directory_ / "objects" / content.file, from, size] {
    return read_object_file(file, from, static_cast<std::size_t>(size));
  });
  co_return co_await std::move(running);
}

net::Task<Result<std::shared_ptr<const ObjectFile>>> ObjectStore::open_file(Object object) {
  co_return open_object_file(directory_ / "objects" / object.content.file,
                             static_cast<std::uint64_t>(object.content.size), object.content.etag,
                             object.version_id);
}

// What is made of a file. On failure nobody has it, but for a commit in doubt, which may have named
// it: what nothing names goes when the store is opened.
template <typename T, typename Job>
net::Task<Result<T>> ObjectStore::change_with(Content content, Job job) {
  auto changing = change<T>(std::move(job));
  auto stored = co_await std::move(changing);
  if (stored.has_error() && stored.error().code != database::kInDoubt) drop(content);
  co_return stored;
}

net::Task<Result<Object>> ObjectStore::put(Object object, Condition condition) {
  const Content content = object.content;
  return change_with<Object>(
      content, [object = std::move(object), condition = std::move(condition)](sqlite3* database,
                                                                              Freed& freed) {
        return put_object(database, object, condition, freed);
      });
}

net::Task<Result<Object>> ObjectStore::find(std::string bucket, std::string key,
                                            std::string version_id) {
  return database_->work<Object>([bucket = std::move(bucket), key = std::move(key),
                                  version_id = std::move(version_id)](sqlite3* database) {
    return find_object(database, bucket, key, version_id);
  });
}

net::Task<Result<Listed>> ObjectStore::list(Listing listing) {
  return database_->work<Listed>([listing = std::move(listing)](sqlite3* database) {
    return list_objects(database, listing);
  });
}

net::Task<Result<Deleted>> ObjectStore::remove(std::string bucket, std::string key,
                                               std::string version_id) {
  return change<Deleted>([bucket = std::move(bucket), key = std::move(key),
                          version_id = std::move(version_id)](sqlite3* database, Freed& freed) {
    return remove_object(database, bucket, key, version_id, freed);
  });
}

net::Task<Result<void>> ObjectStore::begin_upload(Upload upload) {
  auto changing =
      change<Nothing>([upload = std::move(upload)](sqlite3* database, Freed&) -> Result<Nothing> {
        TRY_VOID(insert_upload(database, upload));
        return Nothing{};
      });
  CO_TRY_VOID(co_await std::move(changing));
  co_return ok();
}

net::Task<Result<Upload>> ObjectStore::upload(std::string bucket, std::string key, std::string id) {
  return database_->work<Upload>(
      [bucket = std::move(bucket), key = std::move(key), id = std::move(id)](sqlite3* database) {
        return upload_row(database, bucket, key, id);
      });
}

net::Task<Result<void>> ObjectStore::put_part(std::string upload_id, Part part) {
  const Content content = part.content;
  auto changing = change_with<Nothing>(content,
                                       [upload_id = std::move(upload_id), part = std::move(part)](
                                           sqlite3* database, Freed& freed) -> Result<Nothing> {
                                         TRY_VOID(put_part_row(database, upload_id, part, freed));
                                         return Nothing{};
                                       });
  CO_TRY_VOID(co_await std::move(changing));
  co_return ok();
}

net::Task<Result<std::vector<Part>>> ObjectStore::parts(std::string upload_id) {
  return database_->work<std::vector<Part>>([upload_id = std::move(upload_id)](sqlite3* database) {
    return part_rows(database, upload_id);
  });
}

net::Task<Result<Content>> ObjectStore::join(std::vector<Part> parts) {
  const std::string name = random_hex(16);
  auto running = net::run_blocking(
      [directory = directory_ / "objects", name, parts = std::move(parts)]() -> Result<Content> {
        std::vector<fs::path> files;
        Content content{name};
        std::string digests;
        for (const Part& part : parts) {
          files.push_back(directory / part.content.file);
          content.size += part.content.size;
          digests += part.content.etag;
        }
        TRY_VOID(join_object_files(directory / name, files));
        // As S3 has it: a digest of the parts' digests, and how many there were.
        std::string raw;
        for (std::size_t i = 0; i + 1 < digests.size(); i += 2) {
          raw += static_cast<char>(std::stoi(digests.substr(i, 2), nullptr, 16));
        }
        content.etag = hex_text(awsapi::md5(raw)) + "-" + std::to_string(parts.size());
        return content;
      });
  co_return co_await std::move(running);
}

net::Task<Result<void>> ObjectStore::end_upload(std::string upload_id) {
  auto changing = change<Nothing>(
      [upload_id = std::move(upload_id)](sqlite3* database, Freed& freed) -> Result<Nothing> {
        TRY_VOID(delete_upload(database, upload_id, freed));
        return Nothing{};
      });
  CO_TRY_VOID(co_await std::move(changing));
  co_return ok();
}

net::Task<Result<Object>> ObjectStore::complete_upload(std::string upload_id, Object object,
                                                       Condition condition) {
  const Content content = object.content;
  return change_with<Object>(
      content, [upload_id = std::move(upload_id), object = std::move(object),
                condition = std::move(condition)](sqlite3* database, Freed& freed) {
        return s3::complete_upload(database, upload_id, object, condition, freed);
      });
}

net::Task<Result<Object>> ObjectStore::object_of_upload(std::string bucket, std::string key,
                                                        std::string id) {
  return database_->work<Object>(
      [bucket = std::move(bucket), key = std::move(key), id = std::move(id)](sqlite3* database) {
        return s3::object_of_upload(database, bucket, key, id);
      });
}

}  // namespace aurora_global::services::s3
