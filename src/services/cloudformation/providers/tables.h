// Rows that many tables have.
#pragma once

#include "services/cloudformation/type_table.h"

namespace aurora_global::services::cloudformation {

// Recorded only: a change makes the resource anew, or does not.
constexpr Property fixed(std::string_view name, Kind kind, bool required = false) {
  return {.name = name,
          .kind = kind,
          .fate = Fate::recorded,
          .replacing = Replacing::always,
          .required = required};
}
constexpr Property loose(std::string_view name, Kind kind, bool required = false) {
  return {.name = name, .kind = kind, .fate = Fate::recorded, .required = required};
}
constexpr Property not_here(std::string_view name, std::string_view note) {
  return {.name = name, .fate = Fate::refused, .note = note};
}

inline constexpr Attribute kIdAttribute[] = {{"Id"}};

constexpr TypeTable recorded_type(std::string_view type, std::span<const Property> properties,
                                  std::span<const Attribute> attributes = {}) {
  return {.type = type, .properties = properties, .attributes = attributes, .recorded_only = true};
}

}  // namespace aurora_global::services::cloudformation
