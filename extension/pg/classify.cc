#include "pg/classify.h"

#include <map>

#include "pg/options.h"

extern "C" {
#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_language.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "nodes/readfuncs.h"
#include "parser/analyze.h"
#include "utils/catcache.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/syscache.h"
#include "utils/varlena.h"
}

namespace aurora_global::extension {
namespace {

// Above PostgreSQL's own bits.
constexpr int kMark = 1 << 28;

bool listed(const char* list, const char* name) {
  if (list == nullptr || list[0] == '\0') return false;
  char* copy = pstrdup(list);
  List* names = NIL;
  if (!SplitIdentifierString(copy, ',', &names)) return false;
  ListCell* cell;
  foreach (cell, names) {
    if (strcmp(static_cast<const char*>(lfirst(cell)), name) == 0) return true;
  }
  return false;
}

// Built-in functions that change the database or its lock table.
constexpr const char* kPrimaryBuiltins[] = {
    "nextval",
    "setval",
    "currval",
    "lastval",
    "pg_notify",
    "txid_current",
    "pg_current_xact_id",
    "lo_creat",
    "lo_create",
    "lo_from_bytea",
    "lo_import",
    "lo_open",
    "lo_put",
    "lo_truncate",
    "lo_truncate64",
    "lo_unlink",
    "lowrite",
    "loread",
    "lo_lseek",
    "lo_lseek64",
    "lo_tell",
    "lo_tell64",
    "lo_close",
    "lo_get",
    "lo_export",
    "pg_advisory_lock",
    "pg_advisory_lock_shared",
    "pg_advisory_unlock",
    "pg_advisory_unlock_all",
    "pg_advisory_unlock_shared",
    "pg_advisory_xact_lock",
    "pg_advisory_xact_lock_shared",
    "pg_try_advisory_lock",
    "pg_try_advisory_lock_shared",
    "pg_try_advisory_xact_lock",
    "pg_try_advisory_xact_lock_shared",
    "brin_summarize_new_values",
    "brin_summarize_range",
    "brin_desummarize_range",
    "gin_clean_pending_list",
    "pg_import_system_collations",
    "pg_extension_config_dump",
    "pg_prepared_xact",
    "pg_logical_emit_message",
    "pg_sequence_last_value",
    "query_to_xml",
    "query_to_xmlschema",
    "query_to_xml_and_xmlschema",
};

// Of PostgreSQL's own functions, a bit for each that was looked up and is not volatile: the
// operators of most statements. They need not be looked up for each plan.
std::uint8_t harmless[FirstGenbkiObjectId / 8];

void forget_harmless(Datum, int, uint32) { memset(harmless, 0, sizeof harmless); }

bool known_harmless(Oid function) {
  return function < FirstGenbkiObjectId && (harmless[function / 8] >> (function % 8) & 1) != 0;
}

void note_harmless(Oid function) {
  static bool registered = false;
  if (function >= FirstGenbkiObjectId) return;
  if (!registered) {
    CacheRegisterSyscacheCallback(PROCOID, forget_harmless, 0);
    registered = true;
  }
  harmless[function / 8] |= static_cast<std::uint8_t>(1U << (function % 8));
}

// Of functions that are declared STABLE or IMMUTABLE, and are not in C, whether they call what runs
// at the primary.
std::map<Oid, bool>& bodies() {
  static auto* seen = new std::map<Oid, bool>;
  return *seen;
}

void forget_bodies(Datum, int, uint32) { bodies().clear(); }

bool runs_at_primary(Oid function, void*);

// Any function of that name.
bool name_runs_at_primary(const char* name) {
  CatCList* found = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum(name));
  bool result = false;
  for (int i = 0; i < found->n_members && !result; ++i) {
    const auto* proc = reinterpret_cast<Form_pg_proc>(GETSTRUCT(&found->members[i]->tuple));
    result = runs_at_primary(proc->oid, nullptr);
  }
  ReleaseSysCacheList(found);
  return result;
}

// Any relation of that name. What an UNLOGGED one has is at the primary alone.
bool name_is_unlogged(const char* name) {
  CatCList* found = SearchSysCacheList1(RELNAMENSP, CStringGetDatum(name));
  bool result = false;
  for (int i = 0; i < found->n_members && !result; ++i) {
    const auto* of = reinterpret_cast<Form_pg_class>(GETSTRUCT(&found->members[i]->tuple));
    result = of->relpersistence == RELPERSISTENCE_UNLOGGED;
  }
  ReleaseSysCacheList(found);
  return result;
}

// Names of functions before an opening parenthesis, and of relations anywhere, in strings and
// comments, too: EXECUTE makes code of a string.
bool source_runs_at_primary(const char* source) {
  const auto in_name = [](char c) {
    return isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' || (c & 0x80) != 0;
  };
  for (const char* at = source; *at != '\0';) {
    const char* end = at;
    while (in_name(*end)) ++end;
    if (end == at) {
      ++at;
      continue;
    }
    const char* next = end + (*end == '"' ? 1 : 0);
    next += strspn(next, " \t\r\n");
    if (end - at < NAMEDATALEN) {
      char* name = pnstrdup(at, static_cast<Size>(end - at));
      if (*end != '"') {
        for (char* c = name; *c != '\0'; ++c)
          *c = static_cast<char>(pg_tolower(static_cast<unsigned char>(*c)));
      }
      if (*next == '(' ? name_runs_at_primary(name) : name_is_unlogged(name)) return true;
    }
    at = end;
  }
  return false;
}

bool walk(Node* node, void* context);
bool find_unlogged(Node* node, void* context);

// PostgreSQL forbids writing in such a function itself, not in what it calls, nor taking locks.
bool body_runs_at_primary(HeapTuple tuple) {
  static bool registered = false;
  if (!registered) {
    CacheRegisterSyscacheCallback(PROCOID, forget_bodies, 0);
    CacheRegisterSyscacheCallback(RELOID, forget_bodies, 0);
  }
  registered = true;
  const Oid function = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple))->oid;
  const auto seen = bodies().find(function);
  if (seen != bodies().end()) return seen->second;
  contained([&] { bodies()[function] = false; });  // Where it calls itself.
  bool null = false;
  const Datum body = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosqlbody, &null);
  bool result = false;
  if (!null) {
    auto* code = static_cast<Node*>(stringToNode(TextDatumGetCString(body)));
    result = walk(code, nullptr) || find_unlogged(code, nullptr);
  } else {
    const Datum source = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &null);
    result = !null && source_runs_at_primary(TextDatumGetCString(source));
  }
  contained([&] { bodies()[function] = result; });
  return result;
}

// One of PostgreSQL's own functions, whatever it is declared: txid_current() is STABLE.
bool is_primary_builtin(const FormData_pg_proc* proc) {
  if (proc->pronamespace != PG_CATALOG_NAMESPACE) return false;
  for (const char* one : kPrimaryBuiltins) {
    if (strcmp(one, NameStr(proc->proname)) == 0) return true;
  }
  return false;
}

bool runs_at_primary(Oid function, void*) {
  if (known_harmless(function)) return false;
  HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
  if (!HeapTupleIsValid(tuple)) return false;
  const auto* proc = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
  const char* name = NameStr(proc->proname);
  const bool is_volatile = proc->provolatile == PROVOLATILE_VOLATILE;
  bool result = false;
  if (proc->prolang == INTERNALlanguageId || proc->prolang == ClanguageId) {
    result = is_primary_builtin(proc) || (is_volatile && listed(options.primary_functions, name));
    if (!result && !is_volatile) note_harmless(function);
  } else {
    result = is_volatile ? !listed(options.local_functions, name) : body_runs_at_primary(tuple);
  }
  ReleaseSysCache(tuple);
  return result;
}

// The rights that a statement needs tell that it writes. A rule can make a SELECT of an UPDATE of a
// view, and that SELECT still needs the right to update the view; a standby refuses it for that.
bool needs_to_write(const List* range_table) {
  ListCell* cell;
  foreach (cell, range_table) {
    const auto* entry = static_cast<RangeTblEntry*>(lfirst(cell));
    if (entry->rtekind == RTE_RELATION && (entry->requiredPerms & ~ACL_SELECT) != 0) return true;
  }
  return false;
}

// A sequence's row on a standby runs ahead of the values that were given out.
bool reads_sequence(const Query* query) {
  ListCell* cell;
  foreach (cell, query->rtable) {
    const auto* entry = static_cast<RangeTblEntry*>(lfirst(cell));
    if (entry->rtekind == RTE_RELATION && entry->relkind == RELKIND_SEQUENCE) return true;
  }
  return false;
}

// PostgreSQL 15 declares walkers without parameters.
bool (*walker())() { return reinterpret_cast<bool (*)()>(walk); }

bool walk(Node* node, void* context) {
  if (node == nullptr) return false;
  if (IsA(node, NextValueExpr)) return true;
  if (check_functions_in_node(node, runs_at_primary, context)) return true;
  if (IsA(node, Query)) {
    if (reads_sequence(reinterpret_cast<Query*>(node))) return true;
    return query_tree_walker(reinterpret_cast<Query*>(node), walker(), context, 0);
  }
  return expression_tree_walker(node, walker(), context);
}

bool find_unlogged(Node* node, void* context) {
  if (node == nullptr) return false;
  auto* walk_on = reinterpret_cast<bool (*)()>(find_unlogged);
  if (!IsA(node, Query)) return expression_tree_walker(node, walk_on, context);
  auto* query = reinterpret_cast<Query*>(node);
  ListCell* cell;
  foreach (cell, query->rtable) {
    const auto* entry = static_cast<RangeTblEntry*>(lfirst(cell));
    if (entry->rtekind == RTE_RELATION &&
        get_rel_persistence(entry->relid) == RELPERSISTENCE_UNLOGGED) {
      return true;
    }
  }
  return query_tree_walker(query, walk_on, context, 0);
}

Where place_of_transaction(const TransactionStmt* statement) {
  switch (statement->kind) {
    case TRANS_STMT_COMMIT_PREPARED:
    case TRANS_STMT_ROLLBACK_PREPARED:
    case TRANS_STMT_PREPARE: return Where::primary;
    default: return Where::here;
  }
}

Where place_of_explain(ExplainStmt* explain) {
  ListCell* cell;
  foreach (cell, explain->options) {
    auto* option = static_cast<DefElem*>(lfirst(cell));
    if (strcmp(option->defname, "analyze") != 0) continue;
    auto* query = reinterpret_cast<Query*>(explain->query);
    if (query->commandType == CMD_UTILITY) {
      Node* inner = query->utilityStmt;
      if (!IsA(inner, ExecuteStmt)) return Where::primary;
      PreparedStatement* prepared =
          FetchPreparedStatement(reinterpret_cast<ExecuteStmt*>(inner)->name, false);
      if (prepared == nullptr) return Where::here;
      return writes(prepared->plansource->query_list) ? Where::primary : Where::here;
    }
    return writes(query) ? Where::primary : Where::here;
  }
  return Where::here;
}

}  // namespace

bool is_harmless(Oid function) {
  if (known_harmless(function)) return true;
  if (function >= FirstGenbkiObjectId || func_volatile(function) == PROVOLATILE_VOLATILE) {
    return false;
  }
  return !runs_at_primary(function, nullptr);
}

bool calls_primary_function(Query* query) {
  return reads_sequence(query) || query_tree_walker(query, walker(), nullptr, 0);
}

bool uses_unlogged(Query* query) { return find_unlogged(reinterpret_cast<Node*>(query), nullptr); }

bool fastpath_writes(Oid function) {
  switch (function) {
    case F_LO_CREAT:
    case F_LO_CREATE:
    case F_LO_FROM_BYTEA:
    case F_LO_IMPORT_TEXT:
    case F_LO_IMPORT_TEXT_OID:
    case F_LO_PUT:
    case F_LO_TRUNCATE:
    case F_LO_TRUNCATE64:
    case F_LO_UNLINK:
    case F_LOWRITE: return true;
    // The statements of its body would be taken for the client's.
    default: return runs_at_primary(function, nullptr);
  }
}

bool writes(Query* query) {
  if (query->commandType == CMD_UTILITY) {
    return place_of(query->utilityStmt) == Where::primary;
  }
  return query->commandType != CMD_SELECT || query->rowMarks != NIL || query->hasModifyingCTE ||
         needs_to_write(query->rtable) || calls_primary_function(query) ||
         (RecoveryInProgress() && uses_unlogged(query));
}

bool writes(List* queries) {
  ListCell* cell;
  foreach (cell, queries) {
    if (writes(static_cast<Query*>(lfirst(cell)))) return true;
  }
  return false;
}

void mark(PlannedStmt* plan) { plan->jitFlags |= kMark; }
bool marked(const PlannedStmt* plan) { return (plan->jitFlags & kMark) != 0; }

bool writes(const PlannedStmt* plan) {
  return plan->commandType != CMD_SELECT || plan->rowMarks != NIL || plan->hasModifyingCTE ||
         needs_to_write(plan->rtable) || marked(plan);
}

Where place_of(Node* statement) {
  switch (nodeTag(statement)) {
    case T_TransactionStmt:
      return place_of_transaction(reinterpret_cast<TransactionStmt*>(statement));
    case T_ExplainStmt: return place_of_explain(reinterpret_cast<ExplainStmt*>(statement));
    case T_CopyStmt:  // COPY (query) TO is looked into where it runs.
      return reinterpret_cast<CopyStmt*>(statement)->is_from ? Where::primary : Where::here;
    case T_DeclareCursorStmt: {
      auto* query =
          reinterpret_cast<Query*>(reinterpret_cast<DeclareCursorStmt*>(statement)->query);
      return writes(query) ? Where::primary : Where::here;
    }
    case T_ExecuteStmt: {
      PreparedStatement* prepared =
          FetchPreparedStatement(reinterpret_cast<ExecuteStmt*>(statement)->name, false);
      if (prepared == nullptr) return Where::here;
      return writes(prepared->plansource->query_list) ? Where::primary : Where::here;
    }
    case T_VariableSetStmt:
    case T_VariableShowStmt:
    case T_FetchStmt:
    case T_ClosePortalStmt:
    case T_PrepareStmt:
    case T_DeallocateStmt:
    case T_UnlistenStmt:
    case T_DiscardStmt:
    case T_CheckPointStmt:
    case T_AlterSystemStmt:
    case T_LoadStmt: return Where::here;
    default: return Where::primary;
  }
}

}  // namespace aurora_global::extension
