// Under which settings, and as whom, each prepared statement was parsed.
//
// The same text means something else under another standard_conforming_strings, DateStyle,
// TimeZone or search_path, and may name nothing at all for another role. Where a statement is made
// again, it is parsed as it was.
#pragma once

#include <optional>

#include "core/session_image.h"
#include "pg/pg.h"

extern "C" {
#include "parser/parse_node.h"
}

namespace aurora_global::extension {

// A statement is parsed. Costs nothing but a look while nothing of it changes.
void note_parse(const ParseState* state);
// An SQL PREPARE has run.
void note_parse_of(const char* name);
// A statement was made here as it was parsed elsewhere.
void note_parsed_elsewhere(const char* name, const ParseContext& context);

// Where it was parsed; nullptr: that is forgotten. Valid until the next parse.
const ParseContext* parse_context_of(const PreparedStatement* statement);
// Where a Parse message that came at this time was.
const ParseContext* parse_context_at(TimestampTz time);
// A statement that was parsed there would be parsed the same way now.
bool holds_now(const ParseContext* context);
// The statement would be parsed the same way now.
bool parses_the_same_now(const PreparedStatement* statement);

// What runs between the two runs under the settings and the user of `context`; an error leaves,
// too. Inside a transaction.
void enter_parse_context(const ParseContext& context, int* nest_level, Oid* user, int* security);
void leave_parse_context(int nest_level, Oid user, int security);

// The rest of the transaction runs under the settings and the user of `context`, as far as the
// session's user may be that. Inside a transaction.
void hold_parse_context(const ParseContext& context);

}  // namespace aurora_global::extension
