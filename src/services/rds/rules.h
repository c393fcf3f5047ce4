// What RDS asks of values in prose only: names, users, passwords, capacities, classes. One reviewed
// place, beside AWS's models. Pure.
//
// Sources: the parameters' descriptions in the API reference of CreateDBCluster, ModifyDBCluster,
// CreateDBInstance and CreateGlobalCluster; "Quotas and naming constraints in Amazon Aurora". Each
// fails with InvalidParameterValue, but for the engine's version (InvalidParameterCombination).
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "model/global_cluster.h"

namespace aurora_global::services::rds {

// 1 to 63 letters, digits and hyphens; a letter first, no hyphen last, no two hyphens in a row.
Result<void> check_identifier(const std::string& parameter, const std::string& value);
// 1 to 255 letters, digits and hyphens, as an identifier has them.
Result<void> check_parameter_group_name(const std::string& parameter, const std::string& value);
// 1 to 255 letters, digits, points, underscores, spaces and hyphens; not "default".
Result<void> check_subnet_group_name(const std::string& value);
// 1 to 63 letters, digits and underscores, a letter first; no word of the engine's.
Result<void> check_master_username(const std::string& value);
// 8 to 128 printable ASCII characters without / " @ and space. The value is never told.
Result<void> check_master_password(const std::string& value);
// As a user's name, by the names that are databases already.
Result<void> check_database_name(const std::string& value);
// `served`: "15.18". Its major version will do, and so will what Aurora has of it: a cluster runs
// the one PostgreSQL of the machine, as after an automatic upgrade of the minor version.
Result<void> check_engine_version(const std::string& value, const std::string& served);
// db.serverless, db.<family>.<size>.
Result<void> check_instance_class(const std::string& value);
// Key of 1 to 128 characters that does not begin with aws:, value of at most 256 ("Tagging Amazon
// RDS resources").
Result<void> check_tag(const model::Tag& tag);
inline constexpr std::size_t kTagsMax = 50;
// Half steps; 0 to 256 at least, 1 to 256 at most; not more at least than at most.
Result<void> check_capacity(std::optional<double> min, std::optional<double> max);

}  // namespace aurora_global::services::rds
