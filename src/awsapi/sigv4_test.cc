// Goal: signatures are AWS's, and nothing else passes.
#include "awsapi/sigv4.h"

#include <gtest/gtest.h>

namespace aurora_global::awsapi {
namespace {

// The credentials, time and scope of AWS's published Signature Version 4 test suite.
const Credentials kSuite{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"};
const WallTime kSuiteTime{std::chrono::seconds(1440938160)};  // 20150830T123600Z

std::string signature_of(const HttpMessage& message) {
  const std::string text = header(message.headers, "Authorization");
  return text.substr(text.find("Signature=") + 10);
}

HttpMessage suite_request(std::string method, std::string target) {
  HttpMessage message{std::move(method), std::move(target), {}, ""};
  sign(message, kSuite, "example.amazonaws.com", "us-east-1", "service", kSuiteTime);
  return message;
}

TEST(SigV4, AgreesWithThePublishedSuite) {
  EXPECT_EQ(signature_of(suite_request("GET", "/")),
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");  // get-vanilla
  EXPECT_EQ(signature_of(suite_request("POST", "/")),
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");  // post-vanilla
  EXPECT_EQ(signature_of(suite_request("GET", "/?Param2=value2&Param1=value1")),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");  // order of keys
}

// Cases of the suite with headers of their own or a path to be made canonical.
struct SuiteCase {
  const char* name;
  const char* target;
  Headers headers;
  const char* signed_headers;
  const char* signature;
  const char* method = "GET";
  const char* body = "";
};
const SuiteCase kSuiteCases[] = {
    {"get-header-value-trim",
     "/",
     {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}},
     "host;my-header1;my-header2;x-amz-date",
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
    {"get-header-key-duplicate",
     "/",
     {{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}},
     "host;my-header1;x-amz-date",
     "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
    {"get-utf8",
     "/\u1234",
     {},
     "host;x-amz-date",
     "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
    {"get-vanilla-utf8-query",
     "/?\u1234=bar",
     {},
     "host;x-amz-date",
     "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
    {"get-unreserved",
     "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
     {},
     "host;x-amz-date",
     "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
    {"get-space",
     "/example space/",
     {},
     "host;x-amz-date",
     "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
    {"get-slashes",
     "//example//",
     {},
     "host;x-amz-date",
     "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
    {"get-slash-dot-slash",
     "/./",
     {},
     "host;x-amz-date",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"get-slash-pointless-dot",
     "/./example",
     {},
     "host;x-amz-date",
     "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"},
    {"get-relative-relative",
     "/example1/example2/../..",
     {},
     "host;x-amz-date",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"post-x-www-form-urlencoded",
     "/",
     {{"Content-Type", "application/x-www-form-urlencoded"}},
     "content-type;host;x-amz-date",
     "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
     "POST",
     "Param1=value1"},
};

Result<std::string> secret_of(std::string_view id, const std::string& token) {
  if (id == kSuite.access_key_id && token.empty()) return kSuite.secret_access_key;
  return invalid_token();
}

std::string code_of(const HttpMessage& message, WallTime now = kSuiteTime) {
  const auto verified = verify(message, secret_of, now);
  return verified.has_value() ? "ok" : verified.error().code;
}

TEST(SigV4, VerifiesThePublishedSuite) {
  for (const SuiteCase& suite : kSuiteCases) {
    HttpMessage message{suite.method, suite.target, suite.headers, suite.body};
    message.headers.emplace_back("Host", "example.amazonaws.com");
    message.headers.emplace_back("X-Amz-Date", "20150830T123600Z");
    message.headers.emplace_back(
        "Authorization",
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        "SignedHeaders=" +
            std::string(suite.signed_headers) + ", Signature=" + suite.signature);
    EXPECT_EQ(code_of(message), "ok") << suite.name;
  }
}

HttpMessage post() {
  HttpMessage message{"POST", "/", {}, "Action=DescribeGlobalClusters"};
  sign(message, kSuite, "127.0.1.1:4566", "us-west-2", "rds", kSuiteTime);
  return message;
}

TEST(SigV4, AcceptsItsOwnSignature) {
  const auto scope = verify(post(), secret_of, kSuiteTime);
  ASSERT_TRUE(scope.has_value());
  EXPECT_EQ(scope->region, "us-west-2");
  EXPECT_EQ(scope->service, "rds");
}

TEST(SigV4, RefusesEveryChange) {
  HttpMessage message = post();
  message.body += "&x=1";
  EXPECT_EQ(code_of(message), "SignatureDoesNotMatch");
  message = post();
  message.target = "/?Action=DeleteGlobalCluster";
  EXPECT_EQ(code_of(message), "SignatureDoesNotMatch");
  message = post();
  message.method = "GET";
  EXPECT_EQ(code_of(message), "SignatureDoesNotMatch");
  message = post();
  for (auto& [name, value] : message.headers) {
    if (name == "Host") value = "127.0.2.1:4566";
  }
  EXPECT_EQ(code_of(message), "SignatureDoesNotMatch");
}

// Each name would be looked up among all headers, before anybody has proven who he is.
TEST(SigV4, HeadersAreNamedInOrderAndOnce) {
  const auto with = [](const std::string& names) {
    HttpMessage message = post();
    for (auto& [name, value] : message.headers) {
      const auto at = value.find("SignedHeaders=");
      if (name != "Authorization" || at == std::string::npos) continue;
      const auto end = value.find(',', at);
      value.replace(at, end - at, "SignedHeaders=" + names);
    }
    return code_of(message);
  };
  EXPECT_EQ(with("x-amz-date;host"), "IncompleteSignature");
  EXPECT_EQ(with("host;host;x-amz-date"), "IncompleteSignature");
  std::string many = "host";
  for (int i = 0; i < 10'000; ++i) many += ";h" + std::to_string(100'000 + i);
  EXPECT_EQ(with(many + ";x-amz-date"), "IncompleteSignature");
}

TEST(SigV4, AKeyWithoutASessionHasNoSessionToken) {
  HttpMessage message = post();
  message.headers.emplace_back("X-Amz-Security-Token", "nonsense");
  EXPECT_EQ(code_of(message), "InvalidClientTokenId");
}

TEST(SigV4, RefusesOldAndFutureRequests) {
  EXPECT_EQ(code_of(post(), kSuiteTime + std::chrono::minutes(5)), "ok");
  EXPECT_EQ(code_of(post(), kSuiteTime + std::chrono::minutes(6)), "SignatureDoesNotMatch");
  EXPECT_EQ(code_of(post(), kSuiteTime - std::chrono::minutes(6)), "SignatureDoesNotMatch");
  const auto late = verify(post(), secret_of, kSuiteTime + std::chrono::minutes(20));
  EXPECT_EQ(late.error().message,
            "Signature expired: 20150830T123600Z is now earlier than 20150830T125100Z "
            "(20150830T125600Z - 5 min.)");
  const auto early = verify(post(), secret_of, kSuiteTime - std::chrono::minutes(20));
  EXPECT_EQ(early.error().message,
            "Signature not yet current: 20150830T123600Z is still later than 20150830T122100Z "
            "(20150830T121600Z + 5 min.)");
}

TEST(SigV4, NamesWhatIsMissing) {
  EXPECT_EQ(code_of(HttpMessage{"GET", "/", {}, ""}), "MissingAuthenticationToken");
  EXPECT_EQ(code_of(HttpMessage{"GET", "/", {{"Authorization", "Basic eA=="}}, ""}),
            "IncompleteSignature");
  HttpMessage message{"GET", "/", {}, ""};
  sign(message, Credentials{"AKIDOTHER", "x"}, "h", "r", "s", kSuiteTime);
  EXPECT_EQ(code_of(message), "InvalidClientTokenId");
}

TEST(SigV4, AnyDamageToTheHeaderIsRefusedAndNeverAccepted) {
  const HttpMessage good = post();
  ASSERT_EQ(good.headers.back().first, "Authorization");
  const std::string text = good.headers.back().second;
  for (std::size_t i = 0; i < text.size(); ++i) {
    HttpMessage cut = good;
    cut.headers.back().second = text.substr(0, i);
    EXPECT_NE(code_of(cut), "ok") << i;
    HttpMessage changed = good;
    changed.headers.back().second[i] = text[i] == 'x' ? 'y' : 'x';
    const bool separator = text[i] == ',' || text[i] == ' ';
    if (!separator) EXPECT_NE(code_of(changed), "ok") << i << " " << text[i];
  }
}

TEST(SigV4, ThePayloadHashIsChecked) {
  HttpMessage message{"POST", "/", {{"X-Amz-Content-Sha256", std::string(64, '0')}}, "a"};
  sign(message, kSuite, "h", "us-east-1", "rds", kSuiteTime);
  EXPECT_EQ(code_of(message), "SignatureDoesNotMatch");
}

// From the documentation of S3's "Signature Calculations for the Authorization Header".
TEST(SigV4, AgreesWithThePublishedExamplesOfS3) {
  HttpMessage message{
      "GET",
      "/test.txt",
      {{"Host", "examplebucket.s3.amazonaws.com"},
       {"Range", "bytes=0-9"},
       {"x-amz-content-sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
       {"x-amz-date", "20130524T000000Z"},
       {"Authorization",
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/"
        "aws4_request, SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"}},
      ""};
  const auto secret_of = [](std::string_view, const std::string&) -> Result<std::string> {
    return std::string("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
  };
  const WallTime then{std::chrono::seconds(1369353600)};
  const auto code = [&](std::chrono::minutes later) {
    const auto verified = verify(message, secret_of, then + later);
    return verified.has_value() ? "ok" : verified.error().code;
  };
  EXPECT_EQ(code(std::chrono::minutes(14)), "ok");
  EXPECT_EQ(code(std::chrono::minutes(16)), "RequestTimeTooSkewed");
  message.body = "x";
  EXPECT_EQ(code(std::chrono::minutes(0)), "XAmzContentSHA256Mismatch");
}

TEST(SigV4, APathOfS3CountsAsItWasSent) {
  for (const char* target : {"/bucket//a/../b%20c", "/bucket/a+b/", "/"}) {
    HttpMessage message{"PUT", target, {}, "content"};
    sign(message, kSuite, "127.0.1.1:4566", "us-east-1", "s3", kSuiteTime);
    EXPECT_EQ(code_of(message), "ok") << target;
    message.target += "x";
    EXPECT_EQ(code_of(message), "SignatureDoesNotMatch") << target;
  }
}

TEST(Utf8, IsToldFromOtherBytes) {
  for (const char* good : {"", "a", "\u00e9", "\u1234", "\U0001F600", "\U0010FFFF"}) {
    EXPECT_TRUE(is_valid_utf8(good)) << good;
  }
  for (const char* bad : {"\x80", "\xC0\x80", "\xC3", "\xE0\x80\x80", "\xED\xA0\x80",
                          "\xF4\x90\x80\x80", "\xFF", "\xC3x"}) {
    EXPECT_FALSE(is_valid_utf8(bad)) << bad;
  }
  EXPECT_EQ(valid_utf8_prefix("ab\xFF"), 2u);
}

TEST(Percent, IsReadBack) {
  const std::string all = "a b+c/d%e~é&=?";
  EXPECT_EQ(percent_decode(percent_encode(all)), all);
  EXPECT_EQ(percent_encode("a~b c"), "a~b%20c");
  EXPECT_EQ(percent_decode("100%"), "100%");
}

// Made by botocore 1.29 (SigV4QueryAuth) for GetCallerIdentity.
const char* const kPresigned =
    "/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz"
    "-Credential=AKIDTEST%2F20261130%2Fus-east-1%2Fsts%2Faws4_request&X-Amz-Date=20261130"
    "T005320Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature=70c27eabd1709cc"
    "8623d456a5029913f556dea68d4dfe67508411deb18f29c84";

TEST(SigV4, APresignedUrlCountsAsLongAsItSays) {
  HttpMessage message{"GET", kPresigned, {{"Host", "127.0.1.1:4566"}}, ""};
  const auto secret_of = [](std::string_view, const std::string&) -> Result<std::string> {
    return std::string("secret");
  };
  const WallTime made{std::chrono::seconds(1'796'000'000)};
  const auto at = [&](std::chrono::seconds after) {
    const auto verified = verify(message, secret_of, made + after);
    return verified.has_value() ? verified->service : verified.error().code;
  };
  EXPECT_EQ(at(std::chrono::seconds(0)), "sts");
  EXPECT_EQ(at(std::chrono::minutes(59)), "sts");
  EXPECT_EQ(at(std::chrono::minutes(61)), "SignatureDoesNotMatch");
  EXPECT_EQ(at(std::chrono::minutes(-6)), "SignatureDoesNotMatch");
  message.target += "&Extra=1";
  EXPECT_EQ(at(std::chrono::seconds(0)), "SignatureDoesNotMatch");
  message.target = "/?X-Amz-Algorithm=AWS4-HMAC-SHA256";
  EXPECT_EQ(at(std::chrono::seconds(0)), "IncompleteSignature");
}

}  // namespace
}  // namespace aurora_global::awsapi
