#include "cli/preflight.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "awsapi/http_message.h"
#include "cli/words.h"
#include "net/http.h"
#include "net/process.h"
#include "region/instance/postgres_files.h"

namespace aurora_global::cli {
namespace {

namespace fs = std::filesystem;

// A fresh instance takes about 50 MB, and its WAL grows by as much within the first minutes.
constexpr std::uintmax_t kBytesOfAnInstance = 100u << 20;
constexpr std::size_t kSocketPathMax = 107;

constexpr std::string_view kRegionsOfAws[] = {
    "us-east-1",      "us-east-2",      "us-west-1",      "us-west-2",      "af-south-1",
    "ap-east-1",      "ap-east-2",      "ap-south-1",     "ap-south-2",     "ap-southeast-1",
    "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-7",
    "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ca-central-1",   "ca-west-1",
    "eu-central-1",   "eu-central-2",   "eu-west-1",      "eu-west-2",      "eu-west-3",
    "eu-south-1",     "eu-south-2",     "eu-north-1",     "il-central-1",   "me-south-1",
    "me-central-1",   "mx-central-1",   "sa-east-1",      "us-gov-east-1",  "us-gov-west-1",
    "cn-north-1",     "cn-northwest-1"};

// The home in the arguments of a process of a platform; empty if it is none.
//   aurora-global supervise HOME/REGION | region HOME/REGION/region.toml | link serve HOME/link/...
//   postgres -D HOME/REGION/instances/ID/data
fs::path home_of(const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    const std::size_t at = word.find("/instances/");
    const std::size_t begin = word.find('/');
    if (at != std::string::npos) return fs::path(word.substr(begin, at - begin)).parent_path();
  }
  if (words.size() < 3 || !words[0].ends_with("aurora-global")) return {};
  const fs::path last = words.back();
  return words[1] == "supervise" ? last.parent_path() : last.parent_path().parent_path();
}

struct Holder {
  pid_t pid = 0;
  fs::path home;
};

// Processes of all platforms that run on this machine.
std::vector<Holder> holders() {
  std::vector<Holder> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    std::ifstream in(entry.path() / "cmdline");
    std::string all((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    std::vector<std::string> words;
    for (std::istringstream rest(all); std::getline(rest, all, '\0');) words.push_back(all);
    const fs::path home = home_of(words);
    if (!home.empty()) found.push_back({std::atoi(entry.path().filename().c_str()), home});
  }
  return found;
}

Error in_use(const Platform& platform, const std::string& address, bool fresh) {
  const std::string what = address + " is in use";
  const std::string other = fresh ? "or take other addresses with --address-prefix, e.g. 127.1"
                                  : "for this platform keeps its addresses";
  std::string homeless;
  for (const auto& [pid, root] : holders()) {
    const Home holder(root);
    const auto theirs = holder.read();
    if (theirs.has_error()) homeless += " " + std::to_string(pid);
    if (theirs.has_error() || theirs->prefix != platform.prefix) continue;
    return make_error(ErrorKind::conflict, what + " by the platform in " + root.string() + "; `" +
                                               command_for(holder) + " down` ends it, " + other);
  }
  if (!homeless.empty()) {
    return make_error(ErrorKind::conflict, what +
                                               ", perhaps by processes of a platform whose home is "
                                               "gone; `kill" +
                                               homeless + "` ends them, " + other);
  }
  return make_error(ErrorKind::conflict, what +
                                             " by a program that is no platform of ours (`ss "
                                             "-ltnp` names it); end it, " +
                                             other);
}

}  // namespace

Result<void> check_options(const UpOptions& options) {
  if (options.regions.size() < 2 || options.regions.size() > 10) {
    return make_error(ErrorKind::invalid, "--regions needs two to ten regions; given: " +
                                              std::to_string(options.regions.size()));
  }
  for (std::size_t i = 0; i < options.regions.size(); ++i) {
    const auto name = model::checked_identifier("--regions", options.regions[i]);
    if (name.has_error() || *name != options.regions[i]) {
      return make_error(ErrorKind::invalid,
                        "'" + options.regions[i] + "' is no region name (as us-east-1)");
    }
    if (std::find(std::begin(Home::kNames), std::end(Home::kNames), *name) !=
        std::end(Home::kNames)) {
      return make_error(ErrorKind::invalid, "no region can be called '" + *name +
                                                "': that is a name of the home's own files");
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (options.regions[i] == options.regions[j]) {
        return make_error(ErrorKind::invalid, "region " + options.regions[i] + " is given twice");
      }
    }
  }
  const std::string prefix = options.prefix.value_or(Platform{}.prefix);
  if (prefix.rfind("127.", 0) != 0 || std::count(prefix.begin(), prefix.end(), '.') != 1 ||
      net::parse_endpoint(prefix + ".1.1:1").has_error()) {
    return make_error(ErrorKind::invalid,
                      "--address-prefix must be loopback, 127.0 to 127.255; given: " + prefix);
  }
  if (!options.listen) return ok();
  const auto address = net::parse_endpoint(*options.listen + ":1");
  if (address.has_error() || address->address().is_unspecified() ||
      address->address().is_loopback()) {
    return make_error(ErrorKind::invalid,
                      "--listen is one address of this machine that containers reach, as "
                      "172.17.0.1 (`ip -4 addr` lists them); given: " +
                          *options.listen);
  }
  return ok();
}

std::vector<std::string> unknown_regions(const std::vector<std::string>& regions) {
  std::vector<std::string> sentences;
  for (const std::string& region : regions) {
    const auto known = std::find(std::begin(kRegionsOfAws), std::end(kRegionsOfAws), region);
    if (known != std::end(kRegionsOfAws)) continue;
    const std::string_view near = nearest(region, kRegionsOfAws);
    sentences.push_back("AWS has no region '" + region + "'" +
                        (near.empty() ? "" : " (did you mean " + std::string(near) + "?)") +
                        "; it is taken as a name of your own");
  }
  return sentences;
}

Result<void> check_traversable(const fs::path& root) {
  TRY(const auto user, region::postgres_user());
  if (user.uid == geteuid()) return ok();
  for (fs::path dir = root.parent_path(); !dir.empty() && dir != dir.root_path();
       dir = dir.parent_path()) {
    struct stat facts {};
    if (stat(dir.c_str(), &facts) != 0) continue;
    const mode_t bit =
        facts.st_uid == user.uid ? S_IXUSR : (facts.st_gid == user.gid ? S_IXGRP : S_IXOTH);
    if ((facts.st_mode & bit) == 0) {
      return make_error(ErrorKind::denied, "the user " + user.name +
                                               " (PostgreSQL does not run as root) cannot enter " +
                                               dir.string() + "; choose another --home");
    }
  }
  return ok();
}

Result<void> check_space(const fs::path& root, std::size_t instances) {
  fs::path there = root;
  std::error_code error;
  while (!fs::exists(there, error) && there.has_relative_path()) there = there.parent_path();
  struct statvfs facts {};
  if (statvfs(there.c_str(), &facts) != 0) return ok();  // Whoever writes will say why not.
  const std::uintmax_t free = static_cast<std::uintmax_t>(facts.f_bavail) * facts.f_frsize;
  const std::uintmax_t needed = kBytesOfAnInstance * instances;
  if (free >= needed) return ok();
  return make_error(ErrorKind::exhausted,
                    "the disk of " + root.string() + " has " + bytes_text(free) + " left, and " +
                        counted(instances, "database server") + " need " + bytes_text(needed) +
                        "; make room, or name another directory with --home");
}

bool is_full(const fs::path& directory) {
  std::error_code error;
  const auto space = fs::space(directory, error);
  return !error && (geteuid() == 0 ? space.free : space.available) == 0;
}

Result<void> check_path(const Home& home, const std::vector<RegionId>& regions) {
  const std::string root = home.root().string();
  const auto odd = [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\'' || c == '\\';
  };
  // It stands in files of TOML and JSON, and in connection strings.
  if (std::any_of(root.begin(), root.end(), odd) || !awsapi::is_valid_utf8(root)) {
    return make_error(ErrorKind::invalid,
                      "the path of a home is UTF-8 without quotes, backslashes and control "
                      "characters; given: " +
                          root);
  }
  std::vector<fs::path> sockets = {home.link_dir() / "link.sock"};
  for (const RegionId& region : regions) sockets.push_back(home.run_dir(region) / "router.sock");
  for (const fs::path& socket : sockets) {
    if (socket.string().size() <= kSocketPathMax) continue;
    return make_error(ErrorKind::invalid,
                      "the path of the home is too long: a socket's has at most " +
                          std::to_string(kSocketPathMax) + " bytes, " + socket.string() + " has " +
                          std::to_string(socket.string().size()));
  }
  return ok();
}

std::vector<std::string> addresses_of(const Platform& platform) {
  std::vector<std::string> all;
  const int count = static_cast<int>(platform.regions.size());
  for (int number = 1; number <= count; ++number) {
    const auto add = [&](int last, int port) {
      all.push_back(host_in(platform, number, last) + ":" + std::to_string(port));
    };
    add(1, 4566);
    add(1, 4567);
    all.push_back(localhost_address(platform, number));
    for (const int last : {kGlobalWriterHost, kClusterHost, kReaderHost}) add(last, 5432);
    for (int slot = 1; slot <= platform.readers + 1; ++slot) add(20 + slot, 5432);
    for (int other = 1; other <= count; ++other) {
      if (other == number) continue;
      for (const int port : {4567, 5432, 5433}) add(100 + other, port);
    }
  }
  return all;
}

Result<void> check_addresses(const Platform& platform, bool fresh,
                             boost::asio::any_io_executor executor) {
  for (const std::string& address : addresses_of(platform)) {
    const auto probe = net::listen_on(executor, address);
    if (probe.has_value()) continue;
    if (probe.error().kind != ErrorKind::conflict) return probe.error();
    return in_use(platform, address, fresh);
  }
  if (platform.listen.empty()) return ok();
  for (int number = 1; number <= static_cast<int>(platform.regions.size()); ++number) {
    for (const int last : {kGlobalWriterHost, kClusterHost, kReaderHost}) {
      const std::string address = outside_address(platform, number, last);
      if (const auto probe = net::listen_on(executor, address); probe.has_error()) {
        return make_error(probe.error().kind, probe.error().message +
                                                  "; --listen is an address of this machine, and "
                                                  "the ports have to be free");
      }
    }
  }
  return ok();
}

}  // namespace aurora_global::cli
