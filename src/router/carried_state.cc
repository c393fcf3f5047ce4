#include "router/carried_state.h"

namespace aurora_global::router {
namespace {

constexpr std::string_view kReserved = "_aurora_global";

void put_statement(pgwire::Bytes& bytes, std::string_view sql) {
  pgwire::put_parse(bytes, kReserved, sql, {});
  pgwire::put_bind(bytes, kReserved, kReserved, {});
  pgwire::put_execute(bytes, kReserved);
  pgwire::put_close_statement(bytes, kReserved);
}

void end(Batch& batch, std::string what) {
  pgwire::put_sync(batch.bytes);
  batch.what.push_back(std::move(what));
}

void run(Batch& batch, std::string_view sql, std::string what) {
  put_statement(batch.bytes, sql);
  end(batch, std::move(what));
}

// "1/3:00ff": it stands in a literal.
bool is_piece(std::string_view text) {
  constexpr std::string_view kCharacters = "0123456789abcdef/:";
  return !text.empty() && text.find_first_not_of(kCharacters) == std::string_view::npos;
}

}  // namespace

pgwire::Bytes ask_for_state() {
  Batch batch;
  // Of a question that was cancelled the statement is left.
  pgwire::put_close_statement(batch.bytes, kReserved);
  run(batch, "SHOW aurora_global.session", "");
  return std::move(batch.bytes);
}

pgwire::Bytes ask_for_unnamed() {
  pgwire::Bytes bytes;
  pgwire::put_describe_statement(bytes, "");
  pgwire::put_sync(bytes);
  return bytes;
}

Result<CarriedState> parse_carried_state(const std::vector<pgwire::Row>& rows) {
  CarriedState state;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].size() != 1 || !rows[i][0]) {
      return make_error(ErrorKind::corrupt, "the state of a session is no text");
    }
    const std::string& text = *rows[i][0];
    if (i == 0) {
      state.obstacle = text;
    } else if (is_piece(text)) {
      state.pieces.push_back(text);
    } else {
      return make_error(ErrorKind::corrupt, "malformed piece of a session's state");
    }
  }
  if (rows.empty() || (state.obstacle.empty() && state.pieces.empty())) {
    return make_error(ErrorKind::corrupt, "the state of a session is missing");
  }
  return state;
}

Batch restore(const CarriedState& state) {
  Batch batch;
  const auto set = [&](std::string_view value) {
    run(batch, "SET aurora_global.session = '" + std::string(value) + "'", "the session's state");
  };
  for (const std::string& piece : state.pieces) set(piece);
  if (state.pieces.empty()) set("none");
  return batch;
}

void restore_unnamed(Batch& batch, pgwire::BytesView parse, bool extension) {
  if (extension) put_statement(batch.bytes, "SET aurora_global.session = 'unnamed'");
  batch.bytes.insert(batch.bytes.end(), parse.begin(), parse.end());
  end(batch, "the unnamed statement");
}

void read_after(Batch& batch, std::string_view token) {
  constexpr std::string_view kCharacters = "0123456789ABCDEF:/";  // It stands in a literal.
  if (token.empty() || token.find_first_not_of(kCharacters) != std::string_view::npos) return;
  run(batch, "SET aurora_global.session = 'after " + std::string(token) + "'",
      "what the session has written");
}

Batch arrive() {
  Batch batch;
  run(batch, "SHOW transaction_isolation", "");
  return batch;
}

}  // namespace aurora_global::router
