#include "drill/deploy_outputs.h"
#include "base/json.h"

#include <nlohmann/json.hpp>

#include "net/file.h"

namespace aurora_global::drill {
namespace {

using nlohmann::json;

constexpr const char* kWayOut = "; run ./deploy.sh, or name its outputs file with --outputs FILE";

Error problem(const std::string& file, const std::string& what) {
  return make_error(ErrorKind::invalid, file + ": " + what + kWayOut);
}

Result<std::string> output(const std::string& file, const std::string& stack, const json& outputs,
                           const char* name) {
  if (!outputs.contains(name)) {
    return problem(file, "stack " + stack + " has no output " + name);
  }
  const json& value = outputs[name];
  if (!value.is_string() || value.get_ref<const std::string&>().empty()) {
    return problem(file, "output " + std::string(name) + " of stack " + stack + " is no text");
  }
  return value.get<std::string>();
}

// "arn:aws:lambda:us-east-1:123456789012:function:NAME": the dimension of its metrics is the name.
Result<std::string> function_in(const std::string& file, const std::string& stack,
                                const json& outputs, const char* name) {
  TRY(const std::string arn, output(file, stack, outputs, name));
  return arn.substr(arn.rfind(':') + 1);
}

}  // namespace

Result<DeployOutputs> parse_outputs(std::string_view text, const std::string& file) {
  const json root = parse_json(text);
  if (!root.is_object()) {
    return problem(file, "this is no JSON object of stacks with their outputs");
  }
  DeployOutputs all;
  for (const auto& [stack, outputs] : root.items()) {
    const bool is_region = outputs.is_object() && outputs.contains("Region") &&
                           outputs.contains("GlobalClusterIdentifier");
    if (!is_region) continue;
    RegionOutputs one;
    one.stack = stack;
    TRY(one.region.name, output(file, stack, outputs, "Region"));
    TRY(const std::string global, output(file, stack, outputs, "GlobalClusterIdentifier"));
    TRY(one.crud_global_endpoint, function_in(file, stack, outputs, "GlobalEndpointLambdaArn"));
    TRY(one.crud_write_forwarding, function_in(file, stack, outputs, "WriteForwardingLambdaArn"));
    if (!all.global_cluster.empty() && all.global_cluster != global) {
      return problem(file, "the stacks are of two global clusters, " + all.global_cluster +
                               " and " + global + " (" + stack + ")");
    }
    for (const RegionOutputs& other : all.regions) {
      if (other.region != one.region) continue;
      return problem(
          file, "two stacks of region " + one.region.name + ": " + other.stack + " and " + stack);
    }
    all.global_cluster = global;
    all.regions.push_back(std::move(one));
  }
  if (all.regions.size() >= 2) return all;
  return problem(file,
                 "it takes two stacks with the outputs Region and GlobalClusterIdentifier, "
                 "there are " +
                     std::to_string(all.regions.size()));
}

Result<DeployOutputs> load_outputs(const std::filesystem::path& file) {
  const auto text = net::read_file(file, kOutputsBytesMax);
  if (text.has_value()) return parse_outputs(*text, file.string());
  if (text.error().kind == ErrorKind::exhausted) {
    return problem(file.string(), "it is larger than 1 MiB");
  }
  return make_error(ErrorKind::not_found,
                    "cannot read the outputs of the stacks, " + file.string() + kWayOut);
}

}  // namespace aurora_global::drill
