// Goal: what is typed wrong is refused with 2 and named, at every command and every option.
// Method: all commands are walked, so that one that is added is looked at as well. Nothing runs:
// read() only reads.
#include "cli/command_line.h"

#include <gtest/gtest.h>

#include <functional>

namespace aurora_global::cli {
namespace {

using Line = std::vector<std::string>;

struct Answer {
  std::optional<int> code;  // nullopt: the command would run.
  std::string out, error;
};

Answer read_line(const Line& words) {
  CommandLine line("aurora-global test");
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  Answer answer;
  answer.code = line.read(words);
  answer.out = testing::internal::GetCapturedStdout();
  answer.error = testing::internal::GetCapturedStderr();
  return answer;
}

void expect_refused(const Line& words, const std::string& named) {
  SCOPED_TRACE(testing::PrintToString(words));
  const Answer answer = read_line(words);
  EXPECT_EQ(answer.code, 2);
  EXPECT_NE(answer.error.find(named), std::string::npos) << answer.error;
  EXPECT_EQ(answer.out, "");
}

using Visit = std::function<void(const Line& command, const CLI::Option& option)>;

void walk(CLI::App& app, const Line& command, const Visit& visit) {
  for (const CLI::Option* option : app.get_options()) visit(command, *option);
  for (CLI::App* one : app.get_subcommands(nullptr)) {
    Line longer = command;
    longer.push_back(one->get_name());
    walk(*one, longer, visit);
  }
}

int walk_all(const Visit& visit) {
  CommandLine line("aurora-global test");
  int visited = 0;
  walk(line.app(), {}, [&](const Line& command, const CLI::Option& option) {
    ++visited;
    visit(command, option);
  });
  return visited;
}

Line with(Line line, const Line& more) {
  line.insert(line.end(), more.begin(), more.end());
  return line;
}

bool is_flag(const CLI::Option& option) { return option.get_items_expected_max() == 0; }

std::string long_name(const CLI::Option& option) {
  return option.get_lnames().empty() ? "" : "--" + option.get_lnames().front();
}

TEST(CommandLine, NoFlagTakesAValue) {
  int flags = 0;
  walk_all([&](const Line& command, const CLI::Option& option) {
    if (!is_flag(option)) return;
    ++flags;
    const std::string name = long_name(option);
    for (const char* value : {"false", "true", "no", "0", "1", "{}", "x", ""}) {
      expect_refused(with(command, {name + "=" + value}), name);
    }
  });
  EXPECT_GT(flags, 40);  // --help is one of each command.
}

TEST(CommandLine, NoOptionIsEmpty) {
  int options = 0, positionals = 0;
  walk_all([&](const Line& command, const CLI::Option& option) {
    if (is_flag(option)) return;
    const std::string name = long_name(option);
    if (name.empty()) {
      ++positionals;
      expect_refused(with(command, {""}), option.get_single_name());
      return;
    }
    ++options;
    // With a word after it that could be taken for its value.
    const std::string next = command.empty() ? "version" : "3";
    expect_refused(with(command, {name, "", next}), name);
    expect_refused(with(command, {name + "=", next}), name);
    EXPECT_EQ(option.get_delimiter(), '\0') << "CLI11 drops empty parts of " << name;
  });
  EXPECT_GT(options, 30);
  EXPECT_GT(positionals, 7);
}

TEST(CommandLine, NumbersAreDecimalAndFinite) {
  int numbers = 0;
  walk_all([&](const Line& command, const CLI::Option& option) {
    const std::string type = option.get_type_name();
    const bool whole = type.starts_with("INT") || type.starts_with("UINT");
    if (!whole && !type.starts_with("FLOAT")) return;
    ++numbers;
    const std::string name = long_name(option);
    for (const char* value : {"nan", "-nan", "NaN", "nan(1)", "inf", "-inf", "infinity", "1e999",
                              "0x1", "1x", " 1", "1 ", "+1", "", "-", "."}) {
      expect_refused(with(command, {name, value}), name);
      expect_refused(with(command, {name + "=" + value}), name);
    }
    if (whole) expect_refused(with(command, {name, "010"}), name);
  });
  EXPECT_EQ(numbers, 13);  // An option whose type CLI11 does not know is none of them.
}

TEST(CommandLine, AListHasNoEmptyName) {
  for (const char* list : {",", "us-east-1,", ",us-east-1", "us-east-1,,us-west-2"}) {
    expect_refused({"up", "--regions", list}, "--regions");
  }
  EXPECT_EQ(read_line({"up", "--regions", "us-east-1,us-west-2"}).code, std::nullopt);
}

TEST(CommandLine, NamesWhatIsUnknownAtEveryLevel) {
  expect_refused({"statsu"}, "did you mean status");
  expect_refused({"link", "sett"}, "did you mean set");
  expect_refused({"link", "dance"}, "'link dance'");
  expect_refused({"link"}, "set, status, serve");
  expect_refused({}, "a command is needed");
  expect_refused({"-V"}, "-V; did you mean --version");
  expect_refused({"--versio"}, "--versio; did you mean --version");
  expect_refused({"status", "--wacth"}, "--wacth; did you mean --watch");
  expect_refused({"link", "set", "--latency", "3"}, "--latency");
  expect_refused({"drill", "--radius=3", "x.toml"}, "--radius");
  expect_refused({"drill", "one.toml", "two.toml"}, "two.toml");
}

// Each command knows that it does not know a word and an option.
TEST(CommandLine, NoCommandSwallowsAnOption) {
  walk_all([&](const Line& command, const CLI::Option& option) {
    if (long_name(option) != "--help") return;
    const bool psql = !command.empty() && command[0] == "psql";
    expect_refused(with(command, {"--no-such-option"}), psql ? "psql's own" : "--no-such-option");
  });
}

TEST(CommandLine, HelpIsOfWhatIsNamed) {
  const Answer set = read_line({"help", "link", "set"});
  EXPECT_EQ(set.code, 0);
  EXPECT_NE(set.out.find("aurora-global link set"), std::string::npos) << set.out;
  EXPECT_NE(set.out.find("--jitter-ms"), std::string::npos) << set.out;
  EXPECT_NE(read_line({"help"}).out.find("Subcommands"), std::string::npos);
  expect_refused({"help", "nosuch"}, "'nosuch'");
  expect_refused({"help", "statsu"}, "did you mean status");
  expect_refused({"help", "drill", "extra"}, "'drill extra'");
  expect_refused({"help", "link", "sett"}, "did you mean set");
  for (const Line& line : {Line{"--help"},
                           {"status", "-h"},
                           {"link", "--help"},
                           {"help", "--help"},
                           {"failover", "--help"},
                           {"--version"},
                           {"psql", "-h"},
                           {"--help-all"}}) {
    const Answer answer = read_line(line);
    EXPECT_EQ(answer.code, 0) << testing::PrintToString(line);
    EXPECT_NE(answer.out, "") << testing::PrintToString(line);
  }
}

TEST(CommandLine, PsqlGetsItsOwnOptionsAfterTheRegion) {
  for (const Line& line : {Line{"psql", "-c", "select 1"},
                           {"psql", "us-east-1", "-h", "HOST"},
                           {"psql", "-h", "HOST"},
                           {"psql", "us-east-1", "-hHOST"}}) {
    expect_refused(line, "come after --");
  }
  for (const Line& line :
       {Line{"psql"},
        {"psql", "--", "-h", "HOST"},
        {"psql", "us-east-1", "-c", ""},
        {"psql", "us-east-1", "--endpoint", "reader", "-c", "select 1", "-h", "x"},
        {"psql", "us-east-1", "--set=", "--no-such-option"}}) {
    EXPECT_EQ(read_line(line).code, std::nullopt) << testing::PrintToString(line);
  }
}

TEST(CommandLine, WhatIsRightIsRead) {
  for (const Line& line : {Line{"failover", "--to", "us-west-2", "--allow-data-loss"},
                           {"--home", "up", "status"},
                           {"status", "--home", "x", "--json"},
                           {"link", "set", "--latency-ms", "0.5"},
                           {"link", "set", "--latency-ms=1e3", "--from", "a"},
                           {"logs"},
                           {"logs", "link"},
                           {"logs", "us-east-1", "link", "-f"},
                           {"drill", "x.toml", "--set", "concurrency=2", "--set", "duration_s=1"},
                           {"drill", "--set", "concurrency=2", "x.toml"},
                           {"switchover", "--to=b"},
                           {"version"}}) {
    EXPECT_EQ(read_line(line).code, std::nullopt) << testing::PrintToString(line);
  }
  expect_refused({"logs", "a", "b", "c"}, "c");
  expect_refused({"failover", "--to", "us-west-2"}, "--allow-data-loss");
  EXPECT_EQ(read_line({"failover", "--to", "us-west-2", "--dry-run"}).code, std::nullopt);
}

}  // namespace
}  // namespace aurora_global::cli
