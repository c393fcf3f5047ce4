// The functions of a platform: their declarations in every region, and the secret they log in with.
#include <cstdio>

#include "base/json.h"
#include "cli/command.h"
#include "region/instance/postgres_files.h"

namespace aurora_global::cli {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using nlohmann::json;

constexpr Duration kCallLimit = 10s;
constexpr Duration kAskLimit = 1s;
constexpr int kTimeoutSeconds = 300;

struct Declared {
  const char* name;
  const char* program;
  const char* description;
  int endpoint;  // Last number of DB_HOST; 0: no database.
  const char* endpoint_type;
  int retries;
};

constexpr Declared kFunctions[] = {
    // None again by itself, as on AWS: whoever begins a failover, or a load that may, minutes later
    // would move the writer back.
    {"crud-global-endpoint", "crud-operations",
     "CRUD through the global writer endpoint, also during a failover", 10, "global-writer", 0},
    {"crud-write-forwarding", "crud-operations",
     "CRUD through the reader endpoint, whose writes are forwarded", 12, "write-forwarding", 0},
    {"failover", "failover", "Planned and unplanned failover, and POST /failover", 0, "", 0},
};

// Where the bootstraps are: beside the program as built, or as installed.
fs::path bootstrap_dir(const std::string& program) {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (const fs::path& dir :
       {self / ".." / "functions", self / ".." / "lib" / "aurora-global" / "functions"}) {
    fs::path found = (dir / program).lexically_normal();
    if (fs::exists(found / "bootstrap", error)) return found;
  }
  return {};
}

std::string declaration(const Home& home, const Platform& platform, int number,
                        const Declared& function, const fs::path& code) {
  std::string text = "# Written by `aurora-global up`. Keys: docs/reference/functions.md.\n";
  const auto pair = [&](const std::string& name, const std::string& value) {
    text += name + " = " + json(value).dump() + "\n";
  };
  pair("name", function.name);
  pair("description", function.description);
  pair("code", code.string());
  text += "timeout_s = " + std::to_string(kTimeoutSeconds) +
          "\nevent_retries = " + std::to_string(function.retries) + "\n\n[environment]\n";
  pair("GLOBAL_CLUSTER_ID", platform.global_cluster);
  if (function.endpoint == 0) return text;
  pair("DB_HOST", host_in(platform, number, function.endpoint));
  pair("DB_WRITER_HOST", host_in(platform, number, 10));
  pair("DB_PORT", "5432");
  pair("DB_NAME", std::string(kDatabase));
  pair("DB_CA_FILE", (home.root() / "server-ca.crt").string());
  pair("ENDPOINT_TYPE", function.endpoint_type);
  pair("SECRET_ID", std::string(kSecretName));
  pair("FAILOVER_FUNCTION_NAME", "failover");
  return text;
}

}  // namespace

Result<void> write_functions(const Home& home, const Platform& platform) {
  for (std::size_t i = 0; i < platform.regions.size(); ++i) {
    const fs::path dir = home.region_dir(platform.regions[i]) / "functions";
    std::error_code error;
    fs::create_directories(dir, error);
    for (const Declared& function : kFunctions) {
      const fs::path code = bootstrap_dir(function.program);
      if (code.empty()) continue;  // A build of the command alone.
      TRY_VOID(region::replace_file(
          dir / (std::string(function.name) + ".toml"),
          declaration(home, platform, static_cast<int>(i) + 1, function, code), 0644));
    }
  }
  return ok();
}

net::Task<Result<void>> create_key(Connected& connected, RegionId region) {
  awsclient::AwsClient& client = connected.at(region);
  const json question = {{"KeyId", std::string(kKeyAlias)}};
  const auto present = co_await client.json_call(region, "kms", "TrentService.DescribeKey",
                                                 question, Deadline::in(kCallLimit));
  if (present.has_value()) co_return ok();
  if (present.error().code != "NotFoundException") co_return present.error();
  const json request = {{"Description", "Key of the platform's own secrets"}};
  CO_TRY(const auto key, co_await client.json_call(region, "kms", "TrentService.CreateKey", request,
                                                   Deadline::in(kCallLimit)));
  const json alias = {{"AliasName", std::string(kKeyAlias)},
                      {"TargetKeyId", key["KeyMetadata"]["KeyId"]}};
  CO_TRY_VOID(co_await client.json_call(region, "kms", "TrentService.CreateAlias", alias,
                                        Deadline::in(kCallLimit)));
  co_return ok();
}

net::Task<Result<void>> create_secret(Connected& connected) {
  const RegionId region = connected.platform.regions.front();
  const json question = {{"SecretId", std::string(kSecretName)}};
  const auto present = co_await connected.at(region).json_call(region, "secretsmanager",
                                                               "secretsmanager.DescribeSecret",
                                                               question, Deadline::in(kCallLimit));
  if (present.has_value()) co_return ok();
  if (present.error().code != "ResourceNotFoundException") co_return present.error();
  CO_TRY(const std::string password, connected.home.master_password());
  const json value = {{"engine", "postgres"}, {"host", host_in(connected.platform, 1, 10)},
                      {"port", 5432},         {"username", std::string(kMasterUser)},
                      {"password", password}, {"dbname", std::string(kDatabase)}};
  json replicas = json::array();
  for (const RegionId& one : connected.platform.regions) {
    if (one == region) continue;
    replicas.push_back({{"Region", one.name}, {"KmsKeyId", std::string(kKeyAlias)}});
  }
  const json request = {{"Name", std::string(kSecretName)},
                        {"Description", "Credentials of the master user"},
                        {"SecretString", value.dump()},
                        {"KmsKeyId", std::string(kKeyAlias)},
                        {"AddReplicaRegions", replicas}};
  CO_TRY_VOID(co_await connected.at(region).json_call(
      region, "secretsmanager", "secretsmanager.CreateSecret", request, Deadline::in(kCallLimit)));
  co_return ok();
}

// Asked of the first region that answers; the file is kept in step for when none does.
Result<std::string> current_password(const Home& home) {
  std::string password;
  run_quietly([&](boost::asio::any_io_executor executor) -> net::Task<Result<void>> {
    CO_TRY(Connected connected, connect_to(home, executor));
    for (const RegionId& region : connected.platform.regions) {
      const json question = {{"SecretId", std::string(kSecretName)}};
      const auto answer = co_await connected.at(region).json_call(
          region, "secretsmanager", "secretsmanager.GetSecretValue", question,
          Deadline::in(kAskLimit));
      if (answer.has_error()) continue;
      const json value = parse_json(answer->value("SecretString", ""));
      if (value.is_object()) password = value.value("password", "");
      if (!password.empty()) co_return ok();
    }
    co_return ok();
  });
  auto known = home.master_password();
  if (password.empty() && known.has_error()) {
    TRY(const Platform platform, home.load());
    if (!platform.empty) return known.error();
    return make_error(ErrorKind::not_found,
                      "the platform in " + home.root().string() +
                          " was brought up empty and has no master user yet; ./deploy.sh --local "
                          "--home " +
                          home.root().string() + " deploys clusters onto it");
  }
  if (password.empty() || (known.has_value() && *known == password)) return known;
  TRY_VOID(region::replace_file(home.root() / "master-password", password + "\n", 0600));
  return password;
}

}  // namespace aurora_global::cli
