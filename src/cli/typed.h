// What was typed, read before CLI11 reads it: where CLI11 would take words for something else, or
// refuse them without naming them.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace aurora_global::cli {

inline constexpr const char* kHelp = "help";
inline constexpr const char* kPsql = "psql";

// What holds for every option of an app and of its subcommands, to be called when all are declared:
// a flag takes no value, what takes a value takes no empty one, and a number is one in decimal.
void make_strict(CLI::App& app);

struct Typed {
  std::vector<CLI::App*> commands;  // The app, then the command and its subcommand.
  std::vector<std::string> words;   // Those that are neither commands nor options nor their values.
  std::vector<std::string> for_us;  // All that CLI11 is to read.
  std::vector<std::string> for_psql;
  bool asks = false;  // For help or for the version.
};

// Fails with `invalid`, naming the word and what was probably meant.
Result<Typed> read_words(CLI::App& app, const std::vector<std::string>& words);

// Answers `help`, and a line that ends before its command. Gives the exit code; nullopt: it has
// one.
std::optional<int> answer_without_command(CLI::App& app, const Typed& typed);

}  // namespace aurora_global::cli
