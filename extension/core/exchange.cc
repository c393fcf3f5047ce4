#include "core/exchange.h"

#include <algorithm>

namespace aurora_global::extension {
namespace {

// ReadyForQuery ends these.
bool ends_with_ready(Request request) {
  return request == Request::sync || request == Request::query || request == Request::call;
}

}  // namespace

void Exchange::sent(Request request, Whose whose, int own_completions) {
  if (copying_ && request == Request::sync) {
    copy_had_sync_ = true;
    return;
  }
  if (copying_ && request == Request::copy_end) {
    copying_ = false;
    return;
  }
  if (skipping_ && request != Request::sync) return;
  skipping_ = false;
  owed_.push_back({request, whose, own_completions});
  drop_ignored();
}

// Out of a COPY the server ignores them.
void Exchange::drop_ignored() {
  while (!owed_.empty() && owed_.front().request == Request::copy_end) owed_.pop_front();
}

bool Exchange::will_be_quiet() const {
  return owed_.empty() || ends_with_ready(owed_.back().request);
}

bool Exchange::client_waits() const {
  return uncertain_ || std::any_of(owed_.begin(), owed_.end(), [](const Owed& one) {
           return one.whose == Whose::client && ends_with_ready(one.request);
         });
}

bool Exchange::own_batch_open() const {
  bool open = false;
  for (auto one = owed_.rbegin(); one != owed_.rend() && !ends_with_ready(one->request); ++one) {
    if (one->whose == Whose::client) return false;
    open = true;
  }
  return open;
}

Whose Exchange::received(char type, std::string_view body) {
  if (type == 'E') return on_error();
  if (type == 'Z') return on_ready(body);
  // Notices, and notifications at any time: they are no answer to what is in front.
  if (owed_.empty() || type == 'A') return Whose::client;
  Owed& front = owed_.front();
  const Whose whose = front.whose;
  if (type == 'G') begin_copy();
  if (type == 'C') in_copy_ = copying_ = copy_had_sync_ = false;
  if (front.request == Request::query) {
    if (front.own_completions > 0) {
      if (type == 'C') --front.own_completions;
      return type == 'N' ? Whose::client : Whose::relay;
    }
    return whose;
  }
  const bool last =
      (type == '1' && front.request == Request::parse) ||
      (type == '2' && front.request == Request::bind) ||
      (type == '3' && front.request == Request::close) ||
      ((type == 'T' || type == 'n') && front.request == Request::describe) ||
      ((type == 'C' || type == 'I' || type == 's') && front.request == Request::execute);
  if (last) owed_.pop_front();
  drop_ignored();
  return whose;
}

// What was sent behind the statement up to the end of the data is read as part of it.
void Exchange::begin_copy() {
  in_copy_ = copying_ = true;
  copy_had_sync_ = false;
  while (copying_ && owed_.size() > 1) {
    const Request next = owed_[1].request;
    if (next != Request::sync && next != Request::copy_end) return;  // The server refuses it.
    if (next == Request::sync) copy_had_sync_ = true;
    if (next == Request::copy_end) copying_ = false;
    owed_.erase(owed_.begin() + 1);
  }
}

Whose Exchange::on_error() {
  if (owed_.empty()) return Whose::client;
  Owed& front = owed_.front();
  const Whose whose = front.own_completions > 0 ? Whose::relay : front.whose;
  if (whose == Whose::relay) own_request_failed_ = true;
  uncertain_ = in_copy_ && copy_had_sync_;
  in_copy_ = copying_ = copy_had_sync_ = false;
  if (uncertain_) return whose;
  if (ends_with_ready(front.request)) {
    front.own_completions = 0;
    return whose;
  }
  while (!owed_.empty() && owed_.front().request != Request::sync) owed_.pop_front();
  skipping_ = owed_.empty();
  return whose;
}

void Exchange::settled() {
  uncertain_ = skipping_ = false;
  owed_.clear();
  owed_.push_back({Request::sync, Whose::relay, 0});
}

Whose Exchange::on_ready(std::string_view body) {
  if (!body.empty()) status_ = static_cast<TransactionStatus>(body[0]);
  skipping_ = false;
  if (owed_.empty()) return Whose::client;
  const Whose whose = owed_.front().whose;
  owed_.pop_front();
  drop_ignored();
  return whose;
}

}  // namespace aurora_global::extension
