#include "router/verifiers.h"

#include <algorithm>

namespace aurora_global::router {
namespace {

using namespace std::chrono_literals;

constexpr Duration kAskLimit = 2s;
constexpr Duration kKnownFor = 10s;
constexpr std::size_t kKnownMax = 10'000;
constexpr std::string_view kStatement = "_aurora_global_verifier";

// PostgreSQL's text form of an array of texts.
std::string array_of(const std::set<std::string>& texts) {
  std::string out = "{";
  for (const std::string& text : texts) {
    out += out.size() == 1 ? "\"" : ",\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  return out + "}";
}

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
  Error last =
      make_error(ErrorKind::unavailable, age_ == Age::now ? "the writer's instance is not known"
                                                          : "no instance of this Region is known");
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
                      "SELECT rolname, coalesce(rolpassword, ''), rolsuper, coalesce(rolvaliduntil "
                      "< now(), false) FROM pg_authid WHERE rolname = ANY ($1::name[])",
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

net::Task<Result<std::map<std::string, Verifiers::Role>>> Verifiers::ask_for_all(
    std::shared_ptr<Line> line, std::set<std::string> names, Deadline deadline) {
  for (bool again = line->server != nullptr;; again = false) {
    if (!line->server) CO_TRY_VOID(co_await connect(line, deadline));
    pgwire::Bytes batch;
    pgwire::put_bind(batch, "", kStatement, {array_of(names)});
    pgwire::put_execute(batch, "");
    pgwire::put_sync(batch);
    const auto answers = co_await line->server->ask(std::move(batch), 1, deadline);
    if (answers.has_error() || answers->front().error) {
      line->server.reset();
      if (again) continue;  // A kept connection that turns out closed is no failure.
      if (answers.has_error()) co_return answers.error();
      co_return make_error(ErrorKind::unavailable, answers->front().error->message);
    }
    std::map<std::string, Role> roles;
    for (const pgwire::Row& row : answers->front().rows) {
      if (row.size() != 4) co_return make_error(ErrorKind::corrupt, "pg_authid answers oddly");
      roles[row[0].value_or("")] = {row[1].value_or(""), row[2] == "t", row[3] == "t"};
    }
    co_return roles;
  }
}

net::Task<Result<Verifiers::Role>> Verifiers::ask(std::shared_ptr<Line> line, std::string name,
                                                  Deadline deadline) {
  const auto round = line->next;
  round->names.insert(name);
  CO_TRY(const auto guard, co_await line->lock.lock(deadline));
  if (!round->answer) {
    line->next = std::make_shared<Round>();
    if (line != line_) co_return make_error(ErrorKind::unavailable, "the writer has moved");
    round->answer = co_await ask_for_all(line, round->names, deadline);
  }
  if (round->answer->has_error()) co_return round->answer->error();
  const auto found = (*round->answer)->find(name);
  co_return found == (*round->answer)->end() ? Role() : found->second;
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
  if (age_ == Age::recent && known != known_.end() && now - known->second.at < kKnownFor)
    co_return known->second.role;
  co_return role.error();
}

}  // namespace aurora_global::router
