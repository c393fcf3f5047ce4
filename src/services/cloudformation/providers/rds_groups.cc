// AWS::RDS::DBSubnetGroup, DBClusterParameterGroup and DBParameterGroup, by the service rds.
#include "cloudformation/members.h"
#include "services/cloudformation/providers/rds.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;

constexpr NameRule kGroupName = {.bytes_max = 255, .letter_case = LetterCase::lower};
constexpr std::size_t kChangesMax = 20;  // Of one call.

constexpr Property kSubnetGroupProperties[] = {
    {.name = "DBSubnetGroupName", .kind = Kind::text, .replacing = Replacing::always},
    {.name = "DBSubnetGroupDescription", .kind = Kind::text, .required = true},
    {.name = "SubnetIds", .kind = Kind::list, .fate = Fate::recorded, .required = true},
    {.name = "Tags", .kind = Kind::list},
};
constexpr Attribute kSubnetGroupAttributes[] = {{.name = "DBSubnetGroupArn"}};

class DbSubnetGroup final : public RdsProvider {
 public:
  using RdsProvider::RdsProvider;

  const TypeTable& table() const override {
    static constexpr TypeTable kTable{.type = "AWS::RDS::DBSubnetGroup",
                                      .properties = kSubnetGroupProperties,
                                      .attributes = kSubnetGroupAttributes};
    return kTable;
  }

 protected:
  Naming naming() const override { return {"DBSubnetGroupName", kGroupName}; }

  Found find(std::string id) override {
    return one_of("DescribeDBSubnetGroups", "DBSubnetGroupName", std::move(id), "DBSubnetGroups");
  }

  Done make(const ResourceRequest& request, std::string name) override {
    json input = members_of(request.properties, {"DBSubnetGroupDescription", "SubnetIds"});
    input["DBSubnetGroupName"] = name;
    return make_tagged(request, "CreateDBSubnetGroup", std::move(input));
  }

  Done change(const ResourceRequest& request) override {
    json input = changed_members(request, {"DBSubnetGroupDescription", "SubnetIds"});
    if (!input.empty()) {
      input = members_of(request.properties, {"DBSubnetGroupDescription", "SubnetIds"});
    }
    return modify_tagged(request, "ModifyDBSubnetGroup", "DBSubnetGroupName", std::move(input),
                         "DBSubnetGroupArn");
  }

  Done unmake(const ResourceRequest& request) override {
    json input = {{"DBSubnetGroupName", request.physical_id}};
    return in_its_time("DeleteDBSubnetGroup", std::move(input), "InvalidDBSubnetGroupStateFault");
  }

  json attributes_of(const json& found) const override {
    return {{"DBSubnetGroupArn", found.at("DBSubnetGroupArn")}};
  }
};

constexpr Property kClusterGroupProperties[] = {
    {.name = "DBClusterParameterGroupName", .kind = Kind::text, .replacing = Replacing::always},
    {.name = "Description", .kind = Kind::text, .replacing = Replacing::always, .required = true},
    {.name = "Family", .kind = Kind::text, .replacing = Replacing::always, .required = true},
    {.name = "Parameters",
     .kind = Kind::object,
     .required = true,
     .note = "reach PostgreSQL, or are refused by name"},
    {.name = "Tags", .kind = Kind::list},
};
constexpr Attribute kClusterGroupAttributes[] = {{.name = "DBClusterParameterGroupArn"}};
constexpr Property kInstanceGroupProperties[] = {
    {.name = "DBParameterGroupName", .kind = Kind::text, .replacing = Replacing::always},
    {.name = "Description", .kind = Kind::text, .replacing = Replacing::always, .required = true},
    {.name = "Family", .kind = Kind::text, .replacing = Replacing::always, .required = true},
    {.name = "Parameters",
     .kind = Kind::object,
     .note = "reach PostgreSQL, or are refused by name"},
    {.name = "Tags", .kind = Kind::list},
};
constexpr Attribute kInstanceGroupAttributes[] = {{.name = "DBParameterGroupName"},
                                                  {.name = "DBParameterGroupArn"}};

constexpr TypeTable kClusterGroups{.type = "AWS::RDS::DBClusterParameterGroup",
                                   .properties = kClusterGroupProperties,
                                   .attributes = kClusterGroupAttributes};
constexpr TypeTable kInstanceGroups{.type = "AWS::RDS::DBParameterGroup",
                                    .properties = kInstanceGroupProperties,
                                    .attributes = kInstanceGroupAttributes};

// What RDS calls the things of either kind.
struct GroupWords {
  const TypeTable& table;
  const char* noun;  // Of operations and members: "DBClusterParameterGroup".
  const char* name;
  const char* arn;
};
constexpr GroupWords kOfClusters{kClusterGroups, "DBClusterParameterGroup",
                                 "DBClusterParameterGroupName", "DBClusterParameterGroupArn"};
constexpr GroupWords kOfInstances{kInstanceGroups, "DBParameterGroup", "DBParameterGroupName",
                                  "DBParameterGroupArn"};

class ParameterGroup final : public RdsProvider {
 public:
  ParameterGroup(const ProviderContext& context, const GroupWords& words)
      : RdsProvider(context), words_(words) {}

  const TypeTable& table() const override { return words_.table; }

  Result<void> check(const json& properties) const override {
    const json& parameters = core::property_or_null(properties, "Parameters");
    if (!parameters.is_object()) return ok();
    for (const auto& [name, value] : parameters.items()) {
      if (value.is_object() || value.is_array()) {
        return make_error(ErrorKind::invalid, "Parameters: the value of " + name + " is no text");
      }
    }
    return ok();
  }

 protected:
  Naming naming() const override { return {words_.name, kGroupName}; }

  Found find(std::string id) override {
    const std::string noun = words_.noun;
    return one_of(
        "Describe" + noun + "s", words_.name, std::move(id),
        words_.noun == kOfClusters.noun ? "DBClusterParameterGroups" : "DBParameterGroups");
  }

  Done make(const ResourceRequest& request, std::string name) override {
    json input = members_of(request.properties, {"Description"});
    input[words_.name] = name;
    input["DBParameterGroupFamily"] = text_of(request.properties, "Family");
    auto creating = make_tagged(request, "Create" + std::string(words_.noun), std::move(input));
    CO_TRY_VOID(co_await std::move(creating));
    auto completing = complete(request, std::move(name));
    co_return co_await std::move(completing);
  }

  Done complete(const ResourceRequest& request, std::string name) override {
    const json parameters = request.properties.value("Parameters", json::object());
    auto setting = set(std::move(name), parameters);
    co_return co_await std::move(setting);
  }

  Done change(const ResourceRequest& request) override {
    const json now = request.properties.value("Parameters", json::object());
    const json before = request.former_properties.value("Parameters", json::object());
    json set_anew = json::object();
    for (const auto& [name, value] : now.items()) {
      if (!before.contains(name) || before.at(name) != value) set_anew[name] = value;
    }
    std::vector<std::string> gone;
    for (const auto& [name, value] : before.items()) {
      if (!now.contains(name)) gone.push_back(name);
    }
    auto setting = set(request.physical_id, set_anew);
    CO_TRY_VOID(co_await std::move(setting));
    auto resetting = reset(request.physical_id, gone);
    CO_TRY_VOID(co_await std::move(resetting));
    auto tagging = change_tags(request, words_.arn);
    co_return co_await std::move(tagging);
  }

  Done unmake(const ResourceRequest& request) override {
    json input = {{words_.name, request.physical_id}};
    return in_its_time("Delete" + std::string(words_.noun), std::move(input),
                       "InvalidDBParameterGroupState");
  }

  json attributes_of(const json& found) const override {
    return {{words_.arn, found.at(words_.arn)}, {words_.name, found.at(words_.name)}};
  }

 private:
  // What RDS does not take of a group that has just been made, leaves the group to be removed.
  Done set(std::string group, json parameters) {
    std::vector<json> all;
    for (const auto& [name, value] : parameters.items()) {
      all.push_back({{"ParameterName", name},
                     {"ParameterValue", core::as_text(value).value_or("")},
                     {"ApplyMethod", "pending-reboot"}});
    }
    auto sending = send("Modify", std::move(group), std::move(all));
    co_return co_await std::move(sending);
  }

  Done reset(std::string group, std::vector<std::string> names) {
    std::vector<json> all;
    for (const std::string& name : names) {
      all.push_back({{"ParameterName", name}, {"ApplyMethod", "pending-reboot"}});
    }
    auto sending = send("Reset", std::move(group), std::move(all));
    co_return co_await std::move(sending);
  }

  Done send(std::string verb, std::string group, std::vector<json> parameters) {
    for (std::size_t from = 0; from < parameters.size(); from += kChangesMax) {
      json some = json::array();
      for (std::size_t i = from; i < std::min(from + kChangesMax, parameters.size()); ++i) {
        some.push_back(parameters[i]);
      }
      json input = {{words_.name, group}, {"Parameters", std::move(some)}};
      auto calling = simple_call(verb + words_.noun, std::move(input));
      CO_TRY_VOID(co_await std::move(calling));
    }
    co_return ok();
  }

  const GroupWords& words_;
};

}  // namespace

void add_rds_groups(Providers& providers, const ProviderContext& context) {
  providers.add(std::make_unique<DbSubnetGroup>(context));
  providers.add(std::make_unique<ParameterGroup>(context, kOfClusters));
  providers.add(std::make_unique<ParameterGroup>(context, kOfInstances));
}

}  // namespace aurora_global::services::cloudformation
