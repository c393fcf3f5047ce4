// Goal: what a stack says it has is what there is, whatever fails and wherever the region ends.
#include "services/cloudformation/driver.h"

#include "base/base64.h"
#include "services/cloudformation/testing/engine.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;
using testing::Engine;
using testing::ImportableThing;

// A <- B <- C, and D by itself.
constexpr const char* kChain = R"(
Parameters: {V: {Type: String, Default: one}}
Resources:
  A: {Type: Test::Thing, Properties: {Value: !Ref V}}
  B: {Type: Test::Thing, Properties: {Value: !GetAtt A.Arn}}
  C: {Type: Test::Thing, Properties: {Value: !Ref B}}
  D: {Type: Test::Thing, Properties: {Name: d}}
Outputs: {Out: {Value: !GetAtt C.Value, Export: {Name: chain}}}
)";
constexpr const char* kShorter = R"(
Resources:
  A: {Type: Test::Thing, Properties: {Value: two}}
  B: {Type: Test::Thing, Properties: {Value: !GetAtt A.Arn, Name: b}}
  D: {Type: Test::Thing, Properties: {Name: d}}
)";

// The change set that takes A and B in, which are there as "a" and "b", beside D.
constexpr const char* kImport = R"(
Resources:
  A: {Type: "AWS::SSM::Parameter", DeletionPolicy: Retain, Properties: {Name: a, Value: one}}
  B: {Type: "AWS::SSM::Parameter", DeletionPolicy: Delete, Properties: {Name: b, Value: !Ref A}}
  D: {Type: Test::Thing, Properties: {Name: d}}
)";
constexpr const char* kBeforeImport = "Resources: {D: {Type: Test::Thing, Properties: {Name: d}}}";

json import_of(const char* text) {
  json wanted = json::array();
  for (const auto& [name, id] : {std::pair{"A", "a"}, std::pair{"B", "b"}}) {
    wanted.push_back({{"ResourceType", ImportableThing::kType},
                      {"LogicalResourceId", name},
                      {"ResourceIdentifier", {{"Name", id}}}});
  }
  return {{"StackName", "s"},
          {"TemplateBody", text},
          {"ChangeSetName", "take-in"},
          {"ChangeSetType", "IMPORT"},
          {"ResourcesToImport", wanted}};
}

const json kTakeIn = {{"StackName", "s"}, {"ChangeSetName", "take-in"}};

json stack_of(const char* text) { return {{"StackName", "s"}, {"TemplateBody", text}}; }

class DriverTest : public testing::EngineTest {};

TEST_F(DriverTest, MakesChangesAndRemoves) {
  with_engine([&](Engine& engine) -> net::Task<void> {
    CO_ASSERT_OK(co_await engine.ask(create_stack, stack_of(kChain)));
    EXPECT_EQ(co_await engine.settled("s"), "CREATE_COMPLETE");
    expect_world_of(engine, "s");
    EXPECT_EQ(world.things.size(), 4u);
    EXPECT_TRUE(world.things.contains("d"));
    const Stack& stack = *engine.book.find("s");
    EXPECT_EQ(stack.record.outputs.at("Out").value, stack.record.resources.at("B").physical_id);
    const std::string former = stack.record.resources.at("B").physical_id;

    CO_ASSERT_OK(co_await engine.ask(update_stack, stack_of(kShorter)));
    EXPECT_EQ(co_await engine.settled("s"), "UPDATE_COMPLETE");
    expect_world_of(engine, "s");
    EXPECT_EQ(world.things.size(), 3u);
    EXPECT_FALSE(world.things.contains(former));
    EXPECT_TRUE(world.things.contains("b"));
    EXPECT_TRUE(stack.record.outputs.empty());

    const auto again = co_await engine.ask(update_stack, stack_of(kShorter));
    EXPECT_EQ(again.error().message, "No updates are to be performed.");
    CO_ASSERT_OK(co_await engine.ask(delete_stack, {{"StackName", "s"}}));
    EXPECT_EQ(co_await engine.settled("s"), "");
    EXPECT_TRUE(world.things.empty());
    EXPECT_EQ(engine.book.find(stack.record.id)->record.status, core::StackStatus::delete_complete);
  });
}

TEST_F(DriverTest, TagsOfTheStackComeAndGoWithIt) {
  const auto tagged = [](std::string value) {
    json asked = {{"StackName", "s"}, {"TemplateBody", R"(
      Resources:
        A: {Type: Test::Thing, Properties: {Name: a, Tags: [{Key: team, Value: own}]}}
        B: {Type: Test::Thing, DependsOn: A, Properties: {Name: b}})"}};
    asked["Tags"] = json::array();
    if (value.empty()) return asked;
    asked["Tags"] = {{{"Key", "team"}, {"Value", value}}, {{"Key", "level"}, {"Value", value}}};
    return asked;
  };
  const auto tag = [](const char* key, const char* value) {
    return json{{"Key", key}, {"Value", value}};
  };
  with_engine([&](Engine& engine) -> net::Task<void> {
    CO_ASSERT_OK(co_await engine.ask(create_stack, tagged("one")));
    EXPECT_EQ(co_await engine.settled("s"), "CREATE_COMPLETE");
    EXPECT_EQ(world.things["a"]["Tags"], (json{tag("team", "own"), tag("level", "one")}));
    EXPECT_EQ(world.things["b"]["Tags"], (json{tag("team", "one"), tag("level", "one")}));
    EXPECT_EQ((co_await engine.ask(update_stack, tagged("one"))).error().message,
              "No updates are to be performed.");

    world.fails = {"update B"};
    const auto before = world.things;
    CO_ASSERT_OK(co_await engine.ask(update_stack, tagged("two")));
    EXPECT_EQ(co_await engine.settled("s"), "UPDATE_ROLLBACK_FAILED");
    world.fails.clear();
    CO_ASSERT_OK(co_await engine.ask(continue_update_rollback, {{"StackName", "s"}}));
    EXPECT_EQ(co_await engine.settled("s"), "UPDATE_ROLLBACK_COMPLETE");
    EXPECT_EQ(world.things, before);

    CO_ASSERT_OK(co_await engine.ask(update_stack, tagged("")));
    EXPECT_EQ(co_await engine.settled("s"), "UPDATE_COMPLETE");
    EXPECT_EQ(world.things["a"]["Tags"], json::array({tag("team", "own")}));
    EXPECT_FALSE(world.things["b"].contains("Tags"));
    expect_world_of(engine, "s");
  });
}

TEST_F(DriverTest, RollsBackWhatFails) {
  with_engine([&](Engine& engine) -> net::Task<void> {
    world.fails = {"create C"};
    CO_ASSERT_OK(co_await engine.ask(create_stack, stack_of(kChain)));
    EXPECT_EQ(co_await engine.settled("s"), "ROLLBACK_COMPLETE");
    EXPECT_TRUE(world.things.empty());
    EXPECT_EQ(engine.book.find("s")->record.outputs.size(), 0u);
    const auto events = co_await engine.ask(describe_stack_events, {{"StackName", "s"}});
    std::string reasons;
    for (const json& one : events->at("StackEvents")) {
      if (one["ResourceStatus"] == "CREATE_FAILED") reasons += one["ResourceStatusReason"].dump();
    }
    EXPECT_NE(reasons.find("create C does not work"), std::string::npos) << reasons;
    const auto again = co_await engine.ask(update_stack, stack_of(kChain));
    EXPECT_EQ(again.error().message,
              "Stack:s is in ROLLBACK_COMPLETE state and can not be updated.");

    world.fails.clear();
    CO_ASSERT_OK(co_await engine.ask(delete_stack, {{"StackName", "s"}}));
    EXPECT_EQ(co_await engine.settled("s"), "");
    CO_ASSERT_OK(co_await engine.ask(create_stack, stack_of(kChain)));
    EXPECT_EQ(co_await engine.settled("s"), "CREATE_COMPLETE");
    world.fails = {"create B"};
    const auto before = world.things;
    CO_ASSERT_OK(co_await engine.ask(update_stack, stack_of(kShorter)));
    EXPECT_EQ(co_await engine.settled("s"), "UPDATE_ROLLBACK_COMPLETE");
    EXPECT_EQ(world.things, before);
    expect_world_of(engine, "s");
    EXPECT_EQ(engine.book.find("s")->record.outputs.size(), 1u);
  });
}

TEST_F(DriverTest, KeepsWhatFailedWhereItIsAsked) {
  with_engine([&](Engine& engine) -> net::Task<void> {
    world.fails = {"create C"};
    json input = stack_of(kChain);
    input["OnFailure"] = "DO_NOTHING";
    CO_ASSERT_OK(co_await engine.ask(create_stack, input));
    EXPECT_EQ(co_await engine.settled("s"), "CREATE_FAILED");
    EXPECT_EQ(world.things.size(), 4u);
    CO_ASSERT_OK(co_await engine.ask(rollback_stack, {{"StackName", "s"}}));
    EXPECT_EQ(co_await engine.settled("s"), "ROLLBACK_COMPLETE");
    EXPECT_TRUE(world.things.empty());
    input["StackName"] = "t";
    input["OnFailure"] = "DELETE";
    CO_ASSERT_OK(co_await engine.ask(create_stack, input));
    EXPECT_EQ(co_await engine.settled("t"), "");
    EXPECT_TRUE(world.things.empty());
  });
}

TEST_F(DriverTest, GoesOnWithARollbackThatFailed) {
  with_engine([&](Engine& engine) -> net::Task<void> {
    CO_ASSERT_OK(co_await engine.ask(create_stack, stack_of(kChain)));
    EXPECT_EQ(co_await engine.settled("s"), "CREATE_COMPLETE");
    world.fails = {"create B"};
    world.waits = {"create B"};
    CO_ASSERT_OK(co_await engine.ask(update_stack, stack_of(kShorter)));
    co_await world.begun("create B");
    world.fails.insert("update A");
    world.waits.clear();
    EXPECT_EQ(co_await engine.settled("s"), "UPDATE_ROLLBACK_FAILED");
    const auto wrong = co_await engine.ask(continue_update_rollback,
                                           {{"StackName", "s"}, {"ResourcesToSkip", {"D"}}});
    EXPECT_TRUE(wrong.has_error());
    world.fails.clear();
    CO_ASSERT_OK(co_await engine.ask(continue_update_rollback, {{"StackName", "s"}}));
    EXPECT_EQ(co_await engine.settled("s"), "UPDATE_ROLLBACK_COMPLETE");
    expect_world_of(engine, "s");
    EXPECT_EQ(world.things.size(), 4u);
  });
}

TEST_F(DriverTest, CancelsAnUpdateAndACreation) {
  with_engine([&](Engine& engine) -> net::Task<void> {
    world.waits = {"create B"};
    CO_ASSERT_OK(co_await engine.ask(create_stack, stack_of(kChain)));
    co_await world.begun("create B");
    CO_ASSERT_OK(co_await engine.ask(delete_stack, {{"StackName", "s"}}));
    EXPECT_EQ(co_await engine.settled("s"), "");
    EXPECT_TRUE(world.things.empty());
    world.waits.clear();
    CO_ASSERT_OK(co_await engine.ask(create_stack, stack_of(kChain)));
    EXPECT_EQ(co_await engine.settled("s"), "CREATE_COMPLETE");
    world.waits = {"update A"};
    CO_ASSERT_OK(co_await engine.ask(update_stack, stack_of(kShorter)));
    co_await world.begun("update A");
    CO_ASSERT_OK(co_await engine.ask(cancel_update_stack, {{"StackName", "s"}}));
    world.waits.clear();
    EXPECT_EQ(co_await engine.settled("s"), "UPDATE_ROLLBACK_COMPLETE");
    expect_world_of(engine, "s");
    EXPECT_EQ(world.things.size(), 4u);
  });
}

TEST_F(DriverTest, DoesSideBySideWhatMayBe) {
  std::string text = "Resources:\n";
  for (int i = 0; i < 40; ++i) {
    const std::string name = "R" + std::to_string(i);
    text += "  " + name + ": {Type: Test::Thing}\n";
    world.waits.insert("create " + name);
  }
  with_engine([&](Engine& engine) -> net::Task<void> {
    CO_ASSERT_OK(co_await engine.ask(create_stack, stack_of(text.c_str())));
    co_await world.until([this] { return world.under_way == kStepsAtOnceMax; });
    world.waits.clear();
    EXPECT_EQ(co_await engine.settled("s"), "CREATE_COMPLETE");
    EXPECT_EQ(world.most_under_way, kStepsAtOnceMax);
    EXPECT_EQ(world.things.size(), 40u);
    EXPECT_EQ(world.tokens.size(), 40u);
  });
}

TEST_F(DriverTest, FailsForOutputsThatCannotBe) {
  with_engine([&](Engine& engine) -> net::Task<void> {
    CO_ASSERT_OK(co_await engine.ask(
        create_stack,
        stack_of("Resources: {A: {Type: Test::Thing}}\nOutputs: {O: {Value: !GetAtt A.List}}")));
    EXPECT_EQ(co_await engine.settled("s"), "ROLLBACK_COMPLETE");
    EXPECT_TRUE(world.things.empty());
    json first = {{"StackName", "first"}, {"TemplateBody", kChain}};
    CO_ASSERT_OK(co_await engine.ask(create_stack, first));
    EXPECT_EQ(co_await engine.settled("first"), "CREATE_COMPLETE");
    json second = {
        {"StackName", "second"},
        {"TemplateBody",
         "Resources: {A: {Type: Test::Thing}}\nOutputs: {O: {Value: 1, Export: {Name: chain}}}"}};
    CO_ASSERT_OK(co_await engine.ask(create_stack, second));
    EXPECT_EQ(co_await engine.settled("second"), "ROLLBACK_COMPLETE");
    json user = {{"StackName", "user"},
                 {"TemplateBody",
                  "Resources: {A: {Type: Test::Thing, Properties: {Value: !ImportValue chain}}}"}};
    CO_ASSERT_OK(co_await engine.ask(create_stack, user));
    EXPECT_EQ(co_await engine.settled("user"), "CREATE_COMPLETE");
    const auto refused = co_await engine.ask(delete_stack, {{"StackName", "first"}});
    EXPECT_EQ(refused.error().message, "Export chain cannot be deleted as it is in use by user");
    for (const char* name : {"another", "one-more"}) {
      user["StackName"] = name;
      CO_ASSERT_OK(co_await engine.ask(create_stack, user));
      EXPECT_EQ(co_await engine.settled(name), "CREATE_COMPLETE");
    }
    EXPECT_EQ((co_await engine.ask(delete_stack, {{"StackName", "first"}})).error().message,
              "Export chain cannot be deleted as it is in use by another, one-more and user");
    first["TemplateBody"] = kShorter;
    CO_ASSERT_OK(co_await engine.ask(update_stack, first));
    EXPECT_EQ(co_await engine.settled("first"), "UPDATE_ROLLBACK_COMPLETE");
  });
}

TEST_F(DriverTest, TakesInWhatExists) {
  world.things = {{"a", {{"Name", "a"}, {"Value", "one"}}}, {"b", {{"Name", "b"}, {"Value", "a"}}}};
  with_engine([&](Engine& engine) -> net::Task<void> {
    CO_ASSERT_OK(co_await engine.ask(create_stack, stack_of(kBeforeImport)));
    EXPECT_EQ(co_await engine.settled("s"), "CREATE_COMPLETE");
    CO_ASSERT_OK(co_await engine.ask(create_change_set, import_of(kImport)));
    const auto told = co_await engine.ask(describe_change_set, kTakeIn);
    EXPECT_EQ(told->at("ExecutionStatus"), "AVAILABLE") << told->dump();
    EXPECT_EQ(told->at("Changes")[0]["ResourceChange"]["Action"], "Import");
    CO_ASSERT_OK(co_await engine.ask(execute_change_set, kTakeIn));
    EXPECT_EQ(co_await engine.settled("s"), "IMPORT_COMPLETE");
    expect_world_of(engine, "s");
    EXPECT_EQ(std::count(world.calls.begin(), world.calls.end(), "create A"), 0);
    const auto same = co_await engine.ask(update_stack, stack_of(kImport));
    EXPECT_EQ(same.error().message, "No updates are to be performed.");

    json other = import_of("Resources: {A: {Type: 'AWS::SSM::Parameter', DeletionPolicy: Retain}}");
    other["StackName"] = "other";
    other["ResourcesToImport"].erase(1);
    CO_ASSERT_OK(co_await engine.ask(create_change_set, other));
    const auto refused = co_await engine.ask(
        describe_change_set, {{"StackName", "other"}, {"ChangeSetName", "take-in"}});
    EXPECT_EQ(refused->at("StatusReason"),
              "Resource a of type AWS::SSM::Parameter already belongs to stack " +
                  engine.book.find("s")->record.id);

    CO_ASSERT_OK(co_await engine.ask(delete_stack, {{"StackName", "s"}}));
    EXPECT_EQ(co_await engine.settled("s"), "");
    EXPECT_TRUE(world.things.contains("a"));  // As its policy says.
    EXPECT_FALSE(world.things.contains("b"));
  });
}

TEST_F(DriverTest, OneOfTwoImportsTakesAThingIn) {
  world.things = {{"a", json::object()}, {"b", json::object()}};
  world.waits = {"read A"};
  with_engine([&](Engine& engine) -> net::Task<void> {
    for (const char* name : {"s", "t"}) {
      json input = import_of(kImport);
      input["TemplateBody"] = std::string(kImport).substr(0, std::string(kImport).find("  D:"));
      input["StackName"] = name;
      CO_ASSERT_OK(co_await engine.ask(create_change_set, input));
    }
    CO_ASSERT_OK(co_await engine.ask(execute_change_set, kTakeIn));
    co_await world.begun("read A");
    const auto second =
        co_await engine.ask(execute_change_set, {{"StackName", "t"}, {"ChangeSetName", "take-in"}});
    EXPECT_TRUE(second.has_error());
    if (second.has_error()) {
      EXPECT_NE(second.error().message.find("already belongs to stack"), std::string::npos);
    }
    world.waits.clear();
    EXPECT_EQ(co_await engine.settled("s"), "IMPORT_COMPLETE");
  });
}

TEST_F(DriverTest, AnExceptionLeavesOneStackAsItIs) {
  world.checks_until_throw = 2;  // The first check is the request's.
  with_engine([&](Engine& engine) -> net::Task<void> {
    CO_ASSERT_OK(co_await engine.ask(create_stack, stack_of(kBeforeImport)));
    co_await world.until([this] { return world.checks_until_throw == 0; });
    EXPECT_EQ(engine.book.find("s")->record.status, core::StackStatus::create_in_progress);
  });
  with_engine([&](Engine& engine) -> net::Task<void> {
    EXPECT_EQ(co_await engine.settled("s"), "CREATE_COMPLETE");
  });
}

TEST_F(DriverTest, LeavesWhatItCannotTakeIn) {
  world.things = {{"a", json::object()}};
  with_engine([&](Engine& engine) -> net::Task<void> {
    json input = import_of(kImport);
    CO_ASSERT_OK(co_await engine.ask(create_change_set, input));
    const auto more = co_await engine.ask(describe_change_set, kTakeIn);
    EXPECT_EQ(more->at("StatusReason"), "Resources [D] is missing from ResourceToImport list");
    EXPECT_EQ(more->at("ExecutionStatus"), "UNAVAILABLE");
    CO_ASSERT_OK(co_await engine.ask(delete_stack, {{"StackName", "s"}}));
    EXPECT_EQ(co_await engine.settled("s"), "");

    CO_ASSERT_OK(co_await engine.ask(create_stack, stack_of(kBeforeImport)));
    EXPECT_EQ(co_await engine.settled("s"), "CREATE_COMPLETE");
    CO_ASSERT_OK(co_await engine.ask(create_change_set, import_of(kImport)));
    CO_ASSERT_OK(co_await engine.ask(execute_change_set, kTakeIn));
    EXPECT_EQ(co_await engine.settled("s"), "IMPORT_ROLLBACK_COMPLETE");  // There is no "b".
    EXPECT_EQ(world.things.size(), 2u);
    EXPECT_EQ(engine.book.find("s")->inventory().existing.size(), 1u);
    CO_ASSERT_OK(co_await engine.ask(delete_stack, {{"StackName", "s"}}));
    EXPECT_EQ(co_await engine.settled("s"), "");
    EXPECT_TRUE(world.things.contains("a"));

    input["ResourcesToImport"] = json::array();
    const auto unnamed = co_await engine.ask(create_change_set, input);
    EXPECT_EQ(unnamed.error().message,
              "ResourcesToImport is for change sets of type IMPORT, which need it");
  });
}

TEST_F(DriverTest, TakesInNothingUnderAnotherSpelling) {
  world.things = {{"a", json::object()}, {"b", json::object()}};
  with_engine([&](Engine& engine) -> net::Task<void> {
    CO_ASSERT_OK(co_await engine.ask(create_stack, stack_of(kBeforeImport)));
    EXPECT_EQ(co_await engine.settled("s"), "CREATE_COMPLETE");
    json input = import_of(kImport);
    for (json& one : input["ResourcesToImport"]) {
      for (auto& [name, id] : one["ResourceIdentifier"].items()) {
        if (id == "a") id = "arn:a";
      }
    }
    CO_ASSERT_OK(co_await engine.ask(create_change_set, input));
    CO_ASSERT_OK(co_await engine.ask(execute_change_set, kTakeIn));
    EXPECT_EQ(co_await engine.settled("s"), "IMPORT_ROLLBACK_COMPLETE");
    EXPECT_EQ(engine.book.find("s")->inventory().existing.size(), 1u);
    EXPECT_EQ(world.things.size(), 3u);
  });
}

// Templates in S3, parameters of SSM, secrets: the last are known to providers alone.
TEST_F(DriverTest, AsksTheOtherServices) {
  constexpr const char* kTemplate = R"(
Parameters: {Size: {Type: "AWS::SSM::Parameter::Value<String>", Default: /size}}
Resources:
  A:
    Type: Test::Thing
    Properties: {Name: !Ref Size, Value: "{{resolve:secretsmanager:s:SecretString:key}}"}
)";
  services.operations["s3.GetObject"] = [&](const json& input) -> Result<json> {
    EXPECT_EQ(input, (json{{"Bucket", "b"}, {"Key", "t.yaml"}}));
    return json{{"Body", base64(kTemplate)}};
  };
  services.operations["ssm.GetParameter"] = [](const json& input) -> Result<json> {
    EXPECT_EQ(input.at("Name"), "/size");
    return json{{"Parameter", {{"Value", "large"}}}};
  };
  services.operations["secretsmanager.GetSecretValue"] = [](const json&) -> Result<json> {
    return json{{"SecretString", R"({"key": "hunter2"})"}};
  };
  with_engine([&](Engine& engine) -> net::Task<void> {
    const json input = {{"StackName", "s"}, {"TemplateURL", "http://127.0.1.1:4566/b/t.yaml"}};
    CO_ASSERT_OK(co_await engine.ask(create_stack, input));
    EXPECT_EQ(co_await engine.settled("s"), "CREATE_COMPLETE");
    EXPECT_EQ(world.things.at("large"), (json{{"Name", "large"}, {"Value", "hunter2"}}));
    const auto inventory = engine.book.find("s")->inventory();
    EXPECT_EQ(inventory.existing.at({"A", "large"}).properties.at("Value"),
              "{{resolve:secretsmanager:s:SecretString:key}}");
    const auto told = co_await engine.ask(describe_stacks, {{"StackName", "s"}});
    EXPECT_EQ(told->at("Stacks")[0]["Parameters"][0]["ResolvedValue"], "large");
    services.operations.erase("secretsmanager.GetSecretValue");
    json other = {{"StackName", "t"}, {"TemplateBody", kTemplate}};
    CO_ASSERT_OK(co_await engine.ask(create_stack, other));
    EXPECT_EQ(co_await engine.settled("t"), "ROLLBACK_COMPLETE");
    services.operations.erase("ssm.GetParameter");
    other["StackName"] = "u";
    EXPECT_TRUE((co_await engine.ask(create_stack, other)).has_error());
    EXPECT_EQ(engine.book.find("u"), nullptr);
  });
}

// Goal: a region that ends at any write goes on with the operation when it is back.
// Method: an operation is done once for each write that it needs, and that write is the last that
// comes through, or the first that does not.
class CrashTest : public DriverTest, public ::testing::WithParamInterface<bool> {
 protected:
  // The operation's writes; 0: it was done before it came to `dies_at`.
  bool dies(Engine::Operation operation, json input, int dies_at) {
    bool has_died = false;
    with_engine([&](Engine& engine) -> net::Task<void> {
      engine.store.dies_at = dies_at;
      engine.store.last_is_written = GetParam();
      auto asking = engine.ask(operation, input);
      (co_await std::move(asking)).has_error();
      co_await engine.settled("s");
      has_died = engine.store.is_dead();
    });
    return has_died;
  }
};

TEST_P(CrashTest, EndsInReality) {
  const std::pair<std::set<std::string>, std::string> cases[] = {
      {{}, "CREATE_COMPLETE"}, {{"create C"}, "ROLLBACK_COMPLETE"}};
  for (const auto& [fails, expected] : cases) {
    for (int dies_at = 1;; ++dies_at) {
      SCOPED_TRACE("write " + std::to_string(dies_at));
      ASSERT_LT(dies_at, 100);
      world = {};
      world.fails = fails;
      std::filesystem::remove_all(folder.path);
      std::filesystem::create_directories(folder.path);
      if (!dies(create_stack, stack_of(kChain), dies_at)) break;
      with_engine([&](Engine& engine) -> net::Task<void> {
        const std::string status = co_await engine.settled("s");
        // Nothing was acknowledged, and nothing begun.
        if (status.empty()) EXPECT_EQ(dies_at, 1);
        if (!status.empty()) EXPECT_EQ(status, expected);
        expect_world_of(engine, "s");
      });
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(CrashTest, OfAnUpdateEndsInReality) {
  const std::pair<std::set<std::string>, std::string> cases[] = {
      {{}, "UPDATE_COMPLETE"}, {{"create B"}, "UPDATE_ROLLBACK_COMPLETE"}};
  for (const auto& [fails, expected] : cases) {
    for (int dies_at = 1;; ++dies_at) {
      SCOPED_TRACE("write " + std::to_string(dies_at));
      ASSERT_LT(dies_at, 100);
      world = {};
      std::filesystem::remove_all(folder.path);
      std::filesystem::create_directories(folder.path);
      ASSERT_FALSE(dies(create_stack, stack_of(kChain), 1000));
      world.fails = fails;
      if (!dies(update_stack, stack_of(kShorter), dies_at)) break;
      with_engine([&](Engine& engine) -> net::Task<void> {
        const std::string status = co_await engine.settled("s");
        if (status != "CREATE_COMPLETE" || dies_at != 1) EXPECT_EQ(status, expected);
        expect_world_of(engine, "s");
      });
      if (HasFatalFailure()) return;
    }
  }
}

TEST_P(CrashTest, OfAnImportEndsInReality) {
  for (const bool is_there : {true, false}) {
    for (int dies_at = 1;; ++dies_at) {
      SCOPED_TRACE("write " + std::to_string(dies_at));
      ASSERT_LT(dies_at, 100);
      world = {};
      world.things["a"] = {{"Name", "a"}, {"Value", "one"}};
      if (is_there) world.things["b"] = {{"Name", "b"}, {"Value", "a"}};
      const auto before = world.things;
      std::filesystem::remove_all(folder.path);
      std::filesystem::create_directories(folder.path);
      ASSERT_FALSE(dies(create_stack, stack_of(kBeforeImport), 1000));
      ASSERT_FALSE(dies(create_change_set, import_of(kImport), 1000));
      if (!dies(execute_change_set, kTakeIn, dies_at)) break;
      with_engine([&](Engine& engine) -> net::Task<void> {
        const std::string status = co_await engine.settled("s");
        const char* expected = is_there ? "IMPORT_COMPLETE" : "IMPORT_ROLLBACK_COMPLETE";
        if (status != "CREATE_COMPLETE" || dies_at != 1) EXPECT_EQ(status, expected);
        const std::size_t own = engine.book.find("s")->inventory().existing.size();
        EXPECT_EQ(own, status == "IMPORT_COMPLETE" ? 3u : 1u);
        for (const auto& [id, properties] : before) EXPECT_EQ(world.things.at(id), properties);
      });
      if (HasFatalFailure()) return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(LastWrite, CrashTest, ::testing::Bool());

}  // namespace
}  // namespace aurora_global::services::cloudformation
