// Goal: forms and documents survive any content, and have the shapes RDS's clients expect.
#include "awsapi/query.h"

#include <gtest/gtest.h>

#include "awsapi/http_message.h"
#include "awsapi/rds_shapes.h"

namespace aurora_global::awsapi {
namespace {

TEST(Shown, WholeCharactersOfALongText) {
  std::string letters = "x";
  for (int i = 0; i < 300; ++i) letters += "ä";
  const std::string some = shown(letters);
  EXPECT_TRUE(is_valid_utf8(some));
  EXPECT_EQ(some.size(), 199u + 3u);
  EXPECT_EQ(shown("ä"), "ä");
}

TEST(AsUtf8, HasASignForEachByteThatIsNone) {
  EXPECT_EQ(as_utf8("a\xFF\xC3"), "a\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(as_utf8("äö"), "äö");
}

TEST(Form, IsReadBack) {
  const Form form = {{"Action", "X"}, {"Tags.Tag.1.Value", "a b&c=d+%é"}};
  EXPECT_EQ(*parse_form(encode_form(form)), form);
  EXPECT_EQ(parse_form("a=1+2&b")->at("a"), "1 2");
  EXPECT_EQ(parse_form("a=1&b")->at("b"), "");
}

TEST(Form, HasLimits) {
  EXPECT_TRUE(parse_form("a=1&a=2").has_error());
  std::string many;
  for (std::size_t i = 0; i <= kFormFieldsMax; ++i) many += "f" + std::to_string(i) + "=&";
  EXPECT_TRUE(parse_form(many).has_error());
}

TEST(Form, TakesTextOnly) {
  EXPECT_TRUE(parse_form("a=%C3%A9").has_value());
  for (const char* bad : {"a=%FF", "%FF=a", "a=%00", "a=x%C3"}) {
    EXPECT_EQ(parse_form(bad).error().code, "InvalidParameterValue") << bad;
  }
}

TEST(XmlWriter, AnyBytesMakeAWellFormedDocument) {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  const std::string body = error_document("InvalidParameterValue", all, "id");
  EXPECT_TRUE(is_valid_utf8(body));
  const auto parsed = parse_global_clusters(400, body);
  ASSERT_TRUE(parsed.has_error());
  EXPECT_EQ(parsed.error().code, "InvalidParameterValue");
  EXPECT_NE(parsed.error().message.find("abc"), std::string::npos);
  EXPECT_NE(parsed.error().message.find('\r'), std::string::npos);
  // Text, but none that XML 1.0 has.
  const std::string odd = error_document("Code", "a\xEF\xBF\xBF\xEF\xBF\xBE", "id");
  EXPECT_NE(odd.find("a\xEF\xBF\xBD\xEF\xBF\xBD<"), std::string::npos) << odd;
}

TEST(RdsAnswers, ErrorsKeepTheirCode) {
  const std::string body = error_document("GlobalClusterNotFoundFault", "no <such> & thing", "id");
  const auto parsed = parse_global_clusters(404, body);
  ASSERT_TRUE(parsed.has_error());
  EXPECT_EQ(parsed.error().code, "GlobalClusterNotFoundFault");
  EXPECT_EQ(parsed.error().message, "no <such> & thing");
  EXPECT_EQ(parsed.error().kind, ErrorKind::not_found);
}

TEST(RdsAnswers, NonsenseIsCorrupt) {
  for (const std::string_view body : {"", "<a", "{}", "<html></html>"}) {
    EXPECT_TRUE(parse_global_clusters(502, body).has_error());
  }
}

TEST(ErrorCodes, HaveTheirStatus) {
  EXPECT_EQ(http_status_of("DBClusterNotFoundFault"), 404);
  EXPECT_EQ(http_status_of("InvalidGlobalClusterStateFault"), 400);
  EXPECT_EQ(http_status_of("SignatureDoesNotMatch"), 403);
}

}  // namespace
}  // namespace aurora_global::awsapi
