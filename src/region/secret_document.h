// What is in a secret: its versions, the labels on them, and how two regions' copies become one.
// Pure.
//
// "about" is a document {"arn", "created", "changed", "rotated", "description", "tags",
// "versions": [{"id", "created", "stages": [label...]}]}, newest version last; "values" maps the
// versions' ids to their texts.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "region/region.h"

namespace aurora_global::region {

inline constexpr const char* kCurrent = "AWSCURRENT";
inline constexpr const char* kPrevious = "AWSPREVIOUS";
inline constexpr const char* kPending = "AWSPENDING";
inline constexpr std::size_t kVersionsKept = 5;  // Of those without a label; labels keep a version.

struct SecretDocument {
  nlohmann::json about = nlohmann::json::object();
  nlohmann::json values = nlohmann::json::object();
  std::map<std::string, std::string> keys;  // By region.

  // Fails with `corrupt` for what is no such document.
  static Result<SecretDocument> of(const Secret& secret);
  Secret secret() const;

  // The version with this id and this label, "" for any; nullptr if there is none.
  const nlohmann::json* version(const std::string& id, const std::string& stage) const;
  std::string text_of(const nlohmann::json& version) const;
  // Adds a version, or replaces the one of this id. A label is on one version at a time; what was
  // AWSCURRENT becomes AWSPREVIOUS.
  void add(const std::string& id, const std::string& text, const std::vector<std::string>& stages,
           double now);
  // Moves a label to a version; "" takes it off. AWSCURRENT leaves AWSPREVIOUS behind.
  void move(const std::string& stage, const std::string& to_id, double now);
  void drop(const std::string& id);

 private:
  void trim();
};

// Two copies that were changed without knowledge of each other. The labels are those of `ours`, the
// writer's; no version with a label is lost: what was AWSCURRENT in `theirs` is AWSPREVIOUS.
SecretDocument merged(SecretDocument ours, const SecretDocument& theirs);

// How often each region has changed a secret: what says which copy knows of which.
using SecretClock = std::map<std::string, std::uint64_t>;
// Nullopt for what another region did not write.
std::optional<SecretClock> secret_clock_in(const nlohmann::json& told);
enum class SecretOrder { same, older, newer, concurrent };
// Of `one`, seen from `other`.
SecretOrder order_of(const SecretClock& one, const SecretClock& other);
SecretClock latest_of(SecretClock one, const SecretClock& other);

}  // namespace aurora_global::region
