#include "services/cloudformation/providers/all.h"

namespace aurora_global::services::cloudformation {

Providers all_providers(const ProviderContext& context) {
  Providers providers;
  add_ssm(providers, context);
  return providers;
}

}  // namespace aurora_global::services::cloudformation
