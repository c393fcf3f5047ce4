// The commands that move the writer and watch it move, and those of the link.
#include <cstdio>

#include "cli/command.h"
#include "cli/interrupt.h"
#include "net/control_socket.h"
#include "net/pid_file.h"

namespace aurora_global::cli {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr Duration kMoveLimit = 180s;

enum class Progress { not_asked, asking, accepted };

// A failover while the old writer lives and cannot be reached by the target: both will write.
net::Task<void> warn_of_two_writers(Connected& connected, const Situation& before, RegionId to) {
  const RegionId old = before.global.writer_region;
  if (old.empty() || old == to) co_return;
  const auto theirs = co_await connected.at(old).platform_status(old, Deadline::in(1s));
  if (theirs.has_error() || theirs->value("duty", "") != "primary") co_return;
  const auto ours = co_await connected.at(to).platform_status(to, Deadline::in(1s));
  if (ours.has_error()) co_return;
  for (const json& peer : ours->value("peers", json::array())) {
    if (peer.value("region", "") != old.name) continue;
    if (peer.value("heard", false) && peer.value("heard_ms_ago", 0) < kCutOffAfterMs) co_return;
    std::fprintf(stderr,
                 "aurora-global: warning: %s goes on taking writes, and %s cannot reach it.\n"
                 "  Both will take writes until the link heals; what %s takes from now on is then "
                 "discarded\n  (and kept as SQL and as WAL: `lost-writes list`, `status`).\n",
                 old.name.c_str(), to.name.c_str(), old.name.c_str());
  }
}

void print_step(const json& timing) {
  const double ms = static_cast<double>(timing.value("ended_us", std::int64_t{0}) -
                                        timing.value("started_us", std::int64_t{0})) /
                    1000;
  const std::string note = timing.value("note", "");
  std::printf("  %-9s %8.1f ms%s%s\n", timing.value("step", "").c_str(), ms,
              note.empty() ? "" : "  ", note.c_str());
  std::fflush(stdout);
}

net::Task<Result<void>> move_and_watch(const Home& home, RegionId to,
                                       std::optional<model::Drain> drain, Progress& progress,
                                       boost::asio::any_io_executor executor) {
  const auto kind = drain ? model::OperationKind::switchover : model::OperationKind::failover;
  CO_TRY(Connected connected, connect_to(home, executor));
  CO_TRY_VOID(region_number(connected.platform, to));
  CO_TRY_VOID(require_running(home, connected.platform));
  CO_TRY(const Situation before, co_await situation(connected, Deadline::in(5s)));
  const model::GlobalMember* target = before.global.member_in(to);
  if (target == nullptr) {
    co_return make_error(ErrorKind::not_found,
                         "region " + to.name + " is not a member of " + before.global.identifier);
  }
  if (!drain) co_await warn_of_two_writers(connected, before, to);
  progress = Progress::asking;
  const Instant called = SystemClock().now();
  CO_TRY_VOID(co_await connected.at(to).move_writer(
      to, before.global.identifier, target->cluster_arn, kind, Deadline::in(10s), drain));
  progress = Progress::accepted;
  std::printf("%s of %s from %s to %s\n", std::string(model::name_of(kind)).c_str(),
              before.global.identifier.c_str(), before.global.writer_region.name.c_str(),
              to.name.c_str());
  std::size_t shown = 0;
  const Deadline deadline = Deadline::in(kMoveLimit + (drain ? 3 * drain->timeout : Duration(0)));
  for (;;) {
    const auto status = co_await connected.at(to).platform_status(to, Deadline::in(5s));
    if (status.has_value()) {
      for (const json& operation : status->at("operations")) {
        if (operation.value("global_cluster", "") != before.global.identifier) continue;
        const json& steps = operation.at("steps");
        for (; shown < steps.size(); ++shown) print_step(steps[shown]);
        const std::string step = operation.value("step", "");
        if (step == "done") {
          const std::chrono::duration<double, std::milli> took = SystemClock().now() - called;
          std::printf("the writer is in %s (%.0f ms from the call)\n", to.name.c_str(),
                      took.count());
          co_return ok();
        }
        if (step == "aborted") {
          co_return make_error(ErrorKind::conflict,
                               "called off, nothing has changed: " + operation.value("reason", ""));
        }
      }
    }
    if (deadline.passed()) {
      co_return make_error(ErrorKind::timeout, "it goes on; `" + command_for(home) +
                                                   " status` tells what it waits for");
    }
    co_await net::sleep_for(20ms);
  }
}

Result<void> require_link(const Home& home) {
  TRY(const Platform platform, home.load());
  TRY_VOID(require_running(home, platform));
  if (net::running_pid(home.link_dir() / "link.pid")) return ok();
  return make_error(ErrorKind::unavailable,
                    "the link does not run; `" + command_for(home) + " up` starts what is missing");
}

}  // namespace

int move_writer(const Home& home, const std::string& to, std::optional<model::Drain> drain) {
  Progress progress = Progress::not_asked;
  const auto moved = run_quietly([&](boost::asio::any_io_executor executor) {
    return move_and_watch(home, RegionId{to}, drain, progress, executor);
  });
  if (moved.has_value()) return kExitOk;
  if (moved.error().kind != ErrorKind::cancelled || Interrupts::ended_by() == 0) {
    return report(moved.error());
  }
  const std::string follow = "`" + command_for(home) + " status --watch` follows it";
  std::string what;
  switch (progress) {
    case Progress::not_asked: what = "nothing was asked for, nothing moves"; break;
    case Progress::asking: what = "the move may have been accepted; " + follow; break;
    case Progress::accepted: what = "the move to " + to + " goes on without us; " + follow; break;
  }
  return report(make_error(ErrorKind::cancelled, moved.error().message + ": " + what));
}

int link_set(const Home& home, const json& request) {
  return run_command([&](boost::asio::any_io_executor executor) -> net::Task<Result<void>> {
    CO_TRY_VOID(require_link(home));
    net::ControlClient link(executor, home.link_dir() / "link.sock");
    CO_TRY_VOID(co_await link.call(request, Deadline::in(5s)));
    co_return ok();
  });
}

int link_status(const Home& home, bool as_json) {
  return run_command([&](boost::asio::any_io_executor executor) -> net::Task<Result<void>> {
    CO_TRY_VOID(require_link(home));
    net::ControlClient link(executor, home.link_dir() / "link.sock");
    const json question = {{"do", "status"}};
    CO_TRY(const json answer, co_await link.call(question, Deadline::in(5s)));
    if (as_json) {
      std::printf("%s\n", answer.dump(2).c_str());
      co_return ok();
    }
    for (const json& pair : answer.at("pairs")) {
      std::printf("%-14s -> %-14s %7.1f ms  jitter %g ms  limit %g Mbit/s  %s\n",
                  pair.value("from", "").c_str(), pair.value("to", "").c_str(),
                  pair.value("latency_ms", 0.0), pair.value("jitter_ms", 0.0),
                  pair.value("bandwidth_mbit_s", 0.0),
                  pair.value("blocked", false) ? "partitioned" : "open");
    }
    co_return ok();
  });
}

}  // namespace aurora_global::cli
