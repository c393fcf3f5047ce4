#include "shrink.h"

#include <algorithm>

namespace aurora_global::sessions {
namespace {

class Shrinker {
 public:
  Shrinker(Plan plan, const std::function<bool(const Plan&)>& shows, int tries)
      : plan_(std::move(plan)), shows_(shows), tries_(tries) {}

  Plan run() {
    bool smaller = true;
    while (smaller && tries_ > 0) {
      smaller = drop_steps();
      smaller |= drop_messages();
      smaller |= drop_startup();
      smaller |= drop_statements();
    }
    return std::move(plan_);
  }

 private:
  bool keep(Plan candidate) {
    if (tries_-- <= 0 || !shows_(candidate)) return false;
    plan_ = std::move(candidate);
    return true;
  }

  // Half of them at once, then less.
  bool drop_steps() {
    bool any = false;
    for (std::size_t size = std::max<std::size_t>(plan_.steps.size() / 2, 1); size > 0; size /= 2) {
      for (std::size_t at = 0; at < plan_.steps.size();) {
        Plan candidate = plan_;
        const std::size_t end = std::min(at + size, candidate.steps.size());
        candidate.steps.erase(candidate.steps.begin() + static_cast<std::ptrdiff_t>(at),
                              candidate.steps.begin() + static_cast<std::ptrdiff_t>(end));
        if (keep(std::move(candidate))) {
          any = true;
        } else {
          at += size;
        }
      }
    }
    return any;
  }

  bool drop_messages() {
    bool any = false;
    for (std::size_t step = 0; step < plan_.steps.size(); ++step) {
      for (std::size_t at = 0; at < plan_.steps[step].messages.size();) {
        Plan candidate = plan_;
        auto& messages = candidate.steps[step].messages;
        messages.erase(messages.begin() + static_cast<std::ptrdiff_t>(at));
        if (keep(std::move(candidate))) {
          any = true;
        } else {
          ++at;
        }
      }
    }
    return any;
  }

  bool drop_startup() {
    bool any = false;
    for (std::size_t at = 0; at < plan_.startup.size();) {
      Plan candidate = plan_;
      candidate.startup.erase(candidate.startup.begin() + static_cast<std::ptrdiff_t>(at));
      if (keep(std::move(candidate))) {
        any = true;
      } else {
        ++at;
      }
    }
    return any;
  }

  // Of a string of several statements, each.
  bool drop_statements() {
    bool any = false;
    for (std::size_t step = 0; step < plan_.steps.size(); ++step) {
      for (std::size_t at = 0; at < plan_.steps[step].messages.size(); ++at) {
        if (plan_.steps[step].messages[at].type == 'Q') any |= drop_parts(step, at);
      }
    }
    return any;
  }

  bool drop_parts(std::size_t step, std::size_t at) {
    const std::string sql = plan_.steps[step].messages[at].body;
    for (std::size_t begin = 0; begin < sql.size();) {
      const std::size_t end = std::min(sql.find("; ", begin), sql.size());
      if (begin == 0 && end == sql.size()) return false;
      Plan candidate = plan_;
      std::string& body = candidate.steps[step].messages[at].body;
      body = sql.substr(0, begin) + sql.substr(std::min(end + 2, sql.size()));
      if (!body.ends_with('\0')) body += '\0';
      if (keep(std::move(candidate))) return true;
      begin = end + 2;
    }
    return false;
  }

  Plan plan_;
  const std::function<bool(const Plan&)>& shows_;
  int tries_;
};

}  // namespace

Plan shrink(Plan plan, const std::function<bool(const Plan&)>& shows, int tries_max) {
  return Shrinker(std::move(plan), shows, tries_max).run();
}

}  // namespace aurora_global::sessions
