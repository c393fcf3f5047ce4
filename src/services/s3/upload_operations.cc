// Uploads in several parts.
#include <algorithm>

#include "base/rng.h"
#include "services/s3/operations.h"

namespace aurora_global::services::s3 {
namespace {

using nlohmann::json;

constexpr std::int64_t kPartsMax = 10'000;
constexpr std::int64_t kPartPageMax = 1000;
constexpr std::int64_t kPartBytesMin = std::int64_t{5} << 20;  // Of all but the last.

struct Named {
  std::string bucket, key, id;
};

Named upload_named(const Parts& parts, Members& members) {
  return {bucket_named(parts, members), members.required("Key"), members.required("UploadId")};
}

Answer create_multipart_upload(Parts& parts, Members members, std::string) {
  Upload upload;
  upload.id = random_hex(32);
  upload.bucket = bucket_named(parts, members);
  upload.key = key_named(members);
  upload.about = about_in(members);
  upload.created = SystemClock().wall_now();
  const std::string algorithm = members.text("ChecksumAlgorithm");
  CO_TRY_VOID(members.finish());
  json answer = {{"Bucket", upload.bucket}, {"Key", upload.key}, {"UploadId", upload.id}};
  if (!algorithm.empty()) answer["ChecksumAlgorithm"] = algorithm;
  auto beginning = parts.store->begin_upload(std::move(upload));
  CO_TRY_VOID(co_await std::move(beginning));
  co_return Outcome(std::move(answer));
}

Answer upload_part(Parts& parts, Members members, std::string body) {
  const Named named = upload_named(parts, members);
  const auto number = members.number("PartNumber", 1, kPartsMax);
  auto checking = checked(members, body);
  CO_TRY(json checksums, co_await std::move(checking));
  members.ignore({"ContentLength", "Body"});
  CO_TRY_VOID(members.finish());
  if (!number) {
    co_return refuse("InvalidArgument",
                     "Part number must be an integer between 1 and 10000, inclusive");
  }
  auto looking = parts.store->upload(named.bucket, named.key, named.id);
  CO_TRY_VOID(co_await std::move(looking));
  Part part;
  part.number = static_cast<int>(*number);
  part.checksums = checksums;
  part.modified = SystemClock().wall_now();
  auto writing = parts.store->write(std::move(body));
  CO_TRY(part.content, co_await std::move(writing));
  json answer = {{"ETag", in_quotes(part.content.etag)}};
  answer.update(checksums);
  auto putting = parts.store->put_part(named.id, std::move(part));
  CO_TRY_VOID(co_await std::move(putting));
  co_return Outcome(std::move(answer));
}

// The parts that a client names, in its order.
Result<std::vector<Part>> chosen(const std::vector<Part>& stored, const json& asked) {
  std::vector<Part> all;
  std::int64_t size = 0;
  for (const json& one : asked) {
    const auto number = one.value("PartNumber", std::int64_t{0});
    if (!all.empty() && number <= all.back().number) {
      return refuse("InvalidPartOrder",
                    "The list of parts was not in ascending order. Parts must be ordered by part "
                    "number.");
    }
    const auto found = std::find_if(stored.begin(), stored.end(),
                                    [&](const Part& part) { return part.number == number; });
    const std::string etag = one.value("ETag", "");
    const bool same = found != stored.end() &&
                      (etag == found->content.etag || etag == in_quotes(found->content.etag));
    if (!same) {
      return refuse("InvalidPart",
                    "One or more of the specified parts could not be found. The part may not have "
                    "been uploaded, or the specified entity tag may not match the part's entity "
                    "tag.");
    }
    if (!all.empty() && all.back().content.size < kPartBytesMin) {
      return refuse("EntityTooSmall",
                    "Your proposed upload is smaller than the minimum allowed size");
    }
    all.push_back(*found);
    size += found->content.size;
  }
  if (all.empty()) {
    return refuse("MalformedXML",
                  "The XML you provided was not well-formed or did not validate against our "
                  "published schema");
  }
  if (size > kObjectBytesMax) {
    return refuse("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size");
  }
  return all;
}

net::Task<Result<Object>> object_of_parts(Parts& parts, Named named, json asked,
                                          Condition condition) {
  auto looking = parts.store->upload(named.bucket, named.key, named.id);
  CO_TRY(const Upload upload, co_await std::move(looking));
  auto listing = parts.store->parts(named.id);
  CO_TRY(const auto stored, co_await std::move(listing));
  CO_TRY(const auto all, chosen(stored, asked));
  Object object;
  object.bucket = named.bucket;
  object.key = named.key;
  object.about = upload.about;
  object.modified = SystemClock().wall_now();
  auto joining = parts.store->join(all);
  CO_TRY(object.content, co_await std::move(joining));
  auto completing = parts.store->complete_upload(named.id, std::move(object), std::move(condition));
  co_return co_await std::move(completing);
}

Answer complete_multipart_upload(Parts& parts, Members members, std::string) {
  const Named named = upload_named(parts, members);
  const std::vector<json> asked = members.list("MultipartUpload.Parts");
  Condition condition{members.text("IfMatch"), members.text("IfNoneMatch")};
  CO_TRY_VOID(members.finish());
  auto making = object_of_parts(parts, named, json(asked), std::move(condition));
  auto made = co_await std::move(making);
  if (made.has_error() && made.error().code == "NoSuchUpload") {
    // Whoever lost the answer asks again, and is told the same.
    auto finding = parts.store->object_of_upload(named.bucket, named.key, named.id);
    made = co_await std::move(finding);
  }
  if (made.has_error()) co_return made.error();
  json answer = {{"Location", "/" + named.bucket + "/" + named.key},
                 {"Bucket", named.bucket},
                 {"Key", named.key},
                 {"ETag", in_quotes(made->content.etag)}};
  if (!made->version_id.empty()) answer["VersionId"] = made->version_id;
  co_return Outcome(std::move(answer));
}

Answer abort_multipart_upload(Parts& parts, Members members, std::string) {
  const Named named = upload_named(parts, members);
  CO_TRY_VOID(members.finish());
  auto looking = parts.store->upload(named.bucket, named.key, named.id);
  CO_TRY_VOID(co_await std::move(looking));
  auto ending = parts.store->end_upload(named.id);
  CO_TRY_VOID(co_await std::move(ending));
  co_return Outcome();
}

Answer list_parts(Parts& parts, Members members, std::string) {
  const Named named = upload_named(parts, members);
  const auto limit = std::min<std::int64_t>(
      members.number("MaxParts", 0, INT32_MAX).value_or(kPartPageMax), kPartPageMax);
  const std::string marker = members.text("PartNumberMarker", "0");
  CO_TRY_VOID(members.finish());
  if (marker.empty() || marker.size() > 9 ||
      marker.find_first_not_of("0123456789") != std::string::npos) {
    co_return refuse("InvalidArgument", "Argument part-number-marker must be an integer");
  }
  auto looking = parts.store->upload(named.bucket, named.key, named.id);
  CO_TRY_VOID(co_await std::move(looking));
  auto listing = parts.store->parts(named.id);
  CO_TRY(const auto all, co_await std::move(listing));
  const json who = {{"ID", parts.facts.account_id}};
  json answer = {{"Bucket", named.bucket},     {"Key", named.key},  {"UploadId", named.id},
                 {"PartNumberMarker", marker}, {"MaxParts", limit}, {"IsTruncated", false},
                 {"Parts", json::array()},     {"Initiator", who},  {"Owner", who},
                 {"StorageClass", "STANDARD"}};
  for (const Part& part : all) {
    if (part.number <= std::stoi(marker)) continue;
    if (static_cast<std::int64_t>(answer["Parts"].size()) == limit) {
      answer["IsTruncated"] = true;
      break;
    }
    json one = {{"PartNumber", part.number},
                {"LastModified", seconds_of(part.modified)},
                {"ETag", in_quotes(part.content.etag)},
                {"Size", part.content.size}};
    one.update(part.checksums);
    answer["Parts"].push_back(std::move(one));
    answer["NextPartNumberMarker"] = std::to_string(part.number);
  }
  co_return Outcome(std::move(answer));
}

}  // namespace

const std::vector<NamedOperation> kUploadOperations = {
    {"CreateMultipartUpload", create_multipart_upload},
    {"UploadPart", upload_part},
    {"CompleteMultipartUpload", complete_multipart_upload},
    {"AbortMultipartUpload", abort_multipart_upload},
    {"ListParts", list_parts},
};

}  // namespace aurora_global::services::s3
