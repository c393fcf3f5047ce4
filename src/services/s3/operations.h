// What the operations of S3 have in common.
#pragma once

#include <nlohmann/json.hpp>

#include "awsapi/http_message.h"
#include "region/region.h"
#include "services/json_protocol.h"
#include "services/s3/object_store.h"

namespace aurora_global::services::s3 {

inline constexpr std::int64_t kPutBytesMax = std::int64_t{256} << 20;  // Of one request's body.

// Bytes of content that are in memory to be sent.
class SendingBudget {
 public:
  static constexpr std::int64_t kMax = std::int64_t{512} << 20;
  // Gives them back when it goes; nullptr: there are too many.
  std::shared_ptr<void> take(std::int64_t bytes);

 private:
  std::shared_ptr<std::int64_t> taken_ = std::make_shared<std::int64_t>(0);
};

struct Parts {
  const region::Facts& facts;
  std::unique_ptr<ObjectStore> store;
  SendingBudget sending;
};

// What an operation answers.
struct Outcome {
  nlohmann::json output = nlohmann::json::object();
  std::string content;  // Of an object.
  int status = 0;       // 0: as the model says.
  std::shared_ptr<void> held;

  Outcome() = default;
  Outcome(nlohmann::json members) : output(std::move(members)) {}  // NOLINT: as it is meant.
};
using Answer = net::Task<Result<Outcome>>;
using Operation = Answer (*)(Parts&, Members, std::string body);
struct NamedOperation {
  std::string_view first;
  Operation second;
};

extern const std::vector<NamedOperation> kBucketOperations;
extern const std::vector<NamedOperation> kObjectOperations;
extern const std::vector<NamedOperation> kListOperations;
extern const std::vector<NamedOperation> kUploadOperations;

Error refuse(const char* code, std::string message, ErrorKind kind = ErrorKind::invalid);
double seconds_of(WallTime at);
std::string in_quotes(const std::string& etag);

// The bucket that a request names, once its owner is who the client expects.
std::string bucket_named(const Parts& parts, Members& members);

// The key that a request names, once it is one that an object may have.
std::string key_named(Members& members);

// The checksums that a request gives for its body, as members of an output. Fails with BadDigest
// for others than the body has, with InvalidDigest for what is none.
net::Task<Result<nlohmann::json>> checked(Members& members, std::string& body);

// The same for the document of a request, by its headers.
Result<void> check_document(const awsapi::Headers& headers, const std::string& body);

// What is kept with an object: members of GetObject's output.
nlohmann::json about_in(Members& members);

}  // namespace aurora_global::services::s3
