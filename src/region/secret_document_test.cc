// Goal: no version with a label is lost, and only what a rotation has made is taken for a rotation.
#include "region/secret_document.h"

#include <gtest/gtest.h>

namespace aurora_global::region {
namespace {

using Json = nlohmann::json;

TEST(SecretDocument, AVersionWithALabelStays) {
  SecretDocument document;
  document.about["versions"] = Json::array();
  document.add("first", "1", {kCurrent, "MINE"}, 1);
  for (int i = 0; i < 20; ++i) document.add("v" + std::to_string(i), "x", {kCurrent}, 2 + i);
  EXPECT_NE(document.version("first", "MINE"), nullptr);
  EXPECT_EQ(document.values.size(), kVersionsKept + 3);  // AWSCURRENT, AWSPREVIOUS, MINE.
  for (int i = 0; i < 20; ++i) document.add("p" + std::to_string(i), "x", {kPending}, 50 + i);
  EXPECT_EQ(document.version("v19", kCurrent)->at("id"), "v19");
  document.move(kCurrent, "first", 100);
  EXPECT_EQ(document.version("", kPrevious)->at("id"), "v19");
}

SecretDocument of_an_earlier_daemon(const std::string& pending, const std::string& text) {
  Secret secret;
  secret.about = Json{{"versions",
                       {{{"id", "v1"}, {"created", 1.0}, {"stages", {kCurrent}}},
                        {{"id", "v2"}, {"created", 2.0}, {"stages", {pending}}}}}}
                     .dump();
  secret.values =
      Json{{"v1", R"({"username":"app","password":"one","port":1})"}, {"v2", text}}.dump();
  return *SecretDocument::of(secret);
}

TEST(SecretDocument, ARotationOfAnEarlierDaemonIsKnownByItsLooks) {
  const auto with = [](const std::string& password) {
    return Json{{"username", "app"}, {"password", password}, {"port", 1}}.dump();
  };
  const std::string hex = "0123456789abcdef0123456789abcdef";
  SecretDocument document = of_an_earlier_daemon(kPending, with(hex));
  EXPECT_TRUE(document.is_rotated());
  EXPECT_TRUE(document.settle_rotation("v1"));
  EXPECT_EQ(document.version("v2", ""), nullptr);
  EXPECT_FALSE(of_an_earlier_daemon("MINE", with(hex)).is_rotated());
  EXPECT_FALSE(of_an_earlier_daemon(kPending, with("a password of mine")).is_rotated());
  EXPECT_FALSE(of_an_earlier_daemon(kPending, "text").is_rotated());
  EXPECT_FALSE(of_an_earlier_daemon(kPending, Json{{"username", "app"}, {"password", hex}}.dump())
                   .is_rotated());
}

TEST(SecretDocument, OneVersionAtMostIsTheDatabases) {
  SecretDocument document;
  document.about["versions"] = Json::array();
  document.add("v0", "zero", {kCurrent}, 1);
  for (const char* id : {"v1", "v2"}) {
    EXPECT_TRUE(document.begin_rotation(id, id, 2).has_value());
    document.end_rotation(id, id, 3);
  }
  EXPECT_EQ(document.version("", kPending), nullptr);
  EXPECT_TRUE(document.is_rotated());
  document.move(kCurrent, "v1", 4);  // By a client, who sets no password.
  EXPECT_FALSE(document.is_rotated());
}

// A secret of two regions, which have both the version "base".
struct Copies {
  Copies() {
    ours.about["versions"] = Json::array();
    ours.add("base", "base", {kCurrent}, 1);
    theirs = ours;
  }
  SecretDocument ours, theirs;
};

TEST(SecretDocument, AForeignVersionIsMergedAsItIs) {
  Copies copies;
  copies.theirs.add("bytes", "AP8=", {kCurrent}, 2);
  for (Json& version : copies.theirs.about["versions"]) {
    if (version["id"] == "bytes") {
      version["binary"] = true;
      version["later"] = "a member of a daemon to come";
    }
  }
  const SecretDocument both = merged(copies.ours, copies.theirs);
  const Json* kept = both.version("bytes", kPrevious);
  ASSERT_NE(kept, nullptr);
  Json expected = *copies.theirs.version("bytes", "");
  expected["stages"] = {kPrevious};
  EXPECT_EQ(*kept, expected);
  EXPECT_EQ(both.text_of(*kept), "AP8=");
}

TEST(SecretDocument, NoVersionWithALabelIsLostInAMerge) {
  Copies copies;
  copies.ours.add("ours", "o", {kCurrent}, 2);  // "base" is AWSPREVIOUS now.
  copies.theirs.add("pending", "p", {kPending}, 2);
  copies.theirs.move("MINE", "base", 3);
  for (int i = 0; i < 9; ++i) {
    copies.theirs.add("t" + std::to_string(i), "t", {kCurrent}, 10 + i);
    copies.ours.add("w" + std::to_string(i), "w", {"w" + std::to_string(i)}, 30 + i);
    copies.ours.move("w" + std::to_string(i), "", 40);
  }
  copies.theirs.add("moved-on", "m", {}, 50);
  for (const SecretDocument& both :
       {merged(copies.ours, copies.theirs), merged(copies.theirs, copies.ours)}) {
    for (const SecretDocument* one : {&copies.ours, &copies.theirs}) {
      for (const Json& version : one->about["versions"]) {
        if (version["stages"].empty()) continue;
        const Json* kept = both.version(version["id"].get<std::string>(), "");
        EXPECT_NE(kept, nullptr) << version;
        if (kept != nullptr) EXPECT_EQ(both.text_of(*kept), one->text_of(version));
      }
    }
    EXPECT_NE(both.version("pending", kPending), nullptr);
    EXPECT_NE(both.version("base", "MINE"), nullptr);
  }
  const SecretDocument both = merged(copies.ours, copies.theirs);
  EXPECT_EQ(both.version("", kCurrent)->at("id"), "ours");
  EXPECT_EQ(both.version("", kPrevious)->at("id"), "t8");
}

// What both have, and `ours` has moved on from, does not come back.
TEST(SecretDocument, AFinishedRotationIsNotBegunAgainByAMerge) {
  Copies copies;
  ASSERT_TRUE(copies.ours.begin_rotation("new", "n", 2).has_value());
  copies.theirs = copies.ours;
  copies.ours.end_rotation("new", "n", 3);
  const SecretDocument both = merged(copies.ours, copies.theirs);
  EXPECT_EQ(both.version("", kPending), nullptr);
  EXPECT_EQ(both.version("", kCurrent)->at("id"), "new");
}

// Whatever another region says: it is refused, or everything that reads a document can read it.
TEST(SecretDocument, EveryMemberIsOfItsTypeOrTheDocumentIsRefused) {
  SecretDocument document;
  document.about = {
      {"arn", "a"},     {"description", "d"},   {"created", 1.0},           {"changed", 1.0},
      {"rotated", 1.0}, {"tags", {{"k", "v"}}}, {"versions", Json::array()}};
  document.add("v1", "one", {kCurrent}, 1);
  document.add("v2", "two", {kPending, "own"}, 2);
  document.about["versions"][0]["set"] = true;
  document.about["versions"][0]["binary"] = false;
  document.about["versions"][1]["rotating"] = true;
  const Secret good = document.secret();
  ASSERT_TRUE(SecretDocument::of(good).has_value());
  int taken = 0, refused = 0;
  const auto attempt = [&](const Json& about, const Json& values) {
    const auto made = SecretDocument::of({about.dump(), values.dump(), {}});
    ++(made.has_value() ? taken : refused);
    if (made.has_error()) return;
    for (const SecretDocument& one : {merged(document, *made), merged(*made, document)}) {
      for (const Json& version : one.about.at("versions")) (void)one.text_of(version);
      SecretDocument changed = one;
      changed.add("v3", "three", {kCurrent}, 3);
      changed.move(kPending, "", changed.about.value("changed", 0.0));
      (void)changed.is_rotated();
      (void)changed.begin_rotation("v2", "four", 4).has_error();
      (void)changed.forget_password_of("app");
      changed.end_rotation("v2", "five", 5);
      (void)changed.secret();
    }
  };
  const Json about = Json::parse(good.about), values = Json::parse(good.values);
  const std::vector<Json> others = {Json(),
                                    5,
                                    -1.5,
                                    "text",
                                    true,
                                    Json::array(),
                                    Json::object(),
                                    Json::array({5}),
                                    Json::object({{"k", 5}})};
  const Json flat = about.flatten();  // Outlives the loops over its items.
  for (const Json& other : others) {
    for (const auto& [pointer, value] : flat.items()) {
      Json changed = about;
      changed[Json::json_pointer(pointer)] = other;
      attempt(changed, values);
    }
    for (const auto& [name, value] : values.items()) {
      Json changed = values;
      changed[name] = other;
      attempt(about, changed);
    }
  }
  for (const Json& other : others) {
    for (const auto& [name, value] : about.items()) {
      Json changed = about;
      changed[name] = other;
      attempt(changed, values);
    }
    attempt(other, values);
    attempt(about, other);
  }
  EXPECT_GT(taken, 10);
  EXPECT_GT(refused, 60);
}

TEST(SecretClock, TellsWhichCopyKnowsOfWhich) {
  const SecretClock one = {{"a", 1}, {"b", 2}};
  EXPECT_EQ(order_of(one, one), SecretOrder::same);
  EXPECT_EQ(order_of(one, {}), SecretOrder::newer);
  EXPECT_EQ(order_of({}, one), SecretOrder::older);
  EXPECT_EQ(order_of(one, {{"a", 2}, {"b", 1}}), SecretOrder::concurrent);
  EXPECT_EQ(latest_of(one, {{"a", 2}, {"c", 1}}), (SecretClock{{"a", 2}, {"b", 2}, {"c", 1}}));
  EXPECT_FALSE(secret_clock_in(Json(5)).has_value());
  EXPECT_FALSE(secret_clock_in(Json{{"a", "x"}}).has_value());
}

}  // namespace
}  // namespace aurora_global::region
