// DB cluster parameter groups and DB parameter groups: what is set in them reaches PostgreSQL.
#include "services/rds/engine_parameters.h"
#include "services/rds/handlers.h"

namespace aurora_global::services::rds {
namespace {

using model::DbGroup;
using model::GroupKind;

constexpr std::size_t kChangesMax = 20;

// What the two kinds call their things.
struct Words {
  GroupKind kind;
  const char* name;
  const char* arn;
  const char* one;
  const char* list;
};
constexpr Words kOfCluster = {GroupKind::cluster_parameters, "DBClusterParameterGroupName",
                              "DBClusterParameterGroupArn", "DBClusterParameterGroup",
                              "DBClusterParameterGroups"};
constexpr Words kOfInstance = {GroupKind::instance_parameters, "DBParameterGroupName",
                               "DBParameterGroupArn", "DBParameterGroup", "DBParameterGroups"};

std::string family_of(const region::Facts& facts) {
  const std::string& version = facts.engine_version;
  return std::string(model::kEngine) + version.substr(0, version.find('.'));
}

DbGroup standard_group(const region::Facts& facts, const Words& words) {
  DbGroup group;
  group.name = default_group(facts);
  group.family = family_of(facts);
  const bool of_cluster = words.kind == GroupKind::cluster_parameters;
  group.description = std::string("Default ") + (of_cluster ? "cluster " : "") +
                      "parameter group for " + group.family;
  return group;
}

json shape_of_group(const region::Facts& facts, const DbGroup& group, const Words& words) {
  return {{words.name, group.name},
          {"DBParameterGroupFamily", group.family},
          {"Description", group.description},
          {words.arn, model::group_arn(words.kind, facts.region, facts.account_id, group.name)}};
}

json shape_of_parameter(const EngineParameter& parameter, const DbGroup& group) {
  const auto own = group.parameters.find(std::string(parameter.name));
  const bool is_set = own != group.parameters.end();
  const bool at_start = parameter.apply == ParameterApply::at_start;
  json shape = {{"ParameterName", parameter.name},
                {"Source", is_set ? "user" : "engine-default"},
                {"ApplyType", at_start ? "static" : "dynamic"},
                {"ApplyMethod", at_start || !is_set ? "pending-reboot" : "immediate"},
                {"DataType", data_type(parameter)},
                {"AllowedValues", allowed_values(parameter)},
                {"IsModifiable", true}};
  const std::string value = is_set ? own->second : std::string(parameter.standard);
  if (!value.empty()) shape["ParameterValue"] = value;
  if (!parameter.unit.empty()) shape["Description"] = "in " + std::string(parameter.unit);
  return shape;
}

// Of a ModifyDB...ParameterGroup or a ResetDB...ParameterGroup; a reset gives no values.
struct Changes {
  std::vector<std::pair<std::string, std::string>> set;
};

Result<Changes> read_changes(std::vector<json> given, bool with_values) {
  if (given.size() > kChangesMax) {
    return invalid("InvalidParameterValue", "At most 20 parameters are changed by one request");
  }
  Changes changes;
  for (json& one : given) {
    Members members(std::move(one));
    const std::string name = lower(members.required("ParameterName"));
    const std::string value = with_values ? members.required("ParameterValue") : "";
    const std::string method = members.text("ApplyMethod", "pending-reboot");
    members.ignore({"ParameterValue", "Description", "Source", "ApplyType", "DataType",
                    "AllowedValues", "IsModifiable", "MinimumEngineVersion",
                    "SupportedEngineModes"});
    TRY_VOID(members.finish());
    const EngineParameter* parameter = engine_parameter(name);
    if (with_values || parameter == nullptr) TRY_VOID(check_parameter(name, value));
    if (method == "immediate" && parameter->apply == ParameterApply::at_start) {
      return invalid("InvalidParameterCombination",
                     "cannot use immediate apply method for static parameter: " + name);
    }
    changes.set.emplace_back(name, value);
  }
  return changes;
}

Error not_changeable(const std::string& name) {
  return make_error(ErrorKind::conflict,
                    "The parameter group " + name + " is a default one: it cannot be changed",
                    "InvalidDBParameterGroupState");
}

// The user of a group, "" for none.
std::string user_of(const Region& region, const Words& words, const std::string& name) {
  for (const model::DbCluster& cluster : region.db_clusters()) {
    const bool of_cluster = words.kind == GroupKind::cluster_parameters;
    if (of_cluster && cluster.parameter_group == name) return cluster.identifier;
    for (const model::DbInstance& instance : cluster.instances) {
      if (!of_cluster && instance.parameter_group == name) return instance.identifier;
    }
  }
  return "";
}

Answer create(Region& region, Parameters p, const Words& words) {
  DbGroup made;
  made.name = lower(p.required(words.name));
  made.family = p.required("DBParameterGroupFamily");
  made.description = p.required("Description");
  made.tags = p.tags();
  CO_TRY_VOID(p.finish());
  CO_TRY_VOID(check_parameter_group_name(words.name, made.name));
  if (const std::string family = family_of(region.facts()); made.family != family) {
    co_return invalid("InvalidParameterValue",
                      "ParameterGroupFamily " + made.family +
                          " is not a valid parameter group family; this platform has " + family);
  }
  const auto edit = [&](std::optional<DbGroup> present) -> region::EditedGroup {
    if (!present) return made;
    return make_error(ErrorKind::conflict, "Parameter group " + made.name + " already exists",
                      "DBParameterGroupAlreadyExists");
  };
  CO_TRY_VOID(co_await region.update_db_group(words.kind, made.name, edit));
  co_return json{{words.one, shape_of_group(region.facts(), made, words)}};
}

Answer describe(Region& region, Parameters p, const Words& words) {
  const std::string wanted = lower(p.text(words.name));
  const Page page = p.page();
  CO_TRY_VOID(p.finish());
  auto found = region.db_groups(words.kind);
  found.insert(found.begin(), standard_group(region.facts(), words));
  std::erase_if(found, [&](const DbGroup& one) { return !wanted.empty() && one.name != wanted; });
  if (!wanted.empty() && found.empty()) co_return no_such_group(words.kind, wanted);
  co_return page_of(words.list, found, page,
                    [&](const DbGroup& one) { return shape_of_group(region.facts(), one, words); });
}

Answer modify(Region& region, Parameters p, const Words& words) {
  const std::string name = lower(p.required(words.name));
  std::vector<json> given = p.list("Parameters");
  CO_TRY_VOID(p.finish());
  if (name == default_group(region.facts())) co_return not_changeable(name);
  CO_TRY(const Changes changes, read_changes(std::move(given), true));
  const auto edit = [&](std::optional<DbGroup> present) -> region::EditedGroup {
    if (!present) return no_such_group(words.kind, name);
    for (const auto& [parameter, value] : changes.set) present->parameters[parameter] = value;
    return present;
  };
  CO_TRY_VOID(co_await region.update_db_group(words.kind, name, edit));
  co_return json{{words.name, name}};
}

Answer reset(Region& region, Parameters p, const Words& words) {
  const std::string name = lower(p.required(words.name));
  const bool all = p.flag("ResetAllParameters");
  std::vector<json> given = p.list("Parameters");
  CO_TRY_VOID(p.finish());
  if (name == default_group(region.facts())) co_return not_changeable(name);
  if (all == !given.empty()) {
    co_return invalid("InvalidParameterCombination",
                      "Either ResetAllParameters or Parameters has to be given");
  }
  CO_TRY(const Changes changes, read_changes(std::move(given), false));
  const auto edit = [&](std::optional<DbGroup> present) -> region::EditedGroup {
    if (!present) return no_such_group(words.kind, name);
    if (all) present->parameters.clear();
    for (const auto& [parameter, value] : changes.set) present->parameters.erase(parameter);
    return present;
  };
  CO_TRY_VOID(co_await region.update_db_group(words.kind, name, edit));
  co_return json{{words.name, name}};
}

Answer erase(Region& region, Parameters p, const Words& words) {
  const std::string name = lower(p.required(words.name));
  CO_TRY_VOID(p.finish());
  if (name == default_group(region.facts())) co_return not_changeable(name);
  if (const std::string user = user_of(region, words, name); !user.empty()) {
    co_return make_error(ErrorKind::conflict,
                         "One or more database instances are still members of this parameter "
                         "group " +
                             name + ", so the group cannot be deleted (" + user + ")",
                         "InvalidDBParameterGroupState");
  }
  const auto edit = [&](std::optional<DbGroup> present) -> region::EditedGroup {
    if (!present) return no_such_group(words.kind, name);
    return std::optional<DbGroup>();
  };
  CO_TRY_VOID(co_await region.update_db_group(words.kind, name, edit));
  co_return json::object();
}

Answer describe_parameters(Region& region, Parameters p, const Words& words) {
  const std::string name = lower(p.required(words.name));
  const std::string source = p.text("Source");
  const Page page = p.page();
  CO_TRY_VOID(p.finish());
  DbGroup group = standard_group(region.facts(), words);
  if (name != group.name) {
    const auto all = region.db_groups(words.kind);
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const DbGroup& one) { return one.name == name; });
    if (found == all.end()) co_return no_such_group(words.kind, name);
    group = *found;
  }
  std::vector<json> shown;
  for (const EngineParameter& parameter : engine_parameters()) {
    json shape = shape_of_parameter(parameter, group);
    if (source.empty() || shape.at("Source") == source) shown.push_back(std::move(shape));
  }
  co_return page_of("Parameters", shown, page, [](const json& one) { return one; });
}

}  // namespace

std::string default_group(const region::Facts& facts) { return "default." + family_of(facts); }

Error no_such_group(GroupKind kind, const std::string& name) {
  if (kind == GroupKind::subnets) {
    return make_error(ErrorKind::not_found, "DB subnet group '" + name + "' does not exist.",
                      "DBSubnetGroupNotFoundFault");
  }
  const bool of_cluster = kind == GroupKind::cluster_parameters;
  return make_error(ErrorKind::not_found,
                    std::string(of_cluster ? "DBClusterParameterGroup" : "DBParameterGroup") +
                        " not found: " + name,
                    "DBParameterGroupNotFound");
}

Result<std::string> named_group(const Region& region, GroupKind kind, const std::string& name) {
  std::string wanted = lower(name);
  const bool is_standard = kind != GroupKind::subnets && wanted == default_group(region.facts());
  if (wanted.empty() || is_standard) return std::string();
  for (const DbGroup& group : region.db_groups(kind)) {
    if (group.name == wanted) return wanted;
  }
  Error error = no_such_group(kind, wanted);
  if (kind == GroupKind::cluster_parameters) error.code = "DBClusterParameterGroupNotFound";
  return error;
}

Answer create_db_cluster_parameter_group(Region& region, Parameters p) {
  return create(region, std::move(p), kOfCluster);
}
Answer describe_db_cluster_parameter_groups(Region& region, Parameters p) {
  return describe(region, std::move(p), kOfCluster);
}
Answer modify_db_cluster_parameter_group(Region& region, Parameters p) {
  return modify(region, std::move(p), kOfCluster);
}
Answer reset_db_cluster_parameter_group(Region& region, Parameters p) {
  return reset(region, std::move(p), kOfCluster);
}
Answer delete_db_cluster_parameter_group(Region& region, Parameters p) {
  return erase(region, std::move(p), kOfCluster);
}
Answer describe_db_cluster_parameters(Region& region, Parameters p) {
  return describe_parameters(region, std::move(p), kOfCluster);
}
Answer create_db_parameter_group(Region& region, Parameters p) {
  return create(region, std::move(p), kOfInstance);
}
Answer describe_db_parameter_groups(Region& region, Parameters p) {
  return describe(region, std::move(p), kOfInstance);
}
Answer modify_db_parameter_group(Region& region, Parameters p) {
  return modify(region, std::move(p), kOfInstance);
}
Answer reset_db_parameter_group(Region& region, Parameters p) {
  return reset(region, std::move(p), kOfInstance);
}
Answer delete_db_parameter_group(Region& region, Parameters p) {
  return erase(region, std::move(p), kOfInstance);
}
Answer describe_db_parameters(Region& region, Parameters p) {
  return describe_parameters(region, std::move(p), kOfInstance);
}

}  // namespace aurora_global::services::rds
