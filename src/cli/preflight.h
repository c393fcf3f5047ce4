// What `up` looks at before it does anything: names, numbers, addresses, directories, the disk.
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include "cli/command.h"

namespace aurora_global::cli {

// Names and numbers of a fresh platform. Fails with `invalid`.
Result<void> check_options(const UpOptions& options);
// One sentence for each region that AWS does not have, with the name that was probably meant.
std::vector<std::string> unknown_regions(const std::vector<std::string>& regions);

// The user that PostgreSQL runs as can enter the directories above `root`. Fails with `denied`.
Result<void> check_traversable(const std::filesystem::path& root);
// The disk has room for so many instances. Fails with `exhausted`.
Result<void> check_space(const std::filesystem::path& root, std::size_t instances);
// Nothing can be written there any more. What is kept for the superuser counts for him alone.
bool is_full(const std::filesystem::path& directory);

// Files and sockets can be called so. Fails with `invalid`.
Result<void> check_path(const Home& home, const std::vector<RegionId>& regions);

// Where a platform of this machine listens, "address:port" each, but for Platform::listen.
std::vector<std::string> addresses_of(const Platform& platform);
// Each of them is free; for a platform of which nothing runs. Fails with `conflict`, and says who
// has it and how to end that. `fresh`: it can still take others.
Result<void> check_addresses(const Platform& platform, bool fresh,
                             boost::asio::any_io_executor executor);

}  // namespace aurora_global::cli
