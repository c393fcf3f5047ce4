// The rows that say what objects, uploads and parts are. These calls block, on the database's
// worker; what changes something is called in a transaction.
#pragma once

#include "services/s3/object_store.h"

namespace aurora_global::services::s3 {

extern const char* const kObjectSchema;

Error no_such_bucket(const std::string& name);
Error no_such_key(const std::string& key);

Result<std::vector<Bucket>> bucket_rows(sqlite3* database);
Result<std::optional<Bucket>> bucket_row(sqlite3* database, const std::string& name);
Result<void> insert_bucket(sqlite3* database, const Bucket& bucket);
Result<void> update_bucket(sqlite3* database, const Bucket& bucket);
Result<void> delete_bucket_row(sqlite3* database, const std::string& name);

// Files that nothing names any more after the transaction.
using Freed = std::vector<std::string>;

// Fails with QuotaExceeded where `more` bytes are too many.
Result<void> check_room(sqlite3* database, std::int64_t more);
Result<Object> put_object(sqlite3* database, Object object, const Condition& condition,
                          Freed& freed);
Result<Object> find_object(sqlite3* database, const std::string& bucket, const std::string& key,
                           const std::string& version_id);
Result<Deleted> remove_object(sqlite3* database, const std::string& bucket, const std::string& key,
                              const std::string& version_id, Freed& freed);
Result<Listed> list_objects(sqlite3* database, const Listing& listing);

Result<void> insert_upload(sqlite3* database, const Upload& upload);
Result<Upload> upload_row(sqlite3* database, const std::string& bucket, const std::string& key,
                          const std::string& id);
Result<void> put_part_row(sqlite3* database, const std::string& upload_id, const Part& part,
                          Freed& freed);
Result<std::vector<Part>> part_rows(sqlite3* database, const std::string& upload_id);
Result<void> delete_upload(sqlite3* database, const std::string& upload_id, Freed& freed);

// Ends the upload, and makes the object of it.
Result<Object> complete_upload(sqlite3* database, const std::string& upload_id,
                               const Object& object, const Condition& condition, Freed& freed);
// Fails with NoSuchUpload where the upload has made nothing that is still there.
Result<Object> object_of_upload(sqlite3* database, const std::string& bucket,
                                const std::string& key, const std::string& upload_id);

// Every file that is named.
Result<std::vector<std::string>> named_files(sqlite3* database);

}  // namespace aurora_global::services::s3
