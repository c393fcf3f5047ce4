#include "services/s3/operations.h"

#include <algorithm>

#include "awsapi/checksums.h"
#include "base/base64.h"
#include "net/run_blocking.h"

namespace aurora_global::services::s3 {
namespace {

using nlohmann::json;

constexpr std::size_t kKeyMax = 1024;
constexpr std::size_t kMetadataMax = 2048;  // Of the user's, and as much of the system's.
constexpr std::size_t kHashedInPlaceMax = 1u << 20;
constexpr const char* kKept[] = {"CacheControl",    "ContentDisposition",
                                 "ContentLanguage", "ContentType",
                                 "Expires",         "WebsiteRedirectLocation"};

struct Wanted {
  std::string member, algorithm, value;
};

// What is wrong with the body, by one of its checksums.
Result<void> compare(const Wanted& wanted, const std::string& body) {
  const bool is_md5 = wanted.algorithm == "MD5";
  const auto actual = is_md5 ? awsapi::md5(body) : awsapi::checksum(wanted.algorithm, body);
  const auto given = from_base64(wanted.value);
  if (!given || given->size() != actual->size()) {
    return is_md5 ? refuse("InvalidDigest", "The Content-MD5 you specified was invalid.")
                  : refuse("InvalidRequest", "Value for x-amz-checksum-" +
                                                 awsapi::lower(wanted.algorithm) +
                                                 " header is invalid.");
  }
  if (*given == *actual) return ok();
  return refuse("BadDigest", is_md5
                                 ? "The Content-MD5 you specified did not match what we received."
                                 : "The " + wanted.algorithm +
                                       " you specified did not match the calculated checksum.");
}

Result<void> compare_all(const std::vector<Wanted>& all, const std::string& body) {
  for (const Wanted& one : all) TRY_VOID(compare(one, body));
  return ok();
}

// Without the coding that a body has on its way alone.
std::string content_encoding(const std::string& text) {
  std::string kept;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(',', at), text.size());
    std::string one = text.substr(at, end - at);
    one.erase(0, one.find_first_not_of(' '));
    if (!one.empty() && one != "aws-chunked") kept += (kept.empty() ? "" : ",") + one;
    at = end + 1;
  }
  return kept;
}

}  // namespace

std::shared_ptr<void> SendingBudget::take(std::int64_t bytes) {
  if (*taken_ + bytes > kMax) return nullptr;
  *taken_ += bytes;
  return std::shared_ptr<void>(taken_.get(), [taken = taken_, bytes](void*) { *taken -= bytes; });
}

Error refuse(const char* code, std::string message, ErrorKind kind) {
  return make_error(kind, std::move(message), code);
}

double seconds_of(WallTime at) {
  return std::chrono::duration<double>(at.time_since_epoch()).count();
}

std::string in_quotes(const std::string& etag) { return "\"" + etag + "\""; }

std::string bucket_named(const Parts& parts, Members& members) {
  const std::string owner = members.text("ExpectedBucketOwner", parts.facts.account_id);
  if (owner != parts.facts.account_id) members.problem("Access Denied", "AccessDenied");
  return members.required("Bucket");
}

std::string key_named(Members& members) {
  std::string key = members.required("Key");
  if (key.size() > kKeyMax) members.problem("Your key is too long", "KeyTooLongError");
  return key;
}

net::Task<Result<json>> checked(Members& members, std::string& body) {
  std::vector<Wanted> wanted;
  json given = json::object();
  for (const std::string_view algorithm : awsapi::kChecksums) {
    const std::string member = "Checksum" + std::string(algorithm);
    const std::string value = members.text(member);
    if (value.empty()) continue;
    wanted.push_back({member, std::string(algorithm), value});
    given[member] = value;
  }
  const std::string md5 = members.text("ContentMD5");
  if (!md5.empty()) wanted.push_back({"ContentMD5", "MD5", md5});
  Result<void> outcome = ok();
  if (body.size() <= kHashedInPlaceMax) {
    outcome = compare_all(wanted, body);
  } else if (!wanted.empty()) {
    auto running = net::run_blocking([&] { return compare_all(wanted, body); });
    outcome = co_await std::move(running);
  }
  if (outcome.has_error()) co_return outcome.error();
  co_return given;
}

Result<void> check_document(const awsapi::Headers& headers, const std::string& body) {
  const std::string md5 = awsapi::header(headers, "Content-MD5");
  if (!md5.empty()) TRY_VOID(compare({"ContentMD5", "MD5", md5}, body));
  for (const std::string_view algorithm : awsapi::kChecksums) {
    const std::string value = awsapi::header(headers, "x-amz-checksum-" + awsapi::lower(algorithm));
    if (!value.empty()) TRY_VOID(compare({"", std::string(algorithm), value}, body));
  }
  return ok();
}

// All of it comes back in the headers of an answer.
json about_in(Members& members) {
  json about = json::object();
  std::size_t of_system = 0;
  const auto keep = [&](const std::string& name, std::string value) {
    if (value.empty()) return;
    of_system += name.size() + value.size();
    about[name] = std::move(value);
  };
  for (const char* name : kKept) keep(name, members.text(name));
  keep("ContentEncoding", content_encoding(members.text("ContentEncoding")));
  const auto metadata = members.pairs("Metadata");
  std::size_t of_user = 0;
  for (const auto& [name, value] : metadata) of_user += name.size() + value.size();
  if (std::max(of_user, of_system) > kMetadataMax) {
    members.problem("Your metadata headers exceed the maximum allowed metadata size",
                    "MetadataTooLarge");
  }
  if (!metadata.empty()) about["Metadata"] = metadata;
  return about;
}

}  // namespace aurora_global::services::s3
