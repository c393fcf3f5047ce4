// Where the code of a function lies when it runs: its folder, what its zip holds, or an empty root
// with nothing but the code in it.
#pragma once

#include "net/mutex.h"
#include "net/worker.h"
#include "services/lambda/code_digest.h"
#include "services/lambda/function_registry.h"

namespace aurora_global::services::lambda {

class FunctionCode {
 public:
  // What is unpacked lies below `directory`; what an earlier process left there is removed.
  FunctionCode(boost::asio::any_io_executor executor, std::filesystem::path directory);

  // The root of this version, made at its first use on a thread of its own. Fails with
  // InvalidZipFileException, for this version without trying again, or `unavailable` when files
  // cannot be copied. What failed leaves nothing behind.
  net::Task<Result<std::filesystem::path>> root_of(FunctionPtr function);
  // Removes what was unpacked of a function that is gone.
  net::Task<void> forget(std::string name);

  // Of this version, computed once on the same thread. Fails as digest_of() does.
  net::Task<Result<CodeDigest>> digest_of_code(FunctionPtr function);

 private:
  std::filesystem::path directory_;
  std::uint64_t next_ = 1;
  std::map<std::string, std::pair<FunctionPtr, std::filesystem::path>> roots_;  // By name.
  // Of the version before, which may still be running; the one before that is removed.
  std::map<std::string, std::filesystem::path> former_;
  std::map<std::string, std::pair<FunctionPtr, CodeDigest>> digests_;  // By name.
  // Of versions whose zip cannot be unpacked: why.
  std::map<std::string, std::pair<FunctionPtr, Error>> failed_;
  net::AsyncMutex making_;
  net::Worker worker_;
};

}  // namespace aurora_global::services::lambda
