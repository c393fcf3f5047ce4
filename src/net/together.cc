#include "net/together.h"

#include <utility>

namespace aurora_global::net {
namespace {

using namespace std::chrono_literals;

struct Rest {
  std::size_t left = 0;
  Event ended;
};

Task<void> one_of(Task<void> task, std::shared_ptr<Rest> rest) {
  struct Leave {
    Rest& rest;
    ~Leave() {
      if (--rest.left == 0) rest.ended.notify();
    }
  } leave{*rest};
  co_await std::move(task);
}

}  // namespace

Task<void> together(TaskGroup& owner, std::string name, std::vector<Task<void>> tasks) {
  const auto rest = std::make_shared<Rest>(Rest{tasks.size(), Event(owner.executor())});
  for (Task<void>& task : tasks) owner.spawn(name, one_of(std::move(task), rest));
  // Those that a stopped group drops are never counted down.
  while (rest->left > 0 && !owner.stopping()) co_await rest->ended.wait_for(1h);
}

}  // namespace aurora_global::net
