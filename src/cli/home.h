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
};

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

  // Fails with `not_found` ("run `aurora-global up` first") or `invalid`.
  Result<Platform> load() const;
  Result<awsapi::Credentials> credentials() const;
  Result<std::string> master_password() const;

 private:
  std::filesystem::path root_;
};

// Region n counts from 1; fails with `not_found`, naming the regions there are.
Result<int> region_number(const Platform& platform, const RegionId& region);

// Addresses (docs/reference/control.md, "Addresses").
std::string host_in(const Platform& platform, int region_number, int last);
std::string api_address(const Platform& platform, int region_number);

}  // namespace aurora_global::cli
