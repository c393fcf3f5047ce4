#include "region/instance/data_directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "net/file.h"
#include "region/instance/timelines.h"

namespace aurora_global::region {
namespace {

namespace fs = std::filesystem;

constexpr const char* kStandbySignal = "standby.signal";
// In the region's home: an instance that is created anew goes on with it.
constexpr const char* kNotedTimeline = "newest-timeline";

// For a reader of one line. That the log goes on elsewhere is no news.
std::string on_one_line(const std::string& text) {
  std::istringstream in(text);
  std::string result;
  for (std::string line; std::getline(in, line);) {
    const bool news = line.find("redirecting log output") == std::string::npos &&
                      line.find("Future log output") == std::string::npos;
    if (news && !line.empty()) result += (result.empty() ? "" : "; ") + line;
  }
  return result;
}

}  // namespace

Result<void> make_directory(const fs::path& dir, const net::SystemUser& user, int mode) {
  std::error_code error;
  fs::create_directories(dir, error);
  if (error) {
    return make_error(ErrorKind::unavailable, "create " + dir.string() + ": " + error.message());
  }
  // Somebody else may have been first in a shared directory: neither his link nor his directory is
  // given away or trusted.
  struct stat facts {};
  if (lstat(dir.c_str(), &facts) != 0 || !S_ISDIR(facts.st_mode) ||
      (facts.st_uid != user.uid && facts.st_uid != geteuid())) {
    return make_error(
        ErrorKind::denied,
        dir.string() + " is not a directory of ours; remove it or choose another home");
  }
  if (chown(dir.c_str(), user.uid, user.gid) != 0 || chmod(dir.c_str(), mode) != 0) {
    return make_error(ErrorKind::denied, "give " + dir.string() + " to user " + user.name);
  }
  return ok();
}

DataDirectory::DataDirectory(const RegionConfig& config, net::SystemUser user,
                             std::string identifier, int slot)
    : config_(config),
      user_(std::move(user)),
      identifier_(std::move(identifier)),
      slot_(slot),
      directory_(config.home / "instances" / identifier_),
      data_(directory_ / "data") {}

std::string DataDirectory::address() const {
  return config_.address_prefix + "." + std::to_string(20 + slot_);
}

fs::path DataDirectory::socket_dir() const {
  // A socket's path has at most 107 bytes: a long home gets a short name elsewhere.
  constexpr std::size_t kSocketPathMax = 107;
  fs::path preferred = directory_ / "socket";
  if (preferred.string().size() + sizeof("/.s.PGSQL.65535.lock") <= kSocketPathMax) {
    return preferred;
  }
  const std::size_t hash = std::hash<std::string>{}(preferred.string());
  return fs::temp_directory_path() / ("aurora-global-" + std::to_string(hash));
}

// A directory that initdb, pg_basebackup or pg_rewind did not finish holds no database. What cannot
// be looked at is not there for us.
bool DataDirectory::can_follow() const {
  std::error_code error;
  return fs::exists(directory_ / kComplete, error) && !fs::exists(directory_ / kRewinding, error) &&
         fs::exists(data_, error);
}

bool DataDirectory::has_data() const {
  std::error_code error;
  return can_follow() && !fs::exists(directory_ / kRewound, error);
}

Result<void> DataDirectory::unmark(const char* mark) const {
  std::error_code error;
  fs::remove(directory_ / mark, error);
  if (!error) return ok();
  return make_error(ErrorKind::unavailable,
                    "remove " + (directory_ / mark).string() + ": " + error.message());
}

Result<void> DataDirectory::mark_complete() {
  TRY_VOID(unmark(kRewinding));
  TRY_VOID(unmark(kRewound));
  return replace_file(directory_ / kComplete, "", 0644);
}

Result<void> DataDirectory::begin_rewind() {
  TRY_VOID(replace_file(directory_ / kRewinding, "", 0644));
  return sync_directory(directory_);
}

Result<void> DataDirectory::end_rewind() {
  TRY_VOID(replace_file(directory_ / kRewound, "", 0644));
  TRY_VOID(sync_directory(directory_));
  return unmark(kRewinding);
}

Result<void> DataDirectory::it_answers() { return unmark(kRewound); }

bool DataDirectory::is_standby() const {
  std::error_code error;
  return fs::exists(data_ / kStandbySignal, error);
}

Result<void> DataDirectory::mark_standby() { return write(data_ / kStandbySignal, "", 0600); }

void DataDirectory::unmark_standby() {
  std::error_code ignored;
  fs::remove(data_ / kStandbySignal, ignored);
}

// A file of PostgreSQL's user.
Result<void> DataDirectory::write(const fs::path& file, std::string_view text, int mode) const {
  // Given away before it takes its place: another instance's server may read it at any time.
  const fs::path fresh = file.string() + "." + identifier_;
  TRY_VOID(replace_file(fresh, text, mode));
  if (chown(fresh.c_str(), user_.uid, user_.gid) == 0 && rename(fresh.c_str(), file.c_str()) == 0) {
    return ok();
  }
  return make_error(ErrorKind::denied, "give " + file.string() + " to user " + user_.name);
}

net::CommandLine DataDirectory::command(std::string program,
                                        std::vector<std::string> arguments) const {
  net::CommandLine line;
  line.argv = {(config_.postgres_bin / program).string()};
  line.argv.insert(line.argv.end(), arguments.begin(), arguments.end());
  line.user = user_;
  line.output = directory_ / "startup.log";
  // What works in a data directory ends with the daemon that knows of it.
  line.ends_with_parent = program != "postgres";
  return line;
}

PostgresSettings DataDirectory::settings(std::optional<WalSource> source,
                                         Forwarding forwarding) const {
  PostgresSettings s;
  s.listen_address = address();
  s.socket_dir = socket_dir();
  s.data_dir = data_;
  s.hba_file = directory_ / "pg_hba.conf";
  s.ident_file = directory_ / "pg_ident.conf";
  s.log_dir = directory_ / "log";
  s.tls_dir = config_.home / "postgres-tls";
  s.max_connections = config_.max_connections;
  s.region = config_.region.name;
  s.instance = identifier_;
  s.source = std::move(source);
  if (fs::exists(library_dir() / kExtensionLibrary)) s.library_dir = library_dir();
  s.forwarding = std::move(forwarding);
  return s;
}

Result<void> DataDirectory::prepare() {
  TRY_VOID(make_directory(config_.home / "instances", user_, 0755));
  TRY_VOID(make_directory(directory_, user_, 0755));
  TRY_VOID(make_directory(directory_ / "log", user_, 0750));
  TRY_VOID(make_directory(socket_dir(), user_, 0700));
  const fs::path tls = config_.home / "postgres-tls";
  TRY_VOID(make_directory(tls, user_, 0700));
  for (const char* name :
       {"server.crt", "server.key", "server-ca.crt", "client-ca.crt", "replication.crt",
        "replication.key", "forwarding.crt", "forwarding.key"}) {
    TRY(const std::string text, net::read_file(config_.tls_dir() / name));
    TRY_VOID(write(tls / name, text, 0600));
  }
  return install_extension();
}

fs::path DataDirectory::library_dir() const { return config_.home / "postgres-lib"; }

// Beside the data, for PostgreSQL's user may not read where we were built.
Result<void> DataDirectory::install_extension() {
  if (config_.extension_dir.empty()) return ok();
  TRY_VOID(make_directory(library_dir(), user_, 0755));
  TRY(const std::string code, net::read_file(config_.extension_dir / kExtensionLibrary));
  return replace_file(library_dir() / kExtensionLibrary, code, 0755);
}

Result<std::string> DataDirectory::extension_script() const {
  if (config_.extension_dir.empty()) return std::string();
  return net::read_file(config_.extension_dir / kExtensionScript);
}

Result<void> DataDirectory::write_configuration(const std::optional<WalSource>& source,
                                                const Forwarding& forwarding,
                                                const Instance::Parameters& parameters) {
  TRY_VOID(prepare());
  PostgresSettings all = settings(source, forwarding);
  all.parameters = parameters;
  const std::string forwarders = config_.address_prefix + "." + std::to_string(kForwardingHost);
  TRY_VOID(write(directory_ / "postgresql.conf", render_postgresql_conf(all), 0640));
  TRY_VOID(write(directory_ / "pg_hba.conf", render_pg_hba(forwarders), 0640));
  return write(directory_ / "pg_ident.conf", "", 0640);
}

Result<void> DataDirectory::begin_start(bool as_standby) {
  TRY_VOID(clear_stale_lock(data_));
  if (as_standby) {
    if (!is_standby()) TRY_VOID(mark_standby());
    TRY_VOID(drop_unused_histories(data_));
  }
  // Whoever starts it knows whether it may write.
  std::error_code ignored;
  fs::remove(data_ / kFenceFile, ignored);
  return replace_file(directory_ / "startup.log", "", 0640);
}

Result<void> DataDirectory::begin_promotion(Epoch epoch) const {
  TRY(const std::uint32_t last, last_timeline(data_));
  const std::uint32_t known = std::max(last, noted_timeline());
  return reserve_timelines_below(data_, timeline_for(epoch, known, share_of(config_)), user_);
}

std::uint32_t DataDirectory::noted_timeline() const {
  std::uint32_t noted = 0;
  std::ifstream(config_.home / kNotedTimeline) >> noted;
  return noted;
}

Result<void> DataDirectory::note_timeline() const {
  const auto last = last_timeline(data_);
  if (last.has_error() || *last <= noted_timeline()) return ok();
  return replace_file(config_.home / kNotedTimeline, std::to_string(*last) + "\n", 0644);
}

// The collector of PostgreSQL's own log takes over early: what a server says on its way to an
// early end may be in either.
std::string DataDirectory::startup_log_tail() const {
  constexpr std::size_t kTail = 500;
  const auto tail_of = [](const fs::path& file) {
    std::string text = net::read_file(file).has_value() ? *net::read_file(file) : "";
    if (text.size() > kTail) text.erase(0, text.size() - kTail);
    return text;
  };
  std::string text = tail_of(directory_ / "startup.log");
  fs::path newest;
  fs::file_time_type when{};
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory_ / "log", error)) {
    const auto changed = entry.last_write_time(error);
    if (!error && (newest.empty() || changed > when)) {
      newest = entry.path();
      when = changed;
    }
  }
  if (!newest.empty()) text += "\n" + newest.filename().string() + ": " + tail_of(newest);
  return text.empty() ? "(it has said nothing)" : on_one_line(text);
}

}  // namespace aurora_global::region
