// Writes the files of a fresh platform: configurations, certificates, credentials.
#pragma once

#include "cli/home.h"

namespace aurora_global::cli {

struct LinkDefaults {
  double latency_ms = 31;
};

// Everything below `home` that the processes start from. The directory must not hold a platform
// yet. Fails without having changed anything, or with the file it could not write.
Result<void> write_platform(const Home& home, const Platform& platform, const LinkDefaults& link,
                            const std::filesystem::path& postgres_bin);

// One file of a platform that is there, with other facts.
Result<void> write_platform_file(const Home& home, const Platform& platform);
Result<void> write_link_file(const Home& home, const Platform& platform, const LinkDefaults& link);

}  // namespace aurora_global::cli
