#include "services/ec2/ec2.h"

#include <algorithm>

#include "awsapi/http_message.h"
#include "services/call.h"

namespace aurora_global::services::ec2 {
namespace {

using nlohmann::json;
using Answer = net::Task<Result<json>>;

constexpr char kZones[] = {'a', 'b', 'c'};

// The member that a filter is about ("region-name" -> "RegionName").
std::string member_of(const std::string& filter) {
  std::string member;
  for (std::size_t i = 0; i < filter.size(); ++i) {
    if (filter[i] == '-') continue;
    const bool first = i == 0 || filter[i - 1] == '-';
    member +=
        first ? static_cast<char>(std::toupper(static_cast<unsigned char>(filter[i]))) : filter[i];
  }
  return member;
}

Error refuse(const char* code, std::string message) {
  return make_error(ErrorKind::invalid, std::move(message), code);
}

bool is_one_of(const json& values, const std::string& text) {
  return std::any_of(values.begin(), values.end(), [&](const json& one) { return one == text; });
}

// Those that pass all filters; each has at least one of a filter's values.
Result<json> filtered(const json& all, const std::vector<json>& filters) {
  json passed = json::array();
  for (const json& object : all) {
    bool passes = true;
    for (const json& filter : filters) {
      const std::string name = filter.value("Name", "");
      const std::string member = member_of(name);
      if (!object.contains(member) || !object[member].is_string()) {
        return refuse("InvalidParameterValue",
                      "The filter '" + awsapi::shown(name) + "' is invalid");
      }
      passes = passes &&
               is_one_of(filter.value("Values", json::array()), object[member].get<std::string>());
    }
    if (passes) passed.push_back(object);
  }
  return passed;
}

// Only those with one of the names; a name that none has is an error.
Result<json> named(json all, const char* member, const std::vector<std::string>& names,
                   const char* code, const std::string& sentence) {
  if (names.empty()) return all;
  json found = json::array();
  for (const std::string& name : names) {
    const auto one = std::find_if(all.begin(), all.end(),
                                  [&](const json& object) { return object[member] == name; });
    if (one == all.end()) return refuse(code, sentence + " [" + awsapi::shown(name) + "]");
    found.push_back(*one);
  }
  return found;
}

Answer describe_regions(const region::Facts& facts, Members members) {
  const auto names = members.texts("RegionNames");
  const auto filters = members.list("Filters");
  CO_TRY_VOID(members.finish());
  json all = json::array();
  for (const RegionId& region : facts.regions) {
    all.push_back({{"RegionName", region.name},
                   {"Endpoint", "ec2." + region.name + ".amazonaws.com"},
                   {"OptInStatus", "opt-in-not-required"}});
  }
  CO_TRY(all, named(std::move(all), "RegionName", names, "InvalidParameterValue",
                    "Invalid region provided:"));
  CO_TRY(all, filtered(all, filters));
  co_return json{{"Regions", std::move(all)}};
}

Answer describe_availability_zones(const region::Facts& facts, Members members) {
  const auto names = members.texts("ZoneNames");
  const auto ids = members.texts("ZoneIds");
  const auto filters = members.list("Filters");
  CO_TRY_VOID(members.finish());
  const std::string& region = facts.region.name;
  json all = json::array();
  for (const char zone : kZones) {
    const std::string number = std::to_string(zone - 'a' + 1);
    all.push_back({{"ZoneName", region + zone},
                   {"ZoneId", region + "-az" + number},
                   {"RegionName", region},
                   {"State", "available"},
                   {"OptInStatus", "opt-in-not-required"},
                   {"GroupName", region},
                   {"NetworkBorderGroup", region},
                   {"ZoneType", "availability-zone"},
                   {"Messages", json::array()}});
  }
  CO_TRY(all, named(std::move(all), "ZoneName", names, "InvalidParameterValue",
                    "Invalid availability zone:"));
  CO_TRY(all, named(std::move(all), "ZoneId", ids, "InvalidParameterValue",
                    "Invalid availability zone-id:"));
  CO_TRY(all, filtered(all, filters));
  co_return json{{"AvailabilityZones", std::move(all)}};
}

using Operation = Answer (*)(const region::Facts&, Members);
constexpr std::pair<std::string_view, Operation> kPlaceOperations[] = {
    {"DescribeRegions", describe_regions},
    {"DescribeAvailabilityZones", describe_availability_zones},
};

}  // namespace

std::vector<std::string_view> action_names() { return names_in(kPlaceOperations); }

net::Task<Result<json>> call(const region::Facts& facts, std::string operation, json input) {
  return run_in_table("ec2", kPlaceOperations, std::move(operation), std::move(input), facts);
}

net::Task<net::HttpResponse> serve(const region::Facts& facts, net::HttpRequest request) {
  return serve_table("ec2", kPlaceOperations, std::move(request), facts);
}

}  // namespace aurora_global::services::ec2
