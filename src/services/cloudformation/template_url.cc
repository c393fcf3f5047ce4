#include "services/cloudformation/template_url.h"

#include "awsapi/http_message.h"
#include "cloudformation/errors.h"

namespace aurora_global::services::cloudformation {
namespace {

namespace core = aurora_global::cloudformation;

// "s3", "s3.us-east-1", "s3-us-east-1", "s3.dualstack.us-east-1".
bool is_service(std::string_view host) {
  return host == "s3" || host.starts_with("s3.") || host.starts_with("s3-");
}

bool is_loopback(std::string_view host) {
  const std::string_view name = host.substr(0, host.rfind(':'));
  const bool is_number = name.find_first_not_of("0123456789.") == name.npos;
  return name == "localhost" || (name.starts_with("127.") && is_number);
}

// The bucket that the host names, and whether the host is one of S3's.
struct Host {
  bool is_s3 = false;
  std::string bucket;
};
Host read_host(std::string_view host) {
  if (is_loopback(host)) return {.is_s3 = true};
  constexpr std::string_view kAws = ".amazonaws.com";
  if (!host.ends_with(kAws)) return {};
  host.remove_suffix(kAws.size());
  if (is_service(host)) return {.is_s3 = true};
  for (std::size_t dot = host.find('.'); dot != host.npos; dot = host.find('.', dot + 1)) {
    if (is_service(host.substr(dot + 1))) {
      return {.is_s3 = true, .bucket = std::string(host.substr(0, dot))};
    }
  }
  return {};
}

Error wrong(std::string_view url, const char* what) {
  return core::validation_error("TemplateURL must be a supported URL: " + core::shown(url) + " " +
                                what);
}

}  // namespace

Result<ObjectName> object_named(std::string_view url) {
  std::string_view rest = url;
  ObjectName object;
  const auto takes = [&rest](std::string_view scheme) {
    if (!rest.starts_with(scheme)) return false;
    rest.remove_prefix(scheme.size());
    return true;
  };
  const bool is_uri = takes("s3://");
  if (!is_uri) {
    if (!takes("https://") && !takes("http://")) return wrong(url, "is no address of S3");
    const std::size_t slash = rest.find('/');
    const Host host = read_host(rest.substr(0, slash));
    if (!host.is_s3) {
      return wrong(url, "is elsewhere: only objects of this platform's S3 are templates");
    }
    object.bucket = host.bucket;
    rest = slash == rest.npos ? "" : rest.substr(slash + 1);
  }
  rest = rest.substr(0, rest.find_first_of("?#"));
  if (object.bucket.empty()) {
    const std::size_t slash = rest.find('/');
    object.bucket = awsapi::percent_decode(rest.substr(0, slash));
    rest = slash == rest.npos ? "" : rest.substr(slash + 1);
  }
  object.key = awsapi::percent_decode(rest);
  if (object.bucket.empty() || object.key.empty()) return wrong(url, "names no object");
  return object;
}

}  // namespace aurora_global::services::cloudformation
