#include "pg/clients.h"

#include "pg/options.h"

extern "C" {
#include "catalog/pg_authid.h"
#include "commands/user.h"
#include "utils/acl.h"
#include "utils/syscache.h"
}

namespace aurora_global::extension {
namespace {

bool has_option(const List* list, const char* name) {
  ListCell* cell;
  foreach (cell, list) {
    if (strcmp(static_cast<DefElem*>(lfirst(cell))->defname, name) == 0) return true;
  }
  return false;
}

bool logs_in_and_is_no_superuser(Oid role) {
  HeapTuple tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));
  if (!HeapTupleIsValid(tuple)) return false;
  const auto* form = reinterpret_cast<Form_pg_authid>(GETSTRUCT(tuple));
  const bool result = form->rolcanlogin && !form->rolsuper;
  ReleaseSysCache(tuple);
  return result;
}

// Gives a role membership in the clients' role, or takes it away.
void change_membership(const char* role, bool member) {
  auto* granted = makeNode(AccessPriv);
  granted->priv_name = options.clients_role;
  auto* grantee = makeNode(RoleSpec);
  grantee->roletype = ROLESPEC_CSTRING;
  grantee->rolename = pstrdup(role);
  grantee->location = -1;
  auto* grant = makeNode(GrantRoleStmt);
  grant->granted_roles = list_make1(granted);
  grant->grantee_roles = list_make1(grantee);
  grant->is_grant = member;
  GrantRole(grant);
}

}  // namespace

const char* role_to_log_in(Node* statement) {
  if (options.clients_role[0] == '\0' || RecoveryInProgress()) return nullptr;
  if (IsA(statement, CreateRoleStmt)) {
    return pstrdup(reinterpret_cast<CreateRoleStmt*>(statement)->role);
  }
  // Who alters other things of a role need not have the right to grant membership.
  if (!IsA(statement, AlterRoleStmt)) return nullptr;
  auto* alter = reinterpret_cast<AlterRoleStmt*>(statement);
  if (!has_option(alter->options, "canlogin") && !has_option(alter->options, "superuser")) {
    return nullptr;
  }
  return get_rolespec_name(alter->role);
}

void admit_client(const char* role) {
  CommandCounterIncrement();
  const Oid member = get_role_oid(role, true);
  const Oid clients = get_role_oid(options.clients_role, true);
  if (!OidIsValid(clients) || member == clients || !OidIsValid(member)) return;
  const bool may_be = logs_in_and_is_no_superuser(member);
  const bool is = is_member_of_role_nosuper(member, clients);
  if (may_be && !is) change_membership(role, true);
  if (is && superuser_arg(member)) change_membership(role, false);
}

}  // namespace aurora_global::extension
