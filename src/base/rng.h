// Randomness comes from an Rng and nowhere else: a seed repeats a run, a secret comes from the OS.
#pragma once

#include <cstdint>
#include <random>
#include <string>

namespace aurora_global {

// Deterministic under a seed (xorshift-like quality is enough: jitter, key choice, simulation).
class Rng {
 public:
  explicit Rng(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t next() { return engine_(); }
  // Uniform in [0, bound); bound > 0.
  std::uint64_t below(std::uint64_t bound) { return engine_() % bound; }
  double unit() { return static_cast<double>(engine_() >> 11) * 0x1.0p-53; }

 private:
  std::mt19937_64 engine_;
};

// Where identifiers come from: nobody guesses them, and no two are alike.
class Randomness {
 public:
  virtual ~Randomness() = default;
  virtual std::uint64_t next() = 0;
  // `bytes` bytes as 2 * bytes hexadecimal digits.
  virtual std::string hex(std::size_t bytes) = 0;
};

// The operating system's.
class SystemRandomness final : public Randomness {
 public:
  std::uint64_t next() override;
  std::string hex(std::size_t bytes) override;
};

// Repeatable. For tests and the simulator.
class SeededRandomness final : public Randomness {
 public:
  explicit SeededRandomness(std::uint64_t seed) : rng_(seed) {}
  std::uint64_t next() override { return rng_.next(); }
  std::string hex(std::size_t bytes) override;

 private:
  Rng rng_;
};

// `bytes` bytes from the operating system, as 2 * bytes hexadecimal digits. For keys, passwords,
// identifiers. Aborts the process if the system has no randomness.
std::string random_hex(std::size_t bytes);
// A version 4 UUID, e.g. "0b8f1c3e-5d2a-4c7b-9e10-6a1d2f3b4c5d".
std::string random_uuid();

}  // namespace aurora_global
