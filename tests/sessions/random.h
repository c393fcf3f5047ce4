// Numbers that follow from a seed alone, on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace aurora_global::sessions {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  // SplitMix64.
  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
  }
  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(next() % limit); }
  bool one_in(std::size_t n) { return below(n) == 0; }

  template <typename Container>
  const auto& of(const Container& container) {
    return container[below(std::size(container))];
  }
  // The index of a weight, each as probable as it is heavy. Requires: one is not 0.
  std::size_t weighted(std::span<const unsigned> weights) {
    std::size_t sum = 0;
    for (const unsigned weight : weights) sum += weight;
    std::size_t point = below(sum);
    std::size_t index = 0;
    while (point >= weights[index]) point -= weights[index++];
    return index;
  }

 private:
  std::uint64_t state_;
};

}  // namespace aurora_global::sessions
