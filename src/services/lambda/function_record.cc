#include "services/lambda/function_record.h"

#include <sys/utsname.h>

#include <algorithm>

#include "base/json.h"
#include "net/file.h"

namespace aurora_global::services::lambda {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::size_t kRecordBytesMax = 1u << 20;
constexpr std::size_t kEnvironmentBytesMax = 4096;
constexpr int kTimeoutMaxS = 900;
constexpr int kMemoryMaxMb = 10'240;
constexpr std::size_t kTagsMax = 50;
constexpr int kTemporaryMb = 512;
constexpr int kTemporaryMaxMb = 10'240;
constexpr int kConcurrency = 10;  // Where none is reserved.

// What Lambda itself tells a function.
constexpr std::string_view kReserved[] = {"_HANDLER",
                                          "_X_AMZN_TRACE_ID",
                                          "AWS_DEFAULT_REGION",
                                          "AWS_REGION",
                                          "AWS_EXECUTION_ENV",
                                          "AWS_LAMBDA_FUNCTION_NAME",
                                          "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
                                          "AWS_LAMBDA_FUNCTION_VERSION",
                                          "AWS_LAMBDA_INITIALIZATION_TYPE",
                                          "AWS_LAMBDA_LOG_GROUP_NAME",
                                          "AWS_LAMBDA_LOG_STREAM_NAME",
                                          "AWS_ACCESS_KEY",
                                          "AWS_ACCESS_KEY_ID",
                                          "AWS_SECRET_ACCESS_KEY",
                                          "AWS_SESSION_TOKEN",
                                          "AWS_LAMBDA_RUNTIME_API",
                                          "LAMBDA_TASK_ROOT",
                                          "LAMBDA_RUNTIME_DIR"};

Result<void> check_environment(const json& variables) {
  std::string reserved;
  for (const auto& [name, value] : variables.items()) {
    if (std::find(std::begin(kReserved), std::end(kReserved), name) == std::end(kReserved)) {
      continue;
    }
    reserved += (reserved.empty() ? "" : ", ") + name;
  }
  const std::string begin =
      "Lambda was unable to configure your environment variables because the environment variables "
      "you have provided ";
  if (!reserved.empty()) {
    return refused(begin +
                   "contains reserved keys that are currently not supported for modification. "
                   "Reserved keys used in this request: " +
                   reserved);
  }
  if (variables.dump().size() > kEnvironmentBytesMax) {
    return refused(begin + "exceeded the 4KB limit.");
  }
  return ok();
}

// "arn:aws:sqs:us-east-1:123456789012:name" -> whether it is one of this region's.
bool is_arn_here(const std::string& arn, const char* service, const region::Facts& facts) {
  const std::string prefix =
      std::string("arn:aws:") + service + ":" + facts.region.name + ":" + facts.account_id + ":";
  return arn.size() > prefix.size() && arn.rfind(prefix, 0) == 0;
}

Result<void> take_numbers(json& configuration, Members& members) {
  if (const auto seconds = members.number("Timeout", 1, kTimeoutMaxS)) {
    configuration["Timeout"] = *seconds;
  }
  if (const auto memory = members.number("MemorySize", 128, kMemoryMaxMb)) {
    configuration["MemorySize"] = *memory;
  }
  if (const auto size = members.number("EphemeralStorage.Size", kTemporaryMb, kTemporaryMaxMb)) {
    configuration["EphemeralStorage"] = {{"Size", *size}};
  }
  return ok();
}

Result<void> take_logging(json& configuration, Members& members) {
  const std::string name = configuration.at("FunctionName").get<std::string>();
  json& logging = configuration["LoggingConfig"];
  if (logging.is_null()) logging = {{"LogFormat", "Text"}, {"LogGroup", "/aws/lambda/" + name}};
  if (!members.has("LoggingConfig")) return ok();
  logging["LogGroup"] = members.text("LoggingConfig.LogGroup", "/aws/lambda/" + name);
  const bool plain = members.text("LoggingConfig.LogFormat", "Text") == "Text" &&
                     !members.optional_text("LoggingConfig.ApplicationLogLevel") &&
                     !members.optional_text("LoggingConfig.SystemLogLevel");
  if (plain) return ok();
  return refused("LoggingConfig: lines are logged as they are written (LogFormat Text, no levels)");
}

Result<void> take_dead_letters(json& configuration, Members& members, const region::Facts& facts) {
  if (!members.has("DeadLetterConfig")) return ok();
  const std::string target = members.text("DeadLetterConfig.TargetArn");
  configuration.erase("DeadLetterConfig");
  if (target.empty()) return ok();
  if (!is_arn_here(target, "sqs", facts)) {
    return refused("DeadLetterConfig: " + target +
                   " is no queue of this region; there are no others");
  }
  configuration["DeadLetterConfig"] = {{"TargetArn", target}};
  return ok();
}

// Kept and shown: networks are the platform's.
void take_network(json& configuration, Members& members) {
  if (!members.has("VpcConfig")) return;
  const auto subnets = members.texts("VpcConfig.SubnetIds");
  const auto groups = members.texts("VpcConfig.SecurityGroupIds");
  members.flag("VpcConfig.Ipv6AllowedForDualStack");
  configuration.erase("VpcConfig");
  if (subnets.empty() && groups.empty()) return;
  configuration["VpcConfig"] = {{"SubnetIds", subnets},
                                {"SecurityGroupIds", groups},
                                {"VpcId", ""},
                                {"Ipv6AllowedForDualStack", false}};
}

// What a new function and a changed one may say of themselves.
Result<void> take_common(json& configuration, Members& members, const region::Facts& facts) {
  for (const char* name : {"Role", "Handler", "Description", "KMSKeyArn"}) {
    if (const auto text = members.optional_text(name)) configuration[name] = *text;
  }
  const auto runtime = members.optional_text("Runtime");
  if (runtime && *runtime != kRuntime) {
    return refused("The runtime " + *runtime + " is not supported here; " + std::string(kRuntime) +
                   " is: an executable 'bootstrap'");
  }
  TRY_VOID(take_numbers(configuration, members));
  if (members.has("Environment")) {
    const json variables = members.pairs("Environment.Variables");
    TRY_VOID(check_environment(variables));
    configuration["Environment"] = {{"Variables", variables}};
  }
  if (const auto mode = members.optional_text("TracingConfig.Mode")) {
    configuration["TracingConfig"] = {{"Mode", *mode}};
  }
  TRY_VOID(take_logging(configuration, members));
  TRY_VOID(take_dead_letters(configuration, members, facts));
  take_network(configuration, members);
  return ok();
}

std::string destination_in(const json& event_invoke, const char* which) {
  const json none = json::object();
  return event_invoke.value("DestinationConfig", none)
      .value(which, none)
      .value("Destination", std::string());
}

FunctionConfig config_of(const json& record, const fs::path& folder) {
  const json& configuration = record.at("Configuration");
  const json events = record.value("EventInvoke", json::object());
  const json none = json::object();
  FunctionConfig config;
  configuration.at("FunctionName").get_to(config.name);
  config.description = configuration.value("Description", "");
  config.code = folder / kCodeFolder / record.at("Code").get<std::string>();
  config.handler = configuration.value("Handler", "bootstrap");
  config.memory_mb = configuration.at("MemorySize").get<int>();
  config.timeout_s = configuration.at("Timeout").get<int>();
  config.concurrency = record.value("ReservedConcurrentExecutions", kConcurrency);
  config.event_retries = events.value("MaximumRetryAttempts", config.event_retries);
  config.event_age_max_s = events.value("MaximumEventAgeInSeconds", kEventAgeMaxS);
  config.on_failure = destination_in(events, "OnFailure");
  config.on_success = destination_in(events, "OnSuccess");
  config.dead_letters = configuration.value("DeadLetterConfig", none).value("TargetArn", "");
  config.log_group = configuration.at("LoggingConfig").at("LogGroup").get<std::string>();
  const json variables = configuration.value("Environment", none).value("Variables", none);
  variables.get_to(config.environment);
  return config;
}

}  // namespace

Error refused(std::string message) {
  return make_error(ErrorKind::invalid, std::move(message), "InvalidParameterValueException");
}

std::string_view machine_architecture() {
  utsname machine{};
  uname(&machine);
  return std::string_view(machine.machine) == "aarch64" ? "arm64" : "x86_64";
}

std::string lambda_time(WallTime at) {
  std::string text = iso8601(at);
  if (text.ends_with('Z')) text.replace(text.size() - 1, 1, "+0000");
  return text;
}

Result<json> new_configuration(Members& members, const std::string& name,
                               const region::Facts& facts) {
  json configuration = {{"FunctionName", name},
                        {"Runtime", kRuntime},
                        {"Description", ""},
                        {"Timeout", 3},
                        {"MemorySize", 128},
                        {"Architectures", {machine_architecture()}},
                        {"PackageType", "Zip"},
                        {"TracingConfig", {{"Mode", "PassThrough"}}},
                        {"EphemeralStorage", {{"Size", kTemporaryMb}}}};
  if (members.text("PackageType", "Zip") != "Zip") {
    return refused("Functions from images are not supported here; give a zip");
  }
  if (!members.has("Runtime") || !members.has("Handler")) {
    return refused(
        "Runtime and Handler are mandatory parameters for functions created with "
        "deployment packages.");
  }
  TRY_VOID(take_architectures(configuration, members));
  TRY_VOID(take_common(configuration, members, facts));
  return configuration;
}

Result<void> change_configuration(json& configuration, Members& members,
                                  const region::Facts& facts) {
  return take_common(configuration, members, facts);
}

Result<void> take_architectures(json& configuration, Members& members) {
  if (!members.has("Architectures")) return ok();
  const auto wanted = members.texts("Architectures");
  const std::string ours(machine_architecture());
  if (wanted != std::vector<std::string>{ours}) {
    return refused("Architectures: this machine runs " + ours + " alone");
  }
  configuration["Architectures"] = wanted;
  return ok();
}

Result<void> take_event_invoke(json& event_invoke, Members& members, const region::Facts& facts) {
  if (const auto attempts = members.number("MaximumRetryAttempts", 0, 2)) {
    event_invoke["MaximumRetryAttempts"] = *attempts;
  }
  if (const auto age = members.number("MaximumEventAgeInSeconds", 60, kEventAgeMaxS)) {
    event_invoke["MaximumEventAgeInSeconds"] = *age;
  }
  if (!members.has("DestinationConfig")) return ok();
  json destinations = json::object();
  for (const char* which : {"OnSuccess", "OnFailure"}) {
    destinations[which] = json::object();
    const std::string arn =
        members.text("DestinationConfig." + std::string(which) + ".Destination");
    if (arn.empty()) continue;
    if (!is_arn_here(arn, "sqs", facts) && !is_arn_here(arn, "lambda", facts)) {
      return refused("The destination ARN " + arn +
                     " is invalid: it is neither a queue nor a function of this region");
    }
    destinations[which]["Destination"] = arn;
  }
  event_invoke["DestinationConfig"] = destinations;
  return ok();
}

Result<void> check_tags(const json& tags) {
  if (tags.size() > kTagsMax) return refused("A function has at most 50 tags");
  for (const auto& [key, value] : tags.items()) {
    if (key.rfind("aws:", 0) == 0) {
      return refused("Tag keys that begin with aws: are reserved for AWS's own use");
    }
  }
  return ok();
}

Result<StoredFunction> load_record(const fs::path& file) {
  TRY(const std::string text, net::read_file(file, kRecordBytesMax));
  StoredFunction stored;
  stored.record = parse_json(text);
  try {
    stored.config = config_of(stored.record, file.parent_path());
  } catch (const json::exception& error) {
    return make_error(ErrorKind::corrupt,
                      file.string() + " is no function that the API stored: " + error.what());
  }
  return stored;
}

}  // namespace aurora_global::services::lambda
