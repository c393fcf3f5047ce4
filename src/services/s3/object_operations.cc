// Objects: put, got, copied, deleted.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "awsapi/s3_address.h"
#include "base/base64.h"
#include "net/http.h"
#include "services/s3/operations.h"

namespace aurora_global::services::s3 {
namespace {

using nlohmann::json;

constexpr std::size_t kDeletedAtOnceMax = 1000;
constexpr int kLooksMax = 3;
constexpr std::size_t kInsteadMax = 8192;  // Of all headers that a request asks for.
// Of an object to be deleted: never deleted without them.
constexpr const char* kDeleteConditions[] = {"ETag", "LastModifiedTime", "Size"};

Answer put_object(Parts& parts, Members members, std::string body) {
  Object object;
  object.bucket = bucket_named(parts, members);
  object.key = key_named(members);
  object.about = about_in(members);
  object.modified = SystemClock().wall_now();
  Condition condition{members.text("IfMatch"), members.text("IfNoneMatch")};
  auto checking = checked(members, body);
  CO_TRY(const json checksums, co_await std::move(checking));
  members.ignore({"ContentLength", "Body"});
  CO_TRY_VOID(members.finish());
  object.about.update(checksums);
  // Before it is written: whoever has no bucket has no room either.
  auto looking = parts.store->bucket(object.bucket);
  CO_TRY_VOID(co_await std::move(looking));
  auto writing = parts.store->write(std::move(body));
  CO_TRY(object.content, co_await std::move(writing));
  auto putting = parts.store->put(std::move(object), std::move(condition));
  CO_TRY(const Object stored, co_await std::move(putting));
  json answer = {{"ETag", in_quotes(stored.content.etag)}};
  answer.update(checksums);
  if (!checksums.empty()) answer["ChecksumType"] = "FULL_OBJECT";
  if (!stored.version_id.empty()) answer["VersionId"] = stored.version_id;
  co_return Outcome(std::move(answer));
}

// ---- GetObject, HeadObject

struct Asked {
  std::string bucket, key, version_id, range;
  std::string if_match, if_none_match;
  std::optional<double> if_modified, if_unmodified;
  bool checksums = false;
  json instead = json::object();  // Of members of the output.
};

Result<Asked> asked_in(const Parts& parts, Members& members) {
  Asked asked;
  asked.bucket = bucket_named(parts, members);
  asked.key = key_named(members);
  asked.version_id = members.text("VersionId");
  asked.range = members.text("Range");
  asked.if_match = members.text("IfMatch");
  asked.if_none_match = members.text("IfNoneMatch");
  asked.if_modified = members.real("IfModifiedSince");
  asked.if_unmodified = members.real("IfUnmodifiedSince");
  asked.checksums = members.text("ChecksumMode") == "ENABLED";
  std::size_t instead = 0;
  for (const char* name : {"CacheControl", "ContentDisposition", "ContentEncoding",
                           "ContentLanguage", "ContentType"}) {
    const std::string value = members.text("Response" + std::string(name));
    if (!net::is_field_value(value)) {
      members.problem("Header value cannot be represented: " + awsapi::shown(value),
                      "InvalidArgument");
    }
    instead += value.size();
    if (!value.empty()) asked.instead[name] = value;
  }
  if (instead > kInsteadMax) {
    members.problem(
        "The response headers asked for are over " + std::to_string(kInsteadMax) + " bytes",
        "InvalidArgument");
  }
  TRY_VOID(members.finish());
  return asked;
}

bool is_among(const std::string& etags, const std::string& etag) {
  return etags == "*" || etags == etag || etags.find(in_quotes(etag)) != std::string::npos;
}

Error precondition_failed() {
  return refuse("PreconditionFailed",
                "At least one of the pre-conditions you specified did not hold",
                ErrorKind::conflict);
}

// Whether the client has the object already. Fails with PreconditionFailed. RFC 9110, 13.2.2: an
// entity tag says more than a date.
Result<bool> is_known(const Asked& asked, const Object& object) {
  const double modified = std::floor(seconds_of(object.modified));
  const std::string& etag = object.content.etag;
  const bool refused = !asked.if_match.empty()
                           ? !is_among(asked.if_match, etag)
                           : asked.if_unmodified && modified > *asked.if_unmodified;
  if (refused) return precondition_failed();
  return !asked.if_none_match.empty() ? is_among(asked.if_none_match, etag)
                                      : asked.if_modified && modified <= *asked.if_modified;
}

struct Range {
  std::int64_t from = 0, size = 0;
  bool partial = false;
};

// A number too large to be counted is as good as the largest: no object is that long.
std::optional<std::int64_t> digits(std::string_view text) {
  if (text.empty() || text.find_first_not_of("0123456789") != std::string_view::npos) {
    return std::nullopt;
  }
  std::int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  return read.ec == std::errc() ? value : INT64_MAX;
}

// One range of bytes; what is none, or several, is all of it, as S3 does.
Result<Range> range_of(std::string_view text, std::int64_t size) {
  const Range all{0, size};
  constexpr std::string_view kUnit = "bytes=";
  const auto dash = text.find('-');
  if (!text.starts_with(kUnit) || dash == std::string_view::npos) return all;
  const auto first = digits(text.substr(kUnit.size(), dash - kUnit.size()));
  const auto last = digits(text.substr(dash + 1));
  const bool open = dash + 1 == text.size();
  if ((first && !last && !open) || (!first && (!last || dash != kUnit.size())) ||
      (first && last && *last < *first)) {
    return all;
  }
  const std::int64_t from = first ? *first : std::max<std::int64_t>(0, size - *last);
  const std::int64_t end = first && last ? std::min(*last, size - 1) + 1 : size;
  if (from >= size || (!first && *last == 0)) {
    return refuse("InvalidRange", "The requested range is not satisfiable");
  }
  return Range{from, end - from, true};
}

json validators_of(const Object& object) {
  json answer = {{"LastModified", seconds_of(object.modified)},
                 {"ETag", in_quotes(object.content.etag)}};
  if (!object.version_id.empty()) answer["VersionId"] = object.version_id;
  return answer;
}

Outcome not_modified(const Object& object) {
  Outcome outcome(validators_of(object));
  outcome.status = 304;
  return outcome;
}

json told(const Asked& asked, const Object& object, const Range& range) {
  json answer = {{"ContentType", "binary/octet-stream"}};
  const bool all = !range.partial && asked.checksums;
  for (const auto& [name, value] : object.about.items()) {
    if (all || !name.starts_with("Checksum")) answer[name] = value;
  }
  answer.update(asked.instead);
  answer["AcceptRanges"] = "bytes";
  answer["ContentLength"] = range.size;
  answer.update(validators_of(object));
  if (range.partial) {
    answer["ContentRange"] = "bytes " + std::to_string(range.from) + "-" +
                             std::to_string(range.from + range.size - 1) + "/" +
                             std::to_string(object.content.size);
  }
  return answer;
}

Answer get_object(Parts& parts, Members members, std::string) {
  CO_TRY(const Asked asked, asked_in(parts, members));
  for (int look = 1;; ++look) {
    auto finding = parts.store->find(asked.bucket, asked.key, asked.version_id);
    CO_TRY(const Object object, co_await std::move(finding));
    CO_TRY(const bool known, is_known(asked, object));
    if (known) co_return not_modified(object);
    CO_TRY(const Range range, range_of(asked.range, object.content.size));
    Outcome outcome(told(asked, object, range));
    outcome.held = range.size > kPutBytesMax ? nullptr : parts.sending.take(range.size);
    if (outcome.held == nullptr) {
      co_return refuse("SlowDown",
                       "Please reduce your request rate, or ask for ranges of at most " +
                           std::to_string(kPutBytesMax) + " bytes.",
                       ErrorKind::exhausted);
    }
    auto reading = parts.store->read(object.content, range.from, range.size);
    auto content = co_await std::move(reading);
    const bool gone = content.has_error() && content.error().kind == ErrorKind::not_found;
    if (gone && look < kLooksMax) continue;  // It was replaced meanwhile.
    if (content.has_error()) co_return content.error();
    outcome.content = std::move(*content);
    if (range.partial) outcome.status = 206;
    co_return outcome;
  }
}

Answer head_object(Parts& parts, Members members, std::string) {
  CO_TRY(const Asked asked, asked_in(parts, members));
  auto finding = parts.store->find(asked.bucket, asked.key, asked.version_id);
  CO_TRY(const Object object, co_await std::move(finding));
  CO_TRY(const bool known, is_known(asked, object));
  if (known) co_return not_modified(object);
  CO_TRY(const Range range, range_of(asked.range, object.content.size));
  Outcome outcome(told(asked, object, range));
  if (range.partial) outcome.status = 206;
  co_return outcome;
}

// ---- DeleteObject, DeleteObjects

Answer delete_object(Parts& parts, Members members, std::string) {
  const std::string bucket = bucket_named(parts, members);
  const std::string key = key_named(members);
  const std::string version_id = members.text("VersionId");
  CO_TRY_VOID(members.finish());
  auto removing = parts.store->remove(bucket, key, version_id);
  CO_TRY(const Deleted deleted, co_await std::move(removing));
  json answer = json::object();
  if (!deleted.version_id.empty()) answer["VersionId"] = deleted.version_id;
  if (deleted.delete_marker) answer["DeleteMarker"] = true;
  co_return Outcome(std::move(answer));
}

json told(const std::string& key, const std::string& version_id, const Deleted& deleted) {
  json one = {{"Key", key}};
  if (!version_id.empty()) one["VersionId"] = version_id;
  if (deleted.delete_marker) {
    one["DeleteMarker"] = true;
    one["DeleteMarkerVersionId"] = deleted.version_id;
  }
  return one;
}

Answer delete_objects(Parts& parts, Members members, std::string) {
  const std::string bucket = bucket_named(parts, members);
  const json asked = members.value("Delete");
  CO_TRY_VOID(members.finish());
  const json objects = asked.value("Objects", json::array());
  if (objects.empty() || objects.size() > kDeletedAtOnceMax) {
    co_return refuse("MalformedXML",
                     "The XML you provided was not well-formed or did not validate against our "
                     "published schema");
  }
  auto looking = parts.store->bucket(bucket);
  CO_TRY_VOID(co_await std::move(looking));
  json answer = {{"Deleted", json::array()}, {"Errors", json::array()}};
  for (const json& one : objects) {
    const std::string key = one.value("Key", "");
    const std::string version_id = one.value("VersionId", "");
    if (std::any_of(std::begin(kDeleteConditions), std::end(kDeleteConditions),
                    [&](const char* name) { return one.contains(name); })) {
      answer["Errors"].push_back({{"Key", key},
                                  {"Code", "NotImplemented"},
                                  {"Message",
                                   "Conditions of a delete are not supported here: give "
                                   "the version"}});
      continue;
    }
    auto removing = parts.store->remove(bucket, key, version_id);
    const auto deleted = co_await std::move(removing);
    if (deleted.has_error()) {
      answer["Errors"].push_back(
          {{"Key", key}, {"Code", deleted.error().code}, {"Message", deleted.error().message}});
    } else if (!asked.value("Quiet", false)) {
      answer["Deleted"].push_back(told(key, version_id, *deleted));
    }
  }
  co_return Outcome(std::move(answer));
}

// ---- CopyObject

// "bucket/key?versionId=V", encoded as in a URL, perhaps with a slash before it.
Result<awsapi::S3Address> source_in(const std::string& text) {
  const auto question = std::min(text.find("?versionId="), text.size());
  awsapi::S3Address source =
      awsapi::s3_address_of("", (text.starts_with('/') ? "" : "/") + text.substr(0, question));
  if (question < text.size()) {
    source.version_id = awsapi::percent_decode(text.substr(question + 11));
  }
  if (!source.bucket.empty() && !source.key.empty()) return source;
  return refuse("InvalidArgument",
                "Copy Source must mention the source bucket and key: sourcebucket/sourcekey");
}

Answer copy_object(Parts& parts, Members members, std::string) {
  Object object;
  object.bucket = bucket_named(parts, members);
  object.key = key_named(members);
  object.modified = SystemClock().wall_now();
  object.about = about_in(members);
  const std::string text = members.required("CopySource");
  const bool replace = members.text("MetadataDirective") == "REPLACE";
  Asked asked;
  asked.if_match = members.text("CopySourceIfMatch");
  asked.if_none_match = members.text("CopySourceIfNoneMatch");
  Condition condition{members.text("IfMatch"), members.text("IfNoneMatch")};
  CO_TRY_VOID(members.finish());
  CO_TRY(const awsapi::S3Address from, source_in(text));
  auto finding = parts.store->find(from.bucket, from.key, from.version_id);
  CO_TRY(const Object source, co_await std::move(finding));
  CO_TRY(const bool known, is_known(asked, source));
  if (known) co_return precondition_failed();
  const bool itself = from.bucket == object.bucket && from.key == object.key;
  if (itself && from.version_id.empty() && !replace) {
    co_return refuse(
        "InvalidRequest",
        "This copy request is illegal because it is trying to copy an object to itself "
        "without changing the object's metadata, storage class, website redirect "
        "location or encryption attributes.");
  }
  if (!replace) object.about = source.about;
  auto joining = parts.store->join({Part{1, source.content}});
  CO_TRY(object.content, co_await std::move(joining));
  object.content.etag = source.content.etag;
  auto putting = parts.store->put(std::move(object), std::move(condition));
  CO_TRY(const Object stored, co_await std::move(putting));
  json answer = {
      {"CopyObjectResult",
       {{"ETag", in_quotes(stored.content.etag)}, {"LastModified", seconds_of(stored.modified)}}}};
  if (!stored.version_id.empty()) answer["VersionId"] = stored.version_id;
  if (!source.version_id.empty()) answer["CopySourceVersionId"] = source.version_id;
  co_return Outcome(std::move(answer));
}

}  // namespace

const std::vector<NamedOperation> kObjectOperations = {
    {"PutObject", put_object},       {"GetObject", get_object},         {"HeadObject", head_object},
    {"DeleteObject", delete_object}, {"DeleteObjects", delete_objects}, {"CopyObject", copy_object},
};

}  // namespace aurora_global::services::s3
