// What is in a secret: its versions, the labels on them, and how two regions' copies become one.
// Pure.
//
// "about" is a document {"arn", "created", "changed", "rotated", "description", "tags",
// "marks", "deletion" (when it is due), "deleted" (when it was asked for), "gone", "replicas",
// "policy", "versions": [{"id", "created", "stages": [label...], "binary", "set", "rotating"}]},
// newest version last; "values" maps the versions' ids to their texts. "set": a rotation gave the
// database this version's password. "rotating": one is about to, or nobody knows whether it did.
// "marks": where "rotating" is missing, no rotation made the version; earlier daemons had no such
// mark.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
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

  // A rotation makes a version of its own, which has AWSPENDING. Fails with ResourceExistsException
  // for the id of any other version, with InvalidRequestException while a client's AWSPENDING is on
  // a version that is not AWSCURRENT, and has changed nothing then.
  Result<void> begin_rotation(const std::string& id, const std::string& text, double now);
  // The database has that version's password: it is AWSCURRENT.
  void end_rotation(const std::string& id, const std::string& text, double now);
  // The database refused it: only this version goes.
  void give_up_rotation(const std::string& id);
  // The database has the password of the version `id` again, whatever a rotation had begun; "" if
  // there was none to set. False if that says nothing new.
  bool settle_rotation(const std::string& id);
  // The user's password was set by other means, so that none of this secret is the database's.
  // False if none was.
  bool forget_password_of(const std::string& user);
  // Whether the database should have the password of the AWSCURRENT version: a rotation set it, or
  // is under way.
  bool is_rotated() const;

 private:
  friend SecretDocument merged(SecretDocument ours, const SecretDocument& theirs);
  nlohmann::json* find(const std::string& id);
  void retire(const std::string& id);
  // `kept`: ids of versions that stay although they have no label.
  void trim(const std::set<std::string>& kept = {});
};

// Two copies that were changed without knowledge of each other. The labels are those of `ours`, the
// writer's, and what `theirs` has beside them; what was AWSCURRENT in `theirs` is AWSPREVIOUS. No
// version that has a label in either is lost.
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
