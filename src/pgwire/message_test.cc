// Goal: messages are cut where they end, whatever the pieces they arrive in, and what is written
// reads back.
#include "pgwire/message.h"

#include <gtest/gtest.h>

namespace aurora_global::pgwire {
namespace {

Bytes stream() {
  Bytes out;
  put_parse(out, "name", "SELECT $1", {23, 25});
  put_parse(out, "", "SELECT 1", {});
  put_bind(out, "", "name", {"1", std::nullopt});
  put_execute(out, "");
  put_sync(out);
  put_query(out, std::string(5000, 'x'));
  put_terminate(out);
  return out;
}

// The messages' types and sizes, when `chunk` bytes arrive at a time.
std::vector<std::pair<char, std::size_t>> cut(const Bytes& input, std::size_t chunk) {
  Splitter splitter(look_at_client);
  std::vector<std::pair<char, std::size_t>> messages;
  Bytes kept;
  std::size_t given = 0;
  for (std::size_t at = 0; at < input.size(); at += chunk) {
    const auto end = std::min(input.size(), at + chunk);
    kept.insert(kept.end(), input.begin() + static_cast<std::ptrdiff_t>(at),
                input.begin() + static_cast<std::ptrdiff_t>(end));
    for (;;) {
      const auto piece = splitter.next(kept);
      EXPECT_TRUE(piece.has_value());
      if (!*piece) break;
      if ((*piece)->begins) messages.emplace_back((*piece)->type, 0);
      messages.back().second += (*piece)->bytes.size();
      given += (*piece)->bytes.size();
      kept.erase(kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>((*piece)->bytes.size()));
    }
  }
  EXPECT_EQ(given, input.size());
  EXPECT_TRUE(splitter.between());
  return messages;
}

TEST(Splitter, CutsTheSameMessagesOutOfPiecesOfAnySize) {
  const Bytes input = stream();
  const auto whole = cut(input, input.size());
  ASSERT_EQ(whole.size(), 7u);
  EXPECT_EQ(whole[5], (std::pair<char, std::size_t>('Q', 5006)));
  for (const std::size_t chunk : {1, 2, 3, 5, 7, 64, 1000}) EXPECT_EQ(cut(input, chunk), whole);
}

TEST(Splitter, RefusesLengthsThatNoMessageHas) {
  for (const Bytes& bad :
       {Bytes{'Q', 0, 0, 0, 3}, Bytes{'Q', 0x40, 0, 0, 0}, Bytes{'Q', 0xff, 0xff, 0xff, 0xff}}) {
    Splitter splitter(look_at_client);
    EXPECT_EQ(splitter.next(bad).error().kind, ErrorKind::corrupt);
  }
}

BytesView body(const Bytes& message) { return BytesView(message).subspan(kHeaderBytes); }

TEST(Messages, WhatIsWrittenReadsBack) {
  Bytes status;
  put_parameter_status(status, "TimeZone", "UTC");
  EXPECT_EQ(parse_parameter_status(body(status))->value, "UTC");
  Bytes key;
  put_backend_key(key, {7, 0x80000001});
  EXPECT_EQ(parse_backend_key(body(key))->secret_key, 0x80000001u);
  Bytes error;
  put_error(error, "FATAL", {"", "57P01", "moved", "try"});
  EXPECT_EQ(parse_error(body(error))->severity, "FATAL");
  EXPECT_EQ(parse_error(body(error))->hint, "try");
  Bytes parse;
  put_parse(parse, "s1", "SELECT 1", {});
  EXPECT_EQ(statement_name('P', body(parse)), "s1");
  Bytes bind;
  put_bind(bind, "portal", "s2", {});
  EXPECT_EQ(statement_name('B', body(bind)), "s2");
  Bytes close;
  put_close_statement(close, "s3");
  EXPECT_EQ(statement_name('C', body(close)), "s3");
  Bytes mechanisms;
  put_sasl_mechanisms(mechanisms, {"SCRAM-SHA-256"});
  EXPECT_EQ(parse_authentication(body(mechanisms))->kind, 10u);
}

TEST(Messages, MalformedBodiesAreNothing) {
  const Bytes text = {'a', 'b'};
  EXPECT_FALSE(parse_parameter_status(text));
  EXPECT_FALSE(parse_error(text));
  EXPECT_FALSE(parse_backend_key(text));
  EXPECT_FALSE(parse_sasl_initial(text));
  EXPECT_FALSE(statement_name('B', text));
  const Bytes row = {0, 1, 0, 0, 0, 9, 'x'};
  EXPECT_FALSE(parse_data_row(row));
  const Bytes good = {0, 2, 0, 0, 0, 1, 'x', 0xff, 0xff, 0xff, 0xff};
  EXPECT_EQ(*parse_data_row(good), (Row{"x", std::nullopt}));
}

}  // namespace
}  // namespace aurora_global::pgwire
