// The home directory of a platform: what `up` wrote and every other command reads.
// Layout: docs/reference/control.md.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "awsapi/sigv4.h"
#include "base/ids.h"
#include "base/result.h"

namespace aurora_global::cli {

inline constexpr std::string_view kAccountId = "123456789012";
inline constexpr std::string_view kDatabase = "auroraglobaldb";
inline constexpr std::string_view kMasterUser = "postgres";
inline constexpr std::string_view kSecretName = "aurora-global/credentials";
inline constexpr std::string_view kKeyAlias = "alias/aurora-global";

struct Platform {
  std::vector<RegionId> regions;  // In order: the first is the primary of a fresh platform.
  std::string prefix = "127.0";
  std::string global_cluster = "aurora-global-db";
  int readers = 0;  // Per region, beside the head.
  // `up` starts regions without clusters and functions: who deploys onto it makes them.
  bool empty = false;
  // One more address of this machine at which the endpoints listen, for containers; empty: none.
  std::string listen;
};

// How this program was called, for commands that a message proposes: $AURORA_GLOBAL_COMMAND (set by
// bin/aurora-global and ./dev), else as main() got it.
std::string program_name();
void set_program_name(const char* argv0);

class Home {
 public:
  explicit Home(std::filesystem::path root) : root_(std::move(root)) {}
  // --home, else $AURORA_GLOBAL_HOME, else /var/lib/aurora-global (root) or
  // ~/.local/share/aurora-global.
  static Home choose(const std::string& given);

  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path platform_file() const { return root_ / "platform.toml"; }
  std::filesystem::path region_dir(const RegionId& region) const { return root_ / region.name; }
  std::filesystem::path run_dir(const RegionId& region) const { return region_dir(region) / "run"; }
  std::filesystem::path link_dir() const { return root_ / "link"; }
  std::filesystem::path credentials_file() const { return root_ / "credentials"; }
  // What lies beside the regions' directories: no region has such a name.
  static constexpr std::string_view kNames[] = {
      "bin", "pki", "link", "aws-models", "pgpass", "credentials", "master-password"};

  // Fails with `not_found` (and names the command that makes a platform), `invalid`, or `denied`
  // for another user's.
  Result<Platform> load() const;
  // The same for any user's.
  Result<Platform> read() const;
  Result<awsapi::Credentials> credentials() const;
  Result<std::string> master_password() const;

 private:
  std::filesystem::path root_;
};

// This program as it was called, with --home where this is not the platform that is meant without
// it.
std::string command_for(const Home& home);

// Region n counts from 1; fails with `not_found`, naming the regions there are.
Result<int> region_number(const Platform& platform, const RegionId& region);

// Addresses (docs/reference/control.md, "Addresses").
std::string host_in(const Platform& platform, int region_number, int last);
// Where an endpoint listens at Platform::listen: port 15000 + 100 * region + its last number.
std::string outside_address(const Platform& platform, int region_number, int last);
std::string api_address(const Platform& platform, int region_number);
// The APIs once more, as NAME.localhost: each region has a port of its own there.
std::string localhost_address(const Platform& platform, int region_number);

}  // namespace aurora_global::cli
