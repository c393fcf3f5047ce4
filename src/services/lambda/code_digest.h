// What GetFunction tells of a function's code: how long it is, and a digest that tells whether it
// is still the same.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"

namespace aurora_global::services::lambda {

struct CodeDigest {
  std::string sha256;  // base64
  std::uint64_t bytes = 0;
};

// Of a zip its own, as AWS has it. Of a folder, which AWS knows not: over the files in it in the
// order of their paths, each as its path, NUL, its length in decimal, NUL, its bytes; `bytes` is
// their sum. Reads all of it, so not for the one thread of a daemon. Fails with `unavailable` for
// what cannot be read, with `exhausted` for a folder of more than kUnzippedEntriesMax files.
Result<CodeDigest> digest_of(const std::filesystem::path& code);

}  // namespace aurora_global::services::lambda
