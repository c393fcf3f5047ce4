// Goal: S3 as its clients know it: what is put is got, listed, versioned and refused in its words,
// and what was answered is there after a restart.
#include "services/s3/s3.h"

#include <gtest/gtest.h>

#include <fstream>
#include <pugixml.hpp>

#include "awsapi/checksums.h"
#include "base/base64.h"
#include "services/testing/call.h"

namespace aurora_global::services {
namespace {

using nlohmann::json;
using testing::element_in;
using testing::FakeRegion;

class S3Test : public ::testing::Test {
 protected:
  void SetUp() override {
    char place[] = "/tmp/aurora-global-s3-XXXXXX";
    home_ = mkdtemp(place);
  }
  void TearDown() override { std::filesystem::remove_all(home_); }

  // Runs `body(server)` with a server over the same files each time.
  template <typename Body>
  void with(const Body& body) {
    net::testing::run([&](net::TaskGroup& tasks) -> net::Task<void> {
      ApiOptions options{home_, "127.0.1.1:4566", {FakeRegion::kKey, FakeRegion::kSecret}};
      auto server = ApiServer::open(tasks.executor(), region_, std::move(options));
      auto running = body(**server);
      co_await std::move(running);
      co_await (*server)->stop();
    });
  }

  net::HttpResponse ask(std::string method, std::string target, std::string body = "",
                        net::Headers headers = {}, std::string host = "127.0.1.1:4566") {
    awsapi::HttpMessage message{
        std::move(method), std::move(target), {{"Host", host}}, std::move(body)};
    awsapi::sign(message, {FakeRegion::kKey, FakeRegion::kSecret}, host, "us-east-1", "s3",
                 SystemClock().wall_now());
    net::HttpRequest request;
    request.method = message.method;
    request.target = message.target;
    request.headers = message.headers;
    request.headers.insert(request.headers.end(), headers.begin(), headers.end());
    request.body = message.body;
    net::HttpResponse response;
    with([&](ApiServer& server) -> net::Task<void> {
      auto handling = server.handler()(request);
      response = co_await std::move(handling);
    });
    return response;
  }
  std::string code(std::string method, std::string target, std::string body = "",
                   net::Headers headers = {}) {
    const auto answer =
        ask(std::move(method), std::move(target), std::move(body), std::move(headers));
    return answer.status < 300 ? std::to_string(answer.status)
                               : std::to_string(answer.status) + " " + element_in(answer, "Code");
  }
  static std::string header(const net::HttpResponse& response, const std::string& name) {
    return net::header_value(response.headers, name);
  }
  std::string get(const std::string& target, net::Headers headers = {}) {
    return ask("GET", target, "", std::move(headers)).body;
  }
  // The texts of all elements of a name, one after the other.
  static std::string all_of(const net::HttpResponse& response, const std::string& path) {
    pugi::xml_document document;
    EXPECT_TRUE(document.load_string(response.body.c_str())) << response.body;
    std::string all;
    for (const auto& one : document.document_element().select_nodes(path.c_str())) {
      all += std::string(one.node().text().get()) + " ";
    }
    return all;
  }
  std::size_t files() const {
    std::size_t count = 0;
    for (const auto& one : std::filesystem::directory_iterator(home_ / "s3" / "objects")) {
      count += one.is_regular_file() ? 1 : 0;
    }
    return count;
  }

  std::filesystem::path home_;
  FakeRegion region_;
};

TEST_F(S3Test, ABucketLivesAndKeepsItsSettings) {
  EXPECT_EQ(code("PUT", "/assets"), "200");
  EXPECT_EQ(code("PUT", "/assets"), "409 BucketAlreadyOwnedByYou");
  EXPECT_EQ(header(ask("HEAD", "/assets"), "x-amz-bucket-region"), "us-east-1");
  EXPECT_EQ(ask("HEAD", "/none").status, 404);
  EXPECT_EQ(ask("HEAD", "/none").body, "");
  EXPECT_EQ(all_of(ask("GET", "/"), "Buckets/Bucket/Name"), "assets ");
  EXPECT_NE(get("/assets?location=").find("LocationConstraint"), std::string::npos);
  EXPECT_EQ(element_in(ask("GET", "/assets?encryption="), "SSEAlgorithm"), "AES256");
  EXPECT_EQ(code("PUT", "/assets?encryption",
                 "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>"
                 "<SSEAlgorithm>aws:kms</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule>"
                 "</ServerSideEncryptionConfiguration>"),
            "200");
  EXPECT_EQ(element_in(ask("GET", "/assets?encryption"), "SSEAlgorithm"), "aws:kms");
  EXPECT_EQ(code("GET", "/assets?policy"), "404 NoSuchBucketPolicy");
  const std::string policy = R"({"Version":"2012-10-17","Statement":[]})";
  EXPECT_EQ(code("PUT", "/assets?policy", policy), "200");
  EXPECT_EQ(get("/assets?policy"), policy);
  EXPECT_EQ(code("PUT", "/assets?policy", "no"), "400 MalformedPolicy");
  EXPECT_EQ(code("DELETE", "/assets?policy"), "204");
  EXPECT_EQ(code("GET", "/assets?policy"), "404 NoSuchBucketPolicy");
  EXPECT_EQ(code("PUT", "/assets?publicAccessBlock",
                 "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls>"
                 "</PublicAccessBlockConfiguration>"),
            "200");
  EXPECT_EQ(element_in(ask("GET", "/assets?publicAccessBlock"), "BlockPublicAcls"), "true");
  EXPECT_EQ(code("PUT", "/assets?tagging",
                 "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>"),
            "200");
  EXPECT_EQ(all_of(ask("GET", "/assets?tagging"), "TagSet/Tag/Value"), "v ");
  EXPECT_EQ(code("PUT", "/assets?lifecycle",
                 "<LifecycleConfiguration><Rule><Status>Enabled</Status><ID>a</ID></Rule><Rule>"
                 "<Status>Disabled</Status><ID>b</ID></Rule></LifecycleConfiguration>"),
            "200");
  EXPECT_EQ(all_of(ask("GET", "/assets?lifecycle"), "Rule/ID"), "a b ");
  EXPECT_EQ(code("PUT", "/assets/k", "x"), "200");
  EXPECT_EQ(code("DELETE", "/assets"), "409 BucketNotEmpty");
  EXPECT_EQ(code("DELETE", "/assets/k"), "204");
  EXPECT_EQ(code("DELETE", "/assets"), "204");
  EXPECT_EQ(code("DELETE", "/assets"), "404 NoSuchBucket");
}

TEST_F(S3Test, WhatIsPutIsGot) {
  ask("PUT", "/bbb");
  const auto put = ask("PUT", "/bbb/dir/a%20b%2Bc", "content",
                       {{"Content-Type", "text/plain"}, {"x-amz-meta-Who", "me"}});
  EXPECT_EQ(put.status, 200) << put.body;
  EXPECT_EQ(header(put, "ETag"), "\"9a0364b9e99bb480dd25e1f0284c8555\"");
  const auto got = ask("GET", "/bbb/dir/a%20b%2Bc");
  EXPECT_EQ(got.body, "content");
  EXPECT_EQ(header(got, "Content-Type"), "text/plain");
  EXPECT_EQ(header(got, "x-amz-meta-who"), "me");
  EXPECT_EQ(header(got, "ETag"), header(put, "ETag"));
  EXPECT_EQ(header(got, "x-amz-version-id"), "");
  const auto head = ask("HEAD", "/bbb/dir/a%20b%2Bc");
  EXPECT_EQ(header(head, "Content-Length") + head.body, "7");
  EXPECT_EQ(ask("GET", "/dir/a%20b%2Bc", "", {}, "bbb.localhost:4566").body, "content");
  EXPECT_EQ(ask("GET", "/dir/a%20b%2Bc", "", {}, "bbb.s3.us-east-1.amazonaws.com").body, "content");
  EXPECT_EQ(code("GET", "/bbb/none"), "404 NoSuchKey");
  EXPECT_EQ(code("GET", "/none/k"), "404 NoSuchBucket");
  EXPECT_EQ(code("PUT", "/none/k", "x"), "404 NoSuchBucket");
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  ask("PUT", "/bbb/bytes", bytes);
  EXPECT_EQ(get("/bbb/bytes"), bytes);
  ask("PUT", "/bbb/bytes", "");
  EXPECT_EQ(get("/bbb/bytes"), "");
  EXPECT_EQ(files(), 2u);  // The former content has gone.
}

TEST_F(S3Test, RangesAndConditions) {
  ask("PUT", "/bbb");
  const std::string etag = header(ask("PUT", "/bbb/k", "0123456789"), "ETag");
  const auto part = [&](const std::string& range) {
    const auto answer = ask("GET", "/bbb/k", "", {{"Range", range}});
    return std::to_string(answer.status) + " " +
           (answer.status == 416 ? element_in(answer, "Code") : answer.body);
  };
  EXPECT_EQ(part("bytes=2-4"), "206 234");
  EXPECT_EQ(part("bytes=7-"), "206 789");
  EXPECT_EQ(part("bytes=-3"), "206 789");
  EXPECT_EQ(part("bytes=5-99"), "206 56789");
  EXPECT_EQ(part("bytes=10-"), "416 InvalidRange");
  for (const char* end : {"9223372036854775806", "9223372036854775807", "18446744073709551615",
                          "99999999999999999999999"}) {
    EXPECT_EQ(part("bytes=0-" + std::string(end)), "206 0123456789") << end;
    EXPECT_EQ(part("bytes=-" + std::string(end)), "206 0123456789") << end;
    EXPECT_EQ(part("bytes=" + std::string(end) + "-"), "416 InvalidRange") << end;
  }
  for (const char* none : {"bytes=4-2", "bytes=1-2,4-5", "lines=1-2", "bytes=-", "bytes=x-1"}) {
    EXPECT_EQ(part(none), "200 0123456789") << none;
  }
  EXPECT_EQ(header(ask("GET", "/bbb/k", "", {{"Range", "bytes=2-4"}}), "Content-Range"),
            "bytes 2-4/10");
  for (const char* no : {"a%0D%0Ab:%20c", "%7F", "%01"}) {
    EXPECT_EQ(code("GET", std::string("/bbb/k?response-content-type=") + no),
              "400 InvalidArgument");
  }
  const std::string long_one(5000, 'x');
  EXPECT_EQ(ask("GET", "/bbb/k?response-content-type=" + long_one).status, 200);
  EXPECT_EQ(code("GET", "/bbb/k?response-content-type=" + long_one +
                            "&response-cache-control=" + long_one),
            "400 InvalidArgument");
  EXPECT_EQ(code("PUT", "/bbb/long", "y",
                 {{"Cache-Control", long_one.substr(0, 1500)}, {"Content-Language", "de"}}),
            "200");
  EXPECT_EQ(code("PUT", "/bbb/longer", "y",
                 {{"Cache-Control", long_one.substr(0, 1500)},
                  {"Content-Disposition", long_one.substr(0, 1500)}}),
            "400 MetadataTooLarge");
  EXPECT_EQ(code("DELETE", "/bbb/long"), "204");
  for (const char* method : {"GET", "HEAD"}) {
    const auto known = ask(method, "/bbb/k", "", {{"If-None-Match", etag}});
    EXPECT_EQ(known.status, 304);
    EXPECT_EQ(header(known, "ETag"), etag);
    EXPECT_NE(header(known, "Last-Modified"), "");
    EXPECT_EQ(known.body, "");
  }
  EXPECT_EQ(ask("GET", "/bbb/k", "", {{"If-None-Match", "\"x\""}}).status, 200);
  EXPECT_EQ(code("GET", "/bbb/k", "", {{"If-Match", "\"x\""}}), "412 PreconditionFailed");
  EXPECT_EQ(
      ask("GET", "/bbb/k", "", {{"If-Modified-Since", "Wed, 21 Oct 2099 07:28:00 GMT"}}).status,
      304);
  EXPECT_EQ(code("GET", "/bbb/k", "", {{"If-Unmodified-Since", "Wed, 21 Oct 2015 07:28:00 GMT"}}),
            "412 PreconditionFailed");
  EXPECT_EQ(code("PUT", "/bbb/k", "y", {{"If-None-Match", "*"}}), "412 PreconditionFailed");
  EXPECT_EQ(code("PUT", "/bbb/k", "y", {{"If-Match", etag}}), "200");
  EXPECT_EQ(code("PUT", "/bbb/k", "z", {{"If-Match", etag}}), "412 PreconditionFailed");
  EXPECT_EQ(files(), 1u);
}

TEST_F(S3Test, ChecksumsAreChecked) {
  ask("PUT", "/bbb");
  const auto with_crc = [](const std::string& of) {
    return net::Headers{{"x-amz-checksum-crc32", base64(*awsapi::checksum("CRC32", of))}};
  };
  const auto put = ask("PUT", "/bbb/k", "content", with_crc("content"));
  EXPECT_EQ(put.status, 200) << put.body;
  EXPECT_EQ(header(put, "x-amz-checksum-crc32"), base64(*awsapi::checksum("CRC32", "content")));
  EXPECT_EQ(code("PUT", "/bbb/k", "other", with_crc("content")), "400 BadDigest");
  EXPECT_EQ(code("PUT", "/bbb/k", "x", {{"x-amz-checksum-crc32", "x"}}), "400 InvalidRequest");
  EXPECT_EQ(code("PUT", "/bbb/k", "x", {{"Content-MD5", base64(awsapi::md5("y"))}}),
            "400 BadDigest");
  EXPECT_EQ(code("PUT", "/bbb/k", "x", {{"Content-MD5", "eA=="}}), "400 InvalidDigest");
  EXPECT_EQ(get("/bbb/k"), "content");
  EXPECT_EQ(header(ask("GET", "/bbb/k"), "x-amz-checksum-crc32"), "");
  EXPECT_NE(header(ask("GET", "/bbb/k", "", {{"x-amz-checksum-mode", "ENABLED"}}),
                   "x-amz-checksum-crc32"),
            "");
}

TEST_F(S3Test, ObjectsAreListedInPages) {
  ask("PUT", "/bbb");
  for (const char* key : {"a/1", "a/2", "b", "c/1/x", "c/2", "d%26%0B"}) {
    ask("PUT", "/bbb/" + std::string(key), "x");
  }
  const auto listed = [&](const std::string& query) {
    const auto answer = ask("GET", "/bbb?list-type=2" + query);
    return all_of(answer, "Contents/Key") + "| " + all_of(answer, "CommonPrefixes/Prefix") + "| " +
           element_in(answer, "KeyCount") + " " + element_in(answer, "IsTruncated");
  };
  EXPECT_EQ(listed("&prefix=a/"), "a/1 a/2 | | 2 false");
  EXPECT_EQ(listed("&delimiter=/&max-keys=3"), "b | a/ c/ | 3 true");
  EXPECT_EQ(listed("&delimiter=/&prefix=c/"), "c/2 | c/1/ | 2 false");
  EXPECT_EQ(listed("&start-after=c/1/x&encoding-type=url"), "c/2 d%26%0B | | 2 false");
  EXPECT_EQ(listed("&max-keys=0"), "| | 0 false");
  const auto first = ask("GET", "/bbb?list-type=2&max-keys=2&delimiter=/");
  const std::string token = element_in(first, "NextContinuationToken");
  EXPECT_EQ(
      listed("&encoding-type=url&delimiter=/&continuation-token=" + awsapi::percent_encode(token)),
      "d%26%0B | c/ | 2 false");
  EXPECT_EQ(code("GET", "/bbb?list-type=2&continuation-token=%3F"), "400 InvalidArgument");
  EXPECT_EQ(code("GET", "/bbb?list-type=2&max-keys=-1"), "400 InvalidArgument");
  const auto old = ask("GET", "/bbb?delimiter=/&max-keys=2&marker=a/");
  EXPECT_EQ(all_of(old, "Contents/Key") + all_of(old, "CommonPrefixes/Prefix"), "b c/ ");
  EXPECT_EQ(element_in(old, "NextMarker"), "c/");
}

TEST_F(S3Test, VersionsStayUntilTheyAreDeleted) {
  ask("PUT", "/bbb");
  ask("PUT", "/bbb/k", "none");
  EXPECT_EQ(code("PUT", "/bbb?versioning",
                 "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"),
            "200");
  EXPECT_EQ(element_in(ask("GET", "/bbb?versioning"), "Status"), "Enabled");
  const std::string one = header(ask("PUT", "/bbb/k", "one"), "x-amz-version-id");
  ask("PUT", "/bbb/k", "two");
  EXPECT_EQ(get("/bbb/k"), "two");
  EXPECT_EQ(get("/bbb/k?versionId=" + one), "one");
  EXPECT_EQ(get("/bbb/k?versionId=null"), "none");
  EXPECT_EQ(code("GET", "/bbb/k?versionId=nope"), "404 NoSuchVersion");
  EXPECT_EQ(ask("DELETE", "/bbb/k?versionId=nope").status, 204);
  for (const char* verb : {"GET", "HEAD", "DELETE"}) {
    for (const std::string no : {"%0A", "a%20b", "%C3%BC", "%7F"}) {
      EXPECT_EQ(ask(verb, "/bbb/k?versionId=" + no).status, 400) << verb << " " << no;
    }
  }
  const auto marker = ask("DELETE", "/bbb/k");
  EXPECT_EQ(header(marker, "x-amz-delete-marker"), "true");
  EXPECT_EQ(code("GET", "/bbb/k"), "404 NoSuchKey");
  const auto versions = ask("GET", "/bbb?versions");
  EXPECT_EQ(all_of(versions, "Version/IsLatest"), "false false false ");
  EXPECT_EQ(all_of(versions, "DeleteMarker/IsLatest"), "true ");
  const auto page = ask("GET", "/bbb?versions&max-keys=2");
  const auto rest = ask("GET", "/bbb?versions&key-marker=k&version-id-marker=" +
                                   element_in(page, "NextVersionIdMarker"));
  EXPECT_EQ(all_of(rest, "Version/VersionId"), one + " null ");
  EXPECT_EQ(code("GET", "/bbb/k?versionId=" + header(marker, "x-amz-version-id")),
            "405 MethodNotAllowed");
  ask("DELETE", "/bbb/k?versionId=" + header(marker, "x-amz-version-id"));
  EXPECT_EQ(get("/bbb/k"), "two");
  const auto deleted = ask("POST", "/bbb?delete",
                           "<Delete><Object><Key>k</Key><VersionId>null</VersionId></Object>"
                           "<Object><Key>other</Key></Object></Delete>");
  EXPECT_EQ(all_of(deleted, "Deleted/Key"), "k other ") << deleted.body;
  EXPECT_EQ(code("GET", "/bbb/k?versionId=null"), "404 NoSuchVersion");
  EXPECT_EQ(files(), 2u);
}

TEST_F(S3Test, ABucketIsEmptiedPageByPage) {
  ask("PUT", "/bbb");
  ask("PUT", "/bbb?versioning",
      "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>");
  for (const char* key : {"a", "a", "a", "a", "a", "b"}) ask("PUT", "/bbb/" + std::string(key));
  std::string next = "";
  std::size_t deleted = 0;
  for (int page = 0; page < 10; ++page) {
    const auto listed = ask("GET", "/bbb?versions&max-keys=2" + next);
    pugi::xml_document document;
    ASSERT_TRUE(document.load_string(listed.body.c_str()));
    for (const auto& one : document.document_element().children("Version")) {
      EXPECT_EQ(code("DELETE", "/bbb/" + std::string(one.child("Key").text().get()) +
                                   "?versionId=" + one.child("VersionId").text().get()),
                "204");
      ++deleted;
    }
    if (element_in(listed, "IsTruncated") != "true") break;
    next = "&key-marker=" + element_in(listed, "NextKeyMarker") +
           "&version-id-marker=" + element_in(listed, "NextVersionIdMarker");
  }
  EXPECT_EQ(deleted, 6u);
  EXPECT_EQ(code("DELETE", "/bbb"), "204");
}

TEST_F(S3Test, NothingIsDeletedAgainstItsCondition) {
  ask("PUT", "/bbb");
  ask("PUT", "/bbb/k", "x");
  const auto deleted = ask("POST", "/bbb?delete",
                           "<Delete><Object><Key>k</Key><ETag>\"other\"</ETag></Object></Delete>");
  EXPECT_EQ(all_of(deleted, "Error/Code"), "NotImplemented ") << deleted.body;
  EXPECT_EQ(get("/bbb/k"), "x");
}

// An upload may end while a part is on its way.
TEST_F(S3Test, APartOfAnUploadThatEndedLeavesNothing) {
  with([&](ApiServer&) -> net::Task<void> {
    auto store = s3::ObjectStore::open(home_ / "parts");
    s3::Bucket bucket;
    bucket.name = "bbb";
    EXPECT_TRUE((co_await (*store)->create_bucket(bucket)).has_value());
    const s3::Upload upload{"u", "bbb", "k"};
    EXPECT_TRUE((co_await (*store)->begin_upload(upload)).has_value());
    EXPECT_TRUE((co_await (*store)->end_upload("u")).has_value());
    s3::Part part;
    part.number = 1;
    part.content = *(co_await (*store)->write("x"));
    const auto put = co_await (*store)->put_part("u", part);
    EXPECT_TRUE(put.has_error() && put.error().code == "NoSuchUpload");
    EXPECT_TRUE(std::filesystem::is_empty(home_ / "parts" / "objects"));
  });
}

TEST_F(S3Test, AnUploadInPartsIsOneObject) {
  ask("PUT", "/bbb");
  const auto begun = ask("POST", "/bbb/k?uploads", "", {{"Content-Type", "application/zip"}});
  const std::string id = element_in(begun, "UploadId");
  const std::string big(5u << 20, 'x');
  const auto part = [&](int number, const std::string& content) {
    return header(
        ask("PUT", "/bbb/k?partNumber=" + std::to_string(number) + "&uploadId=" + id, content),
        "ETag");
  };
  part(1, "replaced");
  const std::string first = part(1, big), second = part(2, "end");
  const auto listed = ask("GET", "/bbb/k?uploadId=" + id);
  EXPECT_EQ(all_of(listed, "Part/Size"), "5242880 3 ");
  EXPECT_EQ(element_in(ask("GET", "/bbb/k?max-parts=5000&uploadId=" + id), "MaxParts"), "1000");
  const auto complete = [&](const std::string& parts) {
    return "<CompleteMultipartUpload>" + parts + "</CompleteMultipartUpload>";
  };
  const auto named = [](int number, const std::string& etag) {
    return "<Part><PartNumber>" + std::to_string(number) + "</PartNumber><ETag>" + etag +
           "</ETag></Part>";
  };
  const std::string target = "/bbb/k?uploadId=" + id;
  EXPECT_EQ(code("POST", target, complete(named(1, second))), "400 InvalidPart");
  EXPECT_EQ(code("POST", target, complete(named(2, second) + named(1, first))),
            "400 InvalidPartOrder");
  EXPECT_EQ(code("POST", target, complete("")), "400 MalformedXML");
  const auto done = ask("POST", target, complete(named(1, first) + named(2, second)));
  EXPECT_EQ(done.status, 200) << done.body;
  EXPECT_TRUE(element_in(done, "ETag").find("-2") != std::string::npos) << done.body;
  EXPECT_EQ(get("/bbb/k"), big + "end");
  EXPECT_EQ(header(ask("HEAD", "/bbb/k"), "Content-Type"), "application/zip");
  EXPECT_EQ(files(), 1u);
  // Whoever lost the answer asks again.
  const auto again = ask("POST", target, complete(named(1, first) + named(2, second)));
  EXPECT_EQ(again.status, 200) << again.body;
  EXPECT_EQ(element_in(again, "ETag"), element_in(done, "ETag"));
  EXPECT_EQ(files(), 1u);
  ask("PUT", "/bbb/k", "another");
  EXPECT_EQ(code("POST", target, complete(named(1, first))), "404 NoSuchUpload");
  EXPECT_EQ(get("/bbb/k"), "another");
  EXPECT_EQ(code("POST", "/bbb/" + std::string(1025, 'k') + "?uploads"), "400 KeyTooLongError");
  const std::string other = element_in(ask("POST", "/bbb/k2?uploads"), "UploadId");
  ask("PUT", "/bbb/k2?partNumber=1&uploadId=" + other, "x");
  EXPECT_EQ(code("DELETE", "/bbb/k2?uploadId=" + other), "204");
  EXPECT_EQ(files(), 1u);
}

TEST_F(S3Test, AnObjectIsCopied) {
  ask("PUT", "/bbb");
  ask("PUT", "/ccc");
  ask("PUT", "/bbb/a%20b", "content", {{"Content-Type", "text/plain"}});
  EXPECT_EQ(code("PUT", "/ccc/copy", "", {{"x-amz-copy-source", "bbb/a%20b"}}), "200");
  const auto copy = ask("GET", "/ccc/copy");
  EXPECT_EQ(copy.body + " " + header(copy, "Content-Type"), "content text/plain");
  EXPECT_EQ(code("PUT", "/ccc/copy", "", {{"x-amz-copy-source", "/bbb/none"}}), "404 NoSuchKey");
  EXPECT_EQ(code("PUT", "/ccc/copy", "", {{"x-amz-copy-source", "bbb"}}), "400 InvalidArgument");
  EXPECT_EQ(code("PUT", "/ccc/copy", "", {{"x-amz-copy-source", "/ccc/copy"}}),
            "400 InvalidRequest");
  EXPECT_EQ(code("PUT", "/ccc/copy", "",
                 {{"x-amz-copy-source", "/ccc/copy"}, {"x-amz-metadata-directive", "REPLACE"}}),
            "200");
  EXPECT_EQ(header(ask("GET", "/ccc/copy"), "Content-Type"), "binary/octet-stream");
}

TEST_F(S3Test, WhatIsNotServedIsRefused) {
  ask("PUT", "/bbb");
  ask("PUT", "/bbb/k", "x");
  for (const char* target :
       {"/bbb?acl", "/bbb/k?acl", "/bbb?cors", "/bbb/k?tagging", "/bbb?replication"}) {
    EXPECT_EQ(code("GET", target), "501 NotImplemented") << target;
    EXPECT_EQ(code("PUT", target, "x"), "501 NotImplemented") << target;
  }
  EXPECT_EQ(get("/bbb/k"), "x");
  EXPECT_EQ(code("PATCH", "/bbb"), "405 MethodNotAllowed");
  EXPECT_EQ(code("PUT", "/bbb/k?partNumber=1&uploadId=x", "", {{"x-amz-copy-source", "bbb/k"}}),
            "501 NotImplemented");
  EXPECT_EQ(code("PUT", "/No"), "400 InvalidBucketName");
  EXPECT_EQ(code("PUT", "/192.168.0.1"), "400 InvalidBucketName");
  EXPECT_EQ(code("PUT", "/bbb/" + std::string(1025, 'k'), "x"), "400 KeyTooLongError");
  EXPECT_EQ(code("GET", "/bbb/%FF"), "400 InvalidURI");
  EXPECT_EQ(code("POST", "/bbb?delete", "<Delete><Object>"), "400 MalformedXML");
  EXPECT_EQ(code("PUT", "/bbb?versioning", ""), "400 MissingRequestBodyError");
  EXPECT_EQ(code("PUT", "/other",
                 "<CreateBucketConfiguration><LocationConstraint>eu-west-1"
                 "</LocationConstraint></CreateBucketConfiguration>"),
            "400 IllegalLocationConstraintException");
  EXPECT_EQ(code("GET", "/bbb", "", {{"x-amz-expected-bucket-owner", "999999999999"}}),
            "403 AccessDenied");
  EXPECT_EQ(
      code("PUT", "/bbb/k", "y", {{"x-amz-server-side-encryption-customer-algorithm", "AES256"}}),
      "400 InvalidArgument");
}

TEST_F(S3Test, WhoAsksWronglyIsToldInItsWords) {
  auto request = testing::signed_request("GET", "/bbb", "", "s3");
  request.target = "/ccc";
  const auto changed = send(region_, request);
  EXPECT_EQ(changed.status, 403);
  EXPECT_EQ(element_in(changed, "Code"), "SignatureDoesNotMatch");
  EXPECT_TRUE(changed.body.find("<Error><Code>") != std::string::npos) << changed.body;
  request = testing::signed_request("GET", "/bbb", "", "s3");
  for (auto& [name, value] : request.headers) {
    const auto at = value.find(FakeRegion::kKey);
    if (at != std::string::npos) value.replace(at, 4, "AKIX");
  }
  EXPECT_EQ(element_in(send(region_, request), "Code"), "InvalidAccessKeyId");
}

TEST_F(S3Test, ACrashLeavesNoFiles) {
  ask("PUT", "/bbb");
  ask("PUT", "/bbb/k", "content");
  std::ofstream(home_ / "s3" / "objects" / "left") << "half";
  EXPECT_EQ(get("/bbb/k"), "content");
  EXPECT_EQ(files(), 1u);
}

TEST_F(S3Test, ServicesReadObjects) {
  with([](ApiServer& server) -> net::Task<void> {
    const auto call = [&](std::string operation, json input) {
      return server.call("s3", std::move(operation), std::move(input));
    };
    auto creating = call("CreateBucket", {{"Bucket", "assets"}});
    EXPECT_TRUE((co_await std::move(creating)).has_value());
    auto putting = call("PutObject", {{"Bucket", "assets"}, {"Key", "k"}, {"Body", base64("zip")}});
    EXPECT_TRUE((co_await std::move(putting)).has_value());
    auto getting = call("GetObject", {{"Bucket", "assets"}, {"Key", "k"}});
    EXPECT_EQ((co_await std::move(getting))->at("Body"), base64("zip"));
    auto opening = server.objects().open_object("assets", "k", "");
    const auto opened = co_await std::move(opening);
    auto deleting = call("DeleteObject", {{"Bucket", "assets"}, {"Key", "k"}});
    EXPECT_TRUE((co_await std::move(deleting)).has_value());
    std::ifstream file((*opened)->path());
    std::string content;
    file >> content;
    EXPECT_EQ(content, "zip");
    EXPECT_EQ((*opened)->size(), 3u);
    auto again = server.objects().open_object("assets", "k", "");
    EXPECT_EQ((co_await std::move(again)).error().code, "NoSuchKey");
  });
}

}  // namespace
}  // namespace aurora_global::services
