// Deletion of secrets, and the regions that are told as their replicas.
//
// A deleted secret leaves a mark without values behind: it says to the other regions that there is
// nothing any more, and is no secret to anybody.
#include <algorithm>

#include "services/secretsmanager/told.h"

namespace aurora_global::services::secretsmanager {
namespace {

constexpr std::int64_t kRecoveryDays = 30;
constexpr double kDaySeconds = 86400;

json replicas_of(const SecretDocument& document) {
  return document.about.value("replicas", json::array());
}

std::string text_of(const json& regions) {
  std::string text;
  for (const json& one : regions) {
    text += (text.empty() ? "" : ", ") + one.get<std::string>();
  }
  return text;
}

// What is left of it keeps no key.
bool wipe(SecretDocument& document) {
  document.about = {{"arn", document.about.value("arn", "")},
                    {"changed", now_seconds()},
                    {"gone", true},
                    {"versions", json::array()}};
  document.values = json::object();
  document.keys.clear();
  return true;
}

// The answer for a secret that is deleted at once, and is not there.
json nothing_left(const Region& region, const std::string& id) {
  constexpr std::string_view kWord = ":secret:";
  const auto word = id.find(kWord);
  const bool is_arn = id.starts_with("arn:") && word != std::string::npos;
  const region::Facts& facts = region.facts();
  return {{"ARN", is_arn ? id
                         : "arn:aws:secretsmanager:" + facts.region.name + ":" + facts.account_id +
                               std::string(kWord) + id},
          {"Name", is_arn ? id.substr(word + kWord.size()) : id},
          {"DeletionDate", now_seconds()}};
}

}  // namespace

Answer delete_secret(Region& region, Members members) {
  const std::string wanted = members.required("SecretId");
  const auto days = members.number("RecoveryWindowInDays", 7, 30);
  const bool force = members.flag("ForceDeleteWithoutRecovery");
  if (days && force) {
    members.problem(
        "You can't use ForceDeleteWithoutRecovery in conjunction with "
        "RecoveryWindowInDays.",
        "InvalidParameterException");
  }
  CO_TRY_VOID(members.finish());
  const auto found = find_any(region, wanted);
  // As AWS: a client that did not hear the answer asks again.
  if (found.has_error() && force && found.error().kind == ErrorKind::not_found) {
    co_return nothing_left(region, wanted);
  }
  if (found.has_error()) co_return found.error();
  const Told& told = *found;
  if (is_deleted(told.document) && !force) {
    co_return refuse("InvalidRequestException",
                     "You can't perform this operation on the secret because it was already "
                     "scheduled for deletion.");
  }
  if (const json replicas = replicas_of(told.document); !replicas.empty()) {
    co_return refuse("InvalidRequestException",
                     "You can't delete secret " + told.arn + " that still has replica regions " +
                         text_of(replicas) + "; remove them with RemoveRegionsFromReplication");
  }
  const double due =
      now_seconds() + (force ? 0 : kDaySeconds * static_cast<double>(days.value_or(kRecoveryDays)));
  if (!force) {
    const auto mark = [due](SecretDocument& document) -> Result<bool> {
      document.about["deletion"] = due;
      document.about["deleted"] = now_seconds();
      return true;
    };
    auto marking = change_about(region, told.name, mark);
    CO_TRY_VOID(co_await std::move(marking));
  } else {
    const auto end = [](SecretDocument& document) -> Result<bool> { return wipe(document); };
    // With a key that cannot be used the values cannot be read, and are left sealed.
    const bool readable = region.secret_values(told.name).has_value();
    auto ending = readable ? change(region, told.name, end) : change_about(region, told.name, end);
    CO_TRY_VOID(co_await std::move(ending));
  }
  co_return json{{"ARN", told.arn}, {"Name", told.name}, {"DeletionDate", due}};
}

Answer restore_secret(Region& region, Members members) {
  const std::string wanted = members.required("SecretId");
  CO_TRY_VOID(members.finish());
  CO_TRY(const Told told, find_any(region, wanted));
  const auto edit = [](SecretDocument& document) -> Result<bool> {
    document.about.erase("deleted");
    return document.about.erase("deletion") > 0;
  };
  auto restoring = change_about(region, told.name, edit);
  CO_TRY_VOID(co_await std::move(restoring));
  co_return json{{"ARN", told.arn}, {"Name", told.name}};
}

// ---- replicas

Replicas replicas_in(const Region& region, Members& members) {
  Replicas replicas;
  const std::string& here = region.facts().region.name;
  for (json& one : members.list("AddReplicaRegions")) {
    Members replica(std::move(one));
    const std::string name = replica.required("Region");
    const std::string key = replica.text("KmsKeyId");
    if (const auto fine = replica.finish(); fine.has_error()) {
      members.problem("AddReplicaRegions: " + fine.error().message, "InvalidParameterException");
    }
    const auto& regions = region.facts().regions;
    const bool known = std::find(regions.begin(), regions.end(), RegionId{name}) != regions.end();
    if (name == here || !known) {
      members.problem("Invalid replica region: " + (name.empty() ? "none is given" : name) +
                      (name == here ? " is this Region" : " is no Region of this platform"));
      continue;
    }
    replicas.regions.push_back(name);
    if (!key.empty()) replicas.keys[name] = key;
  }
  return replicas;
}

void note_replicas(SecretDocument& document, const Replicas& replicas) {
  json all = replicas_of(document);
  for (const std::string& name : replicas.regions) {
    if (std::find(all.begin(), all.end(), name) == all.end()) all.push_back(name);
  }
  if (!all.empty()) document.about["replicas"] = all;
  for (const auto& [name, key] : replicas.keys) document.keys[name] = key;
}

json replication_status(const SecretDocument& document) {
  json all = json::array();
  const json keys = document.about.value("keys", json::object());
  for (const json& name : replicas_of(document)) {
    const auto key = keys.find(name.get<std::string>());
    all.push_back({{"Region", name},
                   {"KmsKeyId", key == keys.end() ? json("alias/aws/secretsmanager") : *key},
                   {"Status", "InSync"}});
  }
  return all;
}

Answer replicate_secret_to_regions(Region& region, Members members) {
  const std::string wanted = members.required("SecretId");
  const Replicas replicas = replicas_in(region, members);
  CO_TRY_VOID(members.finish());
  CO_TRY(const Told told, find(region, wanted));
  const auto edit = [&](SecretDocument& document) -> Result<bool> {
    note_replicas(document, replicas);
    return true;
  };
  // Only another key needs the values: they are sealed anew by it.
  auto changing = replicas.keys.empty() ? change_about(region, told.name, edit)
                                        : change(region, told.name, edit);
  CO_TRY_VOID(co_await std::move(changing));
  CO_TRY(const Told now, find(region, wanted));
  co_return json{{"ARN", now.arn}, {"ReplicationStatus", replication_status(now.document)}};
}

Answer remove_regions_from_replication(Region& region, Members members) {
  const std::string wanted = members.required("SecretId");
  const auto regions = members.texts("RemoveReplicaRegions");
  CO_TRY_VOID(members.finish());
  CO_TRY(const Told told, find(region, wanted));
  const auto edit = [&](SecretDocument& document) -> Result<bool> {
    json left = json::array();
    for (const json& one : replicas_of(document)) {
      const bool removed = std::any_of(regions.begin(), regions.end(),
                                       [&](const std::string& name) { return one == name; });
      if (!removed) left.push_back(one);
    }
    document.about["replicas"] = left;
    return true;
  };
  auto changing = change_about(region, told.name, edit);
  CO_TRY_VOID(co_await std::move(changing));
  CO_TRY(const Told now, find(region, wanted));
  co_return json{{"ARN", now.arn}, {"ReplicationStatus", replication_status(now.document)}};
}

}  // namespace aurora_global::services::secretsmanager
