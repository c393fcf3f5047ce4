// The region's durable memory: documents by name, and events.
//
// A call returns when what it changes is on disk; calls are done in the order made.
#pragma once

#include <string>
#include <vector>

#include "model/global_cluster.h"
#include "net/task.h"

namespace aurora_global::region {

class Store {
 public:
  struct Document {
    std::string name;
    std::string text;
  };
  static constexpr int kEventsMax = 10'000;  // Older ones are dropped.

  virtual ~Store() = default;

  // Everything stored; for start-up, so it runs in place.
  virtual Result<std::vector<Document>> load() = 0;

  // Replaces all of `documents` and erases the names in `erased`, in one transaction. Fails with
  // `exhausted` when the disk is full; then nothing has changed.
  virtual net::Task<Result<void>> put(std::vector<Document> documents,
                                      std::vector<std::string> erased = {}) = 0;
  net::Task<Result<void>> erase(std::string name) {
    std::vector<Document> none;
    std::vector<std::string> names = {std::move(name)};
    return put(std::move(none), std::move(names));
  }
  // What was erased or replaced is in none of the store's files any more.
  virtual net::Task<Result<void>> forget() = 0;

  virtual net::Task<Result<void>> add_event(model::Event event) = 0;
  // from <= date < to, oldest first.
  virtual net::Task<Result<std::vector<model::Event>>> events(WallTime from, WallTime to) = 0;
};

}  // namespace aurora_global::region
