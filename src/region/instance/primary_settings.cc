#include "region/instance/primary_settings.h"

#include <charconv>
#include <fstream>

#include "region/instance/postgres_files.h"

namespace aurora_global::region {
namespace {

// PostgreSQL's own, for what no file says.
constexpr PrimarySettings kDefaults = {100, 8, 10, 0, 64};

// "name = value" or "name = 'value'", as the daemon and ALTER SYSTEM write it.
void read_settings(const std::filesystem::path& file, PrimarySettings& settings) {
  constexpr std::string_view kBlank = " \t";
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const std::string_view text = line;
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = text.substr(0, text.find_last_not_of(kBlank, equals - 1) + 1);
    const std::size_t begin = text.find_first_not_of(" \t'", equals + 1);
    if (begin == std::string_view::npos) continue;
    for (std::size_t i = 0; i < settings.size(); ++i) {
      if (name != kPrimarySettings[i]) continue;
      std::from_chars(text.data() + begin, text.data() + text.size(), settings[i]);
    }
  }
}

}  // namespace

Result<std::vector<std::string>> raised_settings(const std::filesystem::path& data_dir,
                                                 const std::filesystem::path& configuration) {
  TRY(const ControlFile control, read_control_file(data_dir));
  PrimarySettings own = kDefaults;
  read_settings(configuration, own);
  read_settings(data_dir / "postgresql.auto.conf", own);
  std::vector<std::string> arguments;
  for (std::size_t i = 0; i < own.size(); ++i) {
    if (own[i] >= control.primary[i]) continue;
    arguments.insert(arguments.end(), {"-c", std::string(kPrimarySettings[i]) + "=" +
                                                 std::to_string(control.primary[i])});
  }
  return arguments;
}

}  // namespace aurora_global::region
