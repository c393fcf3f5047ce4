// Strong types for the numbers and names that must not be mixed up.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace aurora_global {

// A position in PostgreSQL's WAL. Text form "16/B374D848", as pg_lsn prints it.
struct Lsn {
  std::uint64_t value = 0;
  auto operator<=>(const Lsn&) const = default;
  std::string text() const;
  // Fails with `invalid` for anything that pg_lsn would refuse.
  static Result<Lsn> parse(std::string_view text);
};

// Who is the primary, as a number: grows by one with every change and never goes back.
// 0 means "no primary was ever chosen".
struct Epoch {
  std::uint64_t value = 0;
  auto operator<=>(const Epoch&) const = default;
  Epoch next() const { return Epoch{value + 1}; }
};

// AWS's name of a region, e.g. "us-east-1".
struct RegionId {
  std::string name;
  auto operator<=>(const RegionId&) const = default;
  bool empty() const { return name.empty(); }
};

}  // namespace aurora_global

template <>
struct std::hash<aurora_global::RegionId> {
  std::size_t operator()(const aurora_global::RegionId& id) const noexcept {
    return std::hash<std::string>{}(id.name);
  }
};
