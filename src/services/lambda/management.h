// Lambda's operations on functions themselves: making, changing, showing and removing them, their
// policies, tags, concurrency and what becomes of their asynchronous invocations.
//
// A function that is declared by hand (a TOML file) is shown, and changed by its file alone.
#pragma once

#include <functional>

#include "net/mutex.h"
#include "services/json_protocol.h"
#include "services/lambda/code_digest.h"
#include "services/lambda/function_registry.h"
#include "services/lambda/function_store.h"
#include "services/sinks.h"

namespace aurora_global::services::lambda {

// What becomes of functions' code outside of the store.
struct CodeHooks {
  // Of one that is declared by hand.
  std::function<net::Task<Result<CodeDigest>>(FunctionPtr)> digest;
  // Called with the name of a function that was removed.
  std::function<net::Task<void>(std::string)> forget;
};

class Management {
 public:
  // All outlive it. `objects`: null where there are no buckets.
  Management(boost::asio::any_io_executor executor, const region::Facts& facts,
             std::filesystem::path directory, FunctionRegistry& registry, ObjectReader* objects,
             CodeHooks hooks)
      : facts(facts),
        registry(registry),
        objects(objects),
        store(std::move(directory)),
        hooks(std::move(hooks)),
        changing_(executor) {}

  static std::vector<std::string_view> action_names();
  // `input` has passed the model.
  net::Task<Result<nlohmann::json>> call(std::string operation, nlohmann::json input);

  // FunctionConfiguration, as every operation shows it, of one that the API made.
  nlohmann::json shown(const Function& function) const;
  // The same of any function. Of code that is not there, or not any more, CodeSize is 0.
  net::Task<nlohmann::json> shown_whole(FunctionPtr function) const;
  // One that the API made, to be changed. Fails with ResourceNotFoundException, and with
  // ResourceConflictException for one that is declared by hand.
  Result<FunctionPtr> changeable(const std::string& name_or_arn);
  // Fails with PreconditionFailedException for another revision than `wanted`, if that says one.
  Result<void> check_revision(const nlohmann::json& record, const std::string& wanted) const;
  // Stores the record under a new revision.
  net::Task<Result<void>> put(std::string name, nlohmann::json record);

  const region::Facts& facts;
  FunctionRegistry& registry;
  ObjectReader* objects;
  FunctionStore store;
  CodeHooks hooks;

 private:
  net::AsyncMutex changing_;  // One change at a time: each is decided on what the last one left.
};

}  // namespace aurora_global::services::lambda
