// How the text of the client's message in hand is read.
//
// PostgreSQL reads a whole query string before the first of its statements runs, so a SET in it
// changes nothing of how the rest is read. At the primary the rest is a string of its own.
#pragma once

#include "pg/pg.h"
#include "pg/session.h"

namespace aurora_global::extension {

// A message's text is going to be read.
void note_lexing();

// Of the message in hand. `rest` bytes behind its beginning stand statements that have run, which
// may have changed what holds now.
struct Lexing {
  int encoding;       // Of its bytes.
  SettingItems then;  // What holds otherwise now, as it was then, and as it is;
  SettingItems now;   // both end with the transaction.
};
// Valid until the next call.
const Lexing& lexing_of_message(bool behind_others);

}  // namespace aurora_global::extension
