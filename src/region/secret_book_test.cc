// Goal: nothing of value is thrown away. After any partition, both regions know one AWSCURRENT
// version, and where it was set by a rotation its password is the one that PostgreSQL has.
#include "region/secret_book.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "base/base64.h"
#include "base/rng.h"
#include "net/testing/run.h"
#include "pgclient/connection.h"

namespace aurora_global::region {
namespace {

using Json = nlohmann::json;

// What is put is kept, in memory.
class BookStore final : public Store {
 public:
  Result<std::vector<Document>> load() override {
    std::vector<Document> all;
    all.reserve(documents.size());
    for (const auto& [name, text] : documents) all.push_back({name, text});
    return all;
  }
  net::Task<Result<void>> put(std::vector<Document> put, std::vector<std::string>) override {
    if (const auto meanwhile = std::exchange(while_putting, nullptr)) {
      auto happening = meanwhile();
      co_await std::move(happening);
    }
    for (Document& one : put) documents[one.name] = std::move(one.text);
    co_return ok();
  }
  net::Task<Result<void>> forget() override { co_return ok(); }
  net::Task<Result<void>> add_event(model::Event) override { co_return ok(); }
  net::Task<Result<std::vector<model::Event>>> events(WallTime, WallTime) override {
    co_return std::vector<model::Event>();
  }
  std::map<std::string, std::string> documents;
  std::function<net::Task<void>()> while_putting;  // Once.
};

// Two regions, a link that may be cut, and a PostgreSQL in each, which has what the writer's has
// unless the link is cut.
struct World {
  bool cut = false;
  std::string writer = "east";
  std::uint64_t epoch = 1;
  // What the next change of a password ends in; done all the same when it is a time-out.
  std::optional<ErrorKind> password_fails;
  std::string fails_with;  // The code of that.
  // What happens while the next change of a password is under way.
  std::function<net::Task<void>()> meanwhile;
};

class Region final : public SecretBookOutside {
 public:
  Region(boost::asio::any_io_executor executor, World& world, std::string name)
      : world_(world),
        name_(std::move(name)),
        home_(make_home()),
        vault_(*Vault::open(home_ / "root.key")),
        keys_(executor, store_, vault_, clock_, RegionId{name_}, "123456789012"),
        secrets(executor, RegionId{name_}, store_, vault_, keys_, clock_, *this) {}
  ~Region() override { std::filesystem::remove_all(home_); }

  RegionId deciding_region() const override { return RegionId{believed_writer}; }
  std::optional<std::uint64_t> writing_epoch() const override {
    return believed_writer == name_ ? std::optional(believed_epoch) : std::nullopt;
  }
  net::Task<Result<void>> set_role_verifier(std::string, std::string written) override {
    if (const auto meanwhile = std::exchange(world_.meanwhile, nullptr)) {
      auto happening = meanwhile();
      co_await std::move(happening);
    }
    const auto fails = std::exchange(world_.password_fails, std::nullopt);
    if (!fails || *fails == ErrorKind::timeout) verifier = std::move(written);
    ++passwords_set;
    if (!world_.cut && world_.writer == name_) other->verifier = verifier;
    if (fails) co_return make_error(*fails, "refused for a test", world_.fails_with);
    co_return ok();
  }
  net::Task<Result<Json>> ask_region(RegionId, std::string what, Json question, Deadline) override {
    if (world_.cut) co_return make_error(ErrorKind::unavailable, "the link is cut");
    if (what == "secret") co_return co_await other->secrets.answer_secret(question);
    co_return co_await other->secrets.answer_rotate(question);
  }
  net::Task<void> tell_all() override {
    if (!world_.cut) co_await other->secrets.learn(RegionId{name_}, secrets.clocks());
  }

  Region* other = nullptr;
  std::string verifier;  // As this region's PostgreSQL has it.
  int passwords_set = 0;
  std::string believed_writer = "east";
  std::uint64_t believed_epoch = 1;

  BookStore& store() { return store_; }

 private:
  static std::filesystem::path make_home() {
    char place[] = "/tmp/aurora-global-secrets-XXXXXX";
    return mkdtemp(place);
  }
  World& world_;
  std::string name_;
  std::filesystem::path home_;
  BookStore store_;
  Vault vault_;
  SystemClock clock_;
  KeyRing keys_;

 public:
  SecretBook secrets;
};

struct Pair {
  explicit Pair(net::TaskGroup& group)
      : tasks(group), east(group.executor(), world, "east"), west(group.executor(), world, "west") {
    east.other = &west;
    west.other = &east;
  }
  net::Task<void> create(std::string password) {
    const std::string text = Json{{"username", "app"}, {"password", password}}.dump();
    east.verifier = west.verifier = pgclient::scram_verifier(password);
    co_await put(east, text, "v0");
  }
  Region& writer() { return world.writer == "east" ? east : west; }
  static net::Task<void> put(Region& region, std::string text, std::string id) {
    const auto edit = [text, id](std::optional<Secret> secret) -> EditedSecret {
      SecretDocument document;
      document.about["versions"] = Json::array();
      if (secret) {
        TRY(document, SecretDocument::of(*secret));
      }
      document.add(id, text, {kCurrent}, 1);
      return document.secret();
    };
    const auto put = co_await region.secrets.update("s", edit);
    EXPECT_TRUE(put.has_value()) << put.error().message;
  }
  net::Task<void> heal() {
    world.cut = false;
    for (Region* region : {&east, &west}) {
      region->believed_writer = world.writer;
      region->believed_epoch = world.epoch;
      region->verifier = writer().verifier;  // Rewound, replicated.
    }
    // As often as gossip comes: what one learns, the other hears of.
    for (int i = 0; i < 3; ++i) {
      co_await east.secrets.settle();
      co_await west.secrets.settle();
      co_await east.secrets.learn(RegionId{"west"}, west.secrets.clocks());
      co_await west.secrets.learn(RegionId{"east"}, east.secrets.clocks());
    }
  }

  net::TaskGroup& tasks;
  World world;
  Region east, west;
};

SecretDocument read(Region& region) {
  const auto about = region.secrets.about("s");
  const auto values = region.secrets.values("s");
  EXPECT_TRUE(about.has_value() && values.has_value());
  return *SecretDocument::of(Secret{*about, *values, {}});
}

std::string current_text(Region& region) {
  const SecretDocument document = read(region);
  const Json* current = document.version("", kCurrent);
  EXPECT_NE(current, nullptr);
  return current == nullptr ? "" : document.text_of(*current);
}

template <typename Body>
void with_pair(const Body& body) {
  net::testing::run([&](net::TaskGroup& tasks) -> net::Task<void> {
    Pair pair(tasks);
    auto running = body(pair);
    co_await std::move(running);
  });
}

std::string hmac(const std::string& key, std::string_view text) {
  unsigned char out[32];
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), out, nullptr);
  return {reinterpret_cast<const char*>(out), sizeof out};
}

// Whether the password in a secret's text opens what has this verifier (RFC 5802, section 3).
bool opens(const std::string& verifier, const std::string& text) {
  const std::string password = Json::parse(text).at("password").get<std::string>();
  // SCRAM-SHA-256$4096:<salt>$<stored key>:<server key>
  const auto salt_at = verifier.find(':') + 1;
  const auto stored_at = verifier.find('$', salt_at) + 1;
  const auto salt = *from_base64(verifier.substr(salt_at, stored_at - 1 - salt_at));
  const auto stored = verifier.substr(stored_at, verifier.find(':', stored_at) - stored_at);
  std::string salted(32, '\0');
  PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                    reinterpret_cast<const unsigned char*>(salt.data()),
                    static_cast<int>(salt.size()), 4096, EVP_sha256(), 32,
                    reinterpret_cast<unsigned char*>(salted.data()));
  const std::string key = hmac(salted, "Client Key");
  unsigned char digest[32];
  SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest);
  return base64({reinterpret_cast<const char*>(digest), sizeof digest}) == stored;
}

TEST(SecretBook, FiveRotationsBehindACutLinkThrowNothingAway) {
  with_pair([](Pair& pair) -> net::Task<void> {
    co_await pair.create("first");
    pair.world.cut = true;
    for (int i = 0; i < 5; ++i) {
      EXPECT_TRUE(
          (co_await pair.west.secrets.rotate("s", "west-" + std::to_string(i))).has_error());
    }
    EXPECT_EQ(Json::parse(current_text(pair.west))["password"], "first");
    EXPECT_EQ(read(pair.west).version("", kPending), nullptr);
    co_await pair.heal();
    EXPECT_EQ(Json::parse(current_text(pair.east))["password"], "first");
    EXPECT_EQ(current_text(pair.east), current_text(pair.west));
    EXPECT_TRUE((co_await pair.west.secrets.rotate("s", "after")).has_value());
    EXPECT_EQ(current_text(pair.east), current_text(pair.west));
    EXPECT_TRUE(opens(pair.writer().verifier, current_text(pair.west)));
  });
}

TEST(SecretBook, ARefusedRotationLeavesNoTrace) {
  with_pair([](Pair& pair) -> net::Task<void> {
    co_await pair.create("first");
    pair.world.password_fails = ErrorKind::denied;
    EXPECT_TRUE((co_await pair.east.secrets.rotate("s", "new")).has_error());
    const SecretDocument document = read(pair.east);
    EXPECT_EQ(document.version("new", ""), nullptr);
    EXPECT_EQ(Json::parse(current_text(pair.east))["password"], "first");
  });
}

// The database has the new password, and nobody was told so.
TEST(SecretBook, ARotationWithoutAnAnswerIsSettled) {
  with_pair([](Pair& pair) -> net::Task<void> {
    co_await pair.create("first");
    pair.world.password_fails = ErrorKind::timeout;
    EXPECT_TRUE((co_await pair.east.secrets.rotate("s", "new")).has_error());
    EXPECT_EQ(Json::parse(current_text(pair.east))["password"], "first");
    EXPECT_FALSE(opens(pair.writer().verifier, current_text(pair.east)));
    co_await pair.heal();
    EXPECT_TRUE(opens(pair.writer().verifier, current_text(pair.east)));
    EXPECT_EQ(read(pair.west).version("", kPending), nullptr);
  });
}

// West becomes the writer in a partition, and does not know the last rotation in the east.
net::Task<void> become_writer_with_an_older_password(Pair& pair) {
  co_await pair.create("first");
  EXPECT_TRUE((co_await pair.east.secrets.rotate("s", "known")).has_value());
  pair.world.cut = true;
  EXPECT_TRUE((co_await pair.east.secrets.rotate("s", "later")).has_value());
  pair.world.writer = pair.west.believed_writer = "west";
  pair.world.epoch = pair.west.believed_epoch = 2;
}

// The new writer sets the password that it knows, and hears of a later one meanwhile.
TEST(SecretBook, WhatIsLearntWhileAPasswordIsSetIsSettledToo) {
  with_pair([](Pair& pair) -> net::Task<void> {
    co_await become_writer_with_an_older_password(pair);
    pair.world.meanwhile = [&pair]() -> net::Task<void> {
      pair.world.cut = false;
      co_await pair.west.secrets.learn(RegionId{"east"}, pair.east.secrets.clocks());
    };
    co_await pair.west.secrets.settle();
    EXPECT_EQ(read(pair.west).version("", kCurrent)->at("id"), "later");
    co_await pair.west.secrets.settle();
    EXPECT_TRUE(opens(pair.west.verifier, current_text(pair.west)));
  });
}

// The other way round: it sets the password that it has while the later one is being stored.
TEST(SecretBook, WhatIsStoredWhileAPasswordIsSetIsSettledToo) {
  with_pair([](Pair& pair) -> net::Task<void> {
    co_await become_writer_with_an_older_password(pair);
    co_await pair.west.secrets.settle();
    pair.west.store().while_putting = [&pair]() -> net::Task<void> {
      const int before = pair.west.passwords_set;
      pair.tasks.spawn("settle", pair.west.secrets.settle());
      // At most one round of it, whether or not there is something to settle.
      for (int i = 0; i < 50 && pair.west.passwords_set == before; ++i) {
        co_await net::sleep_for(std::chrono::milliseconds(1));
      }
    };
    pair.world.cut = false;
    co_await pair.west.secrets.learn(RegionId{"east"}, pair.east.secrets.clocks());
    EXPECT_EQ(read(pair.west).version("", kCurrent)->at("id"), "later");
    co_await pair.west.secrets.settle();
    EXPECT_TRUE(opens(pair.west.verifier, current_text(pair.west)));
  });
}

TEST(SecretBook, BothCurrentVersionsOfAPartitionAreKept) {
  with_pair([](Pair& pair) -> net::Task<void> {
    co_await pair.create("first");
    pair.world.cut = true;
    co_await Pair::put(pair.east, "of the writer", "east-1");
    co_await Pair::put(pair.west, "of the other", "west-1");
    co_await pair.heal();
    for (Region* region : {&pair.east, &pair.west}) {
      EXPECT_EQ(current_text(*region), "of the writer");
      const SecretDocument document = read(*region);
      const Json* previous = document.version("", kPrevious);
      EXPECT_NE(previous, nullptr);
      if (previous != nullptr) EXPECT_EQ(document.text_of(*previous), "of the other");
    }
  });
}

// 50 random interleavings of what both sides of a partition may do, among it the death of the
// writer's region together with what its PostgreSQL had not replicated.
TEST(SecretBook, OnePasswordIsValidAfterAnyPartition) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    with_pair([seed](Pair& pair) -> net::Task<void> {
      Rng rng(seed);
      co_await pair.create("first");
      EXPECT_TRUE((co_await pair.east.secrets.rotate("s", "begin")).has_value());
      EXPECT_TRUE(opens(pair.writer().verifier, current_text(pair.east)));
      for (int step = 0; step < 12; ++step) {
        Region& region = rng.below(2) == 0 ? pair.east : pair.west;
        const std::string id = "v" + std::to_string(seed) + "-" + std::to_string(step);
        switch (rng.below(6)) {
          case 0: pair.world.cut = true; break;
          case 1: co_await pair.heal(); break;
          case 2: pair.world.password_fails = ErrorKind::timeout; [[fallthrough]];
          case 3:
          case 4: (co_await region.secrets.rotate("s", id)).has_error(); break;
          case 5:  // An unplanned failover: the target has what was replicated.
            // Cut off, the old writer does not hear of it before the link heals.
            pair.world.writer = pair.world.writer == "east" ? "west" : "east";
            ++pair.world.epoch;
            pair.writer().believed_writer = pair.world.writer;
            pair.writer().believed_epoch = pair.world.epoch;
            if (!pair.world.cut) co_await pair.heal();
            break;
        }
        pair.world.password_fails.reset();
      }
      co_await pair.heal();
      EXPECT_EQ(current_text(pair.east), current_text(pair.west));
      EXPECT_TRUE(opens(pair.writer().verifier, current_text(pair.east)));
      EXPECT_EQ(read(pair.east).about, read(pair.west).about);
      EXPECT_EQ(read(pair.east).version("", kPending), nullptr);
    });
  }
}

// What a client does with a label of its own.
net::Task<void> put_pending(Region& region, std::string text, std::string id) {
  const auto edit = [text, id](std::optional<Secret> secret) -> EditedSecret {
    TRY(SecretDocument document, SecretDocument::of(*secret));
    document.add(id, text, {kPending}, 2);
    return document.secret();
  };
  EXPECT_TRUE((co_await region.secrets.update("s", edit)).has_value());
}

net::Task<void> new_epoch(Pair& pair) {
  ++pair.world.epoch;
  for (Region* region : {&pair.east, &pair.west}) region->believed_epoch = pair.world.epoch;
  co_await pair.heal();
}

TEST(SecretBook, APendingVersionOfAClientIsNoRotation) {
  with_pair([](Pair& pair) -> net::Task<void> {
    co_await pair.create("first");
    co_await pair.heal();
    // Looks as if a rotation had made it, but came to be in the time of the marks.
    const std::string text = Json{{"username", "app"}, {"password", std::string(32, 'a')}}.dump();
    co_await put_pending(pair.west, text, "mine");
    co_await put_pending(pair.east, text, "mine-too");
    co_await new_epoch(pair);
    co_await new_epoch(pair);
    EXPECT_EQ(pair.east.passwords_set + pair.west.passwords_set, 0);
    for (Region* region : {&pair.east, &pair.west}) {
      EXPECT_NE(read(*region).version("mine-too", kPending), nullptr);
    }
  });
}

net::Task<void> put_label(Region& region, std::string label, std::string id) {
  const auto edit = [label, id](std::optional<Secret> secret) -> EditedSecret {
    TRY(SecretDocument document, SecretDocument::of(*secret));
    document.move(label, id, 3);
    return document.secret();
  };
  EXPECT_TRUE((co_await region.secrets.update_about("s", edit)).has_value());
}

// As AWS: the label says that a rotation is under way, unless AWSCURRENT is beside it.
TEST(SecretBook, NothingIsRotatedBesideAClientsPendingVersion) {
  with_pair([](Pair& pair) -> net::Task<void> {
    co_await pair.create("first");
    co_await put_pending(pair.east, "anything", "mine");
    for (Region* region : {&pair.east, &pair.west}) {
      const auto refused = co_await region->secrets.rotate("s", "refused");
      EXPECT_TRUE(refused.has_error());
      if (refused.has_error()) EXPECT_EQ(refused.error().code, "InvalidRequestException");
    }
    EXPECT_EQ(pair.east.passwords_set + pair.west.passwords_set, 0);
    EXPECT_EQ(read(pair.east).version("refused", ""), nullptr);
    EXPECT_EQ(read(pair.east).text_of(*read(pair.east).version("mine", kPending)), "anything");
    co_await put_label(pair.east, kPending, "");
    EXPECT_TRUE((co_await pair.east.secrets.rotate("s", "done")).has_value());
    EXPECT_TRUE(opens(pair.writer().verifier, current_text(pair.west)));
    // On the current version it stands for a rotation that is complete.
    co_await put_label(pair.east, kPending, "done");
    EXPECT_TRUE((co_await pair.east.secrets.rotate("s", "again")).has_value());
    EXPECT_TRUE((co_await pair.east.secrets.rotate("s", "and again")).has_value());
    EXPECT_EQ(read(pair.east).version("", kPending), nullptr);
    EXPECT_TRUE(opens(pair.writer().verifier, current_text(pair.west)));
  });
}

// An uncertain rotation stays to be settled when the next one is refused.
TEST(SecretBook, ARefusalDoesNotForgetAnUncertainRotation) {
  with_pair([](Pair& pair) -> net::Task<void> {
    co_await pair.create("first");
    pair.world.password_fails = ErrorKind::timeout;
    EXPECT_TRUE((co_await pair.east.secrets.rotate("s", "uncertain")).has_error());
    pair.world.password_fails = ErrorKind::denied;
    EXPECT_TRUE((co_await pair.east.secrets.rotate("s", "refused")).has_error());
    co_await pair.heal();
    EXPECT_TRUE(opens(pair.writer().verifier, current_text(pair.east)));
    EXPECT_EQ(read(pair.east).about.at("versions").size(), 1u);
  });
}

TEST(SecretBook, ATokenOfAnotherVersionRotatesNothing) {
  with_pair([](Pair& pair) -> net::Task<void> {
    co_await pair.create("first");
    const std::string second = Json{{"username", "app"}, {"password", "second"}}.dump();
    co_await Pair::put(pair.east, second, "v1");
    co_await put_pending(pair.east, "anything", "mine");
    const SecretDocument before = read(pair.east);
    for (const char* token : {"v0", "mine"}) {
      for (Region* region : {&pair.east, &pair.west}) {
        const auto rotated = co_await region->secrets.rotate("s", token);
        EXPECT_EQ(rotated.has_error() ? rotated.error().code : "", "ResourceExistsException");
      }
    }
    EXPECT_EQ(pair.east.passwords_set, 0);
    EXPECT_EQ(read(pair.east).about, before.about);
    EXPECT_EQ(read(pair.east).values, before.values);
    // One of a rotation whose end is not known may be asked for again.
    co_await put_label(pair.east, kPending, "");
    pair.world.password_fails = ErrorKind::timeout;
    EXPECT_TRUE((co_await pair.east.secrets.rotate("s", "again")).has_error());
    EXPECT_TRUE((co_await pair.east.secrets.rotate("s", "again")).has_value());
    EXPECT_EQ(read(pair.east).version("", kCurrent)->at("id"), "again");
    EXPECT_TRUE(opens(pair.writer().verifier, current_text(pair.west)));
  });
}

TEST(SecretBook, APasswordThatRdsSetIsNotUndone) {
  with_pair([](Pair& pair) -> net::Task<void> {
    co_await pair.create("first");
    EXPECT_TRUE((co_await pair.east.secrets.rotate("s", "rotated")).has_value());
    const std::string verifier = pgclient::scram_verifier("of rds");
    EXPECT_TRUE((co_await pair.east.secrets.set_for_rds("app", verifier)).has_value());
    co_await new_epoch(pair);
    co_await put_pending(pair.west, "a change", "mine");
    co_await new_epoch(pair);
    EXPECT_EQ(pair.east.verifier, verifier);
    // A rotation makes it the secret's again, and another user's is not touched.
    co_await put_label(pair.east, kPending, "");
    EXPECT_TRUE((co_await pair.east.secrets.rotate("s", "again")).has_value());
    EXPECT_TRUE((co_await pair.east.secrets.set_for_rds("other", verifier)).has_value());
    co_await new_epoch(pair);
    EXPECT_TRUE(opens(pair.writer().verifier, current_text(pair.west)));
    EXPECT_TRUE((co_await pair.east.secrets.forget_password_of("app")).has_value());
    EXPECT_FALSE(read(pair.west).is_rotated());
  });
}

TEST(SecretBook, APasswordThatRdsMayHaveSetIsSettled) {
  with_pair([](Pair& pair) -> net::Task<void> {
    co_await pair.create("first");
    EXPECT_TRUE((co_await pair.east.secrets.rotate("s", "rotated")).has_value());
    co_await pair.heal();
    const std::string verifier = pgclient::scram_verifier("of rds");
    pair.world.password_fails = ErrorKind::timeout;
    EXPECT_TRUE((co_await pair.east.secrets.set_for_rds("app", verifier)).has_error());
    EXPECT_EQ(pair.east.verifier, verifier);
    co_await pair.heal();
    EXPECT_TRUE(opens(pair.writer().verifier, current_text(pair.west)));
  });
}

TEST(SecretBook, PostgresqlsCodesAreToldInAwssWords) {
  with_pair([](Pair& pair) -> net::Task<void> {
    co_await pair.create("first");
    struct Row {
      ErrorKind kind;
      const char *code, *of_rotation, *of_rds;
    };
    const Row rows[] = {
        {ErrorKind::invalid, "42704", "InvalidRequestException", "InvalidDBClusterStateFault"},
        {ErrorKind::invalid, "22023", "InvalidRequestException", "InvalidParameterValue"},
        {ErrorKind::denied, "42501", "InvalidRequestException", "InvalidDBClusterStateFault"},
        {ErrorKind::conflict, "25006", "InvalidRequestException", "InvalidDBClusterStateFault"},
        {ErrorKind::unavailable, "57P01", "InternalServiceError", ""},
        {ErrorKind::internal, "XX000", "InternalServiceError", ""},
    };
    for (const Row& row : rows) {
      SCOPED_TRACE(row.code);
      pair.world.fails_with = row.code;
      pair.world.password_fails = row.kind;
      const auto rotated = co_await pair.west.secrets.rotate("s", "new");
      EXPECT_EQ(rotated.has_error() ? rotated.error().code : "none", row.of_rotation);
      pair.world.password_fails = row.kind;
      const auto set = co_await pair.east.secrets.set_for_rds("app", pair.east.verifier);
      EXPECT_EQ(set.has_error() ? set.error().code : "none", row.of_rds);
    }
  });
}

TEST(SecretBook, WhatIsToldIsChangedWithoutTheKeyAndTheValuesStaySealed) {
  with_pair([](Pair& pair) -> net::Task<void> {
    co_await pair.create("first");
    const auto told = [](std::optional<Secret> secret) -> EditedSecret {
      EXPECT_EQ(secret->values, "{}");
      TRY(SecretDocument document, SecretDocument::of(*secret));
      document.about["description"] = "changed";
      return document.secret();
    };
    const auto stored = [&](const char* member) {
      return Json::parse(pair.east.store().documents.at("secret:s")).at(member);
    };
    const Json values = stored("values"), clock = stored("clock");
    EXPECT_TRUE((co_await pair.east.secrets.update_about("s", told)).has_value());
    EXPECT_EQ(stored("values"), values);
    EXPECT_NE(stored("clock"), clock);
    EXPECT_EQ(read(pair.west).about["description"], "changed");
    EXPECT_EQ(Json::parse(current_text(pair.west))["password"], "first");
    EXPECT_TRUE((co_await pair.east.secrets.update_about("none", told)).has_error());
  });
}

}  // namespace
}  // namespace aurora_global::region
