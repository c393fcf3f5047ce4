#include "pg/hooks.h"

#include "pg/block.h"
#include "pg/carry.h"
#include "pg/classify.h"
#include "pg/clients.h"
#include "pg/consistency.h"
#include "pg/counters.h"
#include "pg/fence.h"
#include "pg/local_cursors.h"
#include "pg/message.h"
#include "pg/options.h"
#include "pg/primary.h"
#include "pg/relay.h"
#include "pg/session_report.h"
#include "pg/statements.h"
#include "pg/unused_sessions.h"

extern "C" {
#include "catalog/objectaccess.h"
#include "catalog/pg_proc.h"
#include "nodes/plannodes.h"
#include "optimizer/planner.h"
#include "parser/analyze.h"
#include "utils/inval.h"
#include "utils/plancache.h"
#include "utils/syscache.h"
}

namespace aurora_global::extension {
namespace {

planner_hook_type next_planner = nullptr;
ExecutorStart_hook_type next_start = nullptr;
ExecutorRun_hook_type next_run = nullptr;
ExecutorFinish_hook_type next_finish = nullptr;
ProcessUtility_hook_type next_utility = nullptr;
object_access_hook_type next_object_access = nullptr;

int depth = 0;  // Of executors and utility statements that run.

bool at_top() { return depth == 0 && !serves_relay(); }

// The portal's client speaks the simple protocol.
bool simple_protocol() { return ActivePortal == nullptr || !ActivePortal->visible; }

// ---- a plan that runs at the primary

constexpr int kForwardedNode = -0x4147;
// Of a statement that this standby cannot even plan; forward() makes the other of it.
constexpr int kUnplannedNode = -0x4148;

bool has_node(const PlannedStmt* statement, int id) {
  return IsA(statement->planTree, Result) && statement->planTree->plan_node_id == id;
}

bool forwarded(const QueryDesc* query) { return has_node(query->plannedstmt, kForwardedNode); }

// The columns of `targets`, and no rows.
Plan* no_rows(int id, List* targets) {
  auto* result = makeNode(Result);
  result->plan.plan_node_id = id;
  result->resconstantqual = reinterpret_cast<Node*>(list_make1(makeBoolConst(false, false)));
  ListCell* cell;
  foreach (cell, targets) {
    auto* entry = static_cast<TargetEntry*>(lfirst(cell));
    if (entry->resjunk) continue;
    Node* expression = reinterpret_cast<Node*>(entry->expr);
    Const* null =
        makeNullConst(exprType(expression), exprTypmod(expression), exprCollation(expression));
    result->plan.targetlist =
        lappend(result->plan.targetlist,
                makeTargetEntry(reinterpret_cast<Expr*>(null),
                                static_cast<AttrNumber>(list_length(result->plan.targetlist) + 1),
                                entry->resname, false));
  }
  return &result->plan;
}

PlannedStmt* unplanned(const Query* query) {
  auto* plan = makeNode(PlannedStmt);
  plan->commandType = query->commandType;
  plan->queryId = query->queryId;
  plan->hasReturning = query->returningList != NIL;
  plan->canSetTag = query->canSetTag;
  plan->transientPlan = true;
  plan->stmt_location = query->stmt_location;
  plan->stmt_len = query->stmt_len;
  plan->planTree = no_rows(
      kUnplannedNode, query->commandType == CMD_SELECT ? query->targetList : query->returningList);
  mark(plan);
  return plan;
}

void refuse_unplanned() {
  if (RecoveryInProgress()) {
    ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
            errmsg("cannot access temporary or unlogged relations during recovery"));
  }
  ResetPlanCache();
  ereport(ERROR, errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
          errmsg("this server became the primary after the statement was planned"),
          errhint("Try it again."));
}

PlannedStmt* on_planner(Query* query, const char* text, int cursor_options, ParamListInfo params) {
  if (forwarding_possible() && uses_unlogged(query)) return unplanned(query);
  // Before planning, which changes the query. On a primary, too: the fence must know, and a plan
  // that a standby has cached outlives its promotion.
  const bool at_primary = query->commandType == CMD_SELECT && calls_primary_function(query);
  PlannedStmt* plan = next_planner != nullptr
                          ? next_planner(query, text, cursor_options, params)
                          : standard_planner(query, text, cursor_options, params);
  if (at_primary) mark(plan);
  return plan;
}

// A plan of the same columns and no rows stands in for the one that runs at the primary.
void forward(QueryDesc* query, int* flags) {
  // Of a portal that gives its rows as it runs, PostgreSQL looks at the rights when it is bound.
  if (ActivePortal != nullptr && ActivePortal->status == PORTAL_DEFINED &&
      ActivePortal->strategy == PORTAL_ONE_SELECT) {
    ExecCheckRTPerms(query->plannedstmt->rtable, true);
  }
  auto* statement = makeNode(PlannedStmt);
  *statement = *query->plannedstmt;
  statement->planTree = no_rows(kForwardedNode, query->plannedstmt->planTree->targetlist);
  statement->rtable = NIL;
  statement->resultRelations = NIL;
  statement->appendRelations = NIL;
  statement->subplans = NIL;
  statement->rewindPlanIDs = nullptr;
  statement->rowMarks = NIL;
  statement->paramExecTypes = NIL;
  statement->parallelModeNeeded = false;
  statement->hasModifyingCTE = false;
  query->plannedstmt = statement;
  *flags |= EXEC_FLAG_SKIP_TRIGGERS;  // The transaction they would belong to ends in between.
}

// Grows with every change of a table or a function that this session hears of.
std::uint64_t catalog_changes = 0;

// The snapshot of the portal was taken before the wait; the read must not use it. Nor is its plan
// of use when what it is about has changed meanwhile.
Read wait_and_renew(QueryDesc* query) {
  const std::uint64_t before = catalog_changes;
  Snapshot old = query->snapshot;
  query->snapshot = InvalidSnapshot;
  UnregisterSnapshot(old);
  PopActiveSnapshot();
  InvalidateCatalogSnapshot();
  bool waited = false;
  Read where = await_consistency(&waited);
  AcceptInvalidationMessages();
  if (catalog_changes != before) where = Read::primary;
  PushActiveSnapshot(GetTransactionSnapshot());
  query->snapshot = RegisterSnapshot(GetActiveSnapshot());
  return where;
}

bool read_must_forward(QueryDesc* query) {
  if (IsolationUsesXactSnapshot()) return !declared_read_only() || wait_needed();
  if (waited_ahead()) return *waited_ahead() == Read::primary;
  if (!wait_needed()) return false;
  return wait_and_renew(query) == Read::primary;
}

void refuse_nested(const QueryDesc* query) {
  const PlannedStmt* plan = query->plannedstmt;
  if (plan->commandType == CMD_SELECT && plan->rowMarks == NIL && !plan->hasModifyingCTE) return;
  ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
          errmsg("a statement inside a function that runs on the standby cannot be forwarded"),
          errhint("Functions that write run at the primary whole when they are declared VOLATILE "
                  "and are not named in aurora_global.local_functions."));
}

void note_relation_change(Datum, Oid) { ++catalog_changes; }
void note_function_change(Datum, int, uint32) { ++catalog_changes; }

void expect_once() {
  static bool done = false;
  if (done) return;
  done = true;
  CacheRegisterRelcacheCallback(note_relation_change, 0);
  CacheRegisterSyscacheCallback(PROCOID, note_function_change, 0);
  expect_relay();
}

// It does nothing else, unlike a SELECT that calls a function that may.
bool only_writes(const PlannedStmt* plan) {
  return plan->commandType != CMD_SELECT || plan->rowMarks != NIL || plan->hasModifyingCTE;
}

void prepare_start(QueryDesc* query, int* flags) {
  expect_once();
  const bool write = writes(query->plannedstmt);
  if (!at_top()) {
    if (write && !declared_read_only()) refuse_nested(query);
    return;
  }
  // PostgreSQL refuses it, with 25006. A function may do what a read-only transaction may as well:
  // take a lock that another server must know of.
  if (declared_read_only() && only_writes(query->plannedstmt)) return;
  if (read_only_here_alone() && write) return;
  if (write || read_must_forward(query)) forward(query, flags);
}

// True: leave_write() must follow.
bool enter(const PlannedStmt* plan) {
  if (writes(plan)) return enter_write(only_writes(plan) ? Writes::certainly : Writes::maybe);
  note_read();
  return false;
}

void on_start(QueryDesc* query, int flags) {
  refuse_in_lost_block(nullptr);
  note_used_session();
  const bool modifies = query->operation != CMD_SELECT || query->plannedstmt->hasModifyingCTE;
  if (modifies && is_forwarded_session() && at_top()) count(writer_statements);
  if ((flags & EXEC_FLAG_EXPLAIN_ONLY) == 0) {
    note_portal_runs(ActivePortal);
    note_read();
    if (only_writes(query->plannedstmt)) refuse_if_fenced();
    if (forwarding_possible()) prepare_start(query, &flags);
    if (has_node(query->plannedstmt, kUnplannedNode)) refuse_unplanned();
  }
  if (next_start != nullptr) {
    next_start(query, flags);
  } else {
    standard_ExecutorStart(query, flags);
  }
}

void let_go(Snapshot* snapshot) {
  Snapshot old = *snapshot;
  *snapshot = InvalidSnapshot;
  UnregisterSnapshot(old);
}

// PostgreSQL runs some portals to their end and gives out their rows afterwards; at the primary the
// limit that the client's Execute message has does the same.
long row_limit(long of_run) {
  switch (ActivePortal->strategy) {
    case PORTAL_ONE_RETURNING:
    case PORTAL_ONE_MOD_WITH:
    case PORTAL_UTIL_SELECT: return execute_row_limit(ActivePortal->name);
    default: return of_run;
  }
}

void run_at_primary(QueryDesc* query, uint64 count) {
  if (relayed_in_this_execute()) return;
  if (!RecoveryInProgress()) {
    ereport(ERROR, errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
            errmsg("this server became the primary while the statement began"),
            errhint("Try it again."));
  }
  if (simple_protocol()) relay_query(query->sourceText, query->plannedstmt->stmt_location);
  let_go(&query->estate->es_snapshot);
  let_go(&query->estate->es_crosscheck_snapshot);
  let_go(&query->snapshot);
  relay_portal(ActivePortal, row_limit(static_cast<long>(count)), true);
}

void on_run(QueryDesc* query, ScanDirection direction, uint64 count, bool once) {
  if (forwarded(query)) {
    run_at_primary(query, count);
    return;
  }
  const bool entered = enter(query->plannedstmt);
  ++depth;
  PG_TRY();
  {
    if (next_run != nullptr) {
      next_run(query, direction, count, once);
    } else {
      standard_ExecutorRun(query, direction, count, once);
    }
  }
  PG_FINALLY();
  {
    --depth;
    if (entered) leave_write();
  }
  PG_END_TRY();
  if (at_top()) note_executed();
}

void on_finish(QueryDesc* query) {
  const bool entered = enter(query->plannedstmt);  // Triggers fire here.
  ++depth;
  PG_TRY();
  {
    if (next_finish != nullptr) {
      next_finish(query);
    } else {
      standard_ExecutorFinish(query);
    }
  }
  PG_FINALLY();
  {
    --depth;
    if (entered) leave_write();
  }
  PG_END_TRY();
}

// ---- utility statements

// COPY (query) TO: what the query does.
bool copy_writes(PlannedStmt* statement, const char* text) {
  auto* copy = reinterpret_cast<CopyStmt*>(statement->utilityStmt);
  if (copy->is_from || copy->query == nullptr) return copy->is_from;
  auto* raw = makeNode(RawStmt);
  raw->stmt = static_cast<Node*>(copyObjectImpl(copy->query));
  raw->stmt_location = statement->stmt_location;
  raw->stmt_len = statement->stmt_len;
  return writes(pg_analyze_and_rewrite_fixedparams(raw, text, nullptr, 0, nullptr));
}

bool reads(Node* statement) {
  switch (nodeTag(statement)) {
    case T_CopyStmt:
    case T_DeclareCursorStmt:
    case T_ExecuteStmt:
    case T_ExplainStmt: return true;
    default: return false;
  }
}

// Waits without the portal's snapshot, which an older state of the database belongs to.
Read wait_before_utility() {
  if (waited_ahead()) return *waited_ahead();
  Portal portal = ActivePortal;
  const bool had = portal != nullptr && portal->portalSnapshot != nullptr && ActiveSnapshotSet();
  if (had) {
    PopActiveSnapshot();
    portal->portalSnapshot = nullptr;
  }
  InvalidateCatalogSnapshot();
  bool waited = false;
  const Read where = await_consistency(&waited);
  if (had) EnsurePortalSnapshotExists();
  return where;
}

bool utility_must_forward(PlannedStmt* statement, const char* text) {
  Node* node = statement->utilityStmt;
  Where where = place_of(node);
  if (where == Where::here && IsA(node, CopyStmt) && copy_writes(statement, text)) {
    where = Where::primary;
  }
  // In a read-only transaction, too: the primary knows what is refused there, and for what reason.
  if (where == Where::primary) return !read_only_here_alone();
  if (!reads(node)) return false;
  if (IsolationUsesXactSnapshot()) return !declared_read_only() || wait_needed();
  return wait_needed() && wait_before_utility() == Read::primary;
}

// True if the statement ran at the primary.
bool place_utility(PlannedStmt* statement, const char* text) {
  expect_once();
  if (relayed_in_this_execute()) return true;
  Node* node = statement->utilityStmt;
  if (IsA(node, TransactionStmt)) {
    note_transaction_statement(reinterpret_cast<TransactionStmt*>(node));
  }
  if (IsA(node, PrepareStmt)) {
    note_local_prepare(reinterpret_cast<PrepareStmt*>(node)->name);
  }
  if (IsA(node, DiscardStmt)) discard_at_primary(reinterpret_cast<DiscardStmt*>(node)->target);
  if (!utility_must_forward(statement, text)) {
    if (IsA(node, DeclareCursorStmt))
      note_declared_cursor(reinterpret_cast<DeclareCursorStmt*>(node));
    return false;
  }
  if (simple_protocol()) relay_query(text, statement->stmt_location);
  relay_portal(ActivePortal, row_limit(0), false);
  return true;
}

bool enter(Node* statement) {
  if (utility_writes(statement)) return enter_write(Writes::certainly);
  note_read();
  return false;
}

void on_utility(PlannedStmt* statement, const char* text, bool read_only_tree,
                ProcessUtilityContext context, ParamListInfo params, QueryEnvironment* environment,
                DestReceiver* receiver, QueryCompletion* completion) {
  refuse_in_lost_block(statement->utilityStmt);
  note_used_session();
  const bool carries = is_carry_statement(statement->utilityStmt);
  const bool top =
      !carries && at_top() && context != PROCESS_UTILITY_SUBCOMMAND && ActivePortal != nullptr;
  note_portal_runs(ActivePortal);
  if (top && forwarding_possible() && place_utility(statement, text)) return;
  end_unused_sessions(statement->utilityStmt);
  const char* client = role_to_log_in(statement->utilityStmt);
  const bool entered = enter(statement->utilityStmt);
  note_session_statement(statement->utilityStmt, false);
  ++depth;
  PG_TRY();
  {
    if (carries) {
      run_carry_statement(statement->utilityStmt, receiver, completion);
    } else if (next_utility != nullptr) {
      next_utility(statement, text, read_only_tree, context, params, environment, receiver,
                   completion);
    } else {
      standard_ProcessUtility(statement, text, read_only_tree, context, params, environment,
                              receiver, completion);
    }
    note_session_statement(statement->utilityStmt, true);
    if (IsA(statement->utilityStmt, DiscardStmt)) {
      note_discard(reinterpret_cast<DiscardStmt*>(statement->utilityStmt)->target);
    }
  }
  PG_FINALLY();
  {
    --depth;
    if (entered) leave_write();
  }
  PG_END_TRY();
  if (at_top()) note_executed();
  if (client != nullptr) admit_client(client);
}

// ---- function calls

// Those of the protocol run without a portal, and nothing lets an extension read their arguments.
void on_object_access(ObjectAccessType access, Oid catalog, Oid object, int sub, void* argument) {
  if (next_object_access != nullptr) next_object_access(access, catalog, object, sub, argument);
  if (access == OAT_FUNCTION_EXECUTE) note_session_function(object);
  if (access != OAT_FUNCTION_EXECUTE || ActivePortal != nullptr || !at_top()) return;
  if (func_volatile(object) == PROVOLATILE_VOLATILE) note_fastpath_write();
  if (!forwarding_possible() || !fastpath_writes(object)) return;
  ereport(
      ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
      errmsg("a function call of the protocol cannot be forwarded to the primary"),
      errhint("Call the function in a statement (SELECT lo_unlink(...)), or write by a statement "
              "first: what follows in the transaction is forwarded whole."));
}

}  // namespace

void install_hooks() {
  next_object_access = object_access_hook;
  object_access_hook = on_object_access;
  next_planner = planner_hook;
  planner_hook = on_planner;
  next_start = ExecutorStart_hook;
  ExecutorStart_hook = on_start;
  next_run = ExecutorRun_hook;
  ExecutorRun_hook = on_run;
  next_finish = ExecutorFinish_hook;
  ExecutorFinish_hook = on_finish;
  next_utility = ProcessUtility_hook;
  ProcessUtility_hook = on_utility;
}

}  // namespace aurora_global::extension
