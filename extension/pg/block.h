// The transaction block of the client, as far as the primary must know it when the first write
// comes.
#pragma once

#include "pg/pg.h"

namespace aurora_global::extension {

inline constexpr int kSavepointsMax = 64;

struct Block {
  bool open = false;     // BEGIN was said.
  bool chained = false;  // AND CHAIN: another one begins where it ends.
  // As it began; transaction_is_read_only() and transaction_is_serializable() know what was SET.
  bool read_only = false;
  bool serializable = false;
  bool lost = false;   // It ran at a primary that is gone, and the client was told.
  bool holds = false;  // It declared a cursor WITH HOLD here.
  char savepoints[kSavepointsMax][NAMEDATALEN];  // By nesting level, from 2 on.
};

extern Block block;

// Takes notice of a transaction statement before it runs. Raises 0A000 for more savepoints than the
// limit.
void note_transaction_statement(const TransactionStmt* statement);

// Raises 25P02 in a lost block, for all but its end; the error makes it an ordinary failed block.
void refuse_in_lost_block(const Node* statement);

// Takes notice of a cursor that is declared here.
void note_declared_cursor(const DeclareCursorStmt* statement);

// The client declared the open transaction, or all its transactions, READ ONLY.
bool declared_read_only();
// It was declared of one transaction without a block, which the primary is not told: what it
// refuses is refused here.
bool read_only_here_alone();

// Takes over `transaction_read_only`; forgets the block at its end.
void install_block();

}  // namespace aurora_global::extension
