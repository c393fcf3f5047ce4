#include "core/settings.h"

#include <gtest/gtest.h>

namespace aurora_global::extension {
namespace {

using Statements = std::vector<std::string>;

TEST(Travels, NotWhatBelongsToOneServerOrTransaction) {
  for (const char* name : {"search_path", "TimeZone", "app.tenant", "role", "statement_timeout"}) {
    EXPECT_TRUE(travels(name)) << name;
  }
  for (const char* name : {"transaction_isolation", "in_hot_standby", "aurora_global.epoch",
                           "apg_write_forward.consistency_mode", "Transaction_Read_Only"}) {
    EXPECT_FALSE(travels(name)) << name;
  }
}

TEST(Difference, NothingForEqualSettings) {
  const Settings settings = {{"app.tenant", {"7"}}};
  EXPECT_EQ(difference(settings, settings), Statements{});
}

TEST(Difference, SetsResetsAndQuotes) {
  const Settings from = {{"a.gone", {"1"}}, {"work_mem", {"4MB"}}};
  const Settings to = {{"app.tenant", {"it's \\ 7", /*local=*/true}}, {"work_mem", {"4MB"}}};
  EXPECT_EQ(difference(from, to),
            (Statements{"RESET \"a\".\"gone\"",
                        "SELECT pg_catalog.set_config(E'app.tenant',E'it''s \\\\ 7',true)"}));
}

// Only who the session began as may set everything, so the identity is taken back first and the
// role comes last.
TEST(Difference, IdentityIsTakenBackFirstAndSetLast) {
  const Settings from = {{"session_authorization", {"alice"}}, {"role", {"x"}}};
  const Settings to = {{"role", {"y"}}, {"session_authorization", {"bob"}}, {"work_mem", {"8MB"}}};
  EXPECT_EQ(difference(from, to),
            (Statements{"RESET session_authorization",
                        "SELECT pg_catalog.set_config(E'work_mem',E'8MB',false)",
                        "SELECT pg_catalog.set_config(E'session_authorization',E'bob',false)",
                        "SELECT pg_catalog.set_config(E'role',E'y',false)"}));
}

TEST(StartupOptions, EscapesBlanksAndBackslashes) {
  const Settings settings = {{"search_path", {"a, b\\c", false, /*startup=*/true}},
                             {"work_mem", {"8MB"}}};
  EXPECT_EQ(startup_options(settings), " -c search_path=a,\\ b\\\\c");
  EXPECT_EQ(of_startup(settings).size(), 1u);
}

TEST(Encode, ReadsBackWhatItWrote) {
  const Settings settings = {{"a", {"line\nback\\slash"}}, {"b", {""}}, {"c", {"x=y"}}};
  const Settings back = decode(encode(settings));
  EXPECT_EQ(back, settings);
  EXPECT_EQ(digest(back), digest(settings));
  EXPECT_NE(digest({{"a", {"1"}}}), digest({{"a1", {""}}}));
}

TEST(Decode, LeavesOutWhatIsMalformed) { EXPECT_EQ(decode("no equals sign\na=1\n\n").size(), 1u); }

}  // namespace
}  // namespace aurora_global::extension
