// S3: buckets of this region, and what is in them. REST-XML, API 2006-03-01.
#pragma once

#include "awsapi/sigv4.h"
#include "net/http.h"
#include "services/s3/operations.h"

namespace aurora_global::services::s3 {

std::vector<std::string_view> action_names();

class S3 final : public ObjectReader {
 public:
  // `facts` outlives the service.
  static Result<std::unique_ptr<S3>> open(const region::Facts& facts,
                                          const std::filesystem::path& directory);

  // `verified`: how the body is, and what its chunks are signed with.
  net::Task<net::HttpResponse> serve(awsapi::Verified verified, net::HttpRequest request);
  // As ServiceCaller has it; `input` has passed the model. The Body of an object is in base64, and
  // has at most kCalledBytesMax bytes: ObjectReader has the larger ones.
  net::Task<Result<nlohmann::json>> call(std::string operation, nlohmann::json input);
  net::Task<Result<std::shared_ptr<const ObjectFile>>> open_object(std::string bucket,
                                                                   std::string key,
                                                                   std::string version_id) override;

  static constexpr std::int64_t kCalledBytesMax = std::int64_t{64} << 20;

 private:
  explicit S3(Parts parts) : parts_(std::move(parts)) {}
  net::Task<Result<net::HttpResponse>> answer(awsapi::Verified verified, net::HttpRequest request);
  net::Task<Result<Outcome>> run(std::string operation, nlohmann::json input, std::string body);

  Parts parts_;
};

// Of a request that is not served, in S3's words, also before it is known who asks.
net::HttpResponse refusal(const net::HttpRequest& request, const Error& error, std::string id = "");

}  // namespace aurora_global::services::s3
