#include "load/history.h"

#include <algorithm>

namespace aurora_global::load {
namespace {

std::int64_t micros(Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

}  // namespace

std::string_view name_of(OperationType type) {
  switch (type) {
    case OperationType::create: return "create";
    case OperationType::read: return "read";
    case OperationType::update: return "update";
    case OperationType::remove: return "delete";
  }
  return "";
}

std::string_view name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::ok: return "ok";
    case Outcome::failed: return "failed";
    case Outcome::unknown: return "unknown";
  }
  return "";
}

History::History(const Clock& clock)
    : clock_(clock), began_(clock.now()), wall_began_(clock.wall_now()) {}

History::History(History& whole) : History(whole.clock_) { whole_ = &whole; }

void History::begin() {
  if (whole_ != nullptr) {
    if (!whole_->begun_) whole_->begin();
    began_ = whole_->began_;
    wall_began_ = whole_->wall_began_;
    begun_ = true;
    return;
  }
  began_ = clock_.now();
  wall_began_ = clock_.wall_now();
  begun_ = true;
}

std::int64_t History::offset(Instant at) const { return micros(at - began_); }

std::int64_t History::offset(WallTime at) const { return micros(at - wall_began_); }

bool History::add(const Record& record) {
  if (full()) return false;
  if (whole_ != nullptr) whole_->add(record);
  records_.push_back(record);
  switch (record.outcome) {
    case Outcome::ok: ++counts_.ok; break;
    case Outcome::failed: ++counts_.failed; break;
    case Outcome::unknown: ++counts_.unknown; break;
  }
  counts_.retries += record.attempts - 1;
  counts_.reconnects += record.reconnects;
  if (record.outcome == Outcome::ok && is_write(record.type)) {
    ++counts_.acknowledged_writes;
    counts_.last_acknowledged_write = std::max(counts_.last_acknowledged_write, record.ended);
  }
  return true;
}

std::uint16_t History::region_index(std::string_view name) {
  if (whole_ != nullptr) return whole_->region_index(name);
  const auto found = std::find(regions_.begin(), regions_.end(), name);
  if (found != regions_.end()) return static_cast<std::uint16_t>(found - regions_.begin());
  regions_.emplace_back(name);
  return static_cast<std::uint16_t>(regions_.size() - 1);
}

std::string csv_header() {
  return "started_us,ended_us,worker,type,outcome,attempts,sqlstate,region,op_id,read_back,stale,"
         "reconnected,reconnects\n";
}

void append_csv(std::string& out, const Record& record, const History& history) {
  const auto number = [&out](auto value) { out.append(std::to_string(value)).push_back(','); };
  number(record.started);
  number(record.ended);
  number(record.worker);
  out.append(name_of(record.type)).push_back(',');
  out.append(name_of(record.outcome)).push_back(',');
  number(record.attempts);
  out.append(record.sqlstate).push_back(',');
  out.append(history.regions()[record.region]).push_back(',');
  number(record.op_id);
  out.append(record.read_back ? "1," : "0,");
  out.append(record.stale ? "1," : "0,");
  out.append(record.reconnected ? "1," : "0,");
  out.append(std::to_string(record.reconnects)).push_back('\n');
}

}  // namespace aurora_global::load
