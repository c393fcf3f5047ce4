#include "drill/drill_file.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace aurora_global::drill {
namespace {

using namespace std::chrono_literals;

std::string refusal(std::string_view text) {
  const auto drill = parse_drill(text, "x.toml");
  return drill.has_error() ? drill.error().message : "(accepted)";
}

TEST(DrillFile, ReadsEverything) {
  const auto drill = parse_drill(R"(
description = "there and back"
[load]
endpoint = "cluster"
client_region = "us-west-2"
operation_type = "update"
sessions = "stateful"
concurrency = 3
rate = 50.5
op_timeout_ms = 250
[[step]]
at_s = 1.5
do = "switchover"
to = "us-west-2"
repeat = 10
min_writes_between = 5
[[step]]
do = "link"
latency_ms = 80
[expect]
lost_writes = 0
retries = 0
reconnects = 3
max_write_unavailability_ms = 500
min_success_rate = 0.99
healthy_at_end = true
)",
                                 "x.toml");
  ASSERT_TRUE(drill.has_value()) << drill.error().message;
  EXPECT_EQ(drill->loads[0].endpoint, "cluster");
  EXPECT_EQ(drill->loads[0].client_region.name, "us-west-2");
  EXPECT_EQ(drill->loads[0].options.operation_type, OperationMix::update);
  EXPECT_EQ(drill->loads[0].options.sessions, Sessions::stateful);
  EXPECT_EQ(drill->loads[0].options.concurrency, 3);
  EXPECT_EQ(drill->loads[0].options.rate, 50.5);
  EXPECT_EQ(drill->loads[0].options.attempt_timeout, 250ms);
  ASSERT_EQ(drill->steps.size(), 2u);
  EXPECT_EQ(drill->steps[0].at, 1500ms);
  EXPECT_EQ(drill->steps[0].repeat, 10);
  EXPECT_EQ(drill->steps[0].min_writes_between, 5u);
  EXPECT_EQ(drill->steps[1].act, Act::link);
  EXPECT_EQ(drill->steps[1].latency_ms, 80);
  EXPECT_EQ(drill->expect.lost_writes, 0u);
  EXPECT_EQ(drill->expect.retries, 0u);
  EXPECT_EQ(drill->expect.reconnects, 3u);
  EXPECT_EQ(drill->expect.healthy_at_end, true);
}

TEST(DrillFile, RefusalsNameLineGivenAndRight) {
  EXPECT_EQ(refusal("[load]\nduration_s = 5\nconcurency = 8\n").substr(0, 50),
            "x.toml line 3: unknown key 'concurency' in [load];");
  EXPECT_NE(refusal("[load]\nconcurrency = 8000\n")
                .find("line 2: concurrency in [load] must be a "
                      "whole number from 1 to 1000"),
            std::string::npos);
  EXPECT_NE(refusal("[load]\nconcurrency = \"8\"\n").find("whole number"), std::string::npos);
  EXPECT_NE(refusal("[load]\nsessions = \"sticky\"\n")
                .find("line 2: sessions in [load] must be plain or stateful"),
            std::string::npos);
  EXPECT_NE(refusal("[load]\nvia = \"lambda\"\nsessions = \"stateful\"\nduration_s = 1\n")
                .find("line 3: sessions in [load] needs via = \"connections\""),
            std::string::npos);
  EXPECT_NE(refusal("[load]\nduration_s = 1\n[expect]\nreconnects = -1\n").find("whole number"),
            std::string::npos);
  EXPECT_NE(refusal("[[step]]\ndo = \"explode\"\n").find("given: 'explode'"), std::string::npos);
  EXPECT_NE(refusal("[[step]]\nat_s = 1\n").find("needs do"), std::string::npos);
  EXPECT_NE(refusal("[[step]]\ndo = \"heal\"\nrepeat = 2\n").find("unknown key 'repeat'"),
            std::string::npos);
  EXPECT_NE(refusal("[step]\ndo = \"heal\"\n").find("[[step]]"), std::string::npos);
  EXPECT_NE(refusal("[[step]]\ndo = \"link\"\n").find("needs latency_ms"), std::string::npos);
  EXPECT_NE(refusal("load = 3\n").find("is a section"), std::string::npos);
  EXPECT_NE(refusal("[load\n").find("x.toml line 1"), std::string::npos);
  EXPECT_NE(refusal("[load]\nconcurrency = 1\n").find("nothing would end this load"),
            std::string::npos);
  EXPECT_NE(refusal("[exspect]\n").find("unknown key 'exspect'"), std::string::npos);
  EXPECT_NE(refusal("[load]\nduration_s = nan\n").find("must be a number"), std::string::npos);
  EXPECT_NE(refusal(std::string(kDrillFileBytesMax + 1, ' ')).find("larger"), std::string::npos);
}

TEST(DrillFile, OverridesReplaceValuesOfTheLoad) {
  const auto drill = parse_drill("[load]\nduration_s = 5\nconcurrency = 8\n", "x.toml",
                                 {"concurrency=16", "endpoint=\"reader\""});
  ASSERT_TRUE(drill.has_value()) << drill.error().message;
  EXPECT_EQ(drill->loads[0].options.concurrency, 16);
  EXPECT_EQ(drill->loads[0].endpoint, "reader");
  EXPECT_TRUE(parse_drill("[load]\nduration_s = 5\n", "x.toml", {"no = "}).has_error());
}

TEST(DrillFile, SeveralLoadsHaveWorkersOfTheirOwn) {
  const std::string two =
      "[[load]]\nconcurrency = 3\ntail_s = 1\n[[load]]\nendpoint = \"write-forwarding\"\n"
      "concurrency = 4\n[[load]]\nvia = \"lambda\"\n[[step]]\ndo = \"switchover\"\n";
  const auto drill = parse_drill(two, "x.toml", {"retries=7"});
  ASSERT_TRUE(drill.has_error());  // Functions cannot be told of retries.
  const auto accepted = parse_drill(two, "x.toml", {"operation_type=\"update\""});
  ASSERT_TRUE(accepted.has_value()) << accepted.error().message;
  ASSERT_EQ(accepted->loads.size(), 3u);
  EXPECT_EQ(accepted->tail, 1s);
  int next = 0;
  for (const LoadPlan& plan : accepted->loads) {
    EXPECT_EQ(plan.options.operation_type, OperationMix::update);
    EXPECT_EQ(plan.options.first_worker, next);
    next = plan.workers_end;
  }
  EXPECT_EQ(accepted->loads[1].options.first_worker, 3);
  EXPECT_EQ(next, kWorkersOfARunMax);
  EXPECT_NE(refusal("[[load]]\nduration_s = 1\n[[load]]\n").find("nothing would end"),
            std::string::npos);
  EXPECT_NE(refusal("load = [1]\n").find("is a section"), std::string::npos);
}

TEST(DrillFile, OnAwsEveryLoadIsOfFunctionsAndStepsHaveMoreTime) {
  const auto drill = parse_drill(
      "[load]\nconcurrency = 4\n[[step]]\ndo = \"switchover\"\n[[step]]\ndo = \"wait-healthy\"\n"
      "limit_s = 5\n",
      "x.toml", {}, Target::aws);
  ASSERT_TRUE(drill.has_value()) << drill.error().message;
  EXPECT_EQ(drill->loads[0].via, Via::lambda);
  EXPECT_EQ(drill->loads[0].workers_end, kWorkersOfARunMax);
  ASSERT_EQ(drill->notes.size(), 1u);
  EXPECT_NE(drill->notes[0].find("runs in the Lambda functions"), std::string::npos);
  EXPECT_EQ(drill->steps[0].limit, kStepLimitOnAws);
  EXPECT_EQ(drill->steps[1].limit, 5s);
  const auto same =
      parse_drill("[load]\nvia = \"lambda\"\nduration_s = 1\n", "x.toml", {}, Target::aws);
  ASSERT_TRUE(same.has_value()) << same.error().message;
  EXPECT_TRUE(same->notes.empty());
}

TEST(DrillFile, WhatAwsCannotDoIsRefusedAllAtOnce) {
  const auto refusal_on_aws = [](std::string_view text) {
    const auto drill = parse_drill(text, "x.toml", {}, Target::aws);
    return drill.has_error() ? drill.error().message : "(accepted)";
  };
  EXPECT_EQ(refusal_on_aws("[[step]]\ndo = \"kill-region\"\n[[step]]\ndo = \"switchover\"\n"
                           "[[step]]\ndo = \"heal\"\n"),
            "x.toml: step 1 (line 1) 'kill-region', step 3 (line 5) 'heal': needs a platform on "
            "this machine; only switchover, failover and wait-healthy work elsewhere");
  EXPECT_NE(refusal_on_aws("[load]\nconninfo = \"host=x\"\nduration_s = 1\n")
                .find("line 2: conninfo in [load] cannot be given with --target aws"),
            std::string::npos);
  EXPECT_NE(refusal_on_aws("[load]\nretries = 3\nduration_s = 1\n").find("--target aws"),
            std::string::npos);
  EXPECT_NE(refusal_on_aws("[load]\nendpoint = \"cluster\"\nduration_s = 1\n")
                .find("global-writer or write-forwarding with --target aws"),
            std::string::npos);
}

TEST(DrillFile, EveryFileInDrillsIsRight) {
  int found = 0;
  const std::filesystem::path dir = std::filesystem::path(AURORA_GLOBAL_SOURCE_DIR) / "drills";
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    if (entry.path().extension() != ".toml") continue;
    ++found;
    const auto drill = load_drill(entry.path().string());
    EXPECT_TRUE(drill.has_value()) << drill.error().message;
    if (drill.has_value()) EXPECT_FALSE(drill->description.empty()) << entry.path();
  }
  EXPECT_GE(found, 4);
}

}  // namespace
}  // namespace aurora_global::drill
