#include "pgwire/session_core.h"

#include <algorithm>
#include <array>

namespace aurora_global::pgwire {
namespace {

constexpr std::size_t kTrimAfter = 1024;
constexpr std::size_t kUnnamedBytesMax = 1024 * 1024;
constexpr std::size_t kSpareBytesMax = 16 * 1024;

void append(Bytes& to, BytesView bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

// A body too long to be read is none of ReadyForQuery's.
constexpr char kNoStatus = 'E';

FromClient client_type(std::uint8_t letter) { return static_cast<FromClient>(letter); }

void put_cancelled(Bytes& out) {
  put_error(out, "ERROR", {"", "57014", "canceling statement due to user request", ""});
}

// A message that cannot be read fails with one of these; so may what stands in it. Nor is it known
// of an error whose end has not come yet.
bool may_be_of_reading(BytesView error) {
  constexpr std::array<std::string_view, 3> kStates = {"08P01", "22021", "22P05"};
  const auto parsed = parse_error(error);
  return !parsed || std::find(kStates.begin(), kStates.end(), parsed->sqlstate) != kStates.end();
}

}  // namespace

void SessionCore::Unnamed::clear() {
  bytes.clear();
  too_large = in_doubt = false;
}

bool SessionCore::ends_with_ready(Kind kind) {
  return kind == Kind::query || kind == Kind::function_call || kind == Kind::sync;
}

bool SessionCore::extended(Kind kind) {
  return !ends_with_ready(kind) && kind != Kind::copy_end && kind != Kind::own;
}

// ---- what it is in the middle of

bool SessionCore::at_boundary() const {
  if (copy_ != Copy::none || skipping()) return false;
  // The router's own questions stand behind all that the client has sent.
  const bool answered = pending_.size() - first_ == own_;
  return batch_ == Batch::none || (batch_ == Batch::parsed && answered);
}

bool SessionCore::idle() const {
  return !has_pending() && at_boundary() && !in_transaction() && splitter_.between() &&
         !client_message_open_ && !broken_ && cancel_ == Cancel::no;
}

bool SessionCore::outcome_unknown() const {
  return due_ > 0 || batch_ == Batch::bound || copy_ != Copy::none;
}

bool SessionCore::needs_flush() const {
  return has_pending() && due_ == 0 && own_ == 0 && batch_ == Batch::parsed && !flush_sent_ &&
         splitter_.between();
}

bool SessionCore::must_wait(const Hold& hold) const {
  if (!at_boundary() || cancel_ != Cancel::no) return false;
  if (hold.server_lost) return true;
  if (due_ > 0) {
    // Whether a transaction is open is known when everything is answered.
    return hold.stopped || hold.one_at_a_time;
  }
  return hold.stopped && !in_transaction();
}

// ---- from the client

void SessionCore::push(Kind kind) {
  pending_.push_back(kind);
  due_ += ends_with_ready(kind) ? 1 : 0;
  flush_sent_ = false;
}

bool SessionCore::push_statement(FromClient type, BytesView body) {
  const auto name = statement_name(static_cast<char>(type), body);
  const bool parse = type == FromClient::parse;
  const bool unnamed = name && name->empty();
  if (!unnamed && (parse || name)) {
    named_ = named_ || parse;
    ++statements_;
  }
  if (parse) {
    push(unnamed ? Kind::parse_unnamed : Kind::parse);
  } else {
    push(unnamed ? Kind::close_unnamed : Kind::close);
  }
  return unnamed;
}

void SessionCore::begin_unnamed(std::size_t size) {
  candidates_.push_back(std::move(spare_));
  spare_ = {};
  candidates_.back().clear();
  candidates_.back().too_large = size > kUnnamedBytesMax - candidate_bytes_;
}

SessionCore::Unnamed SessionCore::take_candidate() {
  Unnamed first = std::move(candidates_.front());
  candidates_.pop_front();
  candidate_bytes_ -= first.bytes.size();
  return first;
}

// CopyDone or CopyFail.
void SessionCore::end_data() {
  if (copy_ == Copy::in) {
    copy_ = Copy::none;
  } else if (copy_ == Copy::none && has_pending()) {
    push(Kind::copy_end);  // Some drivers do not wait until they are asked for data.
  }
}

void SessionCore::begin(FromClient type, BytesView body) {
  ran_something_ = true;
  const bool read_by_copy = copy_ == Copy::in;
  switch (type) {
    case FromClient::copy_data: return;
    case FromClient::copy_done:
    case FromClient::copy_fail: return end_data();
    case FromClient::flush: flush_sent_ = true; return;
    case FromClient::sync:
      if (read_by_copy) {
        ++swallowed_;
        return;
      }
      batch_ = Batch::none;
      return push(Kind::sync);
    default: break;
  }
  if (skipping()) {
    broken_ = broken_ || uncertain_ > 0;  // If its Sync was answered, the server reads this.
    return;
  }
  switch (type) {
    case FromClient::query:
    case FromClient::function_call:
      batch_ = Batch::none;
      return push(type == FromClient::query ? Kind::query : Kind::function_call);
    case FromClient::parse: copying_unnamed_ = push_statement(type, body); break;
    case FromClient::close: push_statement(type, body); break;
    case FromClient::describe: push(Kind::describe); break;
    case FromClient::bind: push(Kind::bind); break;
    case FromClient::execute: push(Kind::execute); break;
    default: return;  // The server will end the session with its own words.
  }
  const bool only_parses = type != FromClient::bind && type != FromClient::execute;
  if (!only_parses) batch_ = Batch::bound;
  if (only_parses && batch_ == Batch::none) batch_ = Batch::parsed;
}

void SessionCore::note(const Piece& piece) {
  if (piece.begins) {
    copying_unnamed_ = false;
    begin(static_cast<FromClient>(piece.type), piece.bytes.subspan(kHeaderBytes));
    if (copying_unnamed_) begin_unnamed(piece.size);
  }
  if (copying_unnamed_ && !candidates_.empty() && !candidates_.back().too_large) {
    append(candidates_.back().bytes, piece.bytes);
    candidate_bytes_ += piece.bytes.size();
  }
}

bool SessionCore::cancel_waiting(const Hold& hold) {
  if (due_ > 0 || !must_wait(hold)) return false;
  cancel_ = Cancel::next;
  return true;
}

// A statement that was cancelled while it waited is dropped, up to where PostgreSQL would go on.
// Returns false when nothing is to be dropped.
Result<bool> SessionCore::discard(BytesView rest, Cut& cut) {
  if (cancel_ == Cancel::next) {
    switch (client_type(rest[0])) {
      case FromClient::query:
      case FromClient::function_call: cancel_ = Cancel::message; break;
      case FromClient::parse:
      case FromClient::bind:
      case FromClient::describe:
      case FromClient::close:
      case FromClient::execute:
        cancel_ = Cancel::up_to_sync;
        put_cancelled(cut.bytes);
        break;
      default: cancel_ = Cancel::no; return false;  // Nothing runs that could be cancelled.
    }
  }
  TRY(const auto piece, splitter_.next(rest));
  if (!piece) {
    if (!cut.bytes.empty()) cut.then = Then::tell_client;
    return true;
  }
  cut.drop = piece->bytes.size();
  const bool sync = static_cast<FromClient>(piece->type) == FromClient::sync;
  if (piece->ends && (cancel_ == Cancel::message || sync)) {
    if (!sync) put_cancelled(cut.bytes);
    put_ready(cut.bytes, static_cast<char>(TransactionStatus::idle));
    cancel_ = Cancel::no;
  }
  cut.then = cut.bytes.empty() ? Then::read : Then::tell_client;
  return true;
}

Result<SessionCore::Cut> SessionCore::cut(BytesView input, const Hold& hold) {
  Cut cut;
  while (cut.forward < input.size()) {
    const BytesView rest = input.subspan(cut.forward);
    if (cancel_ != Cancel::no) {
      TRY(const bool dropped, discard(rest, cut));
      if (dropped) break;
    }
    if (splitter_.between()) {
      if (client_type(rest[0]) == FromClient::terminate) {
        cut.then = Then::leave;
        break;
      }
      if (must_wait(hold)) {
        cut.then = Then::wait;
        break;
      }
    }
    TRY(const auto piece, splitter_.next(rest));
    if (!piece) break;
    note(*piece);
    cut.forward += piece->bytes.size();
  }
  return cut;
}

// ---- from the server

void SessionCore::pop() {
  due_ -= ends_with_ready(front()) ? 1 : 0;
  own_ -= front() == Kind::own ? 1 : 0;
  ++first_;
  // The end of data that no COPY has read: the server ignores it.
  while (has_pending() && front() == Kind::copy_end) ++first_;
  if (first_ < pending_.size() && first_ < kTrimAfter) return;
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(first_));
  first_ = 0;
}

// The server has dealt with a message of that kind.
void SessionCore::complete(Kind kind) {
  if (!next_is(kind)) {
    broken_ = true;
    return;
  }
  pop();
}

void SessionCore::parsed() {
  if (!next_is(Kind::parse_unnamed)) return complete(Kind::parse);
  Unnamed former = std::exchange(unnamed_, take_candidate());
  if (former.bytes.capacity() <= kSpareBytesMax) spare_ = std::move(former);
  complete(Kind::parse_unnamed);
}

// The server has thrown it away, or failed at it.
void SessionCore::skipped(Kind kind) {
  if (kind == Kind::parse_unnamed) (void)take_candidate();
}

void SessionCore::unnamed_is_there(bool there) {
  unnamed_.in_doubt = false;
  if (!there) unnamed_.clear();
}

void SessionCore::failed(BytesView error) {
  uncertain_ += swallowed_;
  swallowed_ = 0;
  copy_ = Copy::none;
  completed_ = true;
  if (!has_pending()) return;  // The server ends the session.
  if (!extended(front())) return;
  // The same of what was sent behind it.
  if (uncertain_ > 0 && first_ + 1 < pending_.size() && pending_[first_ + 1] != Kind::sync) {
    broken_ = true;
  }
  // PostgreSQL drops the unnamed statement before it parses the next one, and after it has read it.
  if (front() == Kind::parse_unnamed) {
    unnamed_.in_doubt = (unnamed_.too_large || !unnamed_.bytes.empty()) && may_be_of_reading(error);
    if (!unnamed_.in_doubt) unnamed_.clear();
  }
  ignoring_ = true;
  while (has_pending() && front() != Kind::sync && front() != Kind::own) {
    skipped(front());
    pop();
  }
}

SessionCore::TransactionStatus SessionCore::status_in(BytesView body) {
  return static_cast<TransactionStatus>(body.empty() ? kNoStatus : static_cast<char>(body[0]));
}

void SessionCore::ready(TransactionStatus status) {
  swallowed_ = 0;
  copy_ = Copy::none;
  status_ = status;
  // Before a statement has ended it is that of a Sync among the data of an earlier one.
  const bool of_copy = uncertain_ > 0 && next_is(Kind::query) && !completed_;
  completed_ = false;
  if (has_pending() && ends_with_ready(front()) && !of_copy) {
    if (front() == Kind::query) unnamed_.clear();
    ignoring_ = false;
    pop();
  } else if (uncertain_ > 0) {
    --uncertain_;
    ignoring_ = false;
  } else {
    broken_ = true;
  }
}

// The server throws away every Sync that it reads before the end of the data.
void SessionCore::begin_copy(Copy copy) {
  copy_ = copy;
  if (copy != Copy::in || !has_pending()) return;
  const auto head = pending_.begin() + static_cast<std::ptrdiff_t>(first_);
  auto next = head + 1;
  while (next != pending_.end() && copy_ == Copy::in &&
         (*next == Kind::sync || *next == Kind::copy_end)) {
    if (*next == Kind::copy_end) copy_ = Copy::none;
    if (*next == Kind::sync) {
      ++swallowed_;
      --due_;
    }
    next = pending_.erase(next);
  }
  // The Sync after the data is still to come.
  if (*head == Kind::execute && due_ == 0) batch_ = Batch::bound;
}

// An answer to the client's own messages.
void SessionCore::answer(FromServer type, BytesView body) {
  switch (type) {
    case FromServer::parse_complete: return parsed();
    case FromServer::bind_complete: return complete(Kind::bind);
    case FromServer::close_complete:
      if (next_is(Kind::close_unnamed)) {
        unnamed_.clear();
        return complete(Kind::close_unnamed);
      }
      return complete(Kind::close);
    case FromServer::row_description:
    case FromServer::no_data:
      if (next_is(Kind::describe)) complete(Kind::describe);
      return;
    case FromServer::command_complete:
    case FromServer::empty_query:
    case FromServer::portal_suspended:
      swallowed_ = 0;
      completed_ = true;
      if (next_is(Kind::execute)) complete(Kind::execute);
      return;
    case FromServer::copy_in: return begin_copy(Copy::in);
    case FromServer::copy_both: return begin_copy(Copy::both);
    case FromServer::error: return failed(body);
    case FromServer::ready: return ready(status_in(body));
    default: return;
  }
}

// Returns whether it is one: the answer to a question begins with that to its Parse, so that
// ReadyForQuery at its front belongs to a Sync that a COPY may have read, or not.
bool SessionCore::answers_question(FromServer type, BytesView body) {
  if (!has_pending() || front() != Kind::own) return false;
  const bool end = type == FromServer::ready;
  if (end && !own_begun_ && uncertain_ > 0) {
    --uncertain_;
    return false;
  }
  own_begun_ = !end;
  if (!end) return true;
  status_ = status_in(body);
  uncertain_ = 0;
  pop();
  // Its Sync has ended whatever the client's Parse had begun.
  if (!has_pending() && batch_ == Batch::parsed) batch_ = Batch::none;
  return true;
}

SessionCore::Route SessionCore::server(const Piece& piece) {
  if (piece.begins) {
    const auto type = static_cast<FromServer>(piece.type);
    const BytesView body = piece.bytes.subspan(kHeaderBytes);
    route_ = Route::client;
    const bool news = type == FromServer::parameter_status || type == FromServer::notice ||
                      type == FromServer::notification;
    if (!news && own_ > 0 && has_pending() && front() == Kind::own) {
      if (answers_question(type, body)) route_ = Route::own;
    } else if (!news) {
      answer(type, body);
    }
  }
  if (route_ == Route::client) client_message_open_ = !piece.ends;
  return route_;
}

// ---- the router's own messages

void SessionCore::ask(std::size_t count) {
  own_ += count;
  pending_.insert(pending_.end(), count, Kind::own);
}

void SessionCore::forget_questions() {
  while (has_pending() && front() == Kind::own) pop();
  own_begun_ = false;
}

void SessionCore::moved() {
  pending_.clear();
  first_ = due_ = own_ = swallowed_ = uncertain_ = 0;
  own_begun_ = ignoring_ = broken_ = flush_sent_ = completed_ = false;
  copy_ = Copy::none;
  batch_ = Batch::none;
  status_ = TransactionStatus::idle;
}

}  // namespace aurora_global::pgwire
