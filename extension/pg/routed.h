// Whose sessions these are that a router has opened: the client's address and port, and the
// endpoint, by backend. The view aurora_global_sessions shows them.
#pragma once

#include "pg/pg.h"

namespace aurora_global::extension {

// For the parameter aurora_global.client, which is ADDRESS:PORT/ENDPOINT.
bool check_client(char** value, void** extra, GucSource source);
void assign_client(const char* value, void* extra);

// The rows of aurora_global_session_clients().
void list_clients(FunctionCallInfo fcinfo);

void install_routed();

}  // namespace aurora_global::extension
