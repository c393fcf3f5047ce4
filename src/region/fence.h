// A promise to another region: this one does not write until the promised epoch is known to be
// void. A sum type; its legal transitions are here and nowhere else. Pure.
//
//   none ── promise() ──► promised ── close() ──► closed
//     ▲                      │                      │
//     └──────── lift() ──────┴──────── lift() ──────┘
//
// `promised` is on disk before anybody sees it. `closed` is not: a daemon that starts again asks
// the engine, or shuts the instance down, and closes it anew.
#pragma once

#include <string>
#include <variant>

#include "base/ids.h"
#include "base/result.h"

namespace aurora_global::region {

struct Promise {
  std::string operation_id;
  std::string global_cluster;
  Epoch epoch;
};

class Fence {
 public:
  struct None {};
  struct Promised {
    Promise promise;
  };
  // No client is told of a write after `final_lsn`.
  struct Closed {
    Promise promise;
    Lsn final_lsn;
  };

  Fence() = default;
  explicit Fence(Promise promise) : state_(Promised{std::move(promise)}) {}

  bool up() const { return !std::holds_alternative<None>(state_); }
  const Closed* closed() const { return std::get_if<Closed>(&state_); }
  // Nullptr: there is none.
  const Promise* promise() const {
    if (const auto* promised = std::get_if<Promised>(&state_)) return &promised->promise;
    if (const auto* done = closed()) return &done->promise;
    return nullptr;
  }
  bool is_for(std::string_view operation_id) const {
    return promise() != nullptr && promise()->operation_id == operation_id;
  }

  // Fails with `superseded` if a newer epoch was promised before. The same promise again changes
  // nothing.
  Result<Fence> promised(Promise next) const {
    if (is_for(next.operation_id) && promise()->epoch == next.epoch) return *this;
    if (up() && promise()->global_cluster == next.global_cluster && promise()->epoch > next.epoch) {
      return make_error(ErrorKind::superseded,
                        "this region has promised epoch " + std::to_string(promise()->epoch.value));
    }
    return Fence(std::move(next));
  }
  // Fails with `superseded` if the promise is not in force any more.
  Result<Fence> closed_at(std::string_view operation_id, Lsn final_lsn) const {
    if (!is_for(operation_id)) {
      return make_error(ErrorKind::superseded, "the operation was called off meanwhile");
    }
    Fence next;
    next.state_ = Closed{*promise(), final_lsn};
    return next;
  }

 private:
  std::variant<None, Promised, Closed> state_;
};

}  // namespace aurora_global::region
