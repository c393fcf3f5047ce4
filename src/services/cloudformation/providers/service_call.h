// What providers have in common when they call services: properties as a service's input, names
// that a template gives, what is gone already.
#pragma once

#include "services/cloudformation/names.h"
#include "services/cloudformation/provider.h"

namespace aurora_global::services::cloudformation {

// `properties` as the operation's input: texts, numbers and truth values become what its model has
// there. What cannot is left as it is, for the service to refuse.
nlohmann::json typed_input(std::string_view service, std::string_view operation,
                           nlohmann::json properties);

// Calls with an input that is typed as above.
net::Task<Result<nlohmann::json>> call_typed(ServiceCaller& services, std::string service,
                                             std::string operation, nlohmann::json input);

// For something that the template names: claims it before it is made. Done at once where the step
// itself has made or claimed it. Fails with `conflict` ("NAME already exists") if `found`, the
// answer of a call that shows it, has it.
net::Task<Result<void>> claim_name(const ResourceRequest& request, std::string name,
                                   net::Task<Result<nlohmann::json>> found);

// How a service whose tags are an object changes those of a resource.
struct Tagging {
  std::string service;
  nlohmann::json resource;  // The members that name it.
  std::string tag = "TagResource";
  std::string untag = "UntagResource";
  std::string tags = "tags";
  std::string keys = "tagKeys";
};
// Makes the tags that are there, `present`, what they are to be.
net::Task<Result<void>> retag(ServiceCaller& services, Tagging tagging, nlohmann::json present,
                              nlohmann::json wanted);

// Removing what is not there succeeds.
Result<void> removed(const Result<nlohmann::json>& answer);

}  // namespace aurora_global::services::cloudformation
