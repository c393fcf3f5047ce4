#include "cli/home.h"

#include <sys/stat.h>
#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "region/config.h"

namespace aurora_global::cli {

namespace {

std::string called_as = "aurora-global";

// As a shell reads it back.
std::string quoted(const std::string& text) {
  const auto plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("/._-+=:,@%").find(c) != std::string_view::npos;
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), plain)) return text;
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

}  // namespace

std::string program_name() {
  const char* set = std::getenv("AURORA_GLOBAL_COMMAND");
  return set != nullptr && *set != '\0' ? set : called_as;
}

void set_program_name(const char* argv0) {
  if (argv0 != nullptr && *argv0 != '\0') called_as = argv0;
}

std::string command_for(const Home& home) {
  const bool meant = home.root() == Home::choose("").root();
  return program_name() + (meant ? "" : " --home " + quoted(home.root().string()));
}

Home Home::choose(const std::string& given) {
  if (!given.empty()) return Home(std::filesystem::absolute(given));
  if (const char* set = std::getenv("AURORA_GLOBAL_HOME"); set != nullptr && *set != '\0') {
    return Home(std::filesystem::absolute(set));
  }
  if (geteuid() == 0) return Home("/var/lib/aurora-global");
  const char* user = std::getenv("HOME");
  return Home(std::filesystem::path(user == nullptr ? "." : user) / ".local/share/aurora-global");
}

// Its processes, keys and databases are of one user; whoever else asks would be told that nothing
// runs.
Result<Platform> Home::load() const {
  struct stat facts {};
  if (geteuid() != 0 && stat(platform_file().c_str(), &facts) == 0 && facts.st_uid != geteuid()) {
    return make_error(ErrorKind::denied,
                      "the platform in " + root_.string() + " is another user's (user id " +
                          std::to_string(facts.st_uid) + "); ask as that user or as root");
  }
  return read();
}

Result<Platform> Home::read() const {
  std::error_code missing;
  if (!std::filesystem::exists(platform_file(), missing)) {
    if (missing) {
      return make_error(ErrorKind::denied,
                        "look for a platform in " + root_.string() + ": " + missing.message());
    }
    return make_error(ErrorKind::not_found, "there is no platform in " + root_.string() + "; `" +
                                                command_for(*this) +
                                                " up` makes one (or name another directory with "
                                                "--home)");
  }
  toml::table root;
  try {
    root = toml::parse_file(platform_file().string());
  } catch (const toml::parse_error& error) {
    std::ostringstream text;
    text << platform_file().string() << ": " << error.description() << " in line "
         << error.source().begin.line;
    return make_error(ErrorKind::invalid, text.str());
  }
  Platform platform;
  platform.prefix = root["address_prefix"].value_or(platform.prefix);
  platform.global_cluster = root["global_cluster"].value_or(platform.global_cluster);
  platform.readers = root["readers"].value_or(0);
  platform.empty = root["empty"].value_or(platform.empty);
  platform.listen = root["listen"].value_or(platform.listen);
  if (const toml::array* regions = root["regions"].as_array()) {
    for (const toml::node& node : *regions) {
      platform.regions.push_back(RegionId{node.value_or(std::string())});
    }
  }
  if (root["layout"].value_or(0) != 1 || platform.regions.size() < 2) {
    return make_error(ErrorKind::invalid, platform_file().string() +
                                              " is of another version or was not written by "
                                              "`aurora-global up`");
  }
  return platform;
}

Result<awsapi::Credentials> Home::credentials() const {
  TRY(const auto keys, region::load_credentials(credentials_file()));
  return awsapi::Credentials{keys.begin()->first, keys.begin()->second};
}

Result<std::string> Home::master_password() const {
  std::ifstream in(root_ / "master-password");
  std::string password;
  if (!std::getline(in, password)) {
    return make_error(ErrorKind::not_found, "cannot read " + (root_ / "master-password").string());
  }
  return password;
}

Result<int> region_number(const Platform& platform, const RegionId& region) {
  std::string names;
  for (std::size_t i = 0; i < platform.regions.size(); ++i) {
    if (platform.regions[i] == region) return static_cast<int>(i) + 1;
    names += (names.empty() ? "" : ", ") + platform.regions[i].name;
  }
  return make_error(ErrorKind::not_found,
                    "no region '" + region.name + "' in this platform; it has " + names);
}

std::string host_in(const Platform& platform, int region_number, int last) {
  return platform.prefix + "." + std::to_string(region_number) + "." + std::to_string(last);
}

std::string outside_address(const Platform& platform, int region_number, int last) {
  return platform.listen + ":" + std::to_string(15000 + 100 * region_number + last);
}

std::string api_address(const Platform& platform, int region_number) {
  return host_in(platform, region_number, 1) + ":4566";
}

std::string localhost_address(const Platform& platform, int region_number) {
  // Below the ports that the system gives to clients, whatever the prefix is.
  const int second = std::atoi(platform.prefix.substr(platform.prefix.find('.') + 1).c_str());
  return "127.0.0.1:" + std::to_string(10000 + 80 * second + region_number);
}

}  // namespace aurora_global::cli
