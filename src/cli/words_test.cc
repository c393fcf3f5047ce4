#include "cli/words.h"

#include <gtest/gtest.h>

namespace aurora_global::cli {
namespace {

TEST(Words, NamesWhatWasProbablyMeant) {
  constexpr std::string_view known[] = {"status", "switchover", "up", "us-east-1", "us-east-2"};
  EXPECT_EQ(nearest("statsu", known), "status");
  EXPECT_EQ(nearest("upp", known), "up");
  EXPECT_EQ(nearest("us-esat-1", known), "us-east-1");
  EXPECT_EQ(nearest("explode", known), "");
  EXPECT_EQ(nearest("", known), "");
}

TEST(Words, SaysBytesAsAPersonReadsThem) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(1023), "1023 B");
  EXPECT_EQ(bytes_text(21769512), "20.8 MiB");
}

TEST(Words, WrapsAtSpacesBelowTheLine) {
  EXPECT_EQ(wrapped("  one two three\nfour\n", 9), "  one two\n      three\nfour\n");
  EXPECT_EQ(wrapped("/a/long/name/of/a/file is kept\n", 12),
            "/a/long/name/of/a/file\n    is kept\n");
  EXPECT_EQ(wrapped("ééé ééé\n", 7), "ééé ééé\n");
  EXPECT_EQ(wrapped("\n\n", 5), "\n\n");
}

TEST(Words, MarksWhatIsCut) {
  EXPECT_EQ(cut_line("refused 12345", 80), "refused 12345");
  EXPECT_EQ(cut_line("refused 12345", 12), "refused …");
  EXPECT_EQ(cut_line("refused 12345", 9), "refused …");
  EXPECT_EQ(cut_line("refused 12345", 8), "refused…");
  EXPECT_EQ(cut_line("ééééé", 3), "éé…");
}

TEST(Words, CountsOneAndMany) {
  EXPECT_EQ(counted(1, "session"), "1 session");
  EXPECT_EQ(counted(0, "session"), "0 sessions");
}

}  // namespace
}  // namespace aurora_global::cli
