// Which bucket and object of S3 a request or a URL is about. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace aurora_global::awsapi {

struct S3Address {
  std::string bucket, key;  // Empty: none is named.
  std::string version_id;
};

// By the Host of a request and its path as sent: virtual-host style for BUCKET.s3.amazonaws.com,
// its regional relatives and BUCKET.localhost, path style for everything else.
S3Address s3_address_of(std::string_view host, std::string_view path);

// "http://127.0.1.1:4566/BUCKET/KEY", "https://BUCKET.s3.us-east-1.amazonaws.com/KEY?versionId=V".
// Nullopt for what is no URL of http or https, or names no object.
std::optional<S3Address> parse_s3_url(std::string_view url);

}  // namespace aurora_global::awsapi
