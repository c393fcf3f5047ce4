// Runs random sessions against a plain server and against a tested one and compares the answers.
//
//   session_machine run FILE       FILE: the machine's orders, JSON (tests/sessions/machine.py)
//   session_machine show SEED      prints the plan of a seed
//   session_machine reasons        prints the table of reasons
//
// `run` prints one JSON object. Exit code 1: a difference without a reason; 2: wrong orders.
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>
#include <utility>

#include "comparison.h"
#include "generator.h"
#include "shrink.h"

namespace aurora_global::sessions {
namespace {

using Json = nlohmann::json;
using namespace std::chrono_literals;

constexpr auto kControlLimit = 60s;
// How long a tested server may take for an answer that the other has given.
constexpr auto kPatience = 15s;
constexpr auto kShrinkPatience = 3s;
constexpr int kShrinkTries = 250;
constexpr auto kShrinkLimit = 25s;
constexpr std::uint64_t kLooseTold = 10;

struct Orders {
  Target direct, tested;   // As the plans' users.
  Target direct_control;   // As a superuser.
  Target tested_control;   // The writer.
  std::string standby;     // Its directory: what is tested reads there. Empty: none.
  std::uint64_t from = 1;  // Seeds.
  std::uint64_t count = 0;
  double seconds = 0;              // 0: no limit.
  int workers = 4;                 // Each has a room of its own: room_0, room_1, ...
  int kinds_max = 20;              // So many kinds of differences are shrunk.
  std::vector<std::string> cases;  // Files to replay, before any seed.
  std::string output;              // Where shrunk cases go.
};

Target target_from(const Json& json) {
  return {json.at("name").get<std::string>(), json.at("host").get<std::string>(),
          json.value("password", std::string())};
}

Orders orders_from(const std::string& file) {
  std::ifstream in(file);
  const Json json = Json::parse(in);
  Orders orders;
  orders.direct = target_from(json.at("direct"));
  orders.tested = target_from(json.at("tested"));
  orders.direct_control = target_from(json.at("direct_control"));
  orders.tested_control = target_from(json.at("tested_control"));
  orders.standby = json.value("standby", std::string());
  orders.from = json.value("from", std::uint64_t{1});
  orders.count = json.value("count", std::uint64_t{0});
  orders.seconds = json.value("seconds", 0.0);
  orders.workers = json.value("workers", 4);
  orders.kinds_max = json.value("kinds_max", 20);
  orders.cases = json.value("cases", std::vector<std::string>());
  orders.output = json.at("output").get<std::string>();
  return orders;
}

// A superuser's session that prepares a room.
class Control {
 public:
  Control(const Target& target, const std::string& room) : connection_(target) {
    const auto heard =
        connection_.log_in({{"user", "postgres"}, {"database", room}}, "", Clock::now() + 60s);
    if (heard.empty() || heard.back().type != 'Z') {
      throw ConnectionError(target.name + ": " +
                            (heard.empty() ? "closed" : readable(heard.back())));
    }
  }

  // The first value of the answer.
  std::string ask(const std::string& sql) {
    const Instant until = Clock::now() + kControlLimit;
    connection_.send(encode(query(sql)), until);
    std::string value;
    for (Message message;;) {
      if (connection_.next(message, until) != Connection::Event::message) {
        throw ConnectionError("no answer to " + sql);
      }
      if (message.type == 'E') throw ConnectionError(sql + ": " + readable(message));
      if (message.type == 'Z') return value;
      if (message.type == 'D' && value.empty()) value = message.body.substr(6);
    }
  }

 private:
  Connection connection_;
};

struct Totals {
  std::mutex lock;
  std::uint64_t sessions = 0;
  std::uint64_t messages = 0;
  std::uint64_t loose = 0;  // Plans with a wait that only silence ended.
  std::vector<std::string> loose_origins;
  std::map<std::string, std::uint64_t> explained;
  std::map<std::string, Json> kinds;  // Of unexplained differences.
  std::uint64_t different = 0;
  std::uint64_t next_seed = 0;
  std::string failure;  // Of the machine itself.
};

// One room and who works in it.
class Worker {
 public:
  Worker(const Orders& orders, Totals& totals, int number)
      : orders_(orders),
        totals_(totals),
        room_("room_" + std::to_string(number)),
        direct_(orders.direct_control, room_),
        tested_(orders.tested_control, room_) {
    if (!orders.standby.empty()) {
      standby_.emplace(Target{"standby", orders.standby, ""}, room_);
    }
  }

  // `origin`: what the plan comes from, for people.
  void work(const Plan& plan, const std::string& origin) {
    bool loose = false;
    const auto difference = try_out(plan, kPatience, &loose);
    std::string signature;
    std::size_t number = 0;
    {
      const std::lock_guard guard(totals_.lock);
      ++totals_.sessions;
      totals_.messages += plan.messages();
      if (loose && ++totals_.loose <= kLooseTold) totals_.loose_origins.push_back(origin);
      if (!difference) return;
      if (!difference->reason.empty()) {
        ++totals_.explained[difference->reason];
        return;
      }
      ++totals_.different;
      signature = difference->signature();
      const auto known = totals_.kinds.find(signature);
      if (known != totals_.kinds.end()) {
        known->second["count"] = known->second["count"].get<int>() + 1;
        return;
      }
      totals_.kinds[signature] = {{"count", 1},
                                  {"origin", origin},
                                  {"direct", difference->direct},
                                  {"tested", difference->tested}};
      number = totals_.kinds.size();
      if (std::cmp_greater(number, orders_.kinds_max)) return;
    }
    report(plan, signature, origin, number);
  }

 private:
  std::optional<Difference> try_out(const Plan& plan, Clock::duration patience,
                                    bool* loose = nullptr) {
    direct_.ask("SELECT machine.reset()");
    const Outcome direct = run(plan, orders_.direct, room_, nullptr, patience);
    if (loose != nullptr) *loose = direct.loose;
    tested_.ask("SELECT machine.reset()");
    if (standby_) {
      const std::string position = tested_.ask("SELECT pg_current_wal_flush_lsn()");
      standby_->ask("SELECT aurora_global_await_replay('" + position + "', 30000)");
    }
    const Outcome tested = run(plan, orders_.tested, room_, &direct, patience);
    return compare(plan, direct, tested);
  }

  void report(const Plan& plan, const std::string& signature, const std::string& origin,
              std::size_t number) {
    std::optional<Difference> last;
    const Instant until = Clock::now() + kShrinkLimit;
    const Plan small = shrink(
        plan,
        [&](const Plan& candidate) {
          if (Clock::now() > until) return false;
          auto difference = try_out(candidate, kShrinkPatience);
          if (!difference || difference->signature() != signature) return false;
          last = std::move(difference);
          return true;
        },
        kShrinkTries);
    const std::lock_guard guard(totals_.lock);
    Json& kind = totals_.kinds[signature];
    const std::string direct = last ? last->direct : kind["direct"].get<std::string>();
    const std::string tested = last ? last->tested : kind["tested"].get<std::string>();
    const std::string file =
        orders_.output + "/" + orders_.tested.name + "-" + std::to_string(number) + ".txt";
    std::ofstream(file) << "# " << origin << " through " << orders_.tested.name
                        << "\n# direct: " << direct << "\n# tested: " << tested << "\n"
                        << to_text(small);
    kind["case"] = file;
    kind["direct"] = direct;
    kind["tested"] = tested;
    kind["again"] = last.has_value();
  }

  const Orders& orders_;
  Totals& totals_;
  std::string room_;
  Control direct_, tested_;
  std::optional<Control> standby_;
};

std::string contents(const std::string& file) {
  std::ifstream in(file);
  if (!in) throw std::invalid_argument("cannot read " + file);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

int run_orders(const Orders& orders) {
  Totals totals;
  std::atomic<std::size_t> next_case = 0;
  std::atomic<std::uint64_t> next_seed = orders.from;
  const Instant began = Clock::now();
  const auto time_is_up = [&] {
    const std::chrono::duration<double> passed = Clock::now() - began;
    return orders.seconds > 0 && passed.count() > orders.seconds;
  };
  const auto labour = [&](int number) {
    try {
      Worker worker(orders, totals, number);
      for (std::size_t at = next_case++; at < orders.cases.size(); at = next_case++) {
        worker.work(plan_from_text(contents(orders.cases[at])), orders.cases[at]);
      }
      while (!time_is_up()) {
        const std::uint64_t seed = next_seed++;
        if (seed >= orders.from + orders.count) break;
        worker.work(generate(seed), "seed " + std::to_string(seed));
        const std::lock_guard guard(totals.lock);
        totals.next_seed = std::max(totals.next_seed, seed + 1);
      }
    } catch (const std::exception& error) {
      const std::lock_guard guard(totals.lock);
      totals.failure = error.what();
    }
  };
  std::vector<std::thread> threads;
  threads.reserve(static_cast<std::size_t>(orders.workers));
  for (int i = 0; i < orders.workers; ++i) threads.emplace_back(labour, i);
  for (std::thread& thread : threads) thread.join();
  const std::chrono::duration<double> passed = Clock::now() - began;
  Json kinds = Json::array();
  for (const auto& [signature, kind] : totals.kinds) kinds.push_back(kind);
  const Json result = {
      {"sessions", totals.sessions},
      {"messages", totals.messages},
      {"different", totals.different},
      {"explained", totals.explained},
      {"kinds", kinds},
      {"loose", totals.loose},
      {"loose_origins", totals.loose_origins},
      {"next_seed", totals.next_seed},
      {"seconds", passed.count()},
      {"failure", totals.failure},
  };
  std::cout << result.dump(1, ' ', false, Json::error_handler_t::replace) << std::endl;
  return totals.different > 0 || !totals.failure.empty() ? 1 : 0;
}

}  // namespace

int main_of(const std::vector<std::string>& arguments) {
  try {
    if (arguments.size() == 2 && arguments[0] == "run")
      return run_orders(orders_from(arguments[1]));
    if (arguments.size() == 2 && arguments[0] == "show") {
      std::cout << to_text(generate(std::stoull(arguments[1])));
      return 0;
    }
    if (arguments.size() == 1 && arguments[0] == "reasons") {
      for (const Reason& reason : reasons()) {
        std::cout << reason.name << ": " << reason.sentence << "\n";
      }
      return 0;
    }
    std::cerr << "session_machine run FILE | show SEED | reasons\n";
  } catch (const std::exception& error) {
    std::cerr << "session_machine: " << error.what() << "\n";
  }
  return 2;
}

}  // namespace aurora_global::sessions

int main(int argc, char** argv) {
  return aurora_global::sessions::main_of({argv + 1, argv + argc});
}
