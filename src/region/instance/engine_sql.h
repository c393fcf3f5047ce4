// The longer statements that a region's daemon asks its servers.
#pragma once

#include <string>
#include <string_view>

#include "region/instance/instance.h"

namespace aurora_global::region {

std::string literal_sql(std::string_view text);
std::string identifier_sql(std::string_view text);

// Creates the roles of a fresh cluster, as Aurora has them.
std::string roles_sql(const Bootstrap& bootstrap);

// What a server says of itself, in the order in which Engine::state() reads it; `with_forwarding`:
// it has the extension.
std::string state_sql(bool with_forwarding);

// The sessions that the startup process of a standby waits for, with user, application, age of
// their transaction in seconds and the relations that are waited for: holders of a lock that it
// wants, and transactions that see rows which it wants to remove.
const char* blockers_sql();

}  // namespace aurora_global::region
