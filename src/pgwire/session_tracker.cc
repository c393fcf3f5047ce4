#include "pgwire/session_tracker.h"

namespace aurora_global::pgwire {
namespace {

constexpr std::size_t kTrimAfter = 1024;

}  // namespace

void SessionTracker::client(char type) {
  switch (type) {
    case 'Q':
    case 'F':
      odd_ = odd_ || open_batch_ || copying_in_;  // Thrown away, if the batch has failed.
      open_batch_ = false;
      due_.push_back(Due::query);
      break;
    case 'S':
      if (copying_in_) {  // Thrown away by the server, unless the COPY has just failed there.
        odd_ = true;
        break;
      }
      odd_ = odd_ || early_data_;
      open_batch_ = false;
      due_.push_back(Due::sync);
      break;
    case 'P':
    case 'B':
    case 'E':
    case 'D':
    case 'C':
    case 'H': open_batch_ = true; break;
    case 'd':
    case 'c':
    case 'f':
      if (!copying_in_) {
        early_data_ = early_data_ || !quiet();
        if (type != 'd' && !quiet()) {
          due_.push_back(Due::copy_end);
          early_data_ = false;  // However it goes on, what follows is answered.
        }
      } else if (type != 'd') {
        copying_in_ = false;
      }
      break;
    default: break;
  }
}

// The server throws away every Sync that comes before the end of the data.
void SessionTracker::begin_copy_in() {
  std::vector<Due> rest;
  std::size_t at = first_;
  bool dropped = false;
  if (at < due_.size() && due_[at] == Due::query) rest.push_back(due_[at++]);
  for (; at < due_.size() && due_[at] != Due::copy_end; ++at) {
    if (due_[at] == Due::sync) {
      dropped = true;
    } else {
      rest.push_back(due_[at]);
    }
  }
  const bool ended = at < due_.size();
  odd_ = odd_ || (ended && dropped) || (early_data_ && dropped);
  if (ended) ++at;
  for (; at < due_.size(); ++at) rest.push_back(due_[at]);
  due_ = std::move(rest);
  first_ = 0;
  copying_in_ = !ended;
  // Of the extended protocol: a Sync has to follow the data. Of a query: its answer is due already.
  if (copying_in_) open_batch_ = open_batch_ || !answers_due();
}

void SessionTracker::answered() {
  while (first_ < due_.size() && due_[first_] == Due::copy_end) ++first_;
  if (first_ < due_.size()) ++first_;
  while (first_ < due_.size() && due_[first_] == Due::copy_end) ++first_;
  if (first_ == due_.size() || first_ >= kTrimAfter) {
    due_.erase(due_.begin(), due_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
  if (quiet()) early_data_ = false;
}

void SessionTracker::server(char type, char status) {
  switch (type) {
    case 'Z':
      copying_in_ = false;
      status_ = status;
      answered();
      break;
    case 'G':
    case 'W': begin_copy_in(); break;
    case 'E': copying_in_ = false; break;
    default: break;
  }
}

}  // namespace aurora_global::pgwire
