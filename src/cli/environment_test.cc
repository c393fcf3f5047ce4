#include "cli/environment.h"

#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <cstdlib>
#include <memory>
#include <set>

#include "cli/entrance.h"

namespace aurora_global::cli {
namespace {

// Goal: no variable that libpq reads beats ours without a word. Method: libpq is asked which it
// reads, so that a newer one's new variables are found here.
TEST(Environment, EveryVariableOfLibpqIsOursOrAMatterOfTaste) {
  const std::set<std::string> taste = {"PGAPPNAME", "PGCLIENTENCODING", "PGCONNECT_TIMEOUT"};
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(PQconndefaults(),
                                                                             &PQconninfoFree);
  ASSERT_NE(options, nullptr);
  int seen = 0;
  for (const PQconninfoOption* one = options.get(); one->keyword != nullptr; ++one) {
    if (one->envvar == nullptr) continue;
    ++seen;
    EXPECT_NE(is_taken(one->envvar), taste.contains(one->envvar)) << one->envvar;
  }
  EXPECT_GT(seen, 25);
}

TEST(Environment, OtherCredentialsAndEndpointsOfAwsAreTaken) {
  for (const char* name :
       {"AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE",
        "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_RDS", "AWS_ENDPOINT_URL_OF_A_SERVICE_THAT_COMES"}) {
    EXPECT_TRUE(is_taken(name)) << name;
  }
  EXPECT_TRUE(is_taken("AWS_CONFIG_FILE"));
  EXPECT_FALSE(is_taken("AWS_MAX_ATTEMPTS"));
  EXPECT_FALSE(is_taken("PATH"));
}

TEST(Environment, IsTakenHere) {
  setenv("PGPASSWORD", "wrong", 1);
  setenv("AWS_ENDPOINT_URL_EVENTS", "http://elsewhere", 1);
  setenv("PGHOST", "elsewhere", 1);
  take_here({{"PGHOST", "127.0.1.10"}});
  EXPECT_EQ(std::getenv("PGPASSWORD"), nullptr);
  EXPECT_EQ(std::getenv("AWS_ENDPOINT_URL_EVENTS"), nullptr);
  EXPECT_STREQ(std::getenv("PGHOST"), "127.0.1.10");
  unsetenv("PGHOST");
}

TEST(Environment, APasswordFileIsEscaped) {
  EXPECT_EQ(pgpass_line("plain"), "*:*:*:postgres:plain\n");
  EXPECT_EQ(pgpass_line("a:b\\c"), "*:*:*:postgres:a\\:b\\\\c\n");
}

}  // namespace
}  // namespace aurora_global::cli
