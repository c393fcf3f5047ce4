// Goal: what is asked twice is done once, what is asked meanwhile changes nothing that is not there
// any more, and whatever was taken can be read by the next process.
#include <boost/asio/post.hpp>

#include "services/cloudformation/driver.h"
#include "services/cloudformation/testing/engine.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;
using testing::Engine;
using testing::ImportableThing;

constexpr const char* kOne = "Resources: {D: {Type: Test::Thing, Properties: {Name: d}}}";
constexpr const char* kTwo =
    "Resources: {D: {Type: Test::Thing, Properties: {Name: d, Value: two}}}";

constexpr const char* kThree =
    "Resources: {D: {Type: Test::Thing, Properties: {Name: d, Value: three}}}";

json request_of_stack(const char* text) { return {{"StackName", "s"}, {"TemplateBody", text}}; }

json change_set_of(const char* text, const char* name, const char* type = "CREATE") {
  json input = request_of_stack(text);
  input["ChangeSetName"] = name;
  input["ChangeSetType"] = type;
  return input;
}

json named(const char* name) { return {{"StackName", "s"}, {"ChangeSetName", name}}; }

class RequestsTest : public testing::EngineTest {
 protected:
  // Another process reads what this one has stored.
  void expect_readable() {
    with_engine([](Engine&) -> net::Task<void> { co_return; });
  }
};

TEST_F(RequestsTest, RefuseNamesThatAreNone) {
  with_engine([&](Engine& engine) -> net::Task<void> {
    for (const std::string& name : {std::string("a_b"), std::string("1a"), std::string(""),
                                    std::string("arn:aws:cloudformation:us-east-1:1:stack/s/u"),
                                    std::string(129, 'a'), std::string(20'000, 'a')}) {
      json stack = request_of_stack(kOne);
      json change_set = change_set_of(kOne, "c");
      stack["StackName"] = change_set["StackName"] = name;
      std::vector<Result<json>> answers;
      answers.push_back(co_await engine.ask(create_stack, stack));
      answers.push_back(co_await engine.ask(create_change_set, change_set));
      for (const auto& answer : answers) {
        EXPECT_TRUE(answer.has_error()) << name;
        if (answer.has_value()) continue;
        EXPECT_TRUE(answer.error().message.starts_with("1 validation error detected: Value '"))
            << answer.error().message;
      }
    }
    EXPECT_TRUE(engine.book.stacks().empty());
  });
}

// Two of them are planned side by side.
TEST_F(RequestsTest, AreDoneOnceByTheirToken) {
  with_engine([&](Engine& engine) -> net::Task<void> {
    json input = request_of_stack(kOne);
    input["ClientRequestToken"] = "token";
    net::TaskGroup tasks(co_await boost::asio::this_coro::executor);
    std::vector<Result<json>> answers;
    for (int i = 0; i < 2; ++i) {
      tasks.spawn("ask", [](Engine& engine, json input, auto& answers) -> net::Task<void> {
        auto asking = engine.ask(create_stack, std::move(input));
        answers.push_back(co_await std::move(asking));
      }(engine, input, answers));
    }
    co_await tasks.join();
    for (const auto& answer : answers) CO_ASSERT_OK(answer);
    EXPECT_EQ(answers.at(0)->at("StackId"), answers.at(1)->at("StackId"));
    EXPECT_EQ(co_await engine.settled("s"), "CREATE_COMPLETE");

    CO_ASSERT_OK(co_await engine.ask(create_change_set, change_set_of(kTwo, "c", "UPDATE")));
    json execute = named("c");
    execute["ClientRequestToken"] = "again";
    CO_ASSERT_OK(co_await engine.ask(execute_change_set, execute));
    CO_ASSERT_OK(co_await engine.ask(execute_change_set, execute));
    EXPECT_EQ(co_await engine.settled("s"), "UPDATE_COMPLETE");
    CO_ASSERT_OK(co_await engine.ask(execute_change_set, execute));
    execute["ClientRequestToken"] = "other";
    EXPECT_EQ((co_await engine.ask(execute_change_set, execute)).error().code,
              "InvalidChangeSetStatus");
  });
}

TEST_F(RequestsTest, MakeNoDeletedStackAnew) {
  with_engine([&](Engine& engine) -> net::Task<void> {
    CO_ASSERT_OK(co_await engine.ask(create_change_set, change_set_of(kOne, "first")));
    net::TaskGroup tasks(co_await boost::asio::this_coro::executor);
    Result<json> second = json();
    {
      auto locking = engine.book.lock();
      const auto guard = co_await std::move(locking);
      tasks.spawn("delete", [](Engine& engine) -> net::Task<void> {
        auto asking = engine.ask(delete_stack, {{"StackName", "s"}});
        EXPECT_TRUE((co_await std::move(asking)).has_value());
      }(engine));
      tasks.spawn("create", [](Engine& engine, auto& second) -> net::Task<void> {
        auto asking = engine.ask(create_change_set, change_set_of(kOne, "second"));
        second = co_await std::move(asking);
      }(engine, second));
      // Behind the first turn of both, which ends at the lock.
      co_await boost::asio::post(boost::asio::use_awaitable);
    }
    co_await tasks.join();
    EXPECT_TRUE(second.has_error());
    if (second.has_error()) EXPECT_EQ(second.error().message, "Stack [s] does not exist");
    EXPECT_EQ(co_await engine.settled("s"), "");
  });
}

// A change set is of the stack as it was when it was made.
TEST_F(RequestsTest, LeaveChangeSetsThatAreObsolete) {
  with_engine([&](Engine& engine) -> net::Task<void> {
    CO_ASSERT_OK(co_await engine.ask(create_stack, request_of_stack(kOne)));
    EXPECT_EQ(co_await engine.settled("s"), "CREATE_COMPLETE");
    CO_ASSERT_OK(co_await engine.ask(create_change_set, change_set_of(kTwo, "c", "UPDATE")));
    CO_ASSERT_OK(co_await engine.ask(update_stack, request_of_stack(kTwo)));
    EXPECT_EQ(co_await engine.settled("s"), "UPDATE_COMPLETE");
    const auto told = co_await engine.ask(describe_change_set, named("c"));
    EXPECT_EQ(told->at("ExecutionStatus"), "OBSOLETE");
    EXPECT_EQ((co_await engine.ask(execute_change_set, named("c"))).error().code,
              "InvalidChangeSetStatus");
  });
  expect_readable();
}

// The region ends at the write behind the one that executes.
TEST_F(RequestsTest, ExecuteAChangeSetInOneWrite) {
  with_engine([&](Engine& engine) -> net::Task<void> {
    CO_ASSERT_OK(co_await engine.ask(create_change_set, change_set_of(kOne, "c")));
    CO_ASSERT_OK(co_await engine.ask(create_change_set, change_set_of(kTwo, "other")));
    engine.store.dies_at = engine.store.writes + 2;
    CO_ASSERT_OK(co_await engine.ask(execute_change_set, named("c")));
    EXPECT_EQ(engine.book.find_change_set("c", "s")->execution_status, "EXECUTE_COMPLETE");
    EXPECT_EQ(engine.book.find_change_set("other", "s"), nullptr);
  });
  with_engine([&](Engine& engine) -> net::Task<void> {
    EXPECT_EQ(engine.book.find_change_set("c", "s")->execution_status, "EXECUTE_COMPLETE");
    EXPECT_EQ(engine.book.find_change_set("other", "s"), nullptr);
    CO_ASSERT_OK(co_await engine.ask(delete_change_set, named("c")));
    EXPECT_EQ(co_await engine.settled("s"), "CREATE_COMPLETE");
    CO_ASSERT_OK(co_await engine.ask(get_template, {{"StackName", "s"}}));
  });
}

// Wherever the region ends: also when the rollback is over and the deletion has not begun.
TEST_F(RequestsTest, RemoveWhatCouldNotBeMadeAfterARestart) {
  world.fails = {"create D"};
  bool has_died = true;
  for (int at = 1; has_died && at < 100; ++at) {
    with_engine([&](Engine& engine) -> net::Task<void> {
      engine.store.dies_at = at;
      json input = request_of_stack(kOne);
      input["OnFailure"] = "DELETE";
      (co_await engine.ask(create_stack, input)).has_error();
      (co_await engine.settled("s")).clear();
      has_died = engine.store.is_dead();
    });
    with_engine([&](Engine& engine) -> net::Task<void> {
      EXPECT_EQ(co_await engine.settled("s"), "") << "died at write " << at;
      EXPECT_TRUE(world.things.empty());
    });
  }
  EXPECT_FALSE(has_died);
}

// The disk is full for the write that begins the deletion.
TEST_F(RequestsTest, RemoveWhatCouldNotBeMadeOnceTheStoreTakesIt) {
  world.fails = {"create D"};
  with_engine([&](Engine& engine) -> net::Task<void> {
    json input = request_of_stack(kOne);
    input["OnFailure"] = "DELETE";
    CO_ASSERT_OK(co_await engine.ask(create_stack, input));
    EXPECT_EQ(co_await engine.settled("s"), "");
    const int writes = engine.store.writes;
    input["StackName"] = "t";
    for (int at = 1; at <= writes; ++at) engine.store.fails_once.insert(writes + 2 * at);
    CO_ASSERT_OK(co_await engine.ask(create_stack, input));
    EXPECT_EQ(co_await engine.settled("t"), "");
    EXPECT_TRUE(world.things.empty());
  });
}

TEST_F(RequestsTest, UpdateOnceByTheirTokenAlsoWhenItIsOver) {
  with_engine([&](Engine& engine) -> net::Task<void> {
    json input = request_of_stack(kOne);
    input["ClientRequestToken"] = "first";
    CO_ASSERT_OK(co_await engine.ask(create_stack, input));
    EXPECT_EQ(co_await engine.settled("s"), "CREATE_COMPLETE");
    EXPECT_EQ((co_await engine.ask(update_stack, input)).error().message,
              "No updates are to be performed.");
    input = request_of_stack(kTwo);
    input["ClientRequestToken"] = "second";
    CO_ASSERT_OK(co_await engine.ask(update_stack, input));
    EXPECT_EQ(co_await engine.settled("s"), "UPDATE_COMPLETE");
    CO_ASSERT_OK(co_await engine.ask(update_stack, input));
    input["ClientRequestToken"] = "third";
    EXPECT_EQ((co_await engine.ask(update_stack, input)).error().message,
              "No updates are to be performed.");
  });
}

// What the stack was made of before an update that failed and was kept, and what it never became.
TEST_F(RequestsTest, LeaveNoTemplateThatNothingNames) {
  const auto templates = [&](std::size_t wanted) {
    with_engine([wanted](Engine& engine) -> net::Task<void> {
      EXPECT_EQ(engine.file->load("template")->size(), wanted);
      co_return;
    });
  };
  with_engine([&](Engine& engine) -> net::Task<void> {
    CO_ASSERT_OK(co_await engine.ask(create_stack, request_of_stack(kOne)));
    EXPECT_EQ(co_await engine.settled("s"), "CREATE_COMPLETE");
    world.fails = {"update D"};
    json input = request_of_stack(kTwo);
    input["DisableRollback"] = true;
    CO_ASSERT_OK(co_await engine.ask(update_stack, input));
    EXPECT_EQ(co_await engine.settled("s"), "UPDATE_FAILED");
  });
  templates(2);
  with_engine([&](Engine& engine) -> net::Task<void> {
    CO_ASSERT_OK(co_await engine.ask(update_stack, request_of_stack(kTwo)));
    EXPECT_EQ(co_await engine.settled("s"), "UPDATE_ROLLBACK_FAILED");
    world.fails.clear();
    CO_ASSERT_OK(co_await engine.ask(continue_update_rollback, {{"StackName", "s"}}));
    EXPECT_EQ(co_await engine.settled("s"), "UPDATE_ROLLBACK_COMPLETE");
    CO_ASSERT_OK(co_await engine.ask(update_stack, request_of_stack(kThree)));
    EXPECT_EQ(co_await engine.settled("s"), "UPDATE_COMPLETE");
    CO_ASSERT_OK(co_await engine.ask(get_template, {{"StackName", "s"}}));
  });
  templates(1);
}

// Lists and names that no model bounds.
TEST_F(RequestsTest, AreReadAgainWhateverTheirSize) {
  with_engine([&](Engine& engine) -> net::Task<void> {
    json input = request_of_stack(kOne);
    input["Capabilities"] = json(std::vector<std::string>(2000, "CAPABILITY_IAM"));
    CO_ASSERT_OK(co_await engine.ask(create_stack, input));
    EXPECT_EQ(co_await engine.settled("s"), "CREATE_COMPLETE");
    json taking = change_set_of(
        "Resources: {A: {Type: 'AWS::SSM::Parameter', DeletionPolicy: Retain}}", "c", "IMPORT");
    taking["StackName"] = "t";
    taking["ResourcesToImport"] = {{{"ResourceType", ImportableThing::kType},
                                    {"LogicalResourceId", "A"},
                                    {"ResourceIdentifier", {{"Name", std::string(2000, 'n')}}}}};
    CO_ASSERT_OK(co_await engine.ask(create_change_set, taking));
    const json wanted = {{"StackName", "t"}, {"ChangeSetName", "c"}};
    EXPECT_TRUE((co_await engine.ask(execute_change_set, wanted)).has_error());
  });
  expect_readable();
}

}  // namespace
}  // namespace aurora_global::services::cloudformation
