// CloudFormation's driver over a type of the test's, with a store that can end at a write as a
// crash does.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>

#include "net/testing/run.h"
#include "services/cloudformation/providers/all.h"
#include "services/cloudformation/service.h"
#include "services/cloudformation/testing/fake_provider.h"
#include "services/testing/fake_region.h"
#include "services/testing/fake_services.h"

namespace aurora_global::services::cloudformation::testing {

// A folder for the file, for the test's time.
struct Folder {
  Folder() {
    char place[] = "/tmp/aurora-global-stacks-XXXXXX";
    path = mkdtemp(place);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

// Passes writes on until the `dies_at`th: from there on none comes through, the first perhaps
// without anybody hearing of it.
class MortalStore final : public Store {
 public:
  explicit MortalStore(Store& store) : store_(store) {}
  net::Task<Result<void>> write(Write write) override {
    const int number = ++writes;
    if (fails_once.contains(number)) co_return make_error(ErrorKind::exhausted, "full for now");
    if (number > dies_at || (number == dies_at && !last_is_written)) {
      co_return make_error(ErrorKind::exhausted, "the disk is full");
    }
    auto writing = store_.write(std::move(write));
    CO_TRY_VOID(co_await std::move(writing));
    if (number == dies_at) co_return make_error(ErrorKind::exhausted, "the disk is full");
    co_return ok();
  }
  net::Task<Result<std::optional<std::string>>> read(std::string key) override {
    return store_.read(std::move(key));
  }
  net::Task<Result<std::vector<StoredEvent>>> events(std::string stack_id, std::int64_t before,
                                                     int most) override {
    return store_.events(std::move(stack_id), before, most);
  }

  int writes = 0;
  std::set<int> fails_once;  // Of the writes.
  int dies_at = 1'000'000;
  bool last_is_written = false;
  bool is_dead() const { return writes >= dies_at; }

 private:
  Store& store_;
};

struct Engine {
  Engine(boost::asio::any_io_executor executor, const Folder& folder, World& world,
         services::testing::FakeRegion& region, services::testing::FakeServices& services)
      : file(*SqliteStore::open(folder.path / "stacks.sqlite")),
        store(*file),
        book(executor, region.facts(), store),
        fetcher(region, services,
                {services::testing::FakeRegion::kKey, services::testing::FakeRegion::kSecret, ""}),
        planner(book, fetcher, services, providers),
        driver(executor, book, planner, fetcher, providers),
        service{book, planner, driver, services} {
    providers.add(std::make_unique<Thing>(world));
    providers.add(std::make_unique<ImportableThing>(world));
    const auto taken = book.take(*file->load("stack"), *file->load("deployment"),
                                 *file->load("claim"), *file->load("changeset"));
    EXPECT_TRUE(taken.has_value());
  }

  // An operation, as a client asks for it.
  using Operation = Answer (*)(Service&, Members);
  net::Task<Result<nlohmann::json>> ask(Operation operation, nlohmann::json input) {
    auto running = operation(service, Members(std::move(input), "cloudformation", "CreateStack"));
    co_return co_await std::move(running);
  }
  // The status of the stack once nothing is done to it any more, or the store has died.
  net::Task<std::string> settled(std::string name) {
    const Deadline limit = Deadline::in(std::chrono::seconds(20));
    while (!limit.passed() && !store.is_dead()) {
      const Stack* stack = book.find(name);
      if (stack == nullptr) co_return "";
      if (core::is_end(stack->record.status) && !stack->is_driven) {
        co_return std::string(core::name_of(stack->record.status));
      }
      co_await net::sleep_for(std::chrono::milliseconds(1));
    }
    co_return "(does not settle)";
  }

  std::unique_ptr<SqliteStore> file;
  MortalStore store;
  Book book;
  Providers providers;
  Fetcher fetcher;
  Planner planner;
  Driver driver;
  Service service;
};

// What a stack of things is tested in: the world outlives the engines.
class EngineTest : public ::testing::Test {
 protected:
  // Runs `body(engine)` in a process of its own, as it were.
  template <typename Body>
  void with_engine(const Body& body) {
    net::testing::run([&](net::TaskGroup& tasks) -> net::Task<void> {
      Engine engine(tasks.executor(), folder, world, region, services);
      engine.driver.start();
      auto running = body(engine);
      co_await std::move(running);
      auto stopping = engine.driver.stop();
      co_await std::move(stopping);
    });
  }
  // What the stack says it has is what the world has.
  void expect_world_of(const Engine& engine, const std::string& name) {
    std::set<std::string> ids;
    if (const Stack* stack = engine.book.find(name)) {
      for (const auto& [key, what] : stack->inventory().existing) {
        ids.insert(key.second);
        const auto found = world.things.find(key.second);
        ASSERT_NE(found, world.things.end()) << key.second << " is not there";
        EXPECT_EQ(found->second, what.properties) << key.second;
      }
    }
    for (const auto& [id, properties] : world.things) {
      EXPECT_TRUE(ids.contains(id)) << id << " is nobody's";
    }
  }

  Folder folder;
  World world;
  services::testing::FakeRegion region;
  services::testing::FakeServices services;
};

}  // namespace aurora_global::services::cloudformation::testing
