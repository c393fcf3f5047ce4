// The engine's parameters that a parameter group may set here, and what each may be. Pure, but for
// a look at the system's time zones.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace aurora_global::services::rds {

enum class ParameterKind { truth, word, whole, real, zone, libraries };
enum class ParameterApply { at_once, at_start };

struct EngineParameter {
  std::string_view name;
  ParameterKind kind;
  ParameterApply apply;
  double min, max;         // Of numbers.
  std::string_view words;  // That it may be, or be made of; with commas between them.
  std::string_view unit;   // "8kB", "ms".
  std::string_view standard;
};

// In the order of their names.
std::span<const EngineParameter> engine_parameters();
// Nullptr: it cannot be set here.
const EngineParameter* engine_parameter(std::string_view name);
// As RDS tells them: "0,1", "64-2147483647".
std::string allowed_values(const EngineParameter& parameter);
std::string_view data_type(const EngineParameter& parameter);
// Fails with InvalidParameterValue, naming the parameter.
Result<void> check_parameter(const std::string& name, const std::string& value);

}  // namespace aurora_global::services::rds
