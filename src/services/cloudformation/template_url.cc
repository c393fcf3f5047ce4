#include "services/cloudformation/template_url.h"

#include "awsapi/http_message.h"
#include "cloudformation/errors.h"

namespace aurora_global::services::cloudformation {
namespace {

namespace core = aurora_global::cloudformation;

constexpr std::string_view kUri = "s3://";

bool is_loopback(std::string_view host) {
  const std::string_view name = host.substr(0, host.rfind(':'));
  const bool is_number = name.find_first_not_of("0123456789.") == name.npos;
  return name == "localhost" || name.ends_with(".localhost") ||
         (name.starts_with("127.") && is_number);
}

// "s3.amazonaws.com", "s3.us-east-1.amazonaws.com", "s3-us-east-1.amazonaws.com", with a bucket
// before it or without.
bool is_s3(std::string_view host) {
  if (is_loopback(host)) return true;
  if (!host.ends_with(".amazonaws.com")) return false;
  const std::string name = "." + std::string(host);
  return name.find(".s3.") != name.npos || name.find(".s3-") != name.npos;
}

Error wrong_url(std::string_view url, const char* what) {
  return core::validation_error("TemplateURL must be a supported URL: " + core::shown(url) + " " +
                                what);
}

}  // namespace

Result<awsapi::S3Address> object_named(std::string_view url) {
  std::optional<awsapi::S3Address> object;
  if (url.starts_with(kUri)) {
    const std::string_view path = url.substr(kUri.size());
    object = awsapi::s3_address_of("", path.substr(0, path.find_first_of("?#")));
    if (object->bucket.empty() || object->key.empty()) object.reset();
  } else {
    const auto scheme = url.find("://");
    if (!url.starts_with("https://") && !url.starts_with("http://")) {
      return wrong_url(url, "is no address of S3");
    }
    const std::string_view place = url.substr(scheme + 3);
    if (!is_s3(awsapi::lower(place.substr(0, place.find('/'))))) {
      return wrong_url(url, "is elsewhere: only objects of this platform's S3 are templates");
    }
    object = awsapi::parse_s3_url(url);
  }
  if (!object) return wrong_url(url, "names no object");
  return std::move(*object);
}

}  // namespace aurora_global::services::cloudformation
