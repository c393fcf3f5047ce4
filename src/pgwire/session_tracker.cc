#include "pgwire/session_tracker.h"

namespace aurora_global::pgwire {
namespace {

constexpr std::size_t kTrimAfter = 1024;

}  // namespace

void SessionTracker::client(char type) {
  if (type != 'd' && type != 'c' && type != 'f') after_query_ = after_failed_copy_ = false;
  switch (type) {
    case 'Q':
    case 'F':
      odd_ = odd_ || open_batch_ || copying_in_;  // Thrown away, if the batch has failed.
      open_batch_ = false;
      due_.push_back(Due::query);
      after_query_ = type == 'Q';
      break;
    case 'S':
      odd_ = odd_ || copying_in_ || early_data_;  // Thrown away, unless the COPY has just failed.
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
      if (!copying_in_ && !after_failed_copy_ && !quiet()) {
        odd_ = odd_ || !after_query_;
        early_data_ = true;
      }
      copying_in_ = copying_in_ && type == 'd';
      break;
    default: break;
  }
}

// The server throws away every Sync that comes before the end of the data.
void SessionTracker::begin_copy_in() {
  due_.erase(due_.begin(), due_.begin() + static_cast<std::ptrdiff_t>(first_));
  first_ = 0;
  std::erase(due_, Due::sync);
  copying_in_ = true;
  // Of the extended protocol: a Sync has to follow the data. Of a query: its answer is due already.
  open_batch_ = open_batch_ || !answers_due();
}

void SessionTracker::answered() {
  if (answers_due()) ++first_;
  if (first_ < due_.size() && first_ < kTrimAfter) return;
  due_.erase(due_.begin(), due_.begin() + static_cast<std::ptrdiff_t>(first_));
  first_ = 0;
}

void SessionTracker::server(char type, char status) {
  switch (type) {
    case 'Z':
      copying_in_ = false;
      status_ = status;
      answered();
      if (quiet()) early_data_ = false;
      break;
    case 'G':
    case 'W': begin_copy_in(); break;
    case 'E':
      after_failed_copy_ = copying_in_;
      copying_in_ = false;
      break;
    default: break;
  }
}

}  // namespace aurora_global::pgwire
