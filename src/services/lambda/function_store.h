// Writes and removes what the API stores of functions, on a thread of its own: <name>.json, and the
// zip that it names in made-by-api/.
//
// A record is replaced atomically and names its zip; a zip that no record names is removed. So
// whatever a crash interrupts, a function is the old one or the new one.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "net/worker.h"
#include "services/sinks.h"

namespace aurora_global::services::lambda {

// A zip: its bytes, or an object of S3.
struct ZipSource {
  std::string bytes;
  std::shared_ptr<const ObjectFile> object;
};

struct StoredCode {
  std::string file;    // Its name.
  std::string sha256;  // In base64, as Lambda shows it.
  std::size_t size = 0;
};

class FunctionStore {
 public:
  // Removes the zips that no record names.
  explicit FunctionStore(std::filesystem::path directory);

  // Unpacks the zip beside the others for a trial and stores it. Fails with
  // InvalidParameterValueException for what is no zip with an executable `bootstrap` in it.
  net::Task<Result<StoredCode>> put_code(std::string name, ZipSource zip);
  // Removes what put_code() stored and nobody will use.
  net::Task<void> drop_code(StoredCode code);
  // Durable when it returns. Removes the zips that this function's records named before `former`.
  net::Task<Result<void>> put(std::string name, nlohmann::json record);
  net::Task<Result<void>> remove(std::string name);

 private:
  std::filesystem::path directory_;
  std::uint64_t trials_ = 0;
  net::Worker worker_;
};

}  // namespace aurora_global::services::lambda
