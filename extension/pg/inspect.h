// What a query text contains that a relay must know before it passes the text on.
#pragma once

#include "pg/pg.h"

namespace aurora_global::extension {

struct Inspection {
  bool commits = false;       // COMMIT, or its like.
  bool discards_all = false;  // DISCARD ALL: nothing of the session is left.
  bool closes_all = false;    // All cursors of the session.
  int statements = 0;
  const char* moved_cursor = nullptr;  // Of the last FETCH, MOVE, CLOSE or DECLARE.
  List* cursors = NIL;   // Names (char*) of cursors in FETCH, MOVE, CLOSE, WHERE CURRENT OF.
  List* declared = NIL;  // Names (char*) of cursors in DECLARE.
  List* executed = NIL;  // Names (char*) of prepared statements that it uses.
  List* prepared = NIL;  // RawStmt of PREPARE, DEALLOCATE, DISCARD, in order.
};

// Parses `text`; a text that does not parse is the primary's to refuse. In the current memory
// context.
Inspection inspect(const char* text);
// Of a statement that is parsed already.
Inspection inspect(RawStmt* raw);

}  // namespace aurora_global::extension
