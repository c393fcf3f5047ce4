// The command line: which commands and options there are, and which one was typed.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace aurora_global::cli {

class CommandLine {
 public:
  // `version` is what `version` prints.
  explicit CommandLine(const std::string& version);
  ~CommandLine();

  // Reads the words after the program's name and does nothing of what they ask for. Gives the exit
  // code where that is the end of it: help was printed, or the reason why the words were refused.
  std::optional<int> read(const std::vector<std::string>& words);
  // Does what read() has read; its exit code.
  int run();

  CLI::App& app() { return app_; }

  struct Arguments;

 private:
  CLI::App app_;
  std::unique_ptr<Arguments> arguments_;
};

}  // namespace aurora_global::cli
