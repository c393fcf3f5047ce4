#include "sim/disk.h"

namespace aurora_global::sim {
namespace {

using namespace std::chrono_literals;

}  // namespace

Result<std::vector<region::Store::Document>> SimStore::load() {
  std::vector<Document> all;
  for (const auto& [name, text] : disk_.documents) all.push_back({name, text});
  return all;
}

net::Task<Result<void>> SimStore::put(std::vector<Document> documents,
                                      std::vector<std::string> erased) {
  auto pending = std::make_shared<Pending>();
  pending->put = std::move(documents);
  pending->erase = std::move(erased);
  pending->ended = std::make_shared<net::Event>(co_await net::asio::this_coro::executor);
  queue_.push_back(pending);
  begin_next();
  while (!pending->done) co_await pending->ended->wait_for(1h);
  co_return pending->outcome;
}

void SimStore::begin_next() {
  if (writing_ || queue_.empty() || crashed_) return;
  writing_ = true;
  Duration takes = kernel_.between(300us, 3ms);
  if (kernel_.chance(disk_.slow)) takes = kernel_.between(3ms, 2s);
  kernel_.after(takes, net::Job([this, alive = std::weak_ptr(alive_)] {
                  if (alive.expired() || crashed_) return;
                  const auto pending = queue_.front();
                  queue_.pop_front();
                  writing_ = false;
                  pending->done = true;
                  const bool refused = disk_.puts != nullptr && disk_.puts->next_fails();
                  if (disk_.full || refused) {
                    ++disk_.failed;
                    pending->outcome = make_error(ErrorKind::exhausted, "the disk is full");
                  } else {
                    make_durable(*pending);
                  }
                  pending->ended->notify();
                  begin_next();
                }));
}

void SimStore::make_durable(const Pending& pending) {
  ++disk_.transactions;
  for (const Document& document : pending.put) disk_.documents[document.name] = document.text;
  for (const std::string& name : pending.erase) disk_.documents.erase(name);
  if (disk_.on_durable) disk_.on_durable();
}

void SimStore::crash() {
  crashed_ = true;
  // SQLite's journal: whatever was synced last is a prefix of what was asked for.
  std::size_t kept = queue_.empty() ? 0 : kernel_.rng().below(queue_.size() + 1);
  for (const auto& pending : queue_) {
    if (kept-- == 0) break;
    ++disk_.torn;
    if (!disk_.full) make_durable(*pending);
  }
  queue_.clear();
}

}  // namespace aurora_global::sim
