// Which objects a bucket has.
#include <algorithm>

#include "base/base64.h"
#include "services/s3/operations.h"

namespace aurora_global::services::s3 {
namespace {

using nlohmann::json;

constexpr std::int64_t kPageMax = 1000;

// A text of a listing as the client can read it: XML cannot carry every key.
class Encoder {
 public:
  explicit Encoder(bool url) : url_(url) {}
  std::string operator()(const std::string& text) const {
    if (!url_) return text;
    std::string out;
    for (std::size_t at = 0; at <= text.size();) {
      const auto end = std::min(text.find('/', at), text.size());
      out += awsapi::percent_encode(text.substr(at, end - at));
      if (end < text.size()) out += '/';
      at = end + 1;
    }
    return out;
  }

 private:
  bool url_;
};

struct Page {
  Listing listing;
  Encoder encoded{false};
  json answer = json::object();
};

// What the three listings have in common.
Result<Page> page_in(const Parts& parts, Members& members) {
  Page page;
  page.listing.bucket = bucket_named(parts, members);
  page.listing.prefix = members.text("Prefix");
  page.listing.delimiter = members.text("Delimiter");
  const bool url = members.text("EncodingType") == "url";
  const auto limit = members.number("MaxKeys", 0, INT32_MAX);
  if (members.has("MaxKeys") && !limit) {
    return refuse("InvalidArgument",
                  "Argument maxKeys must be an integer between 0 and 2147483647");
  }
  page.listing.limit =
      static_cast<std::size_t>(std::min<std::int64_t>(limit.value_or(kPageMax), kPageMax));
  page.encoded = Encoder(url);
  page.answer = {{"Name", page.listing.bucket},
                 {"Prefix", page.encoded(page.listing.prefix)},
                 {"MaxKeys", page.listing.limit}};
  if (!page.listing.delimiter.empty()) {
    page.answer["Delimiter"] = page.encoded(page.listing.delimiter);
  }
  if (url) page.answer["EncodingType"] = "url";
  return page;
}

json shown(const Object& object, const Page& page) {
  return {{"Key", page.encoded(object.key)},
          {"LastModified", seconds_of(object.modified)},
          {"ETag", in_quotes(object.content.etag)},
          {"Size", object.content.size},
          {"StorageClass", "STANDARD"}};
}

void add_prefixes(Page& page, const Listed& listed) {
  page.answer["IsTruncated"] = listed.truncated;
  page.answer["CommonPrefixes"] = json::array();
  for (const std::string& prefix : listed.prefixes) {
    page.answer["CommonPrefixes"].push_back({{"Prefix", page.encoded(prefix)}});
  }
}

void add_contents(Page& page, const Listed& listed, const json& owner) {
  add_prefixes(page, listed);
  page.answer["Contents"] = json::array();
  for (const Object& object : listed.objects) {
    page.answer["Contents"].push_back(shown(object, page));
    if (!owner.is_null()) page.answer["Contents"].back()["Owner"] = owner;
  }
}

Answer list_objects_v2(Parts& parts, Members members, std::string) {
  CO_TRY(Page page, page_in(parts, members));
  const std::string start = members.text("StartAfter");
  const std::string token = members.text("ContinuationToken");
  const bool with_owner = members.flag("FetchOwner");
  CO_TRY_VOID(members.finish());
  const auto after = from_base64(token);
  if (!after) {
    co_return refuse("InvalidArgument", "The continuation token provided is incorrect");
  }
  page.listing.after = token.empty() ? start : *after;
  auto listing = parts.store->list(page.listing);
  CO_TRY(const Listed listed, co_await std::move(listing));
  add_contents(page, listed, with_owner ? json{{"ID", parts.facts.account_id}} : json());
  page.answer["KeyCount"] = listed.objects.size() + listed.prefixes.size();
  if (!token.empty()) page.answer["ContinuationToken"] = token;
  if (!start.empty()) page.answer["StartAfter"] = page.encoded(start);
  if (listed.truncated) page.answer["NextContinuationToken"] = base64(listed.last);
  co_return Outcome(std::move(page.answer));
}

Answer list_objects(Parts& parts, Members members, std::string) {
  CO_TRY(Page page, page_in(parts, members));
  page.listing.after = members.text("Marker");
  CO_TRY_VOID(members.finish());
  auto listing = parts.store->list(page.listing);
  CO_TRY(const Listed listed, co_await std::move(listing));
  add_contents(page, listed, json{{"ID", parts.facts.account_id}});
  page.answer["Marker"] = page.encoded(page.listing.after);
  if (listed.truncated && !page.listing.delimiter.empty()) {
    page.answer["NextMarker"] = page.encoded(listed.last);
  }
  co_return Outcome(std::move(page.answer));
}

Answer list_object_versions(Parts& parts, Members members, std::string) {
  CO_TRY(Page page, page_in(parts, members));
  page.listing.versions = true;
  page.listing.after = members.text("KeyMarker");
  page.listing.after_version = members.text("VersionIdMarker");
  CO_TRY_VOID(members.finish());
  if (page.listing.after.empty() && !page.listing.after_version.empty()) {
    co_return refuse("InvalidArgument",
                     "A version-id marker cannot be specified without a key marker.");
  }
  auto listing = parts.store->list(page.listing);
  CO_TRY(const Listed listed, co_await std::move(listing));
  add_prefixes(page, listed);
  page.answer["KeyMarker"] = page.encoded(page.listing.after);
  page.answer["VersionIdMarker"] = page.listing.after_version;
  page.answer["Versions"] = page.answer["DeleteMarkers"] = json::array();
  for (const Object& object : listed.objects) {
    json one = shown(object, page);
    one["VersionId"] = object.version_id;
    one["IsLatest"] = object.latest;
    one["Owner"] = {{"ID", parts.facts.account_id}};
    page.answer[object.delete_marker ? "DeleteMarkers" : "Versions"].push_back(std::move(one));
  }
  if (listed.truncated) {
    page.answer["NextKeyMarker"] = page.encoded(listed.last);
    page.answer["NextVersionIdMarker"] = listed.last_version;
  }
  co_return Outcome(std::move(page.answer));
}

}  // namespace

const std::vector<NamedOperation> kListOperations = {
    {"ListObjectsV2", list_objects_v2},
    {"ListObjects", list_objects},
    {"ListObjectVersions", list_object_versions},
};

}  // namespace aurora_global::services::s3
