// The transaction block of the client, as far as the primary must know it when the first write
// comes.
#pragma once

#include "pg/pg.h"

namespace aurora_global::extension {

inline constexpr int kSavepointsMax = 64;

struct Block {
  bool open = false;          // BEGIN was said.
  bool read_only = false;     // The client declared it so.
  bool serializable = false;  // Locally it is REPEATABLE READ: a standby knows no more.
  bool lost = false;          // It ran at a primary that is gone, and the client was told.
  bool holds = false;         // It declared a cursor WITH HOLD here.
  char savepoints[kSavepointsMax][NAMEDATALEN];  // By nesting level, from 2 on.
};

extern Block block;

// Takes notice of a transaction statement before it runs, and changes its options to what a standby
// accepts. Raises 0A000 for more savepoints than the limit.
void note_transaction_statement(TransactionStmt* statement);
// The same for SET TRANSACTION and SET SESSION CHARACTERISTICS.
void note_set_transaction(VariableSetStmt* statement);

// Raises 25P02 in a lost block, for all but its end; the error makes it an ordinary failed block.
void refuse_in_lost_block(const Node* statement);

// Takes notice of a cursor that is declared here.
void note_declared_cursor(const DeclareCursorStmt* statement);

// The client declared the open transaction, or all its transactions, READ ONLY.
bool declared_read_only();

// Forgets the block. Registered for the end of each transaction.
void install_block();

}  // namespace aurora_global::extension
