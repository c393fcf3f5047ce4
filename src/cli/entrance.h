// An endpoint of a region, and all that a client has to know of it.
#pragma once

#include <string>

#include "cli/environment.h"
#include "cli/home.h"

namespace aurora_global::cli {

struct Entrance {
  Platform platform;
  RegionId region;
  int number = 0;  // Of the region.
  int host = 0;    // Last number of its address.
  bool outside = false;
  std::string password;  // Empty: there is no database yet.
};

enum class Needs { region, database };

// `region` empty: the first one. `endpoint`: global-writer, cluster, reader, or instance-N of an
// instance that there is. The password file is fresh after it.
// Fails with `not_found` or `invalid`, naming what there is; on an empty platform where nothing is
// deployed yet only if a database is needed.
Result<Entrance> entrance(const Home& home, const std::string& region, const std::string& endpoint,
                          Needs needs);

// "127.0.1.10:5432"; of another endpoint of the region with `host`.
std::string server(const Entrance& at, int host);
std::string host_of(const Entrance& at);
std::string port_of(const Entrance& at);
std::string url_with_password(const Home& home, const Entrance& at, int host);
// The password file is in it instead.
std::string url_without_password(const Home& home, const std::string& server);
std::string jdbc_url(const Home& home, const Entrance& at);

// For a shell: secrets stay in files that these variables name. Without a database those of AWS.
Variables shell_variables(const Home& home, const Entrance& at);

// A line of libpq's password file that holds for the master user everywhere.
std::string pgpass_line(const std::string& password);

}  // namespace aurora_global::cli
