// A function that the API made, as it is stored: one JSON document in <region>/functions/, with the
// members of Lambda's own answers. Pure, but for reading the file.
//
// Configuration: of FunctionConfiguration, what is not derived. Code: its zip, below made-by-api/.
// Tags, Policy (statements), EventInvoke, ReservedConcurrentExecutions: as their operations have
// them.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "region/region.h"
#include "services/json_protocol.h"
#include "services/lambda/function_config.h"

namespace aurora_global::services::lambda {

inline constexpr std::string_view kRuntime = "provided.al2023";
inline constexpr std::string_view kCodeFolder = "made-by-api";  // Below functions/.
inline constexpr int kEventAgeMaxS = 21'600;

// InvalidParameterValueException: what Lambda calls nearly all that it refuses.
Error refused(std::string message);

// What this machine runs: "x86_64" or "arm64".
std::string_view machine_architecture();

// "2026-01-31T12:00:00.000+0000"
std::string lambda_time(WallTime at);

// The configuration of a function that is made, and one that is changed, as `members` say. Fails
// with InvalidParameterValueException for what cannot be had here; what `members` hold beside it is
// left for finish().
Result<nlohmann::json> new_configuration(Members& members, const std::string& name,
                                         const region::Facts& facts);
Result<void> change_configuration(nlohmann::json& configuration, Members& members,
                                  const region::Facts& facts);
// Architectures of code that is given. Fails for another machine's.
Result<void> take_architectures(nlohmann::json& configuration, Members& members);

// The destinations and limits of asynchronous invocations. Fails for a destination that is neither
// a queue nor a function of this region.
Result<void> take_event_invoke(nlohmann::json& event_invoke, Members& members,
                               const region::Facts& facts);

// Of tags: at most 50, none that begins with "aws:".
Result<void> check_tags(const nlohmann::json& tags);

// What running it needs. Fails with `invalid` for a document that is none of ours.
struct StoredFunction {
  FunctionConfig config;
  nlohmann::json record;
};
Result<StoredFunction> load_record(const std::filesystem::path& file);

}  // namespace aurora_global::services::lambda
