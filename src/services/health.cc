#include "services/health.h"

#include <charconv>
#include <optional>
#include <string_view>

#include "net/log.h"

namespace aurora_global::services {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLook = 1s;  // At which instances there are.
constexpr std::size_t kBodyBytesMax = 1024;

using Health = region::InstanceHealth;

bool is_writer(const Health& health) { return health.running && health.writes; }
bool is_replica(const Health& health) { return health.running && health.in_recovery; }

// Each path, and what it asks.
struct Path {
  std::string_view name;
  bool (*holds)(const Health&);
  bool asks_lag = false;
};
constexpr Path kPaths[] = {
    {"/", is_writer},
    {"/primary", is_writer},
    {"/master", is_writer},
    {"/leader", is_writer},
    {"/read-write", is_writer},
    {"/replica", is_replica, true},
    {"/read-only", [](const Health& h) { return is_writer(h) || is_replica(h); }, true},
    {"/health", [](const Health& h) { return h.running; }},
    {"/liveness", [](const Health&) { return true; }},  // Somebody answers: this daemon.
    {"/readiness", [](const Health& h) { return is_writer(h) || (is_replica(h) && h.streams); }},
};

const Path* path_of(std::string_view target) {
  const std::string_view name = target.substr(0, target.find('?'));
  for (const Path& path : kPaths) {
    if (path.name == name) return &path;
  }
  return nullptr;
}

// "1048576", "16MB": PostgreSQL's units of memory.
std::optional<std::uint64_t> bytes_in(std::string_view text) {
  constexpr struct {
    std::string_view name;
    int shift;
  } kUnits[] = {{"", 0}, {"B", 0}, {"kB", 10}, {"MB", 20}, {"GB", 30}, {"TB", 40}};
  std::uint64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc() || read.ptr == text.data()) return std::nullopt;
  const std::string_view unit = text.substr(static_cast<std::size_t>(read.ptr - text.data()));
  for (const auto& one : kUnits) {
    if (one.name == unit && number <= (~std::uint64_t{0} >> one.shift)) return number << one.shift;
  }
  return std::nullopt;
}

// The value of `lag`. Fails with what is wrong with the query.
Result<std::optional<std::uint64_t>> lag_limit(std::string_view target, bool asks_lag) {
  const auto mark = target.find('?');
  if (mark == target.npos) return std::optional<std::uint64_t>();
  std::optional<std::uint64_t> limit;
  std::string_view rest = target.substr(mark + 1);
  while (!rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    const std::string_view name = one.substr(0, one.find('='));
    if (one.empty()) continue;
    if (name != "lag" || !asks_lag) {
      return make_error(ErrorKind::invalid,
                        "the parameter '" + std::string(name) + "' is not known here");
    }
    limit = bytes_in(one.substr(std::min(one.size(), name.size() + 1)));
    if (!limit) {
      return make_error(ErrorKind::invalid,
                        "lag must be a number of bytes, or one with kB, MB, GB "
                        "or TB; given: '" +
                            std::string(one) + "'");
    }
  }
  return limit;
}

net::HttpResponse json_answer(int status, nlohmann::json body) {
  net::HttpResponse response;
  response.status = status;
  response.headers.emplace_back("Content-Type", "application/json");
  response.headers.emplace_back("Cache-Control", "no-store");
  response.body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return response;
}

net::HttpResponse refusal(int status, const std::string& why) {
  return json_answer(status, {{"error", why}});
}

}  // namespace

net::HttpResponse health_answer(const net::HttpRequest& request, const Health& health) {
  const Path* path = path_of(request.target);
  if (path == nullptr) return refusal(404, "there is no such path");
  if (request.method != "GET" && request.method != "HEAD" && request.method != "OPTIONS") {
    auto answer = refusal(405, request.method + " is not answered here");
    answer.headers.emplace_back("Allow", "GET, HEAD, OPTIONS");
    return answer;
  }
  const auto limit = lag_limit(request.target, path->asks_lag);
  if (limit.has_error()) return refusal(400, limit.error().message);
  bool holds = path->holds(health);
  // A writer is behind nobody; whose distance nobody knows may be far behind.
  if (holds && *limit && !is_writer(health)) {
    holds = health.lag_bytes && *health.lag_bytes <= **limit;
  }
  const char* state = "stopped";
  if (health.running) state = health.in_recovery && health.streams ? "streaming" : "running";
  return json_answer(
      holds ? 200 : 503,
      {{"state", state}, {"role", health.running && !health.in_recovery ? "primary" : "replica"}});
}

void HealthListeners::start() {
  if (port_ != 0) tasks_.spawn("health of the instances", keep());
}

net::Task<void> HealthListeners::stop() {
  for (const auto& [instance, listener] : listeners_) listener->close();
  tasks_.stop();
  co_await tasks_.join();
}

net::Task<void> HealthListeners::keep() {
  while (!tasks_.stopping()) {
    look();
    co_await net::sleep_for(kLook);
  }
}

void HealthListeners::look() {
  std::set<std::string> present;
  for (const Health& health : region_.instance_health()) {
    const std::string& instance = health.identifier;
    present.insert(instance);
    if (listeners_.contains(instance)) continue;
    const std::string address = health.address + ":" + std::to_string(port_);
    auto listener = net::HttpServer::listen(
        tasks_, address,
        [this, instance](net::HttpRequest request) { return answer(instance, std::move(request)); },
        nullptr, kBodyBytesMax);
    if (listener.has_value()) {
      listeners_.emplace(instance, std::move(*listener));
      failed_.erase(instance);
      log::info("instance {}: its health is told on {}", instance, address);
    } else if (failed_.insert(instance).second) {
      log::warn("instance {}: its health cannot be told yet: {}", instance,
                listener.error().message);
    }
  }
  std::erase_if(listeners_, [&](const auto& one) { return !present.contains(one.first); });
}

net::Task<net::HttpResponse> HealthListeners::answer(std::string instance,
                                                     net::HttpRequest request) const {
  Health health{.identifier = instance};
  for (Health& one : region_.instance_health()) {
    if (one.identifier == instance) health = std::move(one);
  }
  co_return health_answer(request, health);
}

}  // namespace aurora_global::services
