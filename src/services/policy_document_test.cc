// Goal: a policy that IAM would not take is refused, and one that is open to everybody is known.
#include "services/policy_document.h"

#include <gtest/gtest.h>

namespace aurora_global::services {
namespace {

constexpr const char* kFine =
    R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::1:root"},"Action":"kms:*","Resource":"*"}]})";

TEST(PolicyDocument, HasStatements) {
  EXPECT_TRUE(check_policy(kFine).has_value());
  EXPECT_TRUE(check_policy(R"({"Statement":{"Effect":"Deny","Principal":"*","NotAction":"a:b"}})")
                  .has_value());
  for (const char* bad :
       {"", "[]", "{}", R"({"Version":"2020-01-01","Statement":[]})", R"({"Statement":[1]})",
        R"({"Statement":[{"Effect":"Maybe","Principal":"*","Action":"*"}]})",
        R"({"Statement":[{"Effect":1,"Principal":"*","Action":"*"}]})",
        R"({"Statement":[{"Effect":"Allow","Action":"*"}]})",
        R"({"Statement":[{"Effect":"Allow","Principal":"*"}]})"}) {
    const auto checked = check_policy(bad);
    ASSERT_TRUE(checked.has_error()) << bad;
    EXPECT_EQ(checked.error().code, "MalformedPolicyDocumentException");
  }
}

TEST(PolicyDocument, IsPublicWhereItAllowsEverybody) {
  const auto policy = [](const std::string& effect, const std::string& principal,
                         const std::string& more = "") {
    return R"({"Statement":[{"Effect":")" + effect + R"(","Principal":)" + principal +
           R"(,"Action":"*")" + more + "}]}";
  };
  EXPECT_FALSE(is_public(kFine));
  EXPECT_TRUE(is_public(policy("Allow", R"("*")")));
  EXPECT_TRUE(is_public(policy("Allow", R"({"AWS":["arn:aws:iam::1:root","*"]})")));
  EXPECT_FALSE(is_public(policy("Deny", R"("*")")));
  EXPECT_FALSE(is_public(policy("Allow", R"("*")", R"(,"Condition":{})")));
  EXPECT_FALSE(is_public(policy("Allow", R"({"Service":"logs.amazonaws.com"})")));
}

}  // namespace
}  // namespace aurora_global::services
