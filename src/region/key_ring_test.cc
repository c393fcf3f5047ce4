// Goal: a key opens exactly what was sealed under it, exactly while AWS's rules let it, over
// restarts, and nothing of it is left when its deletion was due.
#include "region/key_ring.h"
#include "region/sqlite_store.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>
#include <sstream>

#include "base/testing/stepped_clock.h"
#include "net/testing/run.h"

namespace aurora_global::region {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;

// A ring over a store of its own; again() is what a restart does.
class Rig {
 public:
  explicit Rig(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {
    char place[] = "/tmp/aurora-global-keys-XXXXXX";
    dir_ = mkdtemp(place);
    again();
  }
  ~Rig() { std::filesystem::remove_all(dir_); }

  void again() {
    ring_.reset();
    store_.reset();
    store_ = SqliteStore::open(dir_ / "state.sqlite").value();
    vault_ = Vault::open(dir_ / "root.key").value();
    ring_ = std::make_unique<KeyRing>(executor_, *store_, *vault_, clock, RegionId{"us-east-1"},
                                      "123456789012");
    const auto loaded = ring_->load(store_->load().value());
    EXPECT_TRUE(loaded.has_value());
  }

  KeyRing& ring() { return *ring_; }
  Store& store() { return *store_; }
  // All bytes of the database's files.
  std::string files() const {
    std::stringstream all;
    for (const auto& entry : std::filesystem::directory_iterator(dir_)) {
      if (entry.path().filename().string().rfind("state.sqlite", 0) != 0) continue;
      // SQLite's index of the log holds no content, and may be truncated while it is read.
      if (entry.path().extension() == ".sqlite-shm") continue;
      all << std::ifstream(entry.path(), std::ios::binary).rdbuf();
      all.clear();
    }
    return all.str();
  }

  aurora_global::testing::SteppedClock clock;

 private:
  boost::asio::any_io_executor executor_;
  std::filesystem::path dir_;
  std::unique_ptr<Store> store_;
  std::optional<Vault> vault_;
  std::unique_ptr<KeyRing> ring_;
};

template <typename Body>  // (Rig&) -> Task<void>
void with_rig(Body body) {
  net::testing::run([&](net::TaskGroup& tasks) -> net::Task<void> {
    Rig rig(tasks.executor());
    co_await body(rig);
  });
}

template <typename T>
std::string code_of(const Result<T>& result) {
  return result.has_error() ? result.error().code : "done";
}

TEST(KeyRing, OpensWhatItSealedAfterARestartToo) {
  with_rig([](Rig& rig) -> net::Task<void> {
    const auto key = co_await rig.ring().create("mine", {{"team", "a"}});
    CO_ASSERT_OK(key);
    CO_ASSERT_OK((co_await rig.ring().create_alias("alias/mine", key->id)));
    const std::string text("some\0bytes", 10);
    std::vector<std::string> blobs;
    for (const std::string& reference :
         {key->id, rig.ring().key_arn(key->id), std::string("alias/mine"),
          rig.ring().alias_arn("alias/mine")}) {
      const auto sealed = rig.ring().seal(reference, {{"for", "test"}}, text);
      CO_ASSERT_OK(sealed);
      EXPECT_EQ(sealed->key_id, key->id);
      EXPECT_EQ(sealed->blob.find("bytes"), std::string::npos);
      blobs.push_back(sealed->blob);
    }
    EXPECT_NE(blobs[0], blobs[1]);
    rig.again();
    for (const std::string& blob : blobs) {
      const auto opened = rig.ring().open(blob, {{"for", "test"}});
      CO_ASSERT_OK(opened);
      EXPECT_EQ(opened->text, text);
      EXPECT_EQ(opened->key_id, key->id);
    }
    const auto found = rig.ring().find("alias/mine");
    CO_ASSERT_OK(found);
    EXPECT_EQ(found->description, "mine");
    EXPECT_EQ(found->tags.at("team"), "a");
    EXPECT_EQ(found->created, rig.clock.wall_now());
  });
}

TEST(KeyRing, RefusesEveryChangedByteAndOtherContexts) {
  with_rig([](Rig& rig) -> net::Task<void> {
    const auto key = co_await rig.ring().create("", {});
    const auto other = co_await rig.ring().create("", {});
    CO_ASSERT_OK(key);
    CO_ASSERT_OK(other);
    const SealContext context = {{"a", "1"}, {"b", "2"}};
    const auto sealed = rig.ring().seal(key->id, context, "text");
    CO_ASSERT_OK(sealed);
    for (std::size_t i = 0; i < sealed->blob.size(); ++i) {
      std::string changed = sealed->blob;
      changed[i] ^= 1;
      EXPECT_EQ(code_of(rig.ring().open(changed, context)), "InvalidCiphertextException") << i;
      EXPECT_EQ(code_of(rig.ring().open(sealed->blob.substr(0, i), context)),
                "InvalidCiphertextException");
    }
    for (const SealContext& wrong :
         {SealContext{}, {{"a", "1"}}, {{"a", "1"}, {"b", "3"}}, {{"a", "1\",\"b\":\"2"}}}) {
      EXPECT_EQ(code_of(rig.ring().open(sealed->blob, wrong)), "InvalidCiphertextException");
    }
    // The header of one key before the cipher of another.
    const auto theirs = rig.ring().seal(other->id, context, "text");
    CO_ASSERT_OK(theirs);
    const std::string mixed = theirs->blob.substr(0, 41) + sealed->blob.substr(41);
    EXPECT_EQ(code_of(rig.ring().open(mixed, context)), "InvalidCiphertextException");

    EXPECT_EQ(code_of(rig.ring().open(sealed->blob, context, other->id)), "IncorrectKeyException");
    EXPECT_EQ(code_of(rig.ring().open(sealed->blob, context, "absent")), "NotFoundException");
    EXPECT_EQ(code_of(rig.ring().open(sealed->blob, context, key->id)), "done");
  });
}

TEST(KeyRing, UnwrapsOnlyItsOwnMaterial) {
  with_rig([](Rig& rig) -> net::Task<void> {
    const auto key = co_await rig.ring().create("", {});
    const auto other = co_await rig.ring().create("", {});
    CO_ASSERT_OK(other);
    const auto sealed = rig.ring().seal(key->id, {}, "text");
    const auto documents = rig.store().load().value();
    const auto text_of = [&](const std::string& id) {
      for (const auto& document : documents) {
        if (document.name == "key:" + id) return document.text;
      }
      return std::string();
    };
    // Somebody who can write the database swaps the wrapped material of two keys.
    std::vector<Store::Document> swapped = {{"key:" + key->id, text_of(other->id)}};
    CO_ASSERT_OK((co_await rig.store().put(std::move(swapped))));
    rig.again();
    EXPECT_EQ(code_of(rig.ring().open(sealed->blob, {})), "KMSInvalidStateException");
    EXPECT_EQ(code_of(rig.ring().seal(key->id, {}, "text")), "KMSInvalidStateException");
  });
}

TEST(KeyRing, AKeyIsUsedOnlyWhileItIsEnabled) {
  with_rig([](Rig& rig) -> net::Task<void> {
    KeyRing& ring = rig.ring();
    const auto key = co_await ring.create("", {});
    const std::string id = key->id;
    const auto sealed = ring.seal(id, {}, "text");
    CO_ASSERT_OK(sealed);
    const auto use = [&] {
      std::string code = code_of(ring.seal(id, {}, "text"));
      EXPECT_EQ(code_of(ring.open(sealed->blob, {})), code);
      return code;
    };
    EXPECT_EQ(use(), "done");
    EXPECT_EQ(code_of(co_await ring.cancel_deletion(id)), "KMSInvalidStateException");
    CO_ASSERT_OK((co_await ring.set_disabled(id)));
    EXPECT_EQ(use(), "DisabledException");
    EXPECT_EQ(code_of(co_await ring.set_rotation(id, 90)), "DisabledException");
    CO_ASSERT_OK((co_await ring.set_disabled(id)));
    CO_ASSERT_OK((co_await ring.create_alias("alias/while-disabled", id)));
    CO_ASSERT_OK((co_await ring.set_enabled(id)));
    EXPECT_EQ(use(), "done");

    const auto due = co_await ring.schedule_deletion(id, days(7));
    CO_ASSERT_OK(due);
    EXPECT_EQ(due->deletion, rig.clock.wall_now() + days(7));
    EXPECT_EQ(use(), "KMSInvalidStateException");
    const std::string pending = "KMSInvalidStateException";
    EXPECT_EQ(code_of(co_await ring.schedule_deletion(id, days(8))), pending);
    EXPECT_EQ(code_of(co_await ring.set_enabled(id)), pending);
    EXPECT_EQ(code_of(co_await ring.set_disabled(id)), pending);
    EXPECT_EQ(code_of(co_await ring.set_rotation(id, 90)), pending);
    EXPECT_EQ(code_of(co_await ring.tag(id, {{"a", "b"}})), pending);
    EXPECT_EQ(code_of(co_await ring.untag(id, {"a"})), pending);
    EXPECT_EQ(code_of(co_await ring.create_alias("alias/new", id)), pending);
    EXPECT_EQ(code_of(co_await ring.update_alias("alias/while-disabled", id)), pending);
    CO_ASSERT_OK((co_await ring.cancel_deletion(id)));
    EXPECT_EQ(use(), "DisabledException");
    CO_ASSERT_OK((co_await ring.set_enabled(id)));
    EXPECT_EQ(use(), "done");
  });
}

TEST(KeyRing, AClockThatJumpsDestroysNothing) {
  with_rig([](Rig& rig) -> net::Task<void> {
    const auto key = co_await rig.ring().create("", {});
    CO_ASSERT_OK(key);
    const std::string id = key->id;
    CO_ASSERT_OK((co_await rig.ring().schedule_deletion(id, days(7))));
    rig.clock.step(days(400));
    CO_ASSERT_OK((co_await rig.ring().sweep()));
    EXPECT_TRUE(rig.ring().find(id).has_value());
    rig.clock.step(-days(400));
    CO_ASSERT_OK((co_await rig.ring().cancel_deletion(id)));
    CO_ASSERT_OK((co_await rig.ring().schedule_deletion(id, days(7))));
    rig.clock.advance(days(7));
    CO_ASSERT_OK((co_await rig.ring().sweep()));
    EXPECT_TRUE(rig.ring().find(id).has_error());
  });
}

TEST(KeyRing, NothingIsLeftWhenTheWindowHasPassed) {
  with_rig([](Rig& rig) -> net::Task<void> {
    const auto key = co_await rig.ring().create("", {});
    const auto kept = co_await rig.ring().create("", {});
    CO_ASSERT_OK(kept);
    const std::string id = key->id;
    const std::string wrapped = key->wrapped.front();
    CO_ASSERT_OK((co_await rig.ring().create_alias("alias/going", id)));
    CO_ASSERT_OK((co_await rig.ring().create_alias("alias/staying", kept->id)));
    const auto sealed = rig.ring().seal(id, {}, "text");
    CO_ASSERT_OK(sealed);
    CO_ASSERT_OK((co_await rig.ring().schedule_deletion(id, days(7))));

    rig.clock.advance(days(7) - 1us);
    CO_ASSERT_OK((co_await rig.ring().sweep()));
    rig.again();
    EXPECT_EQ(code_of(rig.ring().find(id)), "done");
    EXPECT_NE(rig.files().find(wrapped), std::string::npos);

    rig.clock.advance(1us);
    // Gone by the clock alone, before any sweep.
    EXPECT_EQ(code_of(rig.ring().find(id)), "NotFoundException");
    EXPECT_EQ(code_of(rig.ring().find("alias/going")), "NotFoundException");
    EXPECT_EQ(code_of(rig.ring().open(sealed->blob, {})), "InvalidCiphertextException");
    EXPECT_EQ(code_of(co_await rig.ring().cancel_deletion(id)), "NotFoundException");
    EXPECT_EQ(rig.ring().keys().size(), 1u);
    EXPECT_EQ(rig.ring().aliases().size(), 1u);

    CO_ASSERT_OK((co_await rig.ring().sweep()));
    EXPECT_EQ(rig.files().find(wrapped), std::string::npos);
    EXPECT_NE(rig.files().find(kept->wrapped.front()), std::string::npos);
    // Not even a clock that goes back brings it back.
    rig.clock.advance(-days(30));
    rig.again();
    EXPECT_EQ(code_of(rig.ring().open(sealed->blob, {})), "InvalidCiphertextException");
    EXPECT_EQ(code_of(rig.ring().find("alias/staying")), "done");
  });
}

TEST(KeyRing, RotationGivesNewMaterialAndOpensTheOld) {
  with_rig([](Rig& rig) -> net::Task<void> {
    const auto key = co_await rig.ring().create("", {});
    const std::string id = key->id;
    CO_ASSERT_OK((co_await rig.ring().set_rotation(id, 90)));
    const auto before = rig.ring().seal(id, {}, "before");
    CO_ASSERT_OK(before);
    rig.clock.advance(days(90) - 1us);
    CO_ASSERT_OK((co_await rig.ring().sweep()));
    EXPECT_EQ(rig.ring().find(id)->wrapped.size(), 1u);
    rig.clock.advance(1us);
    CO_ASSERT_OK((co_await rig.ring().sweep()));
    CO_ASSERT_OK((co_await rig.ring().sweep()));
    EXPECT_EQ(rig.ring().find(id)->wrapped.size(), 2u);
    rig.again();
    const auto after = rig.ring().seal(id, {}, "after");
    CO_ASSERT_OK(after);
    EXPECT_NE(after->blob.substr(0, 41), before->blob.substr(0, 41));
    EXPECT_EQ(rig.ring().open(before->blob, {})->text, "before");
    EXPECT_EQ(rig.ring().open(after->blob, {})->text, "after");
    // The old cipher under the new version's header.
    EXPECT_EQ(code_of(rig.ring().open(after->blob.substr(0, 41) + before->blob.substr(41), {})),
              "InvalidCiphertextException");

    CO_ASSERT_OK((co_await rig.ring().set_disabled(id)));
    rig.clock.advance(days(90));
    CO_ASSERT_OK((co_await rig.ring().sweep()));
    EXPECT_EQ(rig.ring().find(id)->wrapped.size(), 2u);
  });
}

TEST(KeyRing, AliasesLeadWhereTheyWereLast) {
  with_rig([](Rig& rig) -> net::Task<void> {
    KeyRing& ring = rig.ring();
    const auto first = co_await ring.create("", {});
    const auto second = co_await ring.create("", {});
    CO_ASSERT_OK((co_await ring.create_alias("alias/a", first->id)));
    EXPECT_EQ(code_of(co_await ring.create_alias("alias/a", second->id)), "AlreadyExistsException");
    EXPECT_EQ(code_of(co_await ring.update_alias("alias/b", second->id)), "NotFoundException");
    EXPECT_EQ(code_of(co_await ring.create_alias("alias/b", "alias/a")), "NotFoundException");
    CO_ASSERT_OK((co_await ring.update_alias("alias/a", ring.key_arn(second->id))));
    EXPECT_EQ(ring.find("alias/a")->id, second->id);
    EXPECT_EQ(code_of(co_await ring.schedule_deletion("alias/a", days(7))), "NotFoundException");
    CO_ASSERT_OK((co_await ring.delete_alias("alias/a")));
    EXPECT_EQ(code_of(co_await ring.delete_alias("alias/a")), "NotFoundException");
    rig.again();
    EXPECT_EQ(code_of(rig.ring().find("alias/a")), "NotFoundException");
    EXPECT_EQ(code_of(rig.ring().find("arn:aws:kms:us-west-2:123456789012:key/" + first->id)),
              "NotFoundException");
  });
}

TEST(KeyRing, TheManagedKeyIsMadeOnceAndChangedByNobody) {
  with_rig([](Rig& rig) -> net::Task<void> {
    const auto key = co_await rig.ring().managed_key("alias/aws/test");
    CO_ASSERT_OK(key);
    rig.again();
    EXPECT_EQ((co_await rig.ring().managed_key("alias/aws/test"))->id, key->id);
    EXPECT_EQ(rig.ring().keys().size(), 1u);
    EXPECT_EQ(code_of(rig.ring().seal("alias/aws/test", {}, "text")), "done");
    for (auto change : {&KeyRing::set_disabled, &KeyRing::cancel_deletion, &KeyRing::set_enabled}) {
      EXPECT_EQ(code_of(co_await (rig.ring().*change)(key->id)), "AccessDeniedException");
    }
    EXPECT_EQ(code_of(co_await rig.ring().schedule_deletion(key->id, days(7))),
              "AccessDeniedException");
  });
}

}  // namespace
}  // namespace aurora_global::region
