// What a former primary has committed and nobody else has received, read out of its WAL before that
// goes: an output plugin that says each change as a line of JSON, and a slot that begins in the
// past. Both are for the daemon, which runs this server in single-user mode for them: a slot that
// was there all the time would cost every primary.
//
// Lines: {"begin": ...}, {"insert" | "update" | "delete" | "truncate" | "message": ...},
// {"commit": xid}. Values are texts as their types write them.
#include "pg/pg.h"

extern "C" {
#include "access/detoast.h"
#include "access/transam.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_type.h"
#include "replication/logical.h"
#include "replication/output_plugin.h"
#include "replication/slot.h"
#include "utils/json.h"
#include "utils/pg_lsn.h"
#include "utils/rel.h"
#include "utils/relcache.h"
}

namespace aurora_global::extension {
namespace {

void append_text(StringInfo out, const char* text) { escape_json(out, text); }

void append_member(StringInfo out, const char* name, const char* text) {
  appendStringInfo(out, "\"%s\": ", name);
  append_text(out, text);
}

void append_lsn(StringInfo out, const char* name, XLogRecPtr lsn) {
  appendStringInfo(out, "\"%s\": \"%X/%X\"", name, static_cast<unsigned>(lsn >> 32),
                   static_cast<unsigned>(lsn));
}

void append_table(StringInfo out, Relation relation) {
  append_member(out, "schema", get_namespace_name(RelationGetNamespace(relation)));
  appendStringInfoString(out, ", ");
  append_member(out, "table", RelationGetRelationName(relation));
}

void append_value(StringInfo out, Oid type, Datum value) {
  Oid function = InvalidOid;
  bool is_varlena = false;
  getTypeOutputInfo(type, &function, &is_varlena);
  if (is_varlena) value = PointerGetDatum(PG_DETOAST_DATUM(value));
  append_text(out, OidOutputFunctionCall(function, value));
}

// Large values that an update has left alone are not in the WAL.
bool is_elsewhere(Form_pg_attribute column, Datum value) {
  return column->attlen == -1 && VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(value));
}

enum class Columns { all, identity };

// "name": [{"name": ..., "type": ..., "value": ...}, ...], and the names that are not in it.
void append_columns(StringInfo out, const char* name, Relation relation, HeapTuple tuple,
                    Columns which) {
  TupleDesc columns = RelationGetDescr(relation);
  Bitmapset* identity = RelationGetIndexAttrBitmap(relation, INDEX_ATTR_BITMAP_IDENTITY_KEY);
  List* unchanged = NIL;
  const char* comma = "";
  appendStringInfo(out, "\"%s\": [", name);
  for (int i = 0; i < columns->natts; ++i) {
    Form_pg_attribute column = TupleDescAttr(columns, i);
    if (column->attisdropped) continue;
    const bool is_key =
        bms_is_member(column->attnum - FirstLowInvalidHeapAttributeNumber, identity);
    const bool is_generated = column->attgenerated != 0;
    if (is_generated && !is_key) continue;
    if (which == Columns::identity && !is_key) continue;
    bool is_null = false;
    const Datum value = heap_getattr(tuple, column->attnum, columns, &is_null);
    if (!is_null && is_elsewhere(column, value)) {
      unchanged = lappend(unchanged, NameStr(column->attname));
      continue;
    }
    appendStringInfo(out, "%s{", comma);
    comma = ", ";
    append_member(out, "name", NameStr(column->attname));
    appendStringInfoString(out, ", ");
    append_member(out, "type", format_type_be_qualified(column->atttypid));
    if (is_key) appendStringInfoString(out, ", \"key\": true");
    if (is_generated) appendStringInfoString(out, ", \"generated\": true");
    if (column->attidentity == ATTRIBUTE_IDENTITY_ALWAYS) {
      appendStringInfoString(out, ", \"identity\": true");
    }
    if (!is_null) {
      appendStringInfoString(out, ", \"value\": ");
      append_value(out, column->atttypid, value);
    }
    appendStringInfoChar(out, '}');
  }
  appendStringInfoChar(out, ']');
  if (unchanged == NIL) return;
  appendStringInfoString(out, ", \"unchanged\": [");
  ListCell* cell = nullptr;
  comma = "";
  foreach (cell, unchanged) {
    appendStringInfoString(out, comma);
    append_text(out, static_cast<const char*>(lfirst(cell)));
    comma = ", ";
  }
  appendStringInfoChar(out, ']');
}

void append_tuple(StringInfo out, const char* name, Relation relation, ReorderBufferTupleBuf* tuple,
                  Columns which) {
  if (tuple == nullptr) return;
  appendStringInfoString(out, ", ");
  append_columns(out, name, relation, &tuple->tuple, which);
}

// ---- the plugin

struct PluginState {
  MemoryContext memory;  // Of one change.
};

void on_startup(LogicalDecodingContext* context, OutputPluginOptions* options, bool) {
  auto* state = static_cast<PluginState*>(palloc0(sizeof(PluginState)));
  state->memory =
      AllocSetContextCreate(context->context, "aurora_global lost writes", ALLOCSET_DEFAULT_SIZES);
  context->output_plugin_private = state;
  options->output_type = OUTPUT_PLUGIN_TEXTUAL_OUTPUT;
}

MemoryContext enter(LogicalDecodingContext* context) {
  return MemoryContextSwitchTo(static_cast<PluginState*>(context->output_plugin_private)->memory);
}

void leave(LogicalDecodingContext* context, MemoryContext former) {
  MemoryContextSwitchTo(former);
  MemoryContextReset(static_cast<PluginState*>(context->output_plugin_private)->memory);
}

void on_begin(LogicalDecodingContext* context, ReorderBufferTXN* transaction) {
  OutputPluginPrepareWrite(context, true);
  MemoryContext former = enter(context);
  appendStringInfo(context->out, "{\"begin\": {\"xid\": %u, ", transaction->xid);
  append_lsn(context->out, "commit", transaction->final_lsn);
  appendStringInfoString(context->out, ", ");
  append_lsn(context->out, "end", transaction->end_lsn);
  appendStringInfoString(context->out, ", ");
  append_member(context->out, "at", timestamptz_to_str(transaction->xact_time.commit_time));
  appendStringInfoString(context->out, "}}");
  leave(context, former);
  OutputPluginWrite(context, true);
}

void on_commit(LogicalDecodingContext* context, ReorderBufferTXN* transaction, XLogRecPtr) {
  OutputPluginPrepareWrite(context, true);
  appendStringInfo(context->out, "{\"commit\": %u}", transaction->xid);
  OutputPluginWrite(context, true);
}

void on_change(LogicalDecodingContext* context, ReorderBufferTXN*, Relation relation,
               ReorderBufferChange* change) {
  OutputPluginPrepareWrite(context, true);
  MemoryContext former = enter(context);
  const auto& tuples = change->data.tp;
  const bool is_full = relation->rd_rel->relreplident == REPLICA_IDENTITY_FULL;
  const char* kind = change->action == REORDER_BUFFER_CHANGE_INSERT   ? "insert"
                     : change->action == REORDER_BUFFER_CHANGE_UPDATE ? "update"
                                                                      : "delete";
  appendStringInfo(context->out, "{\"%s\": {", kind);
  append_table(context->out, relation);
  append_tuple(context->out, "old", relation, tuples.oldtuple,
               is_full ? Columns::all : Columns::identity);
  append_tuple(context->out, "new", relation, tuples.newtuple, Columns::all);
  appendStringInfoString(context->out, "}}");
  leave(context, former);
  OutputPluginWrite(context, true);
}

void on_truncate(LogicalDecodingContext* context, ReorderBufferTXN*, int count,
                 Relation relations[], ReorderBufferChange* change) {
  OutputPluginPrepareWrite(context, true);
  MemoryContext former = enter(context);
  appendStringInfo(context->out,
                   "{\"truncate\": {\"cascade\": %s, \"restart_identity\": %s, \"tables\": [",
                   change->data.truncate.cascade ? "true" : "false",
                   change->data.truncate.restart_seqs ? "true" : "false");
  for (int i = 0; i < count; ++i) {
    appendStringInfoString(context->out, i == 0 ? "{" : ", {");
    append_table(context->out, relations[i]);
    appendStringInfoChar(context->out, '}');
  }
  appendStringInfoString(context->out, "]}}");
  leave(context, former);
  OutputPluginWrite(context, true);
}

void on_message(LogicalDecodingContext* context, ReorderBufferTXN*, XLogRecPtr, bool transactional,
                const char* prefix, Size size, const char*) {
  // One outside of transactions was never a part of what a client was told of.
  if (!transactional) return;
  OutputPluginPrepareWrite(context, true);
  appendStringInfoString(context->out, "{\"message\": {");
  append_member(context->out, "prefix", prefix);
  appendStringInfo(context->out, ", \"bytes\": %zu}}", size);
  OutputPluginWrite(context, true);
}

// ---- the slot

// Logical decoding of a database from `restart` on, a record's beginning, of what is committed from
// `begins` on. Whether enough lies between the two for the catalogs of that time to be known, only
// what comes out of it tells: whoever asks compares. As long as the slot is there no row of a
// catalog is pruned, so it has to be there before the first session of that database.
void make_past_slot(const char* name, Oid database, XLogRecPtr restart, XLogRecPtr begins) {
  CheckSlotRequirements();
  ReplicationSlotCreate(name, true, RS_EPHEMERAL, false);
  ReplicationSlot* slot = MyReplicationSlot;
  SpinLockAcquire(&slot->mutex);
  namestrcpy(&slot->data.plugin, "aurora_global");
  slot->data.database = database;
  slot->data.restart_lsn = restart;
  slot->data.confirmed_flush = begins;
  slot->data.catalog_xmin = slot->effective_catalog_xmin = ShmemVariableCache->oldestXid;
  SpinLockRelease(&slot->mutex);
  ReplicationSlotsComputeRequiredXmin(false);
  ReplicationSlotsComputeRequiredLSN();
  ReplicationSlotMarkDirty();
  ReplicationSlotSave();
  ReplicationSlotPersist();
  ReplicationSlotRelease();
}

}  // namespace
}  // namespace aurora_global::extension

extern "C" {

PGDLLEXPORT void _PG_output_plugin_init(OutputPluginCallbacks* callbacks) {
  using namespace aurora_global::extension;
  callbacks->startup_cb = on_startup;
  callbacks->begin_cb = on_begin;
  callbacks->change_cb = on_change;
  callbacks->truncate_cb = on_truncate;
  callbacks->commit_cb = on_commit;
  callbacks->message_cb = on_message;
}

PG_FUNCTION_INFO_V1(aurora_global_past_slot);
PGDLLEXPORT Datum aurora_global_past_slot(PG_FUNCTION_ARGS) {
  if (IsUnderPostmaster || !superuser()) {
    ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
            errmsg("only a server in single-user mode decodes its past"));
  }
  aurora_global::extension::make_past_slot(text_to_cstring(PG_GETARG_TEXT_PP(0)), PG_GETARG_OID(1),
                                           PG_GETARG_LSN(2), PG_GETARG_LSN(3));
  PG_RETURN_VOID();
}
}
