#include "model/global_cluster.h"

#include <algorithm>

namespace aurora_global::model {
namespace {

constexpr std::size_t kIdentifierMax = 63;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string arn_of(std::string_view region, std::string_view account, std::string_view type,
                   std::string_view id) {
  std::string arn = "arn:aws:rds:";
  arn.append(region).append(":").append(account).append(":").append(type).append(":").append(id);
  return arn;
}

template <typename Members, typename Match>
auto find_member(Members& members, Match match) {
  const auto found = std::find_if(members.begin(), members.end(), match);
  return found == members.end() ? nullptr : &*found;
}

}  // namespace

const GlobalMember* GlobalCluster::member_in(const RegionId& region) const {
  return find_member(members, [&](const GlobalMember& m) { return m.region == region; });
}

GlobalMember* GlobalCluster::member_in(const RegionId& region) {
  return find_member(members, [&](const GlobalMember& m) { return m.region == region; });
}

const GlobalMember* GlobalCluster::member_by_arn(std::string_view arn) const {
  return find_member(members, [&](const GlobalMember& m) { return m.cluster_arn == arn; });
}

std::string cluster_arn(const RegionId& region, std::string_view account, std::string_view id) {
  return arn_of(region.name, account, "cluster", id);
}

std::string instance_arn(const RegionId& region, std::string_view account, std::string_view id) {
  return arn_of(region.name, account, "db", id);
}

std::string global_cluster_arn(std::string_view account, std::string_view id) {
  return arn_of("", account, "global-cluster", id);
}

Result<ClusterArn> parse_cluster_arn(std::string_view arn) {
  std::vector<std::string_view> parts;
  std::string_view rest = arn;
  for (auto colon = rest.find(':'); colon != std::string_view::npos; colon = rest.find(':')) {
    parts.push_back(rest.substr(0, colon));
    rest.remove_prefix(colon + 1);
  }
  parts.push_back(rest);
  if (parts.size() != 7 || parts[0] != "arn" || parts[1] != "aws" || parts[2] != "rds" ||
      parts[3].empty() || parts[5] != "cluster" || parts[6].empty()) {
    return make_error(ErrorKind::invalid,
                      "Malformed db cluster arn " + std::string(arn) +
                          " (expected arn:aws:rds:REGION:ACCOUNT:cluster:IDENTIFIER)",
                      "InvalidParameterValue");
  }
  return ClusterArn{RegionId{std::string(parts[3])}, std::string(parts[4]), std::string(parts[6])};
}

Result<std::string> checked_identifier(std::string_view parameter, std::string_view given) {
  const auto refuse = [&] {
    return make_error(ErrorKind::invalid,
                      "The parameter " + std::string(parameter) +
                          " is not a valid identifier. Identifiers must begin with a letter; must "
                          "contain only ASCII letters, digits, and hyphens; and must not end with "
                          "a hyphen or contain two consecutive hyphens. Given: " +
                          std::string(given.substr(0, 100)),
                      "InvalidParameterValue");
  };
  if (given.empty() || given.size() > kIdentifierMax || !is_letter(given.front()) ||
      given.back() == '-' || given.find("--") != std::string_view::npos) {
    return refuse();
  }
  std::string lower;
  for (const char c : given) {
    if (!is_letter(c) && !is_digit(c) && c != '-') return refuse();
    lower += (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return lower;
}

}  // namespace aurora_global::model
