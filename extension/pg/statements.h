// Prepared statements and portals on their way to the primary and back.
#pragma once

#include "pg/inspect.h"
#include "pg/pg.h"
#include "pg/remote.h"

namespace aurora_global::extension {

enum class Protocol { simple, extended };

// The primary will know the named statement as it is here, by messages of this protocol. "":
// nothing to do.
void ensure_statement(Remote& r, const char* name, Protocol protocol);

// Its text; nullptr for a name that nobody has prepared.
const char* statement_text(const char* name);

// What a portal executes.
Inspection inspect_portal(Portal portal);

// An SQL PREPARE here. Functions may EXECUTE it, so each relay makes all of them ready.
void note_local_prepare(const char* name);
void ensure_local_prepares(Remote& r, Protocol protocol);

// Bind and Execute of a local portal, with its parameters, as the client would send them.
void send_portal(Remote& r, Portal portal, long max_rows);

// A statement is to be made or dropped at the primary; if that is done, it will be here too when
// the relay ends. Every Parse and Close message of the client's is noted.
void note_parsed(Remote& r, const char* name, const char* sql, std::string_view parse_body);
void note_closed(Remote& r, const char* name);  // nullptr: it is a portal's.
void note_prepared(Remote& r, const Inspection& found, const char* text, Protocol protocol);

// A relay begins.
void forget_noted();
// An answer of the primary's to the client: ParseComplete, CloseComplete or CommandComplete.
void note_answer(char type, std::string_view body);
// A session that stays at the primary keeps of each name only what was noted last. The primary owes
// nothing.
void compact_noted();
// An error has come, for a Parse message of the client's; an error has come; then ReadyForQuery.
void note_parse_failed();
void note_refusal(Remote& r);
void note_ready(Remote& r);

// Makes and drops them here, inside a transaction.
void make_prepared_statements(Remote& r);

// A ParameterStatus message. True if it is for us and not for the client.
bool note_parameter(Remote& r, std::string_view body);

template <typename Use>
void for_each_name(List* names, const Use& use) {
  ListCell* cell;
  foreach (cell, names) use(static_cast<const char*>(lfirst(cell)));
}

}  // namespace aurora_global::extension
