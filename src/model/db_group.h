// Groups that DB clusters and DB instances name: subnets, and parameters of the engine. A region's
// own. Names are AWS's (RDS API 2014-10-31).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/global_cluster.h"

namespace aurora_global::model {

enum class GroupKind { subnets, cluster_parameters, instance_parameters };

struct DbGroup {
  std::string name;  // In lower case.
  std::string description;
  std::string family;                             // Of parameters: "aurora-postgresql15".
  std::vector<std::string> subnets;               // Of subnets; recorded, nothing is in them.
  std::map<std::string, std::string> parameters;  // Those that differ from the family's.
  std::vector<Tag> tags;
};

// "arn:aws:rds:REGION:ACCOUNT:subgrp:NAME", cluster-pg, pg.
std::string group_arn(GroupKind kind, const RegionId& region, std::string_view account,
                      std::string_view name);
// "subgrp", "cluster-pg", "pg".
std::string_view name_of(GroupKind kind);

}  // namespace aurora_global::model
