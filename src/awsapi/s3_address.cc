#include "awsapi/s3_address.h"

#include <algorithm>

#include "awsapi/http_message.h"

namespace aurora_global::awsapi {
namespace {

constexpr std::string_view kLocalhost = ".localhost";

// "BUCKET.s3.us-east-1.amazonaws.com" -> "BUCKET"; "" for a host that names no bucket.
std::string bucket_in(std::string_view host) {
  const std::string name = lower(host.substr(0, host.rfind(':')));
  if (name.ends_with(kLocalhost)) return name.substr(0, name.size() - kLocalhost.size());
  if (!name.ends_with(".amazonaws.com") && !name.ends_with(".amazonaws.com.cn")) return "";
  for (const std::string_view service : {".s3.", ".s3-"}) {
    const auto at = name.rfind(service);
    if (at != std::string::npos) return name.substr(0, at);
  }
  return "";
}

}  // namespace

S3Address s3_address_of(std::string_view host, std::string_view path) {
  if (!path.empty() && path.front() == '/') path.remove_prefix(1);
  S3Address address;
  address.bucket = bucket_in(host);
  if (address.bucket.empty()) {
    const auto slash = std::min(path.find('/'), path.size());
    address.bucket = percent_decode(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  address.key = percent_decode(path);
  return address;
}

std::optional<S3Address> parse_s3_url(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::nullopt;
  const std::string kind = lower(url.substr(0, scheme));
  if (kind != "http" && kind != "https") return std::nullopt;
  url = url.substr(scheme + 3);
  url = url.substr(0, url.find('#'));
  const auto question = std::min(url.find('?'), url.size());
  const std::string_view place = url.substr(0, question);
  const auto slash = std::min(place.find('/'), place.size());
  S3Address address = s3_address_of(place.substr(0, slash), place.substr(slash));
  if (address.bucket.empty() || address.key.empty()) return std::nullopt;
  constexpr std::string_view kVersion = "versionId=";
  const std::string_view query = url.substr(question);
  for (std::size_t at = 0; at < query.size();) {
    const auto end = std::min(query.find('&', at + 1), query.size());
    const std::string_view part = query.substr(at + 1, end - at - 1);
    if (part.starts_with(kVersion))
      address.version_id = percent_decode(part.substr(kVersion.size()));
    at = end;
  }
  return address;
}

}  // namespace aurora_global::awsapi
