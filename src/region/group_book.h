// The region's groups of subnets and of parameters, durably; and which parameters an instance has.
#pragma once

#include "net/mutex.h"
#include "region/region.h"
#include "region/store.h"

namespace aurora_global::region {

class GroupBook final : public DbGroups {
 public:
  static constexpr std::size_t kGroupsMax = 100;  // Of a kind.

  // `store` outlives the book; `changed` is told of every change.
  GroupBook(boost::asio::any_io_executor executor, Store& store, std::function<void()> changed)
      : store_(store), changed_(std::move(changed)), changing_(std::move(executor)) {}
  // Takes the groups among the store's documents. Fails with `corrupt`.
  Result<void> load(const std::vector<Store::Document>& documents);

  std::vector<model::DbGroup> db_groups(model::GroupKind kind) const override;
  net::Task<Result<void>> update_db_group(model::GroupKind kind, std::string name,
                                          GroupEdit edit) override;

  // Those of its cluster's group and of its own, which goes before.
  std::map<std::string, std::string> parameters_of(const model::DbCluster& cluster,
                                                   const std::string& instance) const;

 private:
  using Name = std::pair<model::GroupKind, std::string>;
  const model::DbGroup* find(model::GroupKind kind, const std::string& name) const;

  Store& store_;
  std::function<void()> changed_;
  net::AsyncMutex changing_;
  std::map<Name, model::DbGroup> groups_;
};

}  // namespace aurora_global::region
