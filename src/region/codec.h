// The model's nouns as JSON: how they lie in the state store and travel between regions.
//
// Reading is strict about types and lenient about missing members, so that a newer daemon can talk
// to an older one. Malformed input throws nlohmann::json::exception; from_text() turns that into
// `corrupt`.
#pragma once

#include <nlohmann/json.hpp>

#include "model/global_cluster.h"
#include "model/operation.h"

namespace aurora_global::model {

void to_json(nlohmann::json& json, const Tag& value);
void from_json(const nlohmann::json& json, Tag& value);
void to_json(nlohmann::json& json, const GlobalMember& value);
void from_json(const nlohmann::json& json, GlobalMember& value);
void to_json(nlohmann::json& json, const GlobalCluster& value);
void from_json(const nlohmann::json& json, GlobalCluster& value);
void to_json(nlohmann::json& json, const DbInstance& value);
void from_json(const nlohmann::json& json, DbInstance& value);
void to_json(nlohmann::json& json, const DbCluster& value);
void from_json(const nlohmann::json& json, DbCluster& value);
void to_json(nlohmann::json& json, const Event& value);
void from_json(const nlohmann::json& json, Event& value);
void to_json(nlohmann::json& json, const StepTiming& value);
void from_json(const nlohmann::json& json, StepTiming& value);
void to_json(nlohmann::json& json, const Operation& value);
void from_json(const nlohmann::json& json, Operation& value);

}  // namespace aurora_global::model

namespace aurora_global::region {

// Parses `text` as a T; fails with `corrupt`, naming `what`.
template <typename T>
Result<T> from_text(std::string_view text, std::string_view what) {
  try {
    return nlohmann::json::parse(text).get<T>();
  } catch (const nlohmann::json::exception& error) {
    return make_error(ErrorKind::corrupt, std::string(what) + ": " + error.what());
  }
}

}  // namespace aurora_global::region
