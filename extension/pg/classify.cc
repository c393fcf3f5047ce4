#include "pg/classify.h"

#include "pg/options.h"

extern "C" {
#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_language.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "parser/analyze.h"
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

bool runs_at_primary(Oid function, void*) {
  if (known_harmless(function)) return false;
  HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
  if (!HeapTupleIsValid(tuple)) return false;
  const auto* proc = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
  bool result = false;
  if (proc->provolatile == PROVOLATILE_VOLATILE) {
    const char* name = NameStr(proc->proname);
    if (proc->prolang == INTERNALlanguageId || proc->prolang == ClanguageId) {
      if (proc->pronamespace == PG_CATALOG_NAMESPACE) {
        for (const char* one : kPrimaryBuiltins) result = result || strcmp(one, name) == 0;
      }
      result = result || listed(options.primary_functions, name);
    } else {
      result = !listed(options.local_functions, name);
    }
  } else {
    note_harmless(function);
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

bool walk(Node* node, void* context);

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
  note_harmless(function);
  return true;
}

bool calls_primary_function(Query* query) {
  return reads_sequence(query) || query_tree_walker(query, walker(), nullptr, 0);
}

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
    default: return false;
  }
}

bool writes(Query* query) {
  if (query->commandType == CMD_UTILITY) {
    return place_of(query->utilityStmt) == Where::primary;
  }
  return query->commandType != CMD_SELECT || query->rowMarks != NIL || query->hasModifyingCTE ||
         needs_to_write(query->rtable) || calls_primary_function(query);
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
