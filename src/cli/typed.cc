#include "cli/typed.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "cli/command.h"
#include "cli/words.h"

namespace aurora_global::cli {
namespace {

using Commands = std::vector<CLI::App*>;

std::string refuse_empty(const std::string& value) {
  return value.empty() ? "needs a value that is not empty" : "";
}

// CLI11 lets nan through every range, and takes 010 for 8.
std::string refuse_odd_fraction(const std::string& value) {
  double number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  const bool whole = error == std::errc() && end == value.data() + value.size();
  return whole && std::isfinite(number) ? "" : "'" + value + "' is no number in decimal";
}

std::string refuse_odd_integer(const std::string& value) {
  const std::string digits = value.substr(value.starts_with('-') ? 1 : 0);
  const bool decimal = !digits.empty() && std::all_of(digits.begin(), digits.end(), [](char c) {
    return c >= '0' && c <= '9';
  }) && (digits.size() == 1 || digits[0] != '0');
  return decimal ? "" : "'" + value + "' is no whole number in decimal";
}

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

bool asks_only(const CLI::Option& option) {
  const auto& names = option.get_lnames();
  return std::any_of(names.begin(), names.end(), [](const std::string& name) {
    return name == "help" || name == "help-all" || name == "version";
  });
}

// "aurora-global link set", without the words after `commands`.
std::string name_of(const Commands& commands) {
  std::string name;
  for (const CLI::App* one : commands) name += (name.empty() ? "" : " ") + one->get_name();
  return name;
}

// "`./dev help link` lists all".
std::string see_help(const Commands& commands) {
  std::string line = program_name() + " " + kHelp;
  for (std::size_t i = 1; i < commands.size(); ++i) line += " " + commands[i]->get_name();
  return "(`" + line + "` lists all)";
}

CLI::App* subcommand(CLI::App& app, const std::string& name) {
  for (CLI::App* one : app.get_subcommands(nullptr)) {
    if (one->get_name() == name) return one;
  }
  return nullptr;
}

std::vector<std::string> subcommand_names(CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* one : app.get_subcommands(nullptr)) names.push_back(one->get_name());
  return names;
}

Error unknown_command(const Commands& commands, const std::string& word) {
  const std::vector<std::string> names = subcommand_names(*commands.back());
  const std::vector<std::string_view> known(names.begin(), names.end());
  std::string line;
  for (std::size_t i = 1; i < commands.size(); ++i) line += commands[i]->get_name() + " ";
  return make_error(ErrorKind::invalid, "there is no command '" + line + word + "'" +
                                            did_you_mean(word, known) + " " + see_help(commands));
}

// `name` without a value: "--from", "-f".
CLI::Option* find_option(const Commands& commands, const std::string& name) {
  for (auto app = commands.rbegin(); app != commands.rend(); ++app) {
    for (CLI::Option* option : (*app)->get_options()) {
      if (option->nonpositional() && option->check_name(name)) return option;
    }
  }
  return nullptr;
}

// A letter may stand for the word that begins with it: -V.
std::string option_that_was_meant(const Commands& commands, const std::string& name) {
  std::vector<std::string> names;
  for (const CLI::App* app : commands) {
    for (const CLI::Option* option : app->get_options()) {
      names.insert(names.end(), option->get_lnames().begin(), option->get_lnames().end());
    }
  }
  if (!name.starts_with("--")) {
    const auto same = std::find_if(names.rbegin(), names.rend(), [&](const std::string& one) {
      return one[0] == std::tolower(static_cast<unsigned char>(name[1]));
    });
    return same == names.rend() ? "" : *same;
  }
  const std::vector<std::string_view> known(names.begin(), names.end());
  return std::string(nearest(name.substr(2), known));
}

Error unknown_option(const Commands& commands, const std::string& name) {
  const std::string meant = option_that_was_meant(commands, name);
  return make_error(ErrorKind::invalid,
                    "`" + name_of(commands) + "` has no option " + name +
                        (meant.empty() ? "" : "; did you mean --" + meant + "?") + " " +
                        see_help(commands));
}

Error own_option_of_psql(const std::string& word) {
  return make_error(ErrorKind::invalid, "psql's own options, as " + word + ", come after --: `" +
                                            program_name() + " psql [REGION] -- " + word + " ...`");
}

bool is_option(const std::string& word) { return word.size() > 1 && word[0] == '-'; }

// One reading of a line.
class Reader {
 public:
  Reader(CLI::App& app, const std::vector<std::string>& words) : words_(words) {
    typed_.commands.push_back(&app);
  }

  Result<Typed> read() {
    while (at_ < words_.size()) {
      const std::string& word = words_[at_];
      if (word == "--" || is_for_psql(word)) break;
      TRY_VOID(is_option(word) ? option(word) : plain(word));
    }
    const auto rest = words_.begin() + static_cast<std::ptrdiff_t>(at_);
    if (!of_psql()) {
      typed_.for_us.insert(typed_.for_us.end(), rest, words_.end());
    } else if (rest != words_.end()) {
      typed_.for_psql.assign(rest + (*rest == "--" ? 1 : 0), words_.end());
    }
    return std::move(typed_);
  }

 private:
  bool of_psql() const {
    return typed_.commands.size() > 1 && typed_.commands[1]->get_name() == kPsql;
  }

  // What follows the region is psql's, from the first word on that is not one of ours.
  bool is_for_psql(const std::string& word) const {
    if (!of_psql() || typed_.words.empty()) return false;
    return !is_option(word) || find_option(typed_.commands, bare(word)) == nullptr;
  }

  // "--from" of "--from=x", "-f" of "-fx".
  static std::string bare(const std::string& word) {
    return word.starts_with("--") ? word.substr(0, word.find('=')) : word.substr(0, 2);
  }

  void take() { typed_.for_us.push_back(words_[at_++]); }

  Result<void> option(const std::string& word) {
    const std::string name = bare(word);
    const CLI::Option* option = find_option(typed_.commands, name);
    if (option == nullptr) {
      return of_psql() ? own_option_of_psql(word) : unknown_option(typed_.commands, name);
    }
    if (of_psql() && name == "-h") {  // Which is psql's, too.
      const bool has_host = at_ + 1 < words_.size() && !is_option(words_[at_ + 1]);
      if (word != name || has_host) return own_option_of_psql(name);
    }
    typed_.asks = typed_.asks || asks_only(*option);
    // CLI11 would take the next word for the value of the one, and a flag's {} for true.
    if (const auto equals = word.find('='); word.starts_with("--") && equals != word.npos) {
      if (!takes_value(*option)) {
        return make_error(ErrorKind::invalid, name + " takes no value; given: " + word);
      }
      if (equals + 1 == word.size()) {
        return make_error(ErrorKind::invalid, name + " " + refuse_empty(""));
      }
    } else if (takes_value(*option) && word == name && at_ + 1 < words_.size()) {
      take();
    }
    take();
    return ok();
  }

  Result<void> plain(const std::string& word) {
    CLI::App& app = *typed_.commands.back();
    if (subcommand_names(app).empty()) {
      typed_.words.push_back(word);
    } else if (CLI::App* found = subcommand(app, word)) {
      typed_.commands.push_back(found);
    } else {
      return unknown_command(typed_.commands, word);
    }
    take();
    return ok();
  }

  const std::vector<std::string>& words_;
  std::size_t at_ = 0;
  Typed typed_;
};

int print_help(CLI::App& app, const std::vector<std::string>& about) {
  Commands commands = {&app};
  for (const std::string& word : about) {
    CLI::App* found = subcommand(*commands.back(), word);
    if (found == nullptr) return report(unknown_command(commands, word));
    commands.push_back(found);
  }
  CLI::App* last = commands.back();
  commands.pop_back();
  std::fputs(last->help(name_of(commands)).c_str(), stdout);
  return kExitOk;
}

}  // namespace

void make_strict(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    if (!takes_value(*option)) {
      option->disable_flag_override();
      continue;
    }
    const std::string type = option->get_type_name();
    option->check(refuse_empty);
    if (type.starts_with("FLOAT")) option->check(refuse_odd_fraction);
    if (type.starts_with("INT") || type.starts_with("UINT")) option->check(refuse_odd_integer);
  }
  for (CLI::App* one : app.get_subcommands(nullptr)) make_strict(*one);
}

Result<Typed> read_words(CLI::App& app, const std::vector<std::string>& words) {
  return Reader(app, words).read();
}

std::optional<int> answer_without_command(CLI::App& app, const Typed& typed) {
  CLI::App& last = *typed.commands.back();
  if (last.get_name() == kHelp && !typed.asks) return print_help(app, typed.words);
  const std::vector<std::string> names = subcommand_names(last);
  if (typed.asks || names.empty()) return std::nullopt;
  if (&last == &app) {
    std::fprintf(stderr, "%s\naurora-global: a command is needed; the usual first one is `%s up`\n",
                 app.help().c_str(), program_name().c_str());
    return kExitUsage;
  }
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return report(make_error(ErrorKind::invalid, "`" + name_of(typed.commands) +
                                                   "` needs one more word: " + list + " " +
                                                   see_help(typed.commands)));
}

}  // namespace aurora_global::cli
