// Every resource type that a stack may have here.
#pragma once

#include "services/cloudformation/provider.h"

namespace aurora_global::services::cloudformation {

Providers all_providers(const ProviderContext& context);

// A family of types each; a file of this folder.
void add_ssm(Providers& providers, const ProviderContext& context);

}  // namespace aurora_global::services::cloudformation
