// Who may write through a forwarding standby: the members of aurora_global.clients_role, to whom
// the primary's pg_hba.conf opens the door by the standby's certificate.
#pragma once

#include "pg/pg.h"

namespace aurora_global::extension {

// The name of the role that `statement` lets log in; nullptr: it does nothing of the kind. In the
// current memory context.
const char* role_to_log_in(Node* statement);

// After that statement: makes the role a member, unless it is one, or is a superuser. Raises 42501
// as GRANT does.
void admit_client(const char* role);

}  // namespace aurora_global::extension
