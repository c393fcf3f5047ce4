// What the types of RDS have in common: how they are described, tagged and called.
#pragma once

#include "services/cloudformation/providers/named_provider.h"

namespace aurora_global::services::cloudformation {

class RdsProvider : public NamedProvider {
 public:
  explicit RdsProvider(const ProviderContext& context) : NamedProvider(context) {}

 protected:
  bool is_going(const json& found) const override;
  // The first of the list `list` that `operation` gives for one id.
  Found one_of(std::string operation, const char* member, std::string id, const char* list);
  Done simple_call(std::string operation, json input);
  // A call that creates, with the resource's tags.
  Done make_tagged(const ResourceRequest& request, std::string operation, json input);
  // A call that modifies, where `input` has something to change, and then the tags of the ARN that
  // the member `arn` of the description has.
  Done modify_tagged(const ResourceRequest& request, std::string operation, const char* member,
                     json input, const char* arn);
  Done change_tags(const ResourceRequest& request, const char* arn);
  // Tries again while it fails with `code`, for others are at work.
  Done in_its_time(std::string operation, json input, std::string code);
};

void add_rds_groups(Providers& providers, const ProviderContext& context);

}  // namespace aurora_global::services::cloudformation
