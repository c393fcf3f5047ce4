#include "router/verifiers.h"

#include <algorithm>

namespace aurora_global::router {
namespace {

using namespace std::chrono_literals;

constexpr Duration kAskLimit = 2s;
constexpr Duration kKnownFor = 10s;
constexpr std::size_t kKnownMax = 10'000;
constexpr std::string_view kStatement = "_aurora_global_verifier";

}  // namespace

void Verifiers::ask_at(std::vector<BackendAddress> servers) {
  const auto& server = line_->server;
  const bool stays =
      server && std::any_of(servers.begin(), servers.end(), [&](const BackendAddress& one) {
        return one.same_server(server->address());
      });
  if (!stays) {
    line_ = std::make_shared<Line>(executor_);
    known_.clear();  // Another server's word.
  }
  line_->servers = std::move(servers);
}

net::Task<Result<void>> Verifiers::connect(std::shared_ptr<Line> line, Deadline deadline) {
  Error last = make_error(ErrorKind::unavailable, "no instance of this Region is known");
  const std::vector<BackendAddress> servers = line->servers;
  for (const BackendAddress& server : servers) {
    const Backend::Parameters parameters = {
        {"user", server.tls ? "rdsrepladmin" : "rdsadmin"},
        {"database", "rdsadmin"},
        {"application_name", "aurora-global router"},
        {"options", "-c apg_write_forward.consistency_mode=off"}};
    auto opened = co_await Backend::open(server, parameters, link_, deadline, nullptr);
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
    line->server = std::move(*opened);
    co_return ok();
  }
  co_return last;
}

net::Task<Result<Verifiers::Role>> Verifiers::ask(std::shared_ptr<Line> line, std::string name,
                                                  Deadline deadline) {
  CO_TRY(const auto guard, co_await line->lock.lock(deadline));
  if (line != line_) co_return make_error(ErrorKind::unavailable, "the writer has moved");
  for (bool again = line->server != nullptr;; again = false) {
    if (!line->server) CO_TRY_VOID(co_await connect(line, deadline));
    pgwire::Bytes batch;
    pgwire::put_bind(batch, "", kStatement, {name});
    pgwire::put_execute(batch, "");
    pgwire::put_sync(batch);
    const auto answers = co_await line->server->ask(std::move(batch), 1, deadline);
    if (answers.has_error() || answers->front().error) {
      line->server.reset();
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
  auto role = co_await ask(line_, name, deadline.at_most(kAskLimit));
  const Instant now = SystemClock().now();
  if (role.has_value()) {
    if (known_.size() >= kKnownMax) known_.clear();
    known_[name] = Known{*role, now};
    co_return role;
  }
  const auto known = known_.find(name);
  const bool across = !line_->servers.empty() && line_->servers.front().tls;
  if (!across && known != known_.end() && now - known->second.at < kKnownFor)
    co_return known->second.role;
  co_return role.error();
}

}  // namespace aurora_global::router
