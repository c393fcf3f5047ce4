#include "core/exchange.h"

namespace aurora_global::extension {
namespace {

// ReadyForQuery ends these.
bool ends_with_ready(Request request) {
  return request == Request::sync || request == Request::query || request == Request::call;
}

}  // namespace

void Exchange::sent(Request request, Whose whose, int own_completions) {
  if (skipping_ && request != Request::sync) return;
  skipping_ = false;
  owed_.push_back({request, whose, own_completions});
}

bool Exchange::will_be_quiet() const {
  return owed_.empty() || ends_with_ready(owed_.back().request);
}

Whose Exchange::received(char type, std::string_view body) {
  if (type == 'E') return on_error();
  if (type == 'Z') return on_ready(body);
  if (owed_.empty()) return Whose::client;  // Notices, notifications.
  Owed& front = owed_.front();
  const Whose whose = front.whose;
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
  return whose;
}

Whose Exchange::on_error() {
  if (owed_.empty()) return Whose::client;
  Owed& front = owed_.front();
  const Whose whose = front.own_completions > 0 ? Whose::relay : front.whose;
  if (whose == Whose::relay) own_request_failed_ = true;
  if (ends_with_ready(front.request)) {
    front.own_completions = 0;
    return whose;
  }
  while (!owed_.empty() && owed_.front().request != Request::sync) owed_.pop_front();
  skipping_ = owed_.empty();
  return whose;
}

Whose Exchange::on_ready(std::string_view body) {
  if (!body.empty()) status_ = static_cast<TransactionStatus>(body[0]);
  skipping_ = false;
  if (owed_.empty()) return Whose::client;
  const Whose whose = owed_.front().whose;
  owed_.pop_front();
  return whose;
}

}  // namespace aurora_global::extension
