#include "pg/local_cursors.h"

#include "pg/block.h"
#include "pg/holdoffs.h"

extern "C" {
#include "access/printtup.h"
#include "libpq/pqformat.h"
#include "parser/parser.h"
#include "storage/proc.h"
#include "tcop/dest.h"
}

namespace aurora_global::extension {
namespace {

// The client's unnamed portal and our own; PostgreSQL's unnamed one runs the relay itself.
constexpr char kUnnamed[] = "<aurora_global unnamed>";

bool kept = false;
bool serving = false;

// The names of portals that statements of the present transaction have run in: one whose statement
// has ended keeps its name until the transaction does.
constexpr int kNamesMax = 16;
char names[kNamesMax][NAMEDATALEN];
int name_count = 0;
LocalTransactionId named_in = InvalidLocalTransactionId;

// Of the relay's transaction that had to end.
char lost_names[kNamesMax][NAMEDATALEN];
int lost_count = 0;
char lost_why[512];

bool has_ended_portals() {
  for (int i = 0; named_in == MyProc->lxid && i < name_count; ++i) {
    Portal portal = GetPortalByName(names[i]);
    if (PortalIsValid(portal) && portal->status == PORTAL_DONE) return true;
  }
  return false;
}

// Runs `body` in a subtransaction, so that its error leaves the transaction as it is; the error
// goes to the client.
template <typename Body>
bool guarded(const Body& body) {
  MemoryContext context = CurrentMemoryContext;
  ResourceOwner owner = CurrentResourceOwner;
  volatile bool good = true;
  BeginInternalSubTransaction(nullptr);
  MemoryContextSwitchTo(context);
  serving = true;
  const Holdoffs holdoffs;
  PG_TRY();
  {
    body();
    ReleaseCurrentSubTransaction();
  }
  PG_CATCH();
  {
    MemoryContextSwitchTo(context);
    EmitErrorReport();
    FlushErrorState();
    holdoffs.put_back();
    RollbackAndReleaseCurrentSubTransaction();
    good = false;
  }
  PG_END_TRY();
  serving = false;
  MemoryContextSwitchTo(context);
  CurrentResourceOwner = owner;
  return good;
}

[[noreturn]] void refuse(const char* name) {
  ereport(
      ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
      errmsg("cursor \"%s\" stands on the standby and cannot be used in a statement that runs at "
             "the primary",
             name),
      errhint("Declare it FOR UPDATE, or after the transaction's first write; FETCH, MOVE and "
              "CLOSE work when each is sent alone."));
  pg_unreachable();
}

[[noreturn]] void raise_duplicate(const char* name) {
  ereport(ERROR, errcode(ERRCODE_DUPLICATE_CURSOR), errmsg("cursor \"%s\" already exists", name));
  pg_unreachable();
}

// DECLARE comes here for a name that is taken, and only to be refused.
void refuse_to_declare(Portal portal) {
  Node* statement = linitial_node(PlannedStmt, portal->stmts)->utilityStmt;
  if (statement == nullptr || !IsA(statement, DeclareCursorStmt)) return;
  raise_duplicate(reinterpret_cast<DeclareCursorStmt*>(statement)->portalname);
}

// The portal runs one FETCH, MOVE or CLOSE.
Portal portal_of(const char* name, const char* text) {
  auto* raw = static_cast<RawStmt*>(linitial(raw_parser(text, RAW_PARSE_DEFAULT)));
  Portal portal = CreatePortal(name[0] == '\0' ? kUnnamed : name, true, true);
  portal->visible = false;
  MemoryContext old = MemoryContextSwitchTo(portal->portalContext);
  auto* plan = makeNode(PlannedStmt);
  plan->commandType = CMD_UTILITY;
  plan->canSetTag = true;
  plan->utilityStmt = static_cast<Node*>(copyObjectImpl(raw->stmt));
  plan->stmt_location = raw->stmt_location;
  plan->stmt_len = raw->stmt_len;
  PortalDefineQuery(portal, nullptr, pstrdup(text), CreateCommandTag(raw->stmt), list_make1(plan),
                    nullptr);
  MemoryContextSwitchTo(old);
  PortalStart(portal, nullptr, 0, InvalidSnapshot);
  return portal;
}

std::int16_t load16(const char* at) {
  return static_cast<std::int16_t>(static_cast<unsigned char>(at[0]) << 8 |
                                   static_cast<unsigned char>(at[1]));
}

// The result formats at the end of a Bind message without parameters.
void set_formats(Portal portal, std::string_view formats) {
  const int count = formats.size() < 2 ? 0 : load16(formats.data());
  auto* codes =
      static_cast<int16*>(palloc(sizeof(int16) * static_cast<std::size_t>(Max(count, 1))));
  for (int i = 0; i < count; ++i) {
    codes[i] = formats.size() < 4 + 2 * static_cast<std::size_t>(i)
                   ? std::int16_t{0}
                   : load16(formats.data() + 2 + 2 * i);
  }
  PortalSetResultFormat(portal, count, codes);
}

}  // namespace

bool serves_relay() { return serving; }

bool has_open_portals() {
  const bool open = !ThereAreNoReadyPortals();
  // It stops at the first one, and its scan would be warned of at the transaction's end.
  if (open) AtEOSubXact_HashTables(false, GetCurrentTransactionNestLevel());
  return open;
}

void note_portal_runs(Portal portal) {
  if (portal == nullptr || portal->name[0] == '\0') return;
  if (named_in != MyProc->lxid) name_count = 0;
  named_in = MyProc->lxid;
  for (int i = 0; i < name_count; ++i) {
    if (strcmp(names[i], portal->name) == 0) return;
  }
  if (name_count < kNamesMax) strlcpy(names[name_count++], portal->name, NAMEDATALEN);
}

void lose_local_cursors(const char* why) {
  lost_count = named_in == MyProc->lxid ? name_count : 0;
  memcpy(lost_names, names, sizeof names);
  strlcpy(lost_why, why, sizeof lost_why);
}

bool lost_cursors() { return lost_count > 0; }

const char* lost_cursor(const char* name) {
  for (int i = 0; i < lost_count; ++i) {
    if (strcmp(lost_names[i], name) == 0 && !PortalIsValid(GetPortalByName(name))) return lost_why;
  }
  return nullptr;
}

const char* lost_cursor_in(const Inspection& found) {
  ListCell* cell;
  foreach (cell, found.cursors) {
    const char* why = lost_cursor(static_cast<const char*>(lfirst(cell)));
    if (why != nullptr) return why;
  }
  return nullptr;
}

bool keep_for_local_cursors() {
  lost_count = 0;
  kept = has_open_portals() || has_ended_portals();
  if (kept && block.holds) {
    ereport(ERROR, errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
            errmsg("a transaction that declared a cursor WITH HOLD on the standby cannot write"),
            errhint("Close it before, or declare it in a transaction of its own."));
  }
  return kept;
}

void forget_local_cursors() { kept = false; }

void keep_held_cursors() { kept = has_open_portals(); }

bool cursors_stand_here() { return kept; }

void close_local_cursors() {
  if (kept) PortalHashTableDeleteAll();
}

Portal local_cursor(const char* name) {
  if (!kept) return nullptr;
  Portal portal = GetPortalByName(name[0] == '\0' ? kUnnamed : name);
  // The portal whose statement is forwarded is active.
  const bool stands =
      PortalIsValid(portal) && (portal->status == PORTAL_READY || portal->status == PORTAL_DONE);
  return stands ? portal : nullptr;
}

bool is_for_local_cursor(const Inspection& found) {
  return kept && found.statements == 1 && found.moved_cursor != nullptr &&
         local_cursor(found.moved_cursor) != nullptr;
}

void refuse_local_cursors(const Inspection& found) {
  ListCell* cell;
  foreach (cell, found.declared) {
    const char* name = static_cast<const char*>(lfirst(cell));
    if (local_cursor(name) != nullptr) raise_duplicate(name);
  }
  foreach (cell, found.cursors) {
    const char* name = static_cast<const char*>(lfirst(cell));
    if (local_cursor(name) != nullptr) refuse(name);
  }
}

bool check_local_cursors(const Inspection& found) {
  if (!kept || (found.cursors == NIL && found.declared == NIL)) return true;
  return guarded([&] { refuse_local_cursors(found); });
}

bool run_query_here(const char* text) {
  return guarded([&] {
    Portal portal = portal_of("", text);
    refuse_to_declare(portal);
    DestReceiver* receiver = CreateDestReceiver(DestRemote);
    SetRemoteDestReceiverParams(receiver, portal);
    QueryCompletion completion;
    PortalRun(portal, FETCH_ALL, true, true, receiver, receiver, &completion);
    receiver->rDestroy(receiver);
    PortalDrop(portal, false);
    EndCommand(&completion, DestRemote, false);
  });
}

bool bind_here(const char* name, const char* text, std::string_view formats) {
  return guarded([&] {
    set_formats(portal_of(name, text), formats);
    pq_putemptymessage('2');
  });
}

bool execute_here(Portal portal, long max_rows) {
  return guarded([&] {
    refuse_to_declare(portal);
    DestReceiver* receiver = CreateDestReceiver(DestRemoteExecute);
    SetRemoteDestReceiverParams(receiver, portal);
    QueryCompletion completion;
    const bool done = PortalRun(portal, max_rows <= 0 ? FETCH_ALL : max_rows, true, false, receiver,
                                receiver, &completion);
    receiver->rDestroy(receiver);
    if (done) {
      EndCommand(&completion, DestRemoteExecute, false);
    } else {
      pq_putemptymessage('s');
    }
  });
}

bool describe_here(Portal portal) {
  return guarded([&] {
    if (portal->tupDesc == nullptr) {
      pq_putemptymessage('n');
      return;
    }
    StringInfoData buffer;
    initStringInfo(&buffer);
    SendRowDescriptionMessage(&buffer, portal->tupDesc, FetchPortalTargetList(portal),
                              portal->formats);
    pfree(buffer.data);
  });
}

bool describe_statement_here(const char* text) {
  return guarded([&] {
    auto* raw = static_cast<RawStmt*>(linitial(raw_parser(text, RAW_PARSE_DEFAULT)));
    StringInfoData buffer;
    pq_beginmessage(&buffer, 't');
    pq_sendint16(&buffer, 0);
    pq_endmessage(&buffer);
    TupleDesc columns = UtilityTupleDescriptor(raw->stmt);
    if (columns == nullptr) {
      pq_putemptymessage('n');
      return;
    }
    initStringInfo(&buffer);
    SendRowDescriptionMessage(&buffer, columns, NIL, nullptr);
    pfree(buffer.data);
  });
}

bool close_here(Portal portal) {
  return guarded([&] {
    PortalDrop(portal, false);
    pq_putemptymessage('3');
  });
}

}  // namespace aurora_global::extension
