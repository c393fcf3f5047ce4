// Goal: the addresses under which clients know S3 name an object, every other is refused.
#include "services/cloudformation/template_url.h"

#include <gtest/gtest.h>

namespace aurora_global::services::cloudformation {
namespace {

TEST(TemplateUrl, NamesAnObject) {
  for (const char* url :
       {"http://127.0.1.1:4566/b-1/folder/t.json", "http://localhost:4566/b-1/folder/t.json",
        "https://s3.us-east-1.amazonaws.com/b-1/folder/t.json",
        "https://s3.amazonaws.com/b-1/folder/t.json",
        "https://b-1.s3.us-east-1.amazonaws.com/folder/t.json",
        "https://b-1.s3.amazonaws.com/folder%2Ft.json?versionId=1",
        "https://b-1.s3-us-west-2.amazonaws.com/folder/t.json", "s3://b-1/folder/t.json"}) {
    const auto object = object_named(url);
    ASSERT_TRUE(object.has_value()) << url;
    EXPECT_EQ(object->bucket, "b-1") << url;
    EXPECT_EQ(object->key, "folder/t.json") << url;
  }
  EXPECT_EQ(object_named("https://b.s3.amazonaws.com/t?versionId=v1")->version_id, "v1");
}

TEST(TemplateUrl, RefusesEveryOther) {
  for (const char* url : {"", "t.json", "file:///etc/passwd", "https://example.com/b/t.json",
                          "https://amazonaws.com/b/t", "https://ec2.us-east-1.amazonaws.com/b/t",
                          "https://s3.amazonaws.com.example.com/b/t", "http://127.evil.example/b/t",
                          "http://127.0.0.1:1/b", "http://127.0.0.1:1/b/", "http://127.0.0.1:1",
                          "s3://b", "http://10.0.0.1/b/t"}) {
    const auto object = object_named(url);
    ASSERT_TRUE(object.has_error()) << url;
    EXPECT_EQ(object.error().code, "ValidationError");
  }
}

}  // namespace
}  // namespace aurora_global::services::cloudformation
