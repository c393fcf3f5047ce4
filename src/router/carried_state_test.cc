// Goal: a session's state passes through the router as it is, and what makes no sense is refused.
#include "router/carried_state.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace aurora_global::router {
namespace {

using Strings = std::vector<std::string>;

std::vector<pgwire::Row> rows(const Strings& texts) {
  std::vector<pgwire::Row> rows;
  for (const std::string& text : texts) rows.push_back({text});
  return rows;
}

// The texts of a batch's Parse messages; each must be followed by its Sync.
Strings statements(const Batch& batch) {
  Strings texts;
  std::string types;
  pgwire::Splitter whole([](char, std::size_t size) { return size; });
  pgwire::BytesView rest(batch.bytes);
  while (!rest.empty()) {
    const auto piece = whole.next(rest);
    if (piece.has_error() || !*piece) {
      ADD_FAILURE() << "the batch ends within a message";
      break;
    }
    types += (*piece)->type;
    if ((*piece)->type == 'P') {
      const auto body = (*piece)->bytes.subspan(pgwire::kHeaderBytes);
      const auto* text = reinterpret_cast<const char*>(body.data());
      EXPECT_STREQ(text, "_aurora_global");
      texts.emplace_back(text + std::string_view(text).size() + 1);
    }
    rest = rest.subspan((*piece)->bytes.size());
  }
  std::string wanted;
  for (std::size_t i = 0; i < texts.size(); ++i) wanted += "PBECS";
  EXPECT_EQ(types, wanted);
  EXPECT_EQ(batch.what.size(), texts.size());
  return texts;
}

TEST(CarriedState, ItsPiecesAreRestoredInOrder) {
  const auto state = parse_carried_state(rows({"", "1/2:00ff", "2/2:01"}));
  ASSERT_TRUE(state.has_value());
  EXPECT_EQ(state->obstacle, "");
  EXPECT_FALSE(state->empty());
  EXPECT_EQ(statements(restore(*state)), (Strings{"SET aurora_global.session = '1/2:00ff'",
                                                  "SET aurora_global.session = '2/2:01'"}));
}

TEST(CarriedState, ASessionWithoutStateIsMadeOneThatNobodyHasTouched) {
  EXPECT_TRUE(CarriedState{}.empty());
  EXPECT_EQ(statements(restore({})), Strings{"SET aurora_global.session = 'none'"});
}

TEST(CarriedState, AnObstacleNeedsNoPieces) {
  const auto state = parse_carried_state(rows({"temporary objects and advisory locks"}));
  ASSERT_TRUE(state.has_value());
  EXPECT_EQ(state->obstacle, "temporary objects and advisory locks");
}

TEST(CarriedState, WhatMakesNoSenseIsRefused) {
  EXPECT_TRUE(parse_carried_state({}).has_error());
  EXPECT_TRUE(parse_carried_state(rows({""})).has_error());
  EXPECT_TRUE(parse_carried_state(rows({"", ""})).has_error());
  EXPECT_TRUE(parse_carried_state(rows({"", "1/1:00'; DROP"})).has_error());
  EXPECT_TRUE(parse_carried_state({{std::nullopt}}).has_error());
  EXPECT_TRUE(parse_carried_state({{"", ""}}).has_error());
}

TEST(CarriedState, TheQuestionLeavesTheUnnamedStatementAlone) {
  const pgwire::Bytes question = ask_for_state();
  // Of one that was cancelled the statement is left.
  pgwire::Bytes close;
  pgwire::put_close_statement(close, "_aurora_global");
  ASSERT_GT(question.size(), close.size());
  EXPECT_TRUE(std::equal(close.begin(), close.end(), question.begin()));
  Batch asked;
  asked.bytes.assign(question.begin() + static_cast<std::ptrdiff_t>(close.size()), question.end());
  asked.what = {""};
  EXPECT_EQ(statements(asked), Strings{"SHOW aurora_global.session"});
}

}  // namespace
}  // namespace aurora_global::router
