#include "router/verifiers.h"

namespace aurora_global::router {
namespace {

using namespace std::chrono_literals;

constexpr Duration kAskLimit = 2s;
constexpr Duration kKnownFor = 10s;
constexpr std::size_t kKnownMax = 10'000;
constexpr std::string_view kStatement = "_aurora_global_verifier";

}  // namespace

net::Task<Result<void>> Verifiers::connect(Deadline deadline) {
  Error last = make_error(ErrorKind::unavailable, "no instance of this Region is known");
  const std::vector<BackendAddress> servers = servers_;
  for (const BackendAddress& server : servers) {
    const Backend::Parameters parameters = {
        {"user", "rdsadmin"},
        {"database", "rdsadmin"},
        {"application_name", "aurora-global router"},
        {"options", "-c apg_write_forward.consistency_mode=off"}};
    auto opened = co_await Backend::open(server, parameters, nullptr, deadline, nullptr);
    if (opened.has_error()) {
      last = opened.error();
      continue;
    }
    pgwire::Bytes batch;
    pgwire::put_parse(batch, kStatement,
                      "SELECT coalesce(rolpassword, ''), rolsuper, "
                      "coalesce(rolvaliduntil < now(), false) FROM pg_authid WHERE rolname = $1",
                      {});
    pgwire::put_sync(batch);
    const auto prepared = co_await (*opened)->ask(std::move(batch), 1, deadline);
    if (prepared.has_error()) {
      last = prepared.error();
      continue;
    }
    if (const auto& error = prepared->front().error) {
      last = make_error(ErrorKind::unavailable, error->message, error->sqlstate);
      continue;
    }
    server_ = std::move(*opened);
    co_return ok();
  }
  co_return last;
}

net::Task<Result<Verifiers::Role>> Verifiers::ask(std::string name, Deadline deadline) {
  CO_TRY(const auto guard, co_await lock_.lock(deadline));
  for (bool again = server_ != nullptr;; again = false) {
    if (!server_) CO_TRY_VOID(co_await connect(deadline));
    pgwire::Bytes batch;
    pgwire::put_bind(batch, "", kStatement, {name});
    pgwire::put_execute(batch, "");
    pgwire::put_sync(batch);
    const auto answers = co_await server_->ask(std::move(batch), 1, deadline);
    if (answers.has_error() || answers->front().error) {
      server_.reset();
      if (again) continue;  // A kept connection that turns out closed is no failure.
      if (answers.has_error()) co_return answers.error();
      co_return make_error(ErrorKind::unavailable, answers->front().error->message);
    }
    Role role;
    if (answers->front().rows.empty()) co_return role;
    const pgwire::Row& row = answers->front().rows.front();
    if (row.size() != 3) co_return make_error(ErrorKind::corrupt, "pg_authid answers oddly");
    role.verifier = row[0].value_or("");
    role.superuser = row[1] == "t";
    role.expired = row[2] == "t";
    co_return role;
  }
}

net::Task<Result<Verifiers::Role>> Verifiers::find(std::string name, Deadline deadline) {
  auto role = co_await ask(name, deadline.at_most(kAskLimit));
  const Instant now = SystemClock().now();
  if (role.has_value()) {
    if (known_.size() >= kKnownMax) known_.clear();
    known_[name] = Known{*role, now};
    co_return role;
  }
  const auto known = known_.find(name);
  if (known != known_.end() && now - known->second.at < kKnownFor) co_return known->second.role;
  co_return role.error();
}

}  // namespace aurora_global::router
