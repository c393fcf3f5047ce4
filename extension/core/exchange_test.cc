#include "core/exchange.h"

#include <gtest/gtest.h>

namespace aurora_global::extension {
namespace {

TEST(Exchange, AQueryOwesAnswersUntilReadyForQuery) {
  Exchange exchange;
  exchange.sent(Request::query, Whose::client);
  EXPECT_FALSE(exchange.quiet());
  for (const char type : {'T', 'D', 'C'}) EXPECT_EQ(exchange.received(type, ""), Whose::client);
  EXPECT_EQ(exchange.received('Z', "T"), Whose::client);
  EXPECT_TRUE(exchange.quiet());
  EXPECT_EQ(exchange.status(), TransactionStatus::in_block);
}

// BEGIN travels in front of the client's statement, in one query string.
TEST(Exchange, CompletionsOfOurOwnStatementsInAQueryAreOurs) {
  Exchange exchange;
  exchange.sent(Request::query, Whose::client, /*own_completions=*/2);
  EXPECT_EQ(exchange.received('C', ""), Whose::relay);
  EXPECT_EQ(exchange.received('N', ""), Whose::client);
  EXPECT_EQ(exchange.received('C', ""), Whose::relay);
  EXPECT_EQ(exchange.received('C', ""), Whose::client);
  EXPECT_EQ(exchange.received('Z', "T"), Whose::client);
}

TEST(Exchange, AnErrorOfOurOwnStatementIsKnownAsOurs) {
  Exchange exchange;
  exchange.sent(Request::query, Whose::client, /*own_completions=*/1);
  EXPECT_EQ(exchange.received('E', ""), Whose::relay);
  EXPECT_TRUE(exchange.own_request_failed());
  EXPECT_EQ(exchange.received('Z', "I"), Whose::client);
}

TEST(Exchange, AnErrorInAPipelineSkipsToTheSync) {
  Exchange exchange;
  for (const Request request : {Request::parse, Request::bind, Request::execute}) {
    exchange.sent(request, Whose::client);
  }
  exchange.sent(Request::sync, Whose::client);
  exchange.sent(Request::parse, Whose::client);  // The next pipeline.
  EXPECT_EQ(exchange.received('1', ""), Whose::client);
  EXPECT_EQ(exchange.received('E', ""), Whose::client);
  EXPECT_FALSE(exchange.skipping());
  EXPECT_EQ(exchange.received('Z', "E"), Whose::client);
  EXPECT_EQ(exchange.received('1', ""), Whose::client);
  EXPECT_TRUE(exchange.quiet());
}

TEST(Exchange, WhatIsSentWhileTheServerSkipsIsNotOwed) {
  Exchange exchange;
  exchange.sent(Request::bind, Whose::client);
  EXPECT_EQ(exchange.received('E', ""), Whose::client);
  EXPECT_TRUE(exchange.skipping());
  exchange.sent(Request::execute, Whose::client);
  EXPECT_TRUE(exchange.quiet());
  exchange.sent(Request::sync, Whose::client);
  EXPECT_EQ(exchange.received('Z', "I"), Whose::client);
  EXPECT_FALSE(exchange.skipping());
}

TEST(Exchange, ASuspendedPortalAndNoDataAreAnswers) {
  Exchange exchange;
  exchange.sent(Request::describe, Whose::client);
  exchange.sent(Request::execute, Whose::client);
  EXPECT_EQ(exchange.received('n', ""), Whose::client);
  EXPECT_EQ(exchange.received('s', ""), Whose::client);
  EXPECT_TRUE(exchange.quiet());
}

TEST(Exchange, ADescribedStatementAnswersTwice) {
  Exchange exchange;
  exchange.sent(Request::describe, Whose::relay);
  EXPECT_EQ(exchange.received('t', ""), Whose::relay);
  EXPECT_FALSE(exchange.quiet());
  EXPECT_EQ(exchange.received('T', ""), Whose::relay);
  EXPECT_TRUE(exchange.quiet());
}

TEST(Exchange, WillBeQuietOnceASyncOrAQueryIsUnderWay) {
  Exchange exchange;
  exchange.sent(Request::parse, Whose::relay);
  EXPECT_FALSE(exchange.will_be_quiet());
  exchange.sent(Request::sync, Whose::relay);
  EXPECT_TRUE(exchange.will_be_quiet());
}

TEST(Exchange, WhatNobodyAskedForIsTheClients) {
  Exchange exchange;
  for (const char type : {'A', 'N', 'S'}) EXPECT_EQ(exchange.received(type, ""), Whose::client);
  EXPECT_TRUE(exchange.quiet());
}

// The server throws it away, so that nobody waits for its ReadyForQuery.
TEST(Exchange, AQueryBehindAFailedBatchIsSkipped) {
  Exchange exchange;
  exchange.sent(Request::parse, Whose::client);
  exchange.sent(Request::query, Whose::client);
  EXPECT_TRUE(exchange.client_waits());
  EXPECT_EQ(exchange.received('E', ""), Whose::client);
  EXPECT_FALSE(exchange.client_waits());
  EXPECT_TRUE(exchange.skipping());
}

TEST(Exchange, ACopyReadsTheSyncsAmongItsData) {
  Exchange exchange;
  exchange.sent(Request::execute, Whose::client);
  exchange.sent(Request::sync, Whose::client);
  EXPECT_TRUE(exchange.client_waits());
  EXPECT_EQ(exchange.received('G', ""), Whose::client);
  EXPECT_TRUE(exchange.copying());
  EXPECT_FALSE(exchange.client_waits());
  exchange.sent(Request::copy_end, Whose::client);
  EXPECT_FALSE(exchange.copying());
  exchange.sent(Request::sync, Whose::client);
  EXPECT_EQ(exchange.received('C', ""), Whose::client);
  EXPECT_EQ(exchange.received('Z', "I"), Whose::client);
  EXPECT_TRUE(exchange.quiet());
}

TEST(Exchange, DataThatWasSentAheadBelongsToTheCopy) {
  Exchange exchange;
  exchange.sent(Request::execute, Whose::client);
  exchange.sent(Request::copy_end, Whose::client);
  exchange.sent(Request::sync, Whose::client);
  EXPECT_EQ(exchange.received('G', ""), Whose::client);
  EXPECT_FALSE(exchange.copying());
  EXPECT_EQ(exchange.received('E', ""), Whose::client);
  EXPECT_FALSE(exchange.uncertain());
  EXPECT_EQ(exchange.received('Z', "I"), Whose::client);
  EXPECT_TRUE(exchange.quiet());
}

TEST(Exchange, TheEndOfACopyThatDidNotBeginIsIgnored) {
  Exchange exchange;
  exchange.sent(Request::execute, Whose::client);
  exchange.sent(Request::sync, Whose::client);
  exchange.sent(Request::copy_end, Whose::client);
  EXPECT_EQ(exchange.received('E', ""), Whose::client);
  EXPECT_EQ(exchange.received('Z', "I"), Whose::client);
  EXPECT_TRUE(exchange.quiet());
}

TEST(Exchange, WhetherASyncIsAnsweredIsOpenWhenACopyFails) {
  Exchange exchange;
  exchange.sent(Request::execute, Whose::client);
  EXPECT_EQ(exchange.received('G', ""), Whose::client);
  exchange.sent(Request::sync, Whose::client);
  EXPECT_EQ(exchange.received('E', ""), Whose::client);
  EXPECT_TRUE(exchange.uncertain());
  EXPECT_TRUE(exchange.client_waits());
  exchange.settled();
  EXPECT_FALSE(exchange.client_waits());
  EXPECT_EQ(exchange.received('Z', "I"), Whose::relay);
  EXPECT_TRUE(exchange.quiet());
}

TEST(Exchange, ABatchOfOurOwnMessages) {
  Exchange exchange;
  EXPECT_FALSE(exchange.own_batch_open());
  exchange.sent(Request::parse, Whose::relay);
  EXPECT_TRUE(exchange.own_batch_open());
  exchange.sent(Request::bind, Whose::client);
  EXPECT_FALSE(exchange.own_batch_open());
}

}  // namespace
}  // namespace aurora_global::extension
