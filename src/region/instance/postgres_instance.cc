#include "region/instance/postgres_instance.h"

#include <sstream>

#include "net/log.h"
#include "region/instance/lost_reader.h"
#include "region/instance/timelines.h"
#include "region/instance/wal_files.h"

namespace aurora_global::region {
namespace {

using namespace std::chrono_literals;

constexpr Duration kStartPoll = 10ms;
constexpr Duration kAnswerLimit = 2s;
// A server takes a moment to take a change of its configuration; the keeper looks four times a
// second whether something of it waits for the next start.
constexpr int kLooksAfterChange = 8;

// A record, as pg_waldump prints it, whose replay changes nothing: of the running transactions, as
// the background writer makes it, or of the extension's fence (extension/pg/fence.cc).
bool is_note(std::string_view record) {
  const auto has = [&](std::string_view part) { return record.find(part) != record.npos; };
  if (record.starts_with("rmgr: Standby ")) return has(" desc: RUNNING_XACTS ");
  return record.starts_with("rmgr: LogicalMessage ") &&
         has(" desc: MESSAGE non-transactional, prefix \"aurora_global.fence\"");
}

}  // namespace

PostgresInstance::PostgresInstance(boost::asio::any_io_executor executor,
                                   const RegionConfig& config, net::SystemUser user,
                                   std::string identifier, int slot)
    : Instance(executor, identifier, slot),
      files_(config, std::move(user), std::move(identifier), slot),
      postmaster_(files_),
      engine_(executor, files_.socket_dir()) {}

net::Task<Result<void>> PostgresInstance::init(Bootstrap bootstrap, Deadline deadline) {
  CO_TRY_VOID(files_.prepare());
  CO_TRY_VOID(co_await stop(StopMode::immediate, deadline));
  CO_TRY_VOID(co_await files_.clear());
  net::CommandLine initdb = files_.command(
      "initdb", {"--pgdata", files_.data().string(), "--username", "rdsadmin", "--data-checksums",
                 "--wal-segsize", "1", "--auth-local", "trust", "--auth-host", "reject",
                 "--encoding", "UTF8", "--locale", "C.UTF-8"});
  CO_TRY_VOID(co_await net::run_checked(std::move(initdb), deadline));
  const std::optional<WalSource> none;
  CO_TRY_VOID(co_await start(none, deadline));
  CO_TRY(const std::string extension, files_.extension_script());
  CO_TRY_VOID(co_await engine_.bootstrap(std::move(bootstrap), extension, deadline));
  co_return files_.mark_complete();
}

// A copy that broke off is not resumed: what is there is part of a database, not one.
net::Task<Result<void>> PostgresInstance::seed(WalSource source, Deadline deadline) {
  CO_TRY_VOID(files_.prepare());
  CO_TRY_VOID(co_await files_.clear());
  net::CommandLine backup = files_.command(
      "pg_basebackup", {"--pgdata", files_.data().string(), "--dbname", source.conninfo,
                        "--checkpoint", "fast", "--wal-method", "stream"});
  CO_TRY_VOID(co_await net::run_checked(std::move(backup), deadline));
  CO_TRY_VOID(files_.mark_standby());
  co_return files_.mark_complete();
}

net::Task<Result<void>> PostgresInstance::start(std::optional<WalSource> source,
                                                Deadline deadline) {
  if (running()) co_return ok();
  if (!source && promotion_broke_off(files_.data())) {
    log::warn("instance {}: its promotion broke off, and is done again", identifier());
    source = WalSource{};
  }
  CO_TRY_VOID(files_.begin_start(source.has_value()));
  CO_TRY_VOID(configure(source));
  source_ = source;
  std::vector<std::string> raised;
  if (source) {
    CO_TRY(raised, raised_settings(files_.data(), files_.configuration_file()));
  }
  CO_TRY_VOID(postmaster_.start(raised));
  engine_.started_anew();
  co_return co_await wait_until_it_answers(deadline);
}

net::Task<Result<void>> PostgresInstance::wait_until_it_answers(Deadline deadline) {
  for (;;) {
    if (!postmaster_.running()) {
      co_return make_error(
          ErrorKind::unavailable,
          "instance " + identifier() + " ended while starting: " + files_.startup_log_tail());
    }
    const auto connected = co_await engine_.answers(deadline.at_most(kAnswerLimit));
    if (connected.has_value()) co_return ok();
    if (deadline.passed()) {
      co_return make_error(ErrorKind::timeout,
                           "instance " + identifier() + " does not accept connections yet: " +
                               connected.error().message + "; " + files_.startup_log_tail());
    }
    co_await net::sleep_for(kStartPoll);
  }
}

net::Task<Result<void>> PostgresInstance::stop(StopMode mode, Deadline deadline) {
  engine_.forget_connections();
  return postmaster_.stop(mode, deadline);
}

net::Task<Result<void>> PostgresInstance::follow(WalSource source, Deadline deadline) {
  if (source_ && source_->conninfo == source.conninfo && source_->slot == source.slot) {
    co_return ok();
  }
  CO_TRY_VOID(drop_unused_histories(files_.data()));
  CO_TRY_VOID(configure(source));
  source_ = source;
  co_return co_await engine_.reload(deadline);
}

net::Task<Result<void>> PostgresInstance::set_forwarding(Forwarding forwarding, Deadline deadline) {
  if (forwarding == forwarding_) co_return ok();
  forwarding_ = std::move(forwarding);
  // One that was taken over from an earlier daemon gets both with its source: see follow().
  if (!running() || (files_.is_standby() && !source_)) co_return ok();
  CO_TRY_VOID(configure(source_));
  co_return co_await engine_.reload(deadline);
}

net::Task<Result<void>> PostgresInstance::set_parameters(Parameters parameters, Deadline deadline) {
  const bool differ = parameters != parameters_;
  parameters_ = std::move(parameters);
  if (!running() || (files_.is_standby() && !source_)) co_return ok();  // As set_forwarding().
  if (differ) {
    CO_TRY_VOID(configure(source_));
    CO_TRY_VOID(co_await engine_.reload(deadline));
  }
  if (looks_left_ > 0) {
    --looks_left_;
    std::vector<std::string> names;
    for (const auto& [name, value] : parameters_) names.push_back(name);
    CO_TRY(restart_pending_, co_await engine_.any_waits_for_start(std::move(names), deadline));
  }
  co_return ok();
}

Result<void> PostgresInstance::configure(const std::optional<WalSource>& source) {
  looks_left_ = kLooksAfterChange;
  return files_.write_configuration(source, forwarding_, parameters_);
}

net::Task<Result<void>> PostgresInstance::promote(Epoch epoch, std::string region,
                                                  Deadline deadline) {
  if (files_.is_standby()) CO_TRY_VOID(files_.begin_promotion(epoch));
  CO_TRY_VOID(co_await engine_.promote(epoch, std::move(region), deadline));
  source_.reset();
  co_return ok();
}

// In single-user mode, as pg_rewind does it. A standby's server would not start so with its mark.
net::Task<Result<void>> PostgresInstance::recover_from_crash(Deadline deadline) {
  CO_TRY(const ControlFile control, read_control_file(files_.data()));
  if (control.state == ClusterState::shut_down ||
      control.state == ClusterState::shut_down_in_recovery) {
    co_return ok();
  }
  const bool standby = files_.is_standby();
  if (standby) CO_TRY_VOID(files_.begin_rewind());
  files_.unmark_standby();
  net::CommandLine line =
      files_.command("postgres", {"--single", "-D", files_.data().string(), "-c",
                                  "config_file=" + files_.configuration_file().string(), "-c",
                                  kKeepsWal, "template1"});
  line.ends_with_parent = true;
  CO_TRY_VOID(co_await net::run_checked(std::move(line), deadline));
  if (!standby) co_return ok();
  CO_TRY_VOID(files_.mark_standby());
  co_return files_.end_rewind();
}

// A dry run first: when the source does not answer or the histories do not meet, nothing has
// changed and the data are still what they were.
net::Task<Result<std::string>> PostgresInstance::rewind(WalSource source, Deadline deadline) {
  CO_TRY_VOID(clear_stale_lock(files_.data()));
  CO_TRY_VOID(files_.note_timeline());
  CO_TRY_VOID(configure(source));
  source_ = source;
  CO_TRY_VOID(co_await recover_from_crash(deadline));
  net::CommandLine line =
      files_.command("pg_rewind", {"--target-pgdata", files_.data().string(), "--source-server",
                                   source.conninfo + " dbname='rdsadmin'", "--no-ensure-shutdown"});
  net::CommandLine dry = line;
  dry.argv.push_back("--dry-run");
  CO_TRY_VOID(co_await net::run_checked(std::move(dry), deadline));
  CO_TRY_VOID(files_.begin_rewind());
  CO_TRY(auto said, co_await net::run_checked(std::move(line), deadline));
  CO_TRY_VOID(files_.mark_standby());
  CO_TRY_VOID(files_.end_rewind());
  co_return said;
}

net::Task<Result<std::optional<Instance::LostWrites>>> PostgresInstance::keep_lost(
    LostFrom from, Deadline deadline) {
  CO_TRY_VOID(clear_stale_lock(files_.data()));
  CO_TRY(const ControlFile before, read_control_file(files_.data()));
  CO_TRY_VOID(configure(std::nullopt));
  CO_TRY_VOID(co_await recover_from_crash(deadline));
  CO_TRY(const std::filesystem::path fresh, co_await files_.make_lost());
  auto reading = read_lost(from, before.has_logical_wal, fresh, deadline);
  auto lost = co_await std::move(reading);
  std::error_code ignored;
  std::filesystem::remove_all(fresh, ignored);  // It has its name, or is of no use.
  co_return lost;
}

net::Task<Result<std::optional<Instance::LostWrites>>> PostgresInstance::read_lost(
    LostFrom from, bool has_logical_wal, std::filesystem::path fresh, Deadline deadline) {
  LostOrigin origin{.region = files_.region(),
                    .instance = identifier(),
                    .timeline = from.timeline,
                    .fork = from.fork};
  LostReader reader(files_, fresh, std::move(origin));
  CO_TRY(const Epoch epoch, co_await reader.find_epoch(deadline));
  const std::filesystem::path place = files_.lost_place(epoch);
  std::error_code error;
  if (std::filesystem::exists(place, error)) co_return std::nullopt;  // An earlier try got here.
  if (!has_logical_wal) reader.cannot_be_decoded("its WAL was written before this version");
  CO_TRY(const nlohmann::json report, co_await reader.read(deadline));
  const std::string incomplete = report.value("incomplete", "");
  if (report.at("committed").get<std::uint64_t>() == 0 && report.at("prepared").empty() &&
      incomplete.empty()) {
    co_return std::nullopt;
  }
  CO_TRY_VOID(co_await files_.take_lost(fresh, place));
  co_return LostWrites{.place = place,
                       .transactions = report.at("transactions").get<std::uint64_t>(),
                       .changes = report.at("changes").get<std::uint64_t>(),
                       .without_rows = report.at("without_rows").get<std::uint64_t>(),
                       .incomplete = incomplete};
}

net::Task<Result<InstanceState>> PostgresInstance::state(Deadline deadline) {
  CO_TRY(auto state, co_await engine_.state(deadline));
  CO_TRY_VOID(files_.it_answers());
  co_return state;
}

net::Task<Result<std::vector<std::string>>> PostgresInstance::settings_below_primary(
    Deadline deadline) {
  CO_TRY(const ControlFile control, read_control_file(files_.data()));
  co_return co_await engine_.settings_below(control.primary, deadline);
}

net::Task<Result<std::uint32_t>> PostgresInstance::last_timeline() {
  co_return region::last_timeline(files_.data());
}

net::Task<Result<Lsn>> PostgresInstance::fork_of(std::uint32_t timeline) {
  co_return region::fork_of(files_.data(), timeline);
}

net::Task<Result<bool>> PostgresInstance::wal_goes_past(std::uint32_t timeline, Lsn lsn) {
  co_return region::wal_goes_past(files_.data(), timeline, lsn);
}

net::Task<Result<bool>> PostgresInstance::drop_idle_wal(std::uint32_t timeline, Lsn from,
                                                        Deadline deadline) {
  constexpr int kNotes = 16;  // More than come between a fence and a stop.
  CO_TRY(const ControlFile control, read_control_file(files_.data()));
  if (control.checkpoint >= from) co_return false;
  net::CommandLine line =
      files_.command("pg_waldump", {"--path", (files_.data() / "pg_wal").string(), "--timeline",
                                    std::to_string(timeline), "--start", from.text(), "--limit",
                                    std::to_string(kNotes + 1)});
  CO_TRY(const auto said, co_await net::run_command(std::move(line), deadline));
  int notes = 0;
  bool has_ended = false;  // Where no record follows, it says so and fails.
  std::istringstream in(said.output);
  for (std::string record; std::getline(in, record); ++notes) {
    has_ended = record.starts_with("pg_waldump: error: error in WAL record at ");
    if (has_ended) break;
    if (!is_note(record)) co_return false;
  }
  if (notes == 0 || !has_ended) co_return false;
  CO_TRY_VOID(cut_wal(files_.data(), timeline, from));
  co_return true;
}

net::Task<Result<Lsn>> PostgresInstance::end_of_clean_shutdown() {
  CO_TRY(const ControlFile control, read_control_file(files_.data()));
  if (control.state != ClusterState::shut_down) {
    co_return make_error(
        ErrorKind::internal,
        "the instance did not shut down cleanly; its last WAL position is unknown");
  }
  // The latest checkpoint is the last record: whoever has replayed past its start has it all.
  co_return Lsn{control.checkpoint.value + 1};
}

}  // namespace aurora_global::region
