#include "region/instance/postgres_instance.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "net/run_blocking.h"

namespace aurora_global::region {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr Duration kStartPoll = 10ms;
constexpr Duration kPoll = 1ms;  // Of a server without the extension.
constexpr Duration kQueryLimit = 5s;
// Whose transaction has not ended by now cannot commit it any more: this is for single statements,
// such as one that draws from a sequence.
constexpr Duration kStatementDrain = 50ms;
constexpr std::string_view kObjectInUse = "55006";

// Creates `dir` and gives it to `user`. Parents exist.
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

std::string literal(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    out += c;
    if (c == '\'') out += c;
  }
  return out + "'";
}

std::string identifier_sql(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    out += c;
    if (c == '"') out += c;
  }
  return out + "\"";
}

// Creates the roles of a fresh cluster, as Aurora has them.
std::string roles_sql(const Bootstrap& bootstrap) {
  const std::string master = identifier_sql(bootstrap.master_username);
  return "CREATE ROLE rds_superuser NOLOGIN;"
         "GRANT pg_monitor, pg_signal_backend TO rds_superuser WITH ADMIN OPTION;"
         "CREATE ROLE rdsrepladmin LOGIN REPLICATION;"
         "CREATE ROLE aurora_clients NOLOGIN;"
         "CREATE ROLE " +
         master + " LOGIN CREATEDB CREATEROLE PASSWORD " + literal(bootstrap.master_verifier) +
         " IN ROLE rds_superuser, aurora_clients;";
}

std::string state_sql(bool with_forwarding) {
  return std::string(
             "SELECT r, "
             "CASE WHEN r THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, "
             "coalesce(pg_last_wal_receive_lsn(), '0/0'), "
             "EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming'), "
             "(SELECT timeline_id FROM pg_control_checkpoint()), "
             "CASE WHEN r AND pg_last_wal_replay_lsn() < pg_last_wal_receive_lsn() THEN "
             "(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000)"
             "::bigint ELSE 0 END, "
             "(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' "
             "AND usename <> 'rdsadmin'), ") +
         (with_forwarding ? "(SELECT row_to_json(f) FROM aurora_global_forwarding_status() f) "
                          : "'{}' ") +
         (with_forwarding ? ", aurora_global_fenced_epoch() " : ", 0 ") +
         "FROM pg_is_in_recovery() r";
}

// No such function (a volume from before the extension), or no such library.
bool means_no_extension(std::string_view sqlstate) {
  return sqlstate == "42883" || sqlstate == "58P01";
}

// A library that came after the server's start. A server in the middle of a promotion says so, too.
bool may_mean_no_extension(std::string_view sqlstate) {
  return means_no_extension(sqlstate) || sqlstate == "55000";
}

std::string milliseconds_text(Duration duration) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return std::to_string(std::max<std::int64_t>(ms, 0));
}

std::map<std::string, std::int64_t> counters_in(std::string_view text) {
  std::map<std::string, std::int64_t> counters;
  const auto all = nlohmann::json::parse(text, nullptr, false);
  if (!all.is_object()) return counters;
  for (const auto& [name, value] : all.items()) {
    if (value.is_number_integer()) counters[name] = value.get<std::int64_t>();
  }
  return counters;
}

}  // namespace

PostgresInstance::PostgresInstance(boost::asio::any_io_executor executor,
                                   const RegionConfig& config, net::SystemUser user,
                                   std::string identifier, int slot)
    : Instance(executor, std::move(identifier), slot),
      executor_(executor),
      config_(config),
      user_(std::move(user)),
      directory_(config.home / "instances" / this->identifier()),
      data_dir_(directory_ / "data"),
      questions_(executor),
      moves_(executor) {}

std::string PostgresInstance::address() const {
  return config_.address_prefix + "." + std::to_string(20 + slot());
}

fs::path PostgresInstance::socket_dir() const {
  // A socket's path has at most 107 bytes: a long home gets a short name elsewhere.
  constexpr std::size_t kSocketPathMax = 107;
  const fs::path preferred = directory_ / "socket";
  if (preferred.string().size() + sizeof("/.s.PGSQL.65535.lock") <= kSocketPathMax) {
    return preferred;
  }
  const std::size_t hash = std::hash<std::string>{}(preferred.string());
  return fs::temp_directory_path() / ("aurora-global-" + std::to_string(hash));
}

// A directory that initdb or pg_basebackup did not finish holds no database.
bool PostgresInstance::has_data() const { return fs::exists(directory_ / "complete"); }

// Beside the data directory, which pg_rewind makes equal to another one.
Result<void> PostgresInstance::mark_complete() {
  return replace_file(directory_ / "complete", "", 0644);
}

net::Task<Result<void>> PostgresInstance::take_volume(fs::path volume) {
  CO_TRY_VOID(prepare_directories());
  std::error_code error;
  fs::rename(volume, data_dir_, error);
  if (error) {
    co_return make_error(ErrorKind::unavailable,
                         "move " + volume.string() + " to the instance: " + error.message());
  }
  co_return mark_complete();
}

net::Task<Result<void>> PostgresInstance::leave_volume(fs::path volume) {
  const auto job = [from = data_dir_, to = std::move(volume)]() -> Result<void> {
    std::error_code error;
    fs::remove_all(to, error);
    fs::rename(from, to, error);
    if (!error) return ok();
    return make_error(ErrorKind::unavailable,
                      "cannot keep the cluster's volume: " + error.message());
  };
  co_return co_await net::run_blocking(job);
}

bool PostgresInstance::is_standby_directory() const {
  return fs::exists(data_dir_ / "standby.signal");
}

bool PostgresInstance::running() {
  if (postmaster_ && postmaster_->running()) return true;
  postmaster_.reset();
  if (const auto pid = running_postmaster(data_dir_)) {
    if (auto process = net::Process::adopt(*pid)) postmaster_ = std::move(*process);
  }
  return postmaster_ && postmaster_->running();
}

net::CommandLine PostgresInstance::command(std::string program,
                                           std::vector<std::string> arguments) const {
  net::CommandLine line;
  line.argv = {(config_.postgres_bin / program).string()};
  line.argv.insert(line.argv.end(), arguments.begin(), arguments.end());
  line.user = user_;
  line.output = directory_ / "startup.log";
  return line;
}

PostgresSettings PostgresInstance::settings(std::optional<WalSource> source) const {
  PostgresSettings s;
  s.listen_address = address();
  s.socket_dir = socket_dir();
  s.data_dir = data_dir_;
  s.hba_file = directory_ / "pg_hba.conf";
  s.ident_file = directory_ / "pg_ident.conf";
  s.log_dir = directory_ / "log";
  s.tls_dir = config_.home / "postgres-tls";
  s.max_connections = config_.max_connections;
  s.region = config_.region.name;
  s.instance = identifier();
  s.source = std::move(source);
  if (fs::exists(library_dir() / kExtensionLibrary)) s.library_dir = library_dir();
  s.forwarding = forwarding_;
  return s;
}

Result<void> PostgresInstance::prepare_directories() {
  TRY_VOID(make_directory(config_.home / "instances", user_, 0755));
  TRY_VOID(make_directory(directory_, user_, 0755));
  TRY_VOID(make_directory(directory_ / "log", user_, 0750));
  TRY_VOID(make_directory(socket_dir(), user_, 0700));
  const fs::path tls = config_.home / "postgres-tls";
  TRY_VOID(make_directory(tls, user_, 0700));
  for (const char* name :
       {"server.crt", "server.key", "server-ca.crt", "client-ca.crt", "replication.crt",
        "replication.key", "forwarding.crt", "forwarding.key"}) {
    std::ifstream in(config_.tls_dir() / name);
    if (!in) {
      return make_error(ErrorKind::not_found, "cannot read " + (config_.tls_dir() / name).string());
    }
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    TRY_VOID(replace_file(tls / name, text, 0600));
    if (chown((tls / name).c_str(), user_.uid, user_.gid) != 0) {
      return make_error(ErrorKind::denied, "give " + (tls / name).string() + " to " + user_.name);
    }
  }
  return install_extension();
}

fs::path PostgresInstance::library_dir() const { return config_.home / "postgres-lib"; }

// Beside the data, for PostgreSQL's user may not read where we were built.
Result<void> PostgresInstance::install_extension() {
  if (config_.extension_dir.empty()) return ok();
  TRY_VOID(make_directory(library_dir(), user_, 0755));
  const fs::path from = config_.extension_dir / kExtensionLibrary;
  std::ifstream in(from, std::ios::binary);
  if (!in) return make_error(ErrorKind::not_found, "cannot read " + from.string());
  const std::string code((std::istreambuf_iterator<char>(in)), {});
  return replace_file(library_dir() / kExtensionLibrary, code, 0755);
}

Result<void> PostgresInstance::write_configuration(const std::optional<WalSource>& source) {
  TRY_VOID(prepare_directories());
  const auto write = [&](const fs::path& file, std::string_view text) -> Result<void> {
    TRY_VOID(replace_file(file, text, 0640));
    if (chown(file.c_str(), user_.uid, user_.gid) != 0) {
      return make_error(ErrorKind::denied, "give " + file.string() + " to user " + user_.name);
    }
    return ok();
  };
  TRY_VOID(write(directory_ / "postgresql.conf", render_postgresql_conf(settings(source))));
  TRY_VOID(write(directory_ / "pg_hba.conf",
                 render_pg_hba(config_.address_prefix + "." + std::to_string(kForwardingHost))));
  TRY_VOID(write(directory_ / "pg_ident.conf", ""));
  source_ = source;
  return ok();
}

// In template1, from which every later database gets it, and in the one that initdb made beside it.
net::Task<Result<void>> PostgresInstance::create_extension(Deadline deadline) {
  if (config_.extension_dir.empty()) co_return ok();
  const fs::path from = config_.extension_dir / kExtensionScript;
  std::ifstream in(from);
  if (!in) co_return make_error(ErrorKind::not_found, "cannot read " + from.string());
  const std::string script((std::istreambuf_iterator<char>(in)), {});
  for (const char* database : {"template1", "postgres"}) {
    CO_TRY(auto connection, co_await connect(database, deadline));
    CO_TRY_VOID(co_await connection.execute_simple(script, deadline));
  }
  co_return ok();
}

net::Task<Result<void>> PostgresInstance::init(Bootstrap bootstrap, Deadline deadline) {
  CO_TRY_VOID(prepare_directories());
  CO_TRY_VOID(co_await stop(StopMode::immediate, deadline));
  std::error_code ignored;
  fs::remove_all(data_dir_, ignored);
  net::CommandLine initdb =
      command("initdb", {"--pgdata", data_dir_.string(), "--username", "rdsadmin",
                         "--data-checksums", "--wal-segsize", "1", "--auth-local", "trust",
                         "--auth-host", "reject", "--encoding", "UTF8", "--locale", "C.UTF-8"});
  CO_TRY_VOID(co_await net::run_checked(std::move(initdb), deadline));
  const std::optional<WalSource> none;
  CO_TRY_VOID(co_await start(none, deadline));
  CO_TRY_VOID(co_await bootstrap_sql(std::move(bootstrap), deadline));
  co_return mark_complete();
}

net::Task<Result<void>> PostgresInstance::bootstrap_sql(Bootstrap bootstrap, Deadline deadline) {
  CO_TRY(auto admin, co_await connect("postgres", deadline));
  CO_TRY_VOID(co_await admin.execute_simple(roles_sql(bootstrap), deadline));
  CO_TRY_VOID(co_await create_extension(deadline));
  CO_TRY_VOID(co_await admin.execute_simple("CREATE DATABASE rdsadmin", deadline));
  const std::string owner = identifier_sql(bootstrap.master_username);
  if (!bootstrap.database.empty() && bootstrap.database != "postgres") {
    const std::string create =
        "CREATE DATABASE " + identifier_sql(bootstrap.database) + " OWNER " + owner;
    CO_TRY_VOID(co_await admin.execute_simple(create, deadline));
  }
  CO_TRY_VOID(co_await admin.execute_simple("ALTER DATABASE postgres OWNER TO " + owner, deadline));
  CO_TRY_VOID(
      co_await admin.execute_simple("REVOKE CONNECT ON DATABASE rdsadmin FROM PUBLIC; GRANT "
                                    "CONNECT ON DATABASE rdsadmin TO rdsrepladmin",
                                    deadline));
  const std::string table =
      "CREATE TABLE global_epoch(epoch bigint PRIMARY KEY, region text NOT NULL, "
      "at timestamptz NOT NULL DEFAULT clock_timestamp())";
  std::vector<pgclient::Param> no_params;
  CO_TRY_VOID(co_await sql(table, no_params, deadline));
  // What pg_rewind needs of a role that is no superuser; it logs in to this database, and rights on
  // functions are each database's own.
  const std::string rewind =
      "GRANT EXECUTE ON FUNCTION pg_ls_dir(text, boolean, boolean), "
      "pg_stat_file(text, boolean), pg_read_binary_file(text), "
      "pg_read_binary_file(text, bigint, bigint, boolean) TO rdsrepladmin";
  CO_TRY_VOID(co_await sql(rewind, no_params, deadline));
  co_return ok();
}

net::Task<Result<void>> PostgresInstance::seed(WalSource source, Deadline deadline) {
  CO_TRY_VOID(prepare_directories());
  // A copy that broke off is not resumed: what is there is part of a database, not one.
  std::error_code ignored;
  fs::remove(directory_ / "complete", ignored);
  fs::remove_all(data_dir_, ignored);
  net::CommandLine backup =
      command("pg_basebackup", {"--pgdata", data_dir_.string(), "--dbname", source.conninfo,
                                "--checkpoint", "fast", "--wal-method", "stream"});
  CO_TRY_VOID(co_await net::run_checked(std::move(backup), deadline));
  CO_TRY_VOID(replace_file(data_dir_ / "standby.signal", "", 0600));
  if (chown((data_dir_ / "standby.signal").c_str(), user_.uid, user_.gid) != 0) {
    co_return make_error(ErrorKind::denied, "give standby.signal to user " + user_.name);
  }
  co_return mark_complete();
}

net::Task<Result<void>> PostgresInstance::start(std::optional<WalSource> source,
                                                Deadline deadline) {
  if (running()) co_return ok();
  CO_TRY_VOID(clear_stale_lock(data_dir_));
  if (source && !is_standby_directory()) {
    CO_TRY_VOID(replace_file(data_dir_ / "standby.signal", "", 0600));
    if (chown((data_dir_ / "standby.signal").c_str(), user_.uid, user_.gid) != 0) {
      co_return make_error(ErrorKind::denied, "give standby.signal to user " + user_.name);
    }
  }
  // Whoever starts it knows whether it may write.
  std::error_code ignored;
  fs::remove(data_dir_ / kFenceFile, ignored);
  CO_TRY_VOID(write_configuration(source));
  CO_TRY_VOID(replace_file(directory_ / "startup.log", "", 0640));
  net::CommandLine postgres = command(
      "postgres",
      {"-D", data_dir_.string(), "-c", "config_file=" + (directory_ / "postgresql.conf").string()});
  CO_TRY(net::Process process, net::Process::start(postgres));
  postmaster_ = std::move(process);
  forget_connections();
  counts_forwarding_ = true;
  co_return co_await wait_until_it_answers(deadline);
}

net::Task<Result<void>> PostgresInstance::wait_until_it_answers(Deadline deadline) {
  for (;;) {
    if (!postmaster_ || !postmaster_->running()) {
      co_return make_error(
          ErrorKind::unavailable,
          "instance " + identifier() + " ended while starting: " + startup_log_tail());
    }
    const auto connected = co_await connect("postgres", deadline.at_most(2s));
    if (connected.has_value()) co_return ok();
    if (deadline.passed()) {
      co_return make_error(ErrorKind::timeout,
                           "instance " + identifier() +
                               " does not accept connections yet: " + connected.error().message);
    }
    co_await net::sleep_for(kStartPoll);
  }
}

net::Task<Result<void>> PostgresInstance::stop(StopMode mode, Deadline deadline) {
  forget_connections();
  if (!running()) co_return ok();
  postmaster_->signal(mode == StopMode::fast ? SIGINT : SIGQUIT);
  if (!co_await postmaster_->wait(deadline)) {
    co_return make_error(ErrorKind::timeout, "instance " + identifier() + " does not stop in time");
  }
  postmaster_.reset();
  co_return ok();
}

net::Task<Result<void>> PostgresInstance::follow(WalSource source, Deadline deadline) {
  if (source_ && source_->conninfo == source.conninfo && source_->slot == source.slot) {
    co_return ok();
  }
  CO_TRY_VOID(write_configuration(source));
  std::vector<pgclient::Param> no_params;
  CO_TRY_VOID(co_await sql("SELECT pg_reload_conf()", no_params, deadline));
  co_return ok();
}

net::Task<Result<void>> PostgresInstance::set_forwarding(Forwarding forwarding, Deadline deadline) {
  if (forwarding == forwarding_) co_return ok();
  forwarding_ = std::move(forwarding);
  if (!running()) co_return ok();
  CO_TRY_VOID(write_configuration(source_));
  std::vector<pgclient::Param> no_params;
  CO_TRY_VOID(co_await sql("SELECT pg_reload_conf()", no_params, deadline));
  co_return ok();
}

net::Task<Result<void>> PostgresInstance::warm(Deadline deadline) {
  std::vector<pgclient::Param> no_params;
  CO_TRY_VOID(co_await sql_on(moves_, "SELECT 1", no_params, deadline));
  co_return ok();
}

net::Task<Result<std::optional<Lsn>>> PostgresInstance::fence(Epoch epoch,
                                                              model::DrainPolicy policy,
                                                              Deadline deadline) {
  const bool terminate = policy == model::DrainPolicy::terminate;
  std::vector<pgclient::Param> params = {std::to_string(epoch.value),
                                         milliseconds_text(kStatementDrain),
                                         std::string(terminate ? "true" : "false")};
  auto rows = co_await sql_on(moves_, "SELECT aurora_global_fence($1, $2, $3)", params, deadline);
  if (rows.has_value()) {
    CO_TRY(const Lsn position, Lsn::parse(rows->text(0, 0)));
    co_return std::optional<Lsn>(position);
  }
  if (may_mean_no_extension(rows.error().code)) co_return std::optional<Lsn>();
  if (!terminate && rows.error().code == kObjectInUse) {
    co_return make_error(ErrorKind::conflict, rows.error().message);
  }
  co_return rows.error();
}

net::Task<Result<void>> PostgresInstance::unfence(Deadline deadline) {
  std::vector<pgclient::Param> no_params;
  const auto lifted = co_await sql_on(
      moves_, "SELECT aurora_global_unfence(e) FROM aurora_global_fenced_epoch() AS e WHERE e <> 0",
      no_params, deadline);
  if (lifted.has_error() && !may_mean_no_extension(lifted.error().code)) co_return lifted.error();
  co_return ok();
}

net::Task<Result<void>> PostgresInstance::await_replay(Lsn position, Deadline deadline) {
  const Error late =
      make_error(ErrorKind::timeout, "WAL up to " + position.text() + " was not replayed in time");
  std::vector<pgclient::Param> params = {position.text(), milliseconds_text(deadline.left())};
  const auto waited =
      co_await sql_on(moves_, "SELECT aurora_global_await_replay($1, $2)", params, deadline);
  if (waited.has_value()) co_return waited->text(0, 0) == "t" ? ok() : Result<void>(late);
  if (!may_mean_no_extension(waited.error().code)) co_return waited.error();
  params.pop_back();
  for (;;) {
    CO_TRY(const auto rows, co_await sql_on(moves_, "SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn",
                                            params, deadline));
    if (rows.text(0, 0) == "t") co_return ok();
    if (deadline.passed()) co_return late;
    co_await net::sleep_for(kPoll);
  }
}

// Out of recovery, and not fenced.
net::Task<Result<void>> PostgresInstance::open_for_writing(Deadline deadline) {
  std::vector<pgclient::Param> params = {milliseconds_text(deadline.left())};
  const auto opened =
      co_await sql_on(moves_,
                      "SELECT aurora_global_promote($1), (SELECT aurora_global_unfence(e) "
                      "FROM aurora_global_fenced_epoch() AS e WHERE e <> 0)",
                      params, deadline);
  if (opened.has_value() && opened->text(0, 0) == "t") co_return ok();
  if (opened.has_error() && !may_mean_no_extension(opened.error().code)) co_return opened.error();
  params.clear();
  CO_TRY_VOID(co_await sql_on(
      moves_, "SELECT CASE WHEN pg_is_in_recovery() THEN pg_promote(false) ELSE true END", params,
      deadline));
  for (;;) {
    CO_TRY(const auto rows,
           co_await sql_on(moves_, "SELECT pg_is_in_recovery()", params, deadline));
    if (rows.text(0, 0) == "f") co_return ok();
    if (deadline.passed()) {
      co_return make_error(ErrorKind::timeout,
                           "instance " + identifier() + " is still in recovery");
    }
    co_await net::sleep_for(kPoll);
  }
}

net::Task<Result<void>> PostgresInstance::promote(Epoch epoch, std::string region,
                                                  Deadline deadline) {
  CO_TRY_VOID(co_await open_for_writing(deadline));
  std::vector<pgclient::Param> values = {std::to_string(epoch.value), region};
  CO_TRY_VOID(co_await sql_on(
      moves_,
      "INSERT INTO global_epoch(epoch, region) VALUES ($1::bigint, $2) ON CONFLICT DO NOTHING",
      values, deadline));
  source_.reset();
  co_return ok();
}

net::Task<Result<std::string>> PostgresInstance::rewind(WalSource source, Deadline deadline) {
  CO_TRY_VOID(clear_stale_lock(data_dir_));
  CO_TRY_VOID(write_configuration(source));
  // pg_rewind checks the data directory's own files for what it will replace: standby.signal must
  // not stand in the way of the crash recovery it may have to do first.
  std::error_code ignored;
  fs::remove(data_dir_ / "standby.signal", ignored);
  net::CommandLine line =
      command("pg_rewind", {"--target-pgdata", data_dir_.string(), "--source-server",
                            source.conninfo + " dbname='rdsadmin'", "--config-file",
                            (directory_ / "postgresql.conf").string()});
  CO_TRY(auto said, co_await net::run_checked(std::move(line), deadline));
  CO_TRY_VOID(replace_file(data_dir_ / "standby.signal", "", 0600));
  if (chown((data_dir_ / "standby.signal").c_str(), user_.uid, user_.gid) != 0) {
    co_return make_error(ErrorKind::denied, "give standby.signal to user " + user_.name);
  }
  co_return said;
}

net::Task<Result<fs::path>> PostgresInstance::set_aside(std::string why) {
  const auto job = [directory = directory_, data = data_dir_, why]() -> Result<fs::path> {
    std::error_code error;
    const fs::path kept = directory / ("data." + why);
    fs::remove(directory / "complete", error);
    fs::remove_all(kept, error);
    fs::rename(data, kept, error);
    if (!error) return kept;
    return make_error(ErrorKind::unavailable,
                      "move " + data.string() + " aside: " + error.message());
  };
  co_return co_await net::run_blocking(job);
}

net::Task<Result<void>> PostgresInstance::remove_files() {
  const auto job = [directory = directory_]() -> Result<void> {
    std::error_code error;
    fs::remove_all(directory, error);
    if (!error) return ok();
    return make_error(ErrorKind::unavailable,
                      "remove " + directory.string() + ": " + error.message());
  };
  co_return co_await net::run_blocking(job);
}

net::Task<Result<std::uint32_t>> PostgresInstance::last_timeline() {
  co_return region::last_timeline(data_dir_);
}

net::Task<Result<Lsn>> PostgresInstance::fork_of(std::uint32_t timeline) {
  co_return region::fork_of(data_dir_, timeline);
}

net::Task<Result<bool>> PostgresInstance::wal_goes_past(std::uint32_t timeline, Lsn lsn) {
  co_return region::wal_goes_past(data_dir_, timeline, lsn);
}

net::Task<Result<void>> PostgresInstance::keep_slots(std::vector<std::string> names,
                                                     Deadline deadline) {
  std::string list = "{";
  for (const std::string& name : names) list += (list.size() > 1 ? "," : "") + name;
  list += "}";
  std::vector<pgclient::Param> params = {list};
  CO_TRY_VOID(co_await sql(
      "SELECT CASE WHEN w.name IS NULL THEN pg_drop_replication_slot(s.slot_name)::text "
      "ELSE pg_create_physical_replication_slot(w.name)::text END "
      "FROM unnest($1::text[]) AS w(name) "
      "FULL JOIN (SELECT slot_name::text, active FROM pg_replication_slots "
      "WHERE slot_name LIKE 'ag\\_%') AS s ON s.slot_name = w.name "
      "WHERE (w.name IS NULL AND NOT s.active) OR s.slot_name IS NULL",
      params, deadline));
  co_return ok();
}

net::Task<Result<void>> PostgresInstance::set_password(std::string role, std::string verifier,
                                                       Deadline deadline) {
  std::vector<pgclient::Param> no_params;
  CO_TRY_VOID(co_await sql("ALTER ROLE " + identifier_sql(role) + " PASSWORD " + literal(verifier),
                           no_params, deadline));
  co_return ok();
}

net::Task<Result<InstanceState>> PostgresInstance::state(Deadline deadline) {
  std::vector<pgclient::Param> no_params;
  auto rows = co_await sql(state_sql(counts_forwarding_), no_params, deadline);
  if (counts_forwarding_ && rows.has_error() && may_mean_no_extension(rows.error().code)) {
    counts_forwarding_ = !means_no_extension(rows.error().code);
    rows = co_await sql(state_sql(false), no_params, deadline);
  }
  if (rows.has_error()) co_return rows.error();
  InstanceState state;
  state.in_recovery = rows->text(0, 0) == "t";
  CO_TRY(state.position, Lsn::parse(rows->is_null(0, 1) ? "0/0" : rows->text(0, 1)));
  CO_TRY(state.received, Lsn::parse(rows->text(0, 2)));
  state.streaming = rows->text(0, 3) == "t";
  state.timeline = static_cast<std::uint32_t>(std::stoul(std::string(rows->text(0, 4))));
  state.replay_lag_ms = rows->is_null(0, 5) ? 0 : std::stoll(std::string(rows->text(0, 5)));
  state.sessions = std::stoi(std::string(rows->text(0, 6)));
  state.forwarding = counters_in(rows->text(0, 7));
  state.fenced_for.value = std::stoull(std::string(rows->text(0, 8)));
  co_return state;
}

net::Task<Result<void>> PostgresInstance::checkpoint(Deadline deadline) {
  CO_TRY(auto connection, co_await connect("postgres", deadline));
  CO_TRY_VOID(co_await connection.execute_simple("CHECKPOINT", deadline));
  co_return ok();
}

net::Task<Result<pgclient::Rows>> PostgresInstance::sql(std::string text,
                                                        std::vector<pgclient::Param> params,
                                                        Deadline deadline) {
  co_return co_await sql_on(questions_, std::move(text), std::move(params), deadline);
}

net::Task<Result<pgclient::Rows>> PostgresInstance::sql_on(Kept& kept, std::string text,
                                                           std::vector<pgclient::Param> params,
                                                           Deadline deadline) {
  CO_TRY(const auto guard, co_await kept.lock.lock(deadline));
  const bool reused = kept.connection && kept.connection->usable();
  if (!reused) {
    kept.connection.reset();
    CO_TRY(auto fresh, co_await connect("rdsadmin", deadline.at_most(kQueryLimit)));
    kept.connection.emplace(std::move(fresh));
  }
  auto rows = co_await kept.connection->execute(std::move(text), std::move(params), deadline);
  if (kept.connection && !kept.connection->usable()) kept.connection.reset();
  co_return rows;
}

void PostgresInstance::forget_connections() {
  questions_.connection.reset();
  moves_.connection.reset();
}

net::Task<Result<pgclient::Connection>> PostgresInstance::connect(std::string database,
                                                                  Deadline deadline) {
  pgclient::Parameters parameters;
  parameters.values = {{"host", socket_dir().string()},
                       {"port", "5432"},
                       {"user", "rdsadmin"},
                       {"dbname", database},
                       {"application_name", "aurora-global"},
                       // What the daemon asks is about this instance, and nothing else.
                       {"options", "-c apg_write_forward.consistency_mode=off"}};
  co_return co_await pgclient::Connection::connect(std::move(parameters), deadline);
}

net::Task<Result<Lsn>> PostgresInstance::end_of_clean_shutdown() {
  CO_TRY(const ControlFile control, read_control_file(data_dir_));
  if (control.state != ClusterState::shut_down) {
    co_return make_error(
        ErrorKind::internal,
        "the instance did not shut down cleanly; its last WAL position is unknown");
  }
  // The latest checkpoint is the last record: whoever has replayed past its start has it all.
  co_return Lsn{control.checkpoint.value + 1};
}

std::string PostgresInstance::startup_log_tail() const {
  std::ifstream in(directory_ / "startup.log");
  std::string text((std::istreambuf_iterator<char>(in)), {});
  constexpr std::size_t kTail = 500;
  if (text.size() > kTail) text.erase(0, text.size() - kTail);
  return text.empty() ? "(nothing in startup.log; see its log directory)" : text;
}

}  // namespace aurora_global::region
