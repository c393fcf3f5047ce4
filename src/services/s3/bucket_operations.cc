// Buckets, and what is set for them. Versioning alone has an effect; the rest is kept and told.
#include <algorithm>

#include "services/s3/operations.h"

namespace aurora_global::services::s3 {
namespace {

using nlohmann::json;

constexpr std::string_view kHome = "us-east-1";  // Which no LocationConstraint names.

Result<void> check_name(const std::string& name) {
  const bool plain = std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::islower(c) != 0 || std::isdigit(c) != 0 || c == '.' || c == '-';
  });
  const auto at_end = [](char c) { return c != '.' && c != '-'; };
  const bool numeric = name.find_first_not_of("0123456789.") == std::string::npos;
  if (plain && name.size() >= 3 && name.size() <= 63 && at_end(name.front()) &&
      at_end(name.back()) && name.find("..") == std::string::npos && !numeric) {
    return ok();
  }
  return refuse("InvalidBucketName", "The specified bucket is not valid: " + awsapi::shown(name));
}

Answer create_bucket(Parts& parts, Members members, std::string) {
  Bucket bucket;
  bucket.name = members.required("Bucket");
  bucket.created = SystemClock().wall_now();
  std::string place = members.text("CreateBucketConfiguration.LocationConstraint");
  CO_TRY_VOID(members.finish());
  CO_TRY_VOID(check_name(bucket.name));
  if (place == "EU") place = "eu-west-1";
  const std::string& here = parts.facts.region.name;
  if (place.empty() && here != kHome) {
    co_return refuse("IllegalLocationConstraintException",
                     "The unspecified location constraint is incompatible for the region specific "
                     "endpoint this request was sent to.");
  }
  if (!place.empty() && place != here) {
    co_return refuse("IllegalLocationConstraintException",
                     "The " + place +
                         " location constraint is incompatible for the region specific endpoint "
                         "this request was sent to.");
  }
  if (place == kHome) {
    co_return refuse("InvalidLocationConstraint", "The specified location-constraint is not valid");
  }
  const std::string name = bucket.name;
  auto creating = parts.store->create_bucket(std::move(bucket));
  CO_TRY_VOID(co_await std::move(creating));
  co_return Outcome(json{{"Location", "/" + name}, {"BucketArn", "arn:aws:s3:::" + name}});
}

Answer head_bucket(Parts& parts, Members members, std::string) {
  const std::string name = bucket_named(parts, members);
  CO_TRY_VOID(members.finish());
  auto finding = parts.store->bucket(name);
  CO_TRY_VOID(co_await std::move(finding));
  co_return Outcome(
      json{{"BucketRegion", parts.facts.region.name}, {"BucketArn", "arn:aws:s3:::" + name}});
}

Answer delete_bucket(Parts& parts, Members members, std::string) {
  const std::string name = bucket_named(parts, members);
  CO_TRY_VOID(members.finish());
  auto deleting = parts.store->delete_bucket(name);
  CO_TRY_VOID(co_await std::move(deleting));
  co_return Outcome();
}

Answer list_buckets(Parts& parts, Members members, std::string) {
  const auto limit = members.number("MaxBuckets", 1, 10'000).value_or(10'000);
  const std::string prefix = members.text("Prefix");
  const std::string after = members.text("ContinuationToken");
  const std::string region = members.text("BucketRegion", parts.facts.region.name);
  CO_TRY_VOID(members.finish());
  auto listing = parts.store->buckets();
  CO_TRY(const auto all, co_await std::move(listing));
  json answer = {{"Owner", {{"ID", parts.facts.account_id}}}, {"Buckets", json::array()}};
  for (const Bucket& bucket : all) {
    const bool wanted =
        bucket.name.starts_with(prefix) && bucket.name > after && region == parts.facts.region.name;
    if (!wanted) continue;
    if (static_cast<std::int64_t>(answer["Buckets"].size()) == limit) {
      answer["ContinuationToken"] = answer["Buckets"].back()["Name"];
      break;
    }
    answer["Buckets"].push_back({{"Name", bucket.name},
                                 {"CreationDate", seconds_of(bucket.created)},
                                 {"BucketRegion", parts.facts.region.name},
                                 {"BucketArn", "arn:aws:s3:::" + bucket.name}});
  }
  co_return Outcome(std::move(answer));
}

Answer get_bucket_location(Parts& parts, Members members, std::string) {
  const std::string name = bucket_named(parts, members);
  CO_TRY_VOID(members.finish());
  auto finding = parts.store->bucket(name);
  CO_TRY_VOID(co_await std::move(finding));
  const std::string& here = parts.facts.region.name;
  co_return Outcome(json{{"LocationConstraint", here == kHome ? "" : here}});
}

Answer get_bucket_versioning(Parts& parts, Members members, std::string) {
  const std::string name = bucket_named(parts, members);
  CO_TRY_VOID(members.finish());
  auto finding = parts.store->bucket(name);
  CO_TRY(const Bucket bucket, co_await std::move(finding));
  json answer = json::object();
  if (!bucket.versioning.empty()) answer["Status"] = bucket.versioning;
  co_return Outcome(std::move(answer));
}

Answer put_bucket_versioning(Parts& parts, Members members, std::string) {
  const std::string name = bucket_named(parts, members);
  const std::string status = members.text("VersioningConfiguration.Status");
  const std::string mfa = members.text("VersioningConfiguration.MFADelete");
  CO_TRY_VOID(members.finish());
  if (mfa == "Enabled" || (status != "Enabled" && status != "Suspended")) {
    co_return refuse("IllegalVersioningConfigurationException",
                     "The Versioning configuration specified in the request is invalid.");
  }
  auto setting = parts.store->set_versioning(name, status);
  CO_TRY_VOID(co_await std::move(setting));
  co_return Outcome();
}

// A setting that is kept as it was put.
struct Setting {
  const char* name;    // Of the member that puts it.
  const char* output;  // Of the member that tells it.
  const char* inner;   // What of it is told; "": all of it.
  const char* missing;
  const char* sentence;
};
constexpr Setting kEncryption = {"ServerSideEncryptionConfiguration",
                                 "ServerSideEncryptionConfiguration", "", "", ""};
constexpr Setting kPolicy = {"Policy", "Policy", "", "NoSuchBucketPolicy",
                             "The bucket policy does not exist"};
constexpr Setting kPublicAccess = {
    "PublicAccessBlockConfiguration", "PublicAccessBlockConfiguration", "",
    "NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found"};
constexpr Setting kTagging = {"Tagging", "TagSet", "TagSet", "NoSuchTagSet",
                              "The TagSet does not exist"};
constexpr Setting kLifecycle = {"LifecycleConfiguration", "Rules", "Rules",
                                "NoSuchLifecycleConfiguration",
                                "The lifecycle configuration does not exist"};

// What S3 does to every bucket where nothing else is said.
json standard_encryption() {
  return {{"Rules",
           {{{"ApplyServerSideEncryptionByDefault", {{"SSEAlgorithm", "AES256"}}},
             {"BucketKeyEnabled", false}}}}};
}

template <const Setting& setting>
Answer get_setting(Parts& parts, Members members, std::string) {
  const std::string name = bucket_named(parts, members);
  CO_TRY_VOID(members.finish());
  auto finding = parts.store->bucket(name);
  CO_TRY(const Bucket bucket, co_await std::move(finding));
  json value = bucket.settings.value(setting.name, json());
  if (value.is_null() && std::string_view(setting.missing).empty()) value = standard_encryption();
  if (value.is_null()) co_return refuse(setting.missing, setting.sentence, ErrorKind::not_found);
  if (*setting.inner != '\0') value = value.value(setting.inner, json::array());
  co_return Outcome(json{{setting.output, std::move(value)}});
}

template <const Setting& setting>
Answer put_setting(Parts& parts, Members members, std::string) {
  const std::string name = bucket_named(parts, members);
  json value = members.value(setting.name);
  CO_TRY_VOID(members.finish());
  if (value.is_string() && !parse_json(value.get<std::string>()).is_object()) {
    co_return refuse("MalformedPolicy",
                     "Policies must be valid JSON and the first byte must be '{'");
  }
  auto putting = parts.store->set(name, setting.name, std::move(value));
  CO_TRY_VOID(co_await std::move(putting));
  co_return Outcome();
}

template <const Setting& setting>
Answer delete_setting(Parts& parts, Members members, std::string) {
  const std::string name = bucket_named(parts, members);
  CO_TRY_VOID(members.finish());
  auto deleting = parts.store->set(name, setting.name, nullptr);
  CO_TRY_VOID(co_await std::move(deleting));
  co_return Outcome();
}

}  // namespace

const std::vector<NamedOperation> kBucketOperations = {
    {"CreateBucket", create_bucket},
    {"HeadBucket", head_bucket},
    {"DeleteBucket", delete_bucket},
    {"ListBuckets", list_buckets},
    {"GetBucketLocation", get_bucket_location},
    {"GetBucketVersioning", get_bucket_versioning},
    {"PutBucketVersioning", put_bucket_versioning},
    {"GetBucketEncryption", get_setting<kEncryption>},
    {"PutBucketEncryption", put_setting<kEncryption>},
    {"DeleteBucketEncryption", delete_setting<kEncryption>},
    {"GetBucketPolicy", get_setting<kPolicy>},
    {"PutBucketPolicy", put_setting<kPolicy>},
    {"DeleteBucketPolicy", delete_setting<kPolicy>},
    {"GetPublicAccessBlock", get_setting<kPublicAccess>},
    {"PutPublicAccessBlock", put_setting<kPublicAccess>},
    {"DeletePublicAccessBlock", delete_setting<kPublicAccess>},
    {"GetBucketTagging", get_setting<kTagging>},
    {"PutBucketTagging", put_setting<kTagging>},
    {"DeleteBucketTagging", delete_setting<kTagging>},
    {"GetBucketLifecycleConfiguration", get_setting<kLifecycle>},
    {"PutBucketLifecycleConfiguration", put_setting<kLifecycle>},
    {"DeleteBucketLifecycle", delete_setting<kLifecycle>},
};

}  // namespace aurora_global::services::s3
