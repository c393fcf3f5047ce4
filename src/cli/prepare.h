// The files of a platform before anything of it is started: of a fresh one, or the changes that
// `up` makes to one that is there.
#pragma once

#include "cli/command.h"

namespace aurora_global::cli {

// Fails with `conflict` if there is something in the directory that is no platform and that no
// command of ours is just making one of.
Result<void> refuse_foreign(const Home& home);

// Fails without having changed anything, and says what would be right. The caller holds the home's
// lock.
net::Task<Result<Platform>> prepare_files(Home home, UpOptions options,
                                          boost::asio::any_io_executor executor);

}  // namespace aurora_global::cli
