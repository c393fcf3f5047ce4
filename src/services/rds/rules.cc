#include "services/rds/rules.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace aurora_global::services::rds {
namespace {

constexpr std::size_t kNameMax = 63;
constexpr std::size_t kGroupNameMax = 255;
constexpr std::size_t kPasswordMin = 8;
constexpr std::size_t kPasswordMax = 128;
constexpr double kCapacityMax = 256;
constexpr std::ptrdiff_t kTagKeyMax = 128;
constexpr std::ptrdiff_t kTagValueMax = 256;

// Names that the engine or the platform has for itself.
constexpr std::string_view kEngineUsers[] = {"admin",     "administrator", "root",       "public",
                                             "superuser", "aurora",        "replication"};
constexpr std::string_view kEngineDatabases[] = {"rdsadmin", "postgres", "template0", "template1",
                                                 "aurora"};
// Words of SQL that PostgreSQL keeps for itself ("SQL Key Words", reserved), as far as they can be
// taken for a name.
constexpr std::string_view kSqlWords[] = {
    "all",       "analyse",      "analyze", "and",        "any",       "array",        "as",
    "asc",       "both",         "case",    "cast",       "check",     "collate",      "column",
    "create",    "current_user", "default", "desc",       "distinct",  "do",           "else",
    "end",       "except",       "false",   "fetch",      "for",       "foreign",      "from",
    "grant",     "group",        "having",  "in",         "initially", "into",         "leading",
    "limit",     "not",          "null",    "offset",     "on",        "only",         "or",
    "order",     "placing",      "primary", "references", "select",    "session_user", "some",
    "symmetric", "table",        "then",    "to",         "trailing",  "true",         "union",
    "unique",    "user",         "using",   "variadic",   "when",      "where",        "window",
    "with"};

// Aurora PostgreSQL's, of the resource schema of AWS::RDS::DBCluster (aws-cdk-lib 2.276).
constexpr std::string_view kAuroraVersions[] = {
    "15.2",  "15.3",  "15.4",  "15.5",  "15.6",  "15.7",  "15.8",  "15.10", "15.12", "15.13",
    "15.14", "15.15", "15.17", "15.18", "15.19", "16.1",  "16.2",  "16.3",  "16.4",  "16.6",
    "16.8",  "16.9",  "16.10", "16.11", "16.13", "16.14", "16.15", "17.4",  "17.5",  "17.6",
    "17.7",  "17.9",  "17.10", "17.11", "18.3",  "18.4",  "18.6"};
constexpr std::array kSizes = {"micro", "small", "medium", "large", "xlarge"};

bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }
bool is_alphanumeric(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

Error invalid_value(std::string message) {
  return make_error(ErrorKind::invalid, std::move(message), "InvalidParameterValue");
}

std::string lowered(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

template <typename Words>
bool is_among(const Words& words, const std::string& word) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

bool has_prefix(const std::string& text, std::string_view prefix) {
  return text.rfind(prefix, 0) == 0;
}

Result<void> check_word(const std::string& parameter, const std::string& value) {
  const bool fine = !value.empty() && value.size() <= kNameMax && is_letter(value[0]) &&
                    std::all_of(value.begin(), value.end(),
                                [](char c) { return is_alphanumeric(c) || c == '_'; });
  if (fine) return ok();
  return invalid_value("The parameter " + parameter +
                       " must begin with a letter and contain only letters, digits and "
                       "underscores, at most 63 of them; given: " +
                       value);
}

}  // namespace

namespace {

Result<void> check_hyphenated(const std::string& parameter, const std::string& value,
                              std::size_t most) {
  const bool fine = !value.empty() && value.size() <= most && is_letter(value[0]) &&
                    value.back() != '-' && value.find("--") == std::string::npos &&
                    std::all_of(value.begin(), value.end(),
                                [](char c) { return is_alphanumeric(c) || c == '-'; });
  if (fine) return ok();
  return invalid_value("The parameter " + parameter +
                       " is not a valid identifier. Identifiers must begin with a letter; must "
                       "contain only ASCII letters, digits, and hyphens; and must not end with a "
                       "hyphen or contain two consecutive hyphens.");
}

}  // namespace

Result<void> check_identifier(const std::string& parameter, const std::string& value) {
  return check_hyphenated(parameter, value, kNameMax);
}

Result<void> check_parameter_group_name(const std::string& parameter, const std::string& value) {
  return check_hyphenated(parameter, value, kGroupNameMax);
}

Result<void> check_subnet_group_name(const std::string& value) {
  const bool fine =
      !value.empty() && value.size() <= kGroupNameMax && value != "default" &&
      std::all_of(value.begin(), value.end(), [](char c) {
        return is_alphanumeric(c) || std::string_view("._ -").find(c) != std::string_view::npos;
      });
  if (fine) return ok();
  return invalid_value(
      "The parameter DBSubnetGroupName must be provided and must not be blank or 'default', and "
      "has at most 255 letters, digits, periods, underscores, spaces and hyphens");
}

Result<void> check_master_username(const std::string& value) {
  TRY_VOID(check_word("MasterUsername", value));
  const std::string word = lowered(value);
  const bool reserved = is_among(kEngineUsers, word) || is_among(kSqlWords, word) ||
                        has_prefix(word, "pg_") || has_prefix(word, "rds") ||
                        has_prefix(word, "aurora_");
  if (!reserved) return ok();
  return invalid_value("MasterUsername " + value +
                       " cannot be used as it is a reserved word used by the engine");
}

Result<void> check_master_password(const std::string& value) {
  const std::string start = "The parameter MasterUserPassword is not a valid password";
  if (value.size() < kPasswordMin) {
    return invalid_value(start + " because it is shorter than 8 characters.");
  }
  if (value.size() > kPasswordMax) {
    return invalid_value(start + " because it is longer than 128 characters.");
  }
  const bool fine = std::all_of(value.begin(), value.end(), [](char c) {
    return c > ' ' && c < 127 && c != '/' && c != '"' && c != '@';
  });
  if (fine) return ok();
  return invalid_value(start +
                       ". Only printable ASCII characters besides '/', '@', '\"', ' ' may be "
                       "used.");
}

Result<void> check_database_name(const std::string& value) {
  TRY_VOID(check_word("DatabaseName", value));
  const std::string word = lowered(value);
  if (!is_among(kEngineDatabases, word) && !is_among(kSqlWords, word) && !has_prefix(word, "pg_")) {
    return ok();
  }
  return invalid_value("DatabaseName " + value +
                       " cannot be used. It is a reserved word for this engine");
}

Result<void> check_engine_version(const std::string& value, const std::string& served) {
  const std::string major = served.substr(0, served.find('.'));
  if (value.empty() || value == served || value == major) return ok();
  if (value.starts_with(major + ".") && is_among(kAuroraVersions, value)) return ok();
  return make_error(
      ErrorKind::invalid,
      "Cannot find version " + value + " for aurora-postgresql; this platform has " + served,
      "InvalidParameterCombination");
}

Result<void> check_instance_class(const std::string& value) {
  if (value == "db.serverless") return ok();
  const auto dot = value.find('.', 3);
  const std::string family = dot == std::string::npos ? "" : value.substr(3, dot - 3);
  std::string size = dot == std::string::npos ? "" : value.substr(dot + 1);
  const bool is_family =
      family.size() >= 2 && is_letter(family[0]) &&
      std::any_of(family.begin(), family.end(),
                  [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }) &&
      std::all_of(family.begin(), family.end(),
                  [](char c) { return is_alphanumeric(c) || c == '-'; });
  const auto digits = std::min(size.find_first_not_of("0123456789"), size.size());
  const bool several = digits > 0 && size.substr(digits) == "xlarge";
  if (has_prefix(value, "db.") && is_family && (several || is_among(kSizes, size))) return ok();
  return invalid_value("Invalid DB Instance class: " + value);
}

Result<void> check_tag(const model::Tag& tag) {
  const auto characters = [](const std::string& text) {
    return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
  };
  if (tag.key.empty()) return invalid_value("A tag has no Key");
  if (characters(tag.key) > kTagKeyMax || characters(tag.value) > kTagValueMax) {
    return invalid_value("The key of a tag has at most 128 characters, its value at most 256");
  }
  if (tag.key.starts_with("aws:"))
    return invalid_value("The key of a tag does not begin with aws:");
  return ok();
}

Result<void> check_capacity(std::optional<double> min, std::optional<double> max) {
  const auto is_half_step = [](double value) { return std::floor(value * 2) == value * 2; };
  if (min && (*min < 0 || *min > kCapacityMax || !is_half_step(*min))) {
    return invalid_value("MinCapacity must be from 0 to 256 in steps of 0.5");
  }
  if (max && (*max < 1 || *max > kCapacityMax || !is_half_step(*max))) {
    return invalid_value("MaxCapacity must be from 1 to 256 in steps of 0.5");
  }
  if (min && max && *min > *max) return invalid_value("MaxCapacity must not be below MinCapacity");
  return ok();
}

}  // namespace aurora_global::services::rds
