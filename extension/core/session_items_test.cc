// Goal: each setting has one rule. That every setting of a real server has a right one is tested
// with that server (tests/integration/session_items_test.py).
#include "core/session_items.h"

#include <gtest/gtest.h>

namespace aurora_global::extension {
namespace {

TEST(SessionItems, WhoMaySetItDecidesFirst) {
  EXPECT_EQ(rule_of("shared_buffers", SetBy::server), Rule::stays);
  EXPECT_EQ(rule_of("search_path", SetBy::server), Rule::stays);
  EXPECT_EQ(rule_of("log_connections", SetBy::start_up), Rule::login);
}

TEST(SessionItems, WhatASessionSetsGoesWithItUnlessItActsAtTheClient) {
  for (const char* name : {"search_path", "default_transaction_read_only", "app.tenant",
                           "idle_in_transaction_session_timeout", "session_replication_role",
                           "default_transaction_isolation", "DateStyle"}) {
    EXPECT_EQ(rule_of(name, SetBy::session), Rule::session) << name;
  }
  for (const char* name : {"idle_session_timeout", "apg_write_forward.consistency_mode",
                           "aurora_global.local_functions", "log_statement"}) {
    EXPECT_EQ(rule_of(name, SetBy::session), Rule::client_side) << name;
    EXPECT_TRUE(moves(rule_of(name, SetBy::session)));
    EXPECT_FALSE(forwards(rule_of(name, SetBy::session)));
  }
}

TEST(SessionItems, NamesAreTakenInAnyCase) {
  EXPECT_EQ(rule_of("Transaction_Isolation", SetBy::session), Rule::stays);
  EXPECT_EQ(rule_of("ROLE", SetBy::session), Rule::identity);
}

}  // namespace
}  // namespace aurora_global::extension
