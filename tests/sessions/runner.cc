#include "runner.h"

#include <algorithm>

namespace aurora_global::sessions {
namespace {

using namespace std::chrono_literals;

constexpr auto kSessionLimit = 60s;
constexpr auto kLooseAfter = 2s;  // A server that is not tested says nothing more.

constexpr auto kStartLimit = 1s;  // Of a statement that is to be cancelled.
constexpr auto kLookEvery = 20ms;
constexpr auto kCancelAgain = 1s;

// What may come at any time, between any two answers.
bool is_asynchronous(char type) { return type == 'N' || type == 'A' || type == 'S'; }

class Run {
 public:
  Run(const Target& target, const Outcome* like, Clock::duration patience)
      : target_(target),
        connection_(target),
        like_(like),
        patience_(patience),
        until_(Clock::now() + kSessionLimit) {}

  Outcome run(const Plan& plan, const std::string& database) {
    log_in(plan, database);
    if (outcome_.login.empty() || outcome_.login.back().type != 'Z') return std::move(outcome_);
    for (std::size_t i = 0; i < plan.steps.size() && going_; ++i) step(plan.steps[i], i);
    if (going_) {
      connection_.send(encode(bare('X')), until_);
      while (hear(Clock::now() + patience_)) {
      }
      if (going_) outcome_.broken = "the connection stays open after Terminate";
    }
    return std::move(outcome_);
  }

 private:
  void log_in(const Plan& plan, const std::string& database) {
    database_ = database;
    Parameters parameters = plan.startup;
    const auto add = [&](const std::string& name, const std::string& value) {
      const auto given = std::any_of(parameters.begin(), parameters.end(),
                                     [&](const auto& one) { return one.first == name; });
      if (!given) parameters.emplace_back(name, value);
    };
    add("user", "tester");
    add("database", database);
    outcome_.login = connection_.log_in(parameters, target_.password, until_);
    for (const Message& message : outcome_.login) {
      if (message.type != 'K') continue;
      process_id_ = number_at(message.body, 0);
      secret_ = number_at(message.body, 4);
    }
  }

  void step(const Step& step, std::size_t index) {
    std::string bytes;
    for (const Message& message : step.messages) {
      bytes += encode(message);
      dialogue_.sent(message.type);
    }
    connection_.send(bytes, until_);
    if (step.wait != Wait::none) {
      const auto limit = Clock::now() + (like_ ? patience_ : Clock::duration(kLooseAfter));
      while (going_ && !enough(step.wait, index)) {
        if (step.wait == Wait::cancel) {
          await_start(step, index);
          if (!going_ || enough(step.wait, index)) continue;
          cancel();
          const auto again = std::min<Instant>(limit, Clock::now() + kCancelAgain);
          while (!enough(step.wait, index) && hear(again)) {
          }
          if (Clock::now() < limit) continue;
        } else if (hear(limit)) {
          continue;
        }
        if (going_) give_up();
        break;
      }
    }
    outcome_.due.push_back(counted_);
  }

  void give_up() {
    if (!like_) {
      outcome_.loose = true;
      return;
    }
    outcome_.broken = "no answer";
    going_ = false;
  }

  bool enough(Wait wait, std::size_t index) const {
    if (like_) return index < like_->due.size() && counted_ >= like_->due[index];
    return wait == Wait::quiet ? dialogue_.flushed() : dialogue_.settled();
  }

  // Whether a message came.
  bool hear(Instant until) {
    Message message;
    switch (connection_.next(message, std::min(until, until_))) {
      case Connection::Event::late: return false;
      case Connection::Event::ended: going_ = false; return false;
      case Connection::Event::message: break;
    }
    if (!is_asynchronous(message.type)) {
      ++counted_;
      dialogue_.heard(message.type);
    }
    outcome_.answers.push_back(std::move(message));
    return true;
  }

  // A cancel request means nothing to a server that has not come to the statement yet. Nobody tells
  // when it does: it is looked up.
  void await_start(const Step& step, std::size_t index) {
    Connection other(target_);
    const auto limit = Clock::now() + kStartLimit;
    other.log_in({{"user", "tester"}, {"database", database_}}, target_.password, until_);
    bool active = false;
    while (going_ && !active && !enough(step.wait, index) && Clock::now() < limit) {
      other.send(encode(query("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() "
                              "AND state = 'active' AND pid <> pg_backend_pid() "
                              "AND query LIKE '%pg_sleep(60)%'")),
                 until_);
      Message answer;
      while (other.next(answer, until_) == Connection::Event::message && answer.type != 'Z') {
        active = active || answer.type == 'D';
      }
      while (!active && !enough(step.wait, index) && hear(Clock::now() + kLookEvery)) {
      }
    }
    other.send(encode(bare('X')), until_);
  }

  void cancel() const {
    Connection other(target_);
    other.send(cancel_packet(process_id_, secret_), until_);
    Message nothing;  // The server closes when it has dealt with it.
    other.next(nothing, Clock::now() + kCancelAgain);
  }

  const Target& target_;
  Connection connection_;
  const Outcome* like_;
  Clock::duration patience_;
  Instant until_;
  Dialogue dialogue_;
  Outcome outcome_;
  std::size_t counted_ = 0;
  bool going_ = true;
  std::string database_;
  std::uint32_t process_id_ = 0;
  std::uint32_t secret_ = 0;
};

bool is_one_of(char type, std::string_view types) {
  return types.find(type) != std::string_view::npos;
}

}  // namespace

void Dialogue::sent(char type) {
  if (copying_ && is_one_of(type, "dHScf")) {
    if (is_one_of(type, "cf")) copying_ = false;
    return;
  }
  pending_.push_back(type);
  skip_unanswered();
}

// Neither a Flush has an answer, nor what belongs to a COPY that has failed.
void Dialogue::skip_unanswered() {
  while (!pending_.empty() && is_one_of(pending_.front(), "Hdcf")) pending_.pop_front();
}

// What was sent behind the statement belongs to the COPY, up to its end.
void Dialogue::begin_copy() {
  copying_ = true;
  while (copying_ && pending_.size() > 1 && is_one_of(pending_[1], "dHScf")) {
    if (is_one_of(pending_[1], "cf")) copying_ = false;
    pending_.erase(pending_.begin() + 1);
  }
}

void Dialogue::heard(char type) {
  skip_unanswered();
  if (pending_.empty()) return;
  const char front = pending_.front();
  const auto answers = [&](std::string_view statement, std::string_view answer) {
    return is_one_of(front, statement) && is_one_of(type, answer);
  };
  if (type == 'Z') {
    const std::string_view ends = failed_ ? "S" : "QFS";
    while (!pending_.empty() && !is_one_of(pending_.front(), ends)) pending_.pop_front();
    if (!pending_.empty()) pending_.pop_front();
    failed_ = copying_ = false;
  } else if (type == 'E') {
    copying_ = false;
    if (is_one_of(front, "PBDEC")) failed_ = true;
  } else if (type == 'G') {
    begin_copy();
  } else if (answers("P", "1") || answers("B", "2") || answers("C", "3") || answers("D", "Tn") ||
             answers("E", "CIs")) {
    pending_.pop_front();
  }
  skip_unanswered();
}

bool Dialogue::settled() const {
  const std::string_view answered = failed_ ? "S" : "QFS";
  return std::none_of(pending_.begin(), pending_.end(),
                      [&](char type) { return is_one_of(type, answered); });
}

bool Dialogue::flushed() const {
  return settled() && (failed_ || !std::count(pending_.begin(), pending_.end(), 'H'));
}

Outcome run(const Plan& plan, const Target& target, const std::string& database,
            const Outcome* like, Clock::duration patience) {
  try {
    return Run(target, like, patience).run(plan, database);
  } catch (const ConnectionError& error) {
    Outcome outcome;
    outcome.broken = error.what();
    return outcome;
  }
}

}  // namespace aurora_global::sessions
