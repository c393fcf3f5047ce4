#include "model/db_group.h"

namespace aurora_global::model {

std::string_view name_of(GroupKind kind) {
  switch (kind) {
    case GroupKind::subnets: return "subgrp";
    case GroupKind::cluster_parameters: return "cluster-pg";
    case GroupKind::instance_parameters: return "pg";
  }
  return "";
}

std::string group_arn(GroupKind kind, const RegionId& region, std::string_view account,
                      std::string_view name) {
  return "arn:aws:rds:" + region.name + ":" + std::string(account) + ":" +
         std::string(name_of(kind)) + ":" + std::string(name);
}

}  // namespace aurora_global::model
