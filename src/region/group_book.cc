#include "region/group_book.h"

#include "model/codec.h"

namespace aurora_global::region {
namespace {

using namespace std::chrono_literals;
using model::DbGroup;
using model::GroupKind;

constexpr Duration kGroupTurnLimit = 10s;
constexpr std::string_view kGroupDocument = "db-group:";

std::string document_name(GroupKind kind, const std::string& name) {
  return std::string(kGroupDocument) + std::string(name_of(kind)) + ":" + name;
}

}  // namespace

Result<void> GroupBook::load(const std::vector<Store::Document>& documents) {
  for (const Store::Document& document : documents) {
    for (const GroupKind kind :
         {GroupKind::subnets, GroupKind::cluster_parameters, GroupKind::instance_parameters}) {
      if (!document.name.starts_with(document_name(kind, ""))) continue;
      TRY(DbGroup group, model::decode_text<DbGroup>(document.text, document.name));
      const std::string name = group.name;
      groups_[{kind, name}] = std::move(group);
    }
  }
  return ok();
}

const DbGroup* GroupBook::find(GroupKind kind, const std::string& name) const {
  const auto found = groups_.find({kind, name});
  return found == groups_.end() ? nullptr : &found->second;
}

std::vector<DbGroup> GroupBook::db_groups(GroupKind kind) const {
  std::vector<DbGroup> all;
  for (const auto& [name, group] : groups_) {
    if (name.first == kind) all.push_back(group);
  }
  return all;
}

net::Task<Result<void>> GroupBook::update_db_group(GroupKind kind, std::string name,
                                                   GroupEdit edit) {
  CO_TRY(const auto turn, co_await changing_.lock(Deadline::in(kGroupTurnLimit)));
  const DbGroup* present = find(kind, name);
  const bool is_new = present == nullptr;
  CO_TRY(std::optional<DbGroup> after, edit(is_new ? std::nullopt : std::optional(*present)));
  if (is_new && !after) co_return ok();
  if (is_new && db_groups(kind).size() >= kGroupsMax) {
    co_return make_error(
        ErrorKind::exhausted,
        "A region holds at most " + std::to_string(kGroupsMax) + " groups of a kind",
        kind == GroupKind::subnets ? "DBSubnetGroupQuotaExceeded"
                                   : "DBParameterGroupQuotaExceeded");
  }
  const std::string document = document_name(kind, name);
  std::vector<Store::Document> put;
  std::vector<std::string> erased;
  if (after) put.push_back({document, model::text_of(nlohmann::json(*after))});
  if (!after) erased.push_back(document);
  CO_TRY_VOID(co_await store_.put(std::move(put), std::move(erased)));
  if (after) {
    groups_[{kind, name}] = std::move(*after);
  } else {
    groups_.erase({kind, name});
  }
  changed_();
  co_return ok();
}

std::map<std::string, std::string> GroupBook::parameters_of(const model::DbCluster& cluster,
                                                            const std::string& instance) const {
  std::map<std::string, std::string> all;
  for (const model::DbInstance& one : cluster.instances) {
    if (one.identifier != instance) continue;
    const DbGroup* own = find(GroupKind::instance_parameters, one.parameter_group);
    if (own != nullptr) all = own->parameters;
  }
  const DbGroup* shared = find(GroupKind::cluster_parameters, cluster.parameter_group);
  if (shared != nullptr) all.insert(shared->parameters.begin(), shared->parameters.end());
  return all;
}

}  // namespace aurora_global::region
