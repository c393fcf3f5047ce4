#include "region/instance/postgres_files.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <sstream>

namespace aurora_global::region {
namespace {

// postgresql.conf quotes with '' inside '...'.
std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    out += c;
    if (c == '\'') out += c;
  }
  return out + "'";
}

void set(std::ostringstream& out, std::string_view name, std::string_view value) {
  out << name << " = " << quoted(value) << "\n";
}

void render_wal(std::ostringstream& out, const PostgresSettings& s) {
  // Small segments make a promotion short (it copies the last one); the sizes are set because
  // initdb shrinks them with the segment size. The slots are bounded, so that a lost secondary
  // never fills the primary's disk. What a failover leaves behind can be decoded (keep_lost()).
  out << "wal_level = logical\nmax_wal_size = 1GB\nmin_wal_size = 256MB\n"
         "wal_keep_size = 256MB\nmax_slot_wal_keep_size = 4GB\n"
         "max_wal_senders = 20\nmax_replication_slots = 20\n"
         "hot_standby = on\nhot_standby_feedback = on\n"
         // How soon a standby looks for its primary again. One without the extension may sleep this
         // long before it sees a promotion.
         "wal_retrieve_retry_interval = 100ms\n"
         // Bytes can stop without an error on the link: these are replication's own heartbeats.
         "wal_receiver_status_interval = 1s\nwal_receiver_timeout = 5s\nwal_sender_timeout = 5s\n"
         "recovery_target_timeline = latest\n";
  if (s.source) {
    // Segments kept for the future are renamed one by one by a promotion, each with three syncs.
    out << "wal_recycle = off\n";
    set(out, "primary_conninfo", s.source->conninfo);
    set(out, "primary_slot_name", s.source->slot);
  }
}

// Of RDS alone, and so already.
bool is_of_rds(std::string_view name) { return name.starts_with("rds."); }

constexpr std::string_view kPreloaded = "shared_preload_libraries";

// Before what this platform needs, which so goes before it.
void render_parameters(std::ostringstream& out, const PostgresSettings& s) {
  for (const auto& [name, value] : s.parameters) {
    if (!is_of_rds(name) && name != kPreloaded) set(out, name, value);
  }
}

std::string preloaded(const PostgresSettings& s) {
  std::string libraries = s.library_dir.empty() ? "" : "aurora_global";
  const auto more = s.parameters.find(std::string(kPreloaded));
  if (more == s.parameters.end() || more->second.empty()) return libraries;
  return libraries + (libraries.empty() ? "" : ",") + more->second;
}

}  // namespace

std::string render_postgresql_conf(const PostgresSettings& s) {
  std::ostringstream out;
  out << "# Written by the region daemon before each start; changes here are lost.\n";
  set(out, "data_directory", s.data_dir.string());
  // A group's parameters come later and go before it; what follows them is this platform's.
  out << "max_connections = " << s.max_connections << "\n"
      << "log_checkpoints = off\ntimezone = 'UTC'\n";
  render_parameters(out, s);
  set(out, "hba_file", s.hba_file.string());
  set(out, "ident_file", s.ident_file.string());
  set(out, "listen_addresses", s.listen_address);
  out << "port = " << s.port << "\n";
  set(out, "unix_socket_directories", s.socket_dir.string());
  out << "unix_socket_permissions = 0700\n"
      << "shared_buffers = 128MB\npassword_encryption = 'scram-sha-256'\n"
         "ssl = on\n";
  set(out, "ssl_cert_file", (s.tls_dir / "server.crt").string());
  set(out, "ssl_key_file", (s.tls_dir / "server.key").string());
  set(out, "ssl_ca_file", (s.tls_dir / "client-ca.crt").string());
  render_wal(out, s);
  out << "logging_collector = on\nlog_filename = 'postgresql-%H.log'\n"
         "log_truncate_on_rotation = on\nlog_rotation_age = 1h\nlog_rotation_size = 0\n"
         "log_line_prefix = '%m [%p] %q%u@%d '\n"
         "log_timezone = 'UTC'\n";
  set(out, "log_directory", s.log_dir.string());
  set(out, "cluster_name", s.instance);
  if (!s.library_dir.empty()) {
    set(out, "dynamic_library_path", s.library_dir.string() + ":$libdir");
    set(out, "aurora_global.write_forwarding", s.forwarding.on ? "on" : "off");
    set(out, "aurora_global.primary_conninfo", s.forwarding.conninfo);
    set(out, "aurora_global.primary_region", s.forwarding.primary_region);
    set(out, "aurora_global.primary_instance", s.forwarding.primary_instance);
    set(out, "aurora_global.epoch", std::to_string(s.forwarding.epoch.value));
    set(out, "aurora_global.clients_role", "aurora_clients");
    set(out, "aurora_global.link_timeout", "3s");
    set(out, "rds.extensions", "aurora_stat_utils, plpgsql");
  }
  if (const std::string libraries = preloaded(s); !libraries.empty()) {
    set(out, kPreloaded, libraries);
  }
  set(out, "aurora_global.region", s.region);
  set(out, "aurora_global.instance", s.instance);
  return out.str();
}

std::string render_pg_hba(std::string_view forwarding_address) {
  const std::string from = std::string(forwarding_address) + "/32";
  return "# Written by the region daemon; changes here are lost.\n"
         "# The socket directory is 0700: whoever gets in is the daemon or PostgreSQL itself.\n"
         "local    all          all           trust\n"
         "local    replication  all           trust\n"
         "hostssl  replication  rdsrepladmin  all  cert\n"
         "hostssl  all          rdsrepladmin  all  cert\n"
         "host     all          rdsadmin      all  reject\n"
         "hostssl  all          +aurora_clients " +
         from +
         " trust clientcert=verify-ca\n"
         "host     all          all           " +
         from +
         " reject\n"
         "host     replication  all           all  reject\n"
         "hostssl  all          all           all  scram-sha-256\n";
}

std::string conninfo(const std::map<std::string, std::string>& values) {
  std::string text;
  for (const auto& [name, value] : values) {
    if (!text.empty()) text += ' ';
    text += name + "='";
    for (const char c : value) {
      if (c == '\'' || c == '\\') text += '\\';
      text += c;
    }
    text += "'";
  }
  return text;
}

Result<ControlFile> read_control_file(const std::filesystem::path& data_dir) {
  // The layout of ControlFileData in PostgreSQL 13 to 16 (PG_CONTROL_VERSION 1300), native order.
  constexpr std::uint32_t kVersion = 1300;
  constexpr std::size_t kPrimary = 180;  // MaxConnections
  constexpr std::size_t kNeeded = kPrimary + sizeof(PrimarySettings);
  const std::filesystem::path file = data_dir / "global" / "pg_control";
  std::ifstream in(file, std::ios::binary);
  std::array<char, kNeeded> raw{};
  if (!in.read(raw.data(), raw.size())) {
    return make_error(ErrorKind::not_found, "cannot read " + file.string());
  }
  const auto at = [&](std::size_t offset, auto type) {
    std::memcpy(&type, raw.data() + offset, sizeof type);
    return type;
  };
  if (const auto version = at(8, std::uint32_t{}); version != kVersion) {
    return make_error(ErrorKind::corrupt, file.string() + " has control file version " +
                                              std::to_string(version) +
                                              ", this program knows 1300 (PostgreSQL 15)");
  }
  ControlFile control;
  control.system_identifier = at(0, std::uint64_t{});
  control.checkpoint = Lsn{at(32, std::uint64_t{})};
  control.redo = Lsn{at(40, std::uint64_t{})};
  control.timeline = at(48, std::uint32_t{});
  control.recovery_timeline = at(144, std::uint32_t{});
  constexpr std::int32_t kLogical = 2;
  control.has_logical_wal = at(172, std::int32_t{}) >= kLogical;
  control.primary = at(kPrimary, PrimarySettings{});
  switch (at(16, std::uint32_t{})) {
    case 0: control.state = ClusterState::starting; break;
    case 1: control.state = ClusterState::shut_down; break;
    case 2: control.state = ClusterState::shut_down_in_recovery; break;
    case 6: control.state = ClusterState::running; break;
    default: control.state = ClusterState::other; break;
  }
  return control;
}

std::optional<int> running_postmaster(const std::filesystem::path& data_dir) {
  std::ifstream in(data_dir / "postmaster.pid");
  int pid = 0;
  if (!(in >> pid) || pid <= 1) return std::nullopt;
  std::error_code error;
  const auto cwd = std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/cwd", error);
  if (error || cwd != std::filesystem::canonical(data_dir, error)) return std::nullopt;
  return pid;
}

std::vector<int> processes_in(const std::filesystem::path& data_dir) {
  std::vector<int> found;
  std::error_code error;
  const auto home = std::filesystem::canonical(data_dir, error);
  if (error) return found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename().string();
    std::error_code gone;
    const auto cwd = std::filesystem::read_symlink(entry.path() / "cwd", gone);
    int pid = 0;
    const auto [end, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (!gone && cwd == home && bad == std::errc() && end == name.data() + name.size()) {
      found.push_back(pid);
    }
  }
  return found;
}

std::string title_of_startup(const std::filesystem::path& data_dir) {
  for (const int pid : processes_in(data_dir)) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/cmdline");
    std::string title;
    std::getline(in, title, '\0');
    if (title.find(": startup ") != std::string::npos) return title;
  }
  return "";
}

Result<void> clear_stale_lock(const std::filesystem::path& data_dir) {
  std::error_code error;
  const auto lock = data_dir / "postmaster.pid";
  if (!std::filesystem::exists(lock, error) || running_postmaster(data_dir)) return ok();
  if (const auto left = processes_in(data_dir); !left.empty()) {
    return make_error(ErrorKind::conflict, "process " + std::to_string(left.front()) +
                                               " of a dead postmaster still works in " +
                                               data_dir.string());
  }
  std::filesystem::remove(lock, error);
  return ok();
}

Result<net::SystemUser> postgres_user() {
  const bool root = geteuid() == 0;
  const passwd* entry = root ? getpwnam("postgres") : getpwuid(geteuid());
  if (entry == nullptr) {
    return make_error(ErrorKind::not_found,
                      "PostgreSQL refuses to run as root and there is no user 'postgres' to run it "
                      "as; install the package postgresql-15 or start as an ordinary user");
  }
  return net::SystemUser{entry->pw_name, entry->pw_uid, entry->pw_gid};
}

Result<std::string> postgres_version(const std::filesystem::path& bin) {
  const std::string program = (bin / "postgres").string();
  if (access(program.c_str(), X_OK) != 0) {
    return make_error(ErrorKind::not_found, "no PostgreSQL at " + bin.string() +
                                                "; install the package postgresql-15 or set "
                                                "postgres_bin");
  }
  const std::string line = program + " --version";
  FILE* pipe = popen(line.c_str(), "r");
  char text[128] = "";
  if (pipe != nullptr) {
    if (fgets(text, sizeof text, pipe) == nullptr) text[0] = 0;
    pclose(pipe);
  }
  // "postgres (PostgreSQL) 15.18 (Debian ...)"
  const std::string said = text;
  const auto at = said.find(") ");
  const std::string version = at == std::string::npos
                                  ? ""
                                  : said.substr(at + 2, said.find_first_of(" \n", at + 2) - at - 2);
  if (version.rfind("15.", 0) != 0) {
    return make_error(ErrorKind::invalid,
                      program + " is version '" + version + "'; this program runs PostgreSQL 15");
  }
  return version;
}

}  // namespace aurora_global::region
