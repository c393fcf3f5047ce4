#include "sim/kernel.h"

#include "base/check.h"

namespace aurora_global::sim {
namespace {

constexpr std::uint64_t kStepsOfMomentMax = 1'000'000;

constexpr std::uint64_t number_of(std::uint32_t slot, std::uint32_t generation) {
  return (std::uint64_t{generation} << 32) | slot;
}

}  // namespace

Kernel::~Kernel() {
  // Loops are gone by now; what is left belongs to the world.
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
    if (slots_[slot].used) take(slot);
  }
}

Duration Kernel::between(Duration low, Duration high) {
  if (high <= low) return low;
  const auto span = static_cast<std::uint64_t>((high - low).count()) + 1;
  return low + Duration(static_cast<std::int64_t>(rng_.below(span)));
}

std::uint64_t Kernel::add(Time when, Loop* loop, net::Job job) {
  std::uint32_t slot = 0;
  if (free_.empty()) {
    slot = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  Slot& place = slots_[slot];
  place.job = std::move(job);
  place.loop = loop;
  place.used = true;
  queue_.push(Entry{std::max(when, now_), ++order_, slot, place.generation});
  return number_of(slot, place.generation);
}

net::Job Kernel::take(std::uint32_t slot) {
  Slot& place = slots_[slot];
  net::Job job = std::move(place.job);
  place.used = false;
  place.loop = nullptr;
  ++place.generation;
  free_.push_back(slot);
  return job;
}

net::Job Kernel::revoke(std::uint64_t number) {
  const auto slot = static_cast<std::uint32_t>(number);
  const auto generation = static_cast<std::uint32_t>(number >> 32);
  if (slot >= slots_.size() || !slots_[slot].used || slots_[slot].generation != generation) {
    return net::Job();
  }
  return take(slot);
}

void Kernel::run_one(Entry entry) {
  Loop* loop = slots_[entry.slot].loop;
  net::Job job = take(entry.slot);
  ++steps_;
  if (loop == nullptr) {
    job();
  } else if (loop->stopped_) {
    loop->waiting_.push_back(std::move(job));
  } else {
    const ClockOfThread in_force(loop->clock_);
    job();
    if (loop->steps_left_ > 0 && --loop->steps_left_ == 0) loop->then_();
  }
}

void Kernel::run_until(Time end) {
  std::uint64_t since = steps_;  // When the present moment began.
  while (!halted_ && !queue_.empty() && queue_.top().at <= end) {
    const Entry entry = queue_.top();
    queue_.pop();
    const Slot& slot = slots_[entry.slot];
    if (!slot.used || slot.generation != entry.generation) continue;  // Revoked.
    if (entry.at > now_) since = steps_;
    now_ = entry.at;
    CHECK(steps_ - since < kStepsOfMomentMax && "somebody does things for ever in no time");
    run_one(entry);
  }
  if (!halted_) now_ = end;
}

Duration MachineClock::scaled(Time time) const {
  const Duration passed = time - since_;
  return shown_ + passed + passed / 1'000'000 * ppm_;
}

Time MachineClock::time_of(Instant at) const {
  const Duration ahead = at.time_since_epoch() - kBoot - scaled(kernel_.now());
  if (ahead <= Duration::zero()) return kernel_.now();
  if (ahead > std::chrono::hours(24 * 365)) return kernel_.now() + ahead;
  const Duration real = ahead - ahead / (1'000'000 + ppm_) * ppm_;
  // Rounding must not wake anybody a moment before its time.
  return kernel_.now() + real + std::chrono::microseconds(2);
}

void MachineClock::drift(int parts_per_million) {
  shown_ = scaled(kernel_.now());
  since_ = kernel_.now();
  ppm_ = parts_per_million;
}

void Loop::post(net::Job job) {
  if (killed_) {
    // Not destroyed here: the one who posts may be walking over what the job's frame is part of.
    dropped_.push_back(std::move(job));
    return;
  }
  kernel_.add(kernel_.now(), this, std::move(job));
}

std::uint64_t Loop::call_at(Instant at, net::Job job) {
  if (killed_) {
    dropped_.push_back(std::move(job));
    return ~std::uint64_t{0};
  }
  return kernel_.add(clock_.time_of(at), this, std::move(job));
}

void Loop::go_on() {
  stopped_ = false;
  while (!waiting_.empty()) {
    kernel_.add(kernel_.now(), this, std::move(waiting_.front()));
    waiting_.pop_front();
  }
}

void Loop::kill() {
  killed_ = true;
  const ClockOfThread in_force(clock_);
  for (std::uint32_t slot = 0; slot < kernel_.slots_.size(); ++slot) {
    if (kernel_.slots_[slot].used && kernel_.slots_[slot].loop == this) {
      dropped_.push_back(kernel_.take(slot));
    }
  }
  while (!waiting_.empty()) {
    dropped_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  // The end of a frame may cancel others of the same process, which come to the same heap.
  while (!dropped_.empty()) {
    const auto dropping = std::move(dropped_);
    dropped_.clear();
  }
}

}  // namespace aurora_global::sim
