#include "sim/postgres.h"

#include <algorithm>

#include "base/check.h"

namespace aurora_global::sim {
namespace {

using namespace std::chrono_literals;

constexpr Duration kReconnect = 200ms;
constexpr Duration kServerPoll = 15ms;  // Between two looks at a source that has sent everything.
constexpr WriteId kOwn = WriteId{1} << 63;

std::uint64_t chained(std::uint64_t before, WriteId id, std::uint32_t timeline) {
  std::uint64_t hash = before ^ (id * 0x9E3779B97F4A7C15ull) ^ (std::uint64_t{timeline} << 56);
  hash ^= hash >> 29;
  hash *= 0xBF58476D1CE4E5B9ull;
  return hash ^ (hash >> 32);
}

}  // namespace

void DataDirectory::append(WriteId id) {
  const std::uint64_t before = wal.empty() ? 0 : wal.back().chain;
  wal.push_back({id, timeline, chained(before, id, timeline)});
}

void Postgres::init() {
  data_ = DataDirectory{};
  data_.append(kOwn);
  data_.complete = true;
  data_.shut_down_cleanly = true;
}

bool Postgres::copy_from(const Source& source) {
  Postgres* other = wire_.server_in(source.upstream);
  if (other == nullptr || !other->answers() || !wire_.passes(region_, source.upstream) ||
      !wire_.passes(source.upstream, region_)) {
    return false;
  }
  ++histories_;
  data_ = other->data_;
  data_.fence.reset();
  data_.standby_signal = true;
  data_.shut_down_cleanly = false;
  data_.replayed = data_.wal.size();
  data_.complete = true;
  return true;
}

void Postgres::start(std::optional<Source> source, Duration takes) {
  if (process_ != Process::down) return;
  process_ = Process::starting;
  frozen_ = false;
  paused_ = false;
  const int mine = ++incarnation_;
  ordered_ = kernel_.now();
  source_ = source && !source->upstream.empty() ? source : std::nullopt;
  if (source) data_.standby_signal = true;
  data_.fence.reset();  // Whoever starts it knows whether it may write.
  in_recovery_ = data_.standby_signal;
  data_.shut_down_cleanly = false;
  kernel_.after(takes, net::Job([this, mine] {
                  if (incarnation_ != mine || process_ != Process::starting) return;
                  process_ = Process::running;
                  data_.replayed = data_.wal.size();
                  if (in_recovery_) return connect_later(Duration::zero());
                  if (on_started) on_started();
                }));
}

void Postgres::crash() {
  process_ = Process::down;
  ++incarnation_;
  frozen_ = false;
  promoting_ = false;
  end_stream();
}

void Postgres::shut_down() {
  if (process_ == Process::down) return;
  crash();
  data_.shut_down_cleanly = true;
  if (!in_recovery_) data_.append(kOwn | 1);  // The shutdown checkpoint.
}

void Postgres::thaw() {
  if (!frozen_) return;
  frozen_ = false;
  end_stream();
  if (process_ == Process::running && in_recovery_) connect_later(Duration::zero());
}

void Postgres::follow(Source source) {
  if (source_ == source) return;
  source_ = std::move(source);
  end_stream();
  if (process_ == Process::running && in_recovery_) connect_later(Duration::zero());
}

std::size_t Postgres::write(WriteId id) {
  CHECK(takes_writes());
  data_.append(id);
  return data_.wal.size();
}

void Postgres::begin_promotion(Duration takes, std::uint32_t timeline) {
  if (!in_recovery_ || promoting_ || process_ != Process::running) return;
  promoting_ = true;
  const int mine = incarnation_;
  kernel_.after(takes, net::Job([this, mine, timeline] {
                  if (incarnation_ != mine || !promoting_) return;
                  promoting_ = false;
                  end_stream();
                  data_.replayed = data_.wal.size();
                  data_.forks.push_back({data_.timeline, data_.wal.size()});
                  data_.timeline = std::max(timeline, data_.timeline + 1);
                  data_.standby_signal = false;
                  in_recovery_ = false;
                  source_.reset();
                  data_.append(kOwn | 2);  // End of recovery.
                  if (on_promoted) on_promoted();
                }));
}

std::optional<std::size_t> Postgres::common_with(const Source& source) const {
  Postgres* other = wire_.server_in(source.upstream);
  if (other == nullptr || !other->answers() || !wire_.passes(region_, source.upstream) ||
      !wire_.passes(source.upstream, region_)) {
    return std::nullopt;
  }
  std::vector<Fork> mine = data_.forks;
  mine.push_back({data_.timeline, data_.wal.size()});
  std::vector<Fork> theirs = other->data_.forks;
  theirs.push_back({other->data_.timeline, other->data_.wal.size()});
  std::optional<std::size_t> common;
  for (std::size_t i = 0; i < std::min(mine.size(), theirs.size()); ++i) {
    if (mine[i].parent != theirs[i].parent) break;
    common = std::min(mine[i].end, theirs[i].end);
    if (mine[i].end != theirs[i].end) break;
  }
  return common;
}

bool Postgres::begin_rewind(const Source& source) {
  CHECK(process_ == Process::down);
  const auto common = common_with(source);
  if (!common) return false;
  const bool leaves = wire_.server_in(source.upstream)->data_.timeline != data_.timeline;
  if (leaves && on_discard && *common < data_.wal.size()) on_discard(*common);
  data_.half_rewound = true;
  return true;
}

bool Postgres::end_rewind(const Source& source) {
  CHECK(process_ == Process::down);
  const auto common = common_with(source);
  if (!common) return false;
  ++histories_;
  const DataDirectory& theirs = wire_.server_in(source.upstream)->data_;
  if (data_.timeline != theirs.timeline) {
    if (on_discard && *common < data_.wal.size()) on_discard(*common);
    data_.wal.resize(std::min(*common, data_.wal.size()));
    data_.wal.insert(data_.wal.end(), theirs.wal.begin() + static_cast<long>(data_.wal.size()),
                     theirs.wal.end());
    data_.timeline = theirs.timeline;
    data_.forks = theirs.forks;
  }
  data_.fence.reset();
  data_.half_rewound = false;
  data_.standby_signal = true;
  data_.replayed = data_.wal.size();
  return true;
}

void Postgres::pause_replay(bool paused) {
  paused_ = paused;
  if (!paused) replay_later();
}

void Postgres::end_stream() {
  streaming_ = false;
  pulling_ = false;
  connecting_ = false;
  ++stream_;
}

void Postgres::connect_later(Duration pause) {
  if (connecting_) return;
  connecting_ = true;
  const int mine = stream_;
  kernel_.after(pause + kernel_.between(1ms, 10ms), net::Job([this, mine] {
                  if (stream_ != mine) return;
                  connecting_ = false;
                  try_to_stream();
                }));
}

// The walreceiver's start: the source must have our timeline, and our position must be on it.
void Postgres::try_to_stream() {
  if (process_ != Process::running || !in_recovery_ || promoting_ || !source_ || frozen_) return;
  Postgres* source = wire_.server_in(source_->upstream);
  const bool reached = source != nullptr && source != this && source->answers() &&
                       wire_.passes(region_, source_->upstream) &&
                       wire_.passes(source_->upstream, region_);
  if (!reached) return connect_later(kReconnect);
  const DataDirectory& theirs = source->data_;
  bool has_our_timeline = theirs.timeline == data_.timeline;
  std::size_t end = theirs.wal.size();
  for (const Fork& fork : theirs.forks) {
    if (fork.parent != data_.timeline) continue;
    has_our_timeline = true;
    end = fork.end;
  }
  // Past the fork it waits for ever, without an error.
  if (!has_our_timeline || data_.wal.size() > end) return connect_later(kReconnect);
  streaming_ = true;
  pull();
}

// Brings what the source has flushed, after the way it takes.
void Postgres::pull() {
  if (!streaming_ || pulling_) return;
  Postgres* source = wire_.server_in(source_->upstream);
  pulling_ = true;
  const int mine = stream_;
  const std::size_t have = data_.wal.size();
  const std::size_t flushed = source->data_.wal.size();
  const int their_process = source->incarnation_;
  std::vector<WalRecord> sent;
  if (flushed > have) {
    sent.assign(source->data_.wal.begin() + static_cast<long>(have), source->data_.wal.end());
  }
  const std::uint32_t timeline = source->data_.timeline;
  const std::vector<Fork> forks = source->data_.forks;
  const Duration way = sent.empty() ? kServerPoll : wire_.latency(source_->upstream, region_);
  kernel_.after(
      way, net::Job([this, mine, their_process, timeline, forks, sent = std::move(sent)]() mutable {
        if (stream_ != mine || frozen_) return;
        pulling_ = false;
        Postgres* from = wire_.server_in(source_->upstream);
        if (from == nullptr || !wire_.passes(source_->upstream, region_) || !from->answers() ||
            from->incarnation_ != their_process) {
          end_stream();
          return connect_later(kReconnect);
        }
        for (const WalRecord& record : sent) data_.wal.push_back(record);
        if (!sent.empty()) {
          data_.timeline = timeline;
          data_.forks = forks;
          replay_later();
        }
        pull();
      }));
}

void Postgres::replay_later() {
  if (replaying_ || paused_ || process_ != Process::running || !in_recovery_) return;
  replaying_ = true;
  const int mine = incarnation_;
  const std::size_t upto = data_.wal.size();
  kernel_.after(kernel_.between(0ms, 8ms), net::Job([this, mine, upto] {
                  replaying_ = false;
                  if (incarnation_ != mine || paused_ || !in_recovery_) return;
                  data_.replayed = std::max(data_.replayed, upto);
                  if (data_.replayed < data_.wal.size()) replay_later();
                }));
}

}  // namespace aurora_global::sim
