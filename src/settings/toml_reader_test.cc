#include "settings/toml_reader.h"

#include <gtest/gtest.h>

namespace aurora_global::settings {
namespace {

struct Read {
  std::string name = "before";
  int count = 3;
  double share = 0.5;
  bool on = false;
};

Result<Read> read(std::string_view text) {
  TRY(const toml::table table, parse_toml(text, "a.toml"));
  Read out;
  TableReader reader(table, "a.toml");
  reader.require("name", out.name);
  reader.whole("count", out.count, 1, 10);
  reader.number("share", out.share, 0, 1);
  reader.flag("on", out.on);
  TRY_VOID(reader.finish());
  return out;
}

TEST(TomlReader, TakesWhatIsThereAndLeavesTheRest) {
  const auto out = read("name = 'n'\non = true");
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ(out->name, "n");
  EXPECT_EQ(out->count, 3);
  EXPECT_TRUE(out->on);
}

TEST(TomlReader, NamesFileKeyLineAndWhatWouldBeRight) {
  const std::pair<const char*, const char*> wrong[] = {
      {"count = 3", "a.toml: 'name' needs a text"},
      {"name = ''", "a.toml: 'name' needs a text in line 1"},
      {"name = 'n'\ncount = 11", "'count' needs a whole number from 1 to 10 in line 2"},
      {"name = 'n'\ncount = 1.5", "'count' needs a whole number from 1 to 10 in line 2"},
      {"name = 'n'\nshare = nan", "'share' needs a number from 0 to 1 in line 2"},
      {"name = 'n'\non = 1", "'on' needs true or false in line 2"},
      {"name = 'n'\nnone = 1", "unknown key 'none' in line 2; known are: count, name, on, share"},
      {"name = ", "in line 1"}};
  for (const auto& [text, sentence] : wrong) {
    const auto out = read(text);
    ASSERT_TRUE(out.has_error()) << text;
    EXPECT_EQ(out.error().kind, ErrorKind::invalid);
    EXPECT_NE(out.error().message.find(sentence), std::string::npos) << out.error().message;
  }
}

TEST(TomlReader, AFileThatIsNotThereIsNotFound) {
  EXPECT_EQ(load_toml("/nonexistent/a.toml").error().kind, ErrorKind::not_found);
  EXPECT_EQ(load_toml("/").error().kind, ErrorKind::not_found);
}

TEST(TomlReader, AFileThatIsTooLargeIsRefused) {
  EXPECT_TRUE(parse_toml(std::string(kTomlBytesMax + 1, '\n'), "a.toml").has_error());
}

}  // namespace
}  // namespace aurora_global::settings
