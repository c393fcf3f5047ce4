#include "awsapi/s3_address.h"

#include <gtest/gtest.h>

namespace aurora_global::awsapi {
namespace {

std::string shown(const std::optional<S3Address>& address) {
  if (!address) return "none";
  return address->bucket + " " + address->key + " " + address->version_id;
}

TEST(S3Address, UrlsOfEveryStyleNameBucketAndKey) {
  EXPECT_EQ(shown(parse_s3_url("http://127.0.1.1:4566/assets/a/b.json")), "assets a/b.json ");
  EXPECT_EQ(shown(parse_s3_url("https://s3.us-east-1.amazonaws.com/assets/k")), "assets k ");
  EXPECT_EQ(shown(parse_s3_url("https://s3.amazonaws.com/assets/k")), "assets k ");
  EXPECT_EQ(shown(parse_s3_url("https://my.assets.s3.eu-west-1.amazonaws.com/a%20b")),
            "my.assets a b ");
  EXPECT_EQ(shown(parse_s3_url("https://assets.s3-us-west-2.amazonaws.com/k?x=1&versionId=v%2B")),
            "assets k v+");
  EXPECT_EQ(shown(parse_s3_url("http://assets.localhost:4566/k?versionId=7")), "assets k 7");
  EXPECT_EQ(shown(parse_s3_url("HTTPS://assets.S3.cn-north-1.amazonaws.com.cn/k#part")),
            "assets k ");
}

TEST(S3Address, WhatNamesNoObjectIsNone) {
  for (const char* url : {"", "assets/k", "s3://assets/k", "http://127.0.1.1:4566/assets",
                          "http://127.0.1.1:4566/assets/", "http://", "https://assets.localhost/",
                          "file:///assets/k"}) {
    EXPECT_EQ(shown(parse_s3_url(url)), "none") << url;
  }
}

TEST(S3Address, ARequestMayNameABucketAloneOrNothing) {
  EXPECT_EQ(shown(s3_address_of("127.0.1.1:4566", "/")), "  ");
  EXPECT_EQ(shown(s3_address_of("127.0.1.1:4566", "/assets")), "assets  ");
  EXPECT_EQ(shown(s3_address_of("localhost:4566", "/assets/")), "assets  ");
  EXPECT_EQ(shown(s3_address_of("assets.localhost:4566", "/")), "assets  ");
  EXPECT_EQ(shown(s3_address_of("127.0.1.1:4566", "/assets//a/")), "assets /a/ ");
}

}  // namespace
}  // namespace aurora_global::awsapi
