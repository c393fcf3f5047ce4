// Goal: parameters are kept, versioned and sealed as Parameter Store does it, and refused in its
// words.
#include "services/ssm/ssm.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "region/key_ring.h"
#include "region/sqlite_store.h"
#include "services/testing/call.h"

namespace aurora_global::services {
namespace {

using nlohmann::json;

class SsmTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char place[] = "/tmp/aurora-global-ssm-XXXXXX";
    home_ = mkdtemp(place);
    store_ = region::SqliteStore::open(home_ / "state.sqlite").value();
    vault_ = region::Vault::open(home_ / "root.key").value();
    ring_ = std::make_unique<region::KeyRing>(context_.get_executor(), *store_, *vault_, clock_,
                                              RegionId{"us-east-1"}, "123456789012");
    region_.key_ring = ring_.get();
  }
  void TearDown() override { std::filesystem::remove_all(home_); }

  // The answer's members; of a refusal, {"code", "message"}. Each call is a server's first, so
  // what is read was stored.
  json call(const std::string& operation, json input) {
    json answer;
    net::testing::run([&](net::TaskGroup& tasks) -> net::Task<void> {
      ApiOptions options{home_, "127.0.1.1:4566", {testing::FakeRegion::kKey, "secret"}};
      auto server = ApiServer::open(tasks.executor(), region_, std::move(options));
      auto calling = (*server)->call("ssm", operation, input);
      const auto result = co_await std::move(calling);
      answer = result.has_value()
                   ? *result
                   : json{{"code", result.error().code}, {"message", result.error().message}};
      co_await (*server)->stop();
    });
    return answer;
  }
  std::string code(const std::string& operation, const json& input) {
    return call(operation, input).value("code", "done");
  }
  json put(const std::string& name, const std::string& value, json more = json::object()) {
    json input = {{"Name", name}, {"Value", value}, {"Type", "String"}};
    input.update(more);
    return call("PutParameter", input);
  }
  std::string value(const std::string& name, bool decrypt = true) {
    const json answer = call("GetParameter", {{"Name", name}, {"WithDecryption", decrypt}});
    return answer.contains("code") ? answer["code"].get<std::string>()
                                   : answer["Parameter"]["Value"].get<std::string>();
  }

  boost::asio::io_context context_{1};
  ManualClock clock_;
  std::filesystem::path home_;
  std::unique_ptr<region::Store> store_;
  std::optional<region::Vault> vault_;
  std::unique_ptr<region::KeyRing> ring_;
  testing::FakeRegion region_;
};

TEST_F(SsmTest, AParameterIsKeptWithItsVersions) {
  EXPECT_EQ(put("/cdk-bootstrap/q/version", "21"), (json{{"Version", 1}, {"Tier", "Standard"}}));
  json found = call("GetParameter", {{"Name", "/cdk-bootstrap/q/version"}})["Parameter"];
  EXPECT_GT(found["LastModifiedDate"].get<double>(), 1.6e9);
  found.erase("LastModifiedDate");
  EXPECT_EQ(found, (json{{"Name", "/cdk-bootstrap/q/version"},
                         {"Type", "String"},
                         {"Value", "21"},
                         {"Version", 1},
                         {"ARN",
                          "arn:aws:ssm:us-east-1:123456789012:parameter/cdk-bootstrap/q/"
                          "version"},
                         {"DataType", "text"}}));
  EXPECT_EQ(put("/cdk-bootstrap/q/version", "22")["code"], "ParameterAlreadyExists");
  EXPECT_EQ(put("/cdk-bootstrap/q/version", "22", {{"Overwrite", true}})["Version"], 2);
  EXPECT_EQ(value("/cdk-bootstrap/q/version"), "22");
  EXPECT_EQ(value("/cdk-bootstrap/q/version:1"), "21");
  EXPECT_EQ(value("/cdk-bootstrap/q/version:3"), "ParameterVersionNotFound");
  EXPECT_EQ(value("/cdk-bootstrap/q/version:label"), "ParameterVersionNotFound");
  EXPECT_EQ(value("arn:aws:ssm:us-east-1:123456789012:parameter/cdk-bootstrap/q/version"), "22");
  EXPECT_EQ(call("GetParameter", {{"Name", "/none"}})["message"], "Parameter /none not found.");
  EXPECT_EQ(code("DeleteParameter", {{"Name", "/cdk-bootstrap/q/version"}}), "done");
  EXPECT_EQ(code("DeleteParameter", {{"Name", "/cdk-bootstrap/q/version"}}), "ParameterNotFound");
  EXPECT_EQ(value("/cdk-bootstrap/q/version:1"), "ParameterNotFound");
}

TEST_F(SsmTest, ASecureStringIsSealedUnderItsKey) {
  const std::string text(5000, 's');  // More than KMS takes at once.
  EXPECT_EQ(put("secure", text, {{"Type", "SecureString"}, {"Tier", "Advanced"}})["Version"], 1);
  EXPECT_EQ(value("secure"), text);
  EXPECT_EQ(value("secure", false).find(std::string(20, 's')), std::string::npos);
  const auto key = ring_->find("alias/aws/ssm");
  ASSERT_TRUE(key.has_value());
  EXPECT_EQ(put("mine", "x", {{"Type", "SecureString"}, {"KeyId", "alias/none"}})["code"],
            "InvalidKeyId");
  EXPECT_EQ(value("mine"), "ParameterNotFound");
  EXPECT_EQ(put("mine", "x", {{"KeyId", "alias/aws/ssm"}})["code"], "ValidationException");
}

TEST_F(SsmTest, SeveralAreReadAtOnceAndByPath) {
  for (const char* name : {"/a/b", "/a/c", "/a/c/d", "/ab", "plain"}) put(name, name);
  const json several = call("GetParameters", {{"Names", {"/a/b", "none", "plain"}}});
  EXPECT_EQ(several["Parameters"].size(), 2u);
  EXPECT_EQ(several["InvalidParameters"], json::array({"none"}));
  const auto names = [&](json input) {
    std::string all;
    const json answer = call("GetParametersByPath", std::move(input));
    const json found = answer.value("Parameters", json::array());
    for (const json& one : found) {
      all += one["Name"].get<std::string>() + " ";
    }
    return all;
  };
  EXPECT_EQ(names({{"Path", "/a"}}), "/a/b /a/c ");
  EXPECT_EQ(names({{"Path", "/a/"}, {"Recursive", true}}), "/a/b /a/c /a/c/d ");
  EXPECT_EQ(names({{"Path", "/"}}), "/ab ");
  const json first =
      call("GetParametersByPath", {{"Path", "/"}, {"Recursive", true}, {"MaxResults", 3}});
  EXPECT_EQ(first["Parameters"].size(), 3u);
  EXPECT_EQ(names({{"Path", "/"}, {"Recursive", true}, {"NextToken", first["NextToken"]}}), "/ab ");
  EXPECT_EQ(code("GetParametersByPath", {{"Path", "a"}}), "ValidationException");
  const json deleted = call("DeleteParameters", {{"Names", {"/a/b", "none"}}});
  EXPECT_EQ(deleted["DeletedParameters"], json::array({"/a/b"}));
  EXPECT_EQ(deleted["InvalidParameters"], json::array({"none"}));
}

TEST_F(SsmTest, TheyAreDescribedAndFiltered) {
  put("/a/b", "x", {{"Description", "first"}, {"AllowedPattern", "x+"}});
  put("/b", "y", {{"Type", "StringList"}});
  const auto names = [&](json filters) {
    std::string all;
    const json answer = call("DescribeParameters", {{"ParameterFilters", std::move(filters)}});
    const json found = answer.value("Parameters", json::array());
    for (const json& one : found) {
      all += one["Name"].get<std::string>() + " ";
    }
    return all;
  };
  EXPECT_EQ(names(json::array()), "/a/b /b ");
  EXPECT_EQ(names({{{"Key", "Name"}, {"Option", "Contains"}, {"Values", {"a"}}}}), "/a/b ");
  EXPECT_EQ(names({{{"Key", "Type"}, {"Values", {"StringList"}}}}), "/b ");
  EXPECT_EQ(names({{{"Key", "Path"}, {"Values", {"/"}}}}), "/b ");
  EXPECT_EQ(names({{{"Key", "Path"}, {"Option", "Recursive"}, {"Values", {"/"}}}}), "/a/b /b ");
  EXPECT_EQ(code("DescribeParameters", {{"ParameterFilters", {{{"Key", "Label"}}}}}),
            "InvalidFilterKey");
  EXPECT_EQ(code("DescribeParameters", {{"NextToken", "?"}}), "InvalidNextToken");
}

TEST_F(SsmTest, WhatCannotBeIsRefusedInItsWords) {
  EXPECT_EQ(put("a/b", "x")["message"], "Parameter name must be a fully qualified name.");
  for (const char* name : {"/aws/x", "SSM-x", "/a//b", "/a/", "a b", "/a:1"}) {
    EXPECT_EQ(put(name, "x")["code"], "ValidationException") << name;
  }
  std::string deep;
  for (int i = 0; i < 16; ++i) deep += "/x";
  EXPECT_EQ(put(deep, "x")["code"], "HierarchyLevelLimitExceededException");
  EXPECT_EQ(put("/x", "")["code"], "ValidationException");
  EXPECT_EQ(put("/x", std::string(4097, 'x'))["code"], "ValidationException");
  EXPECT_EQ(put("/x", std::string(8193, 'x'), {{"Tier", "Advanced"}})["code"],
            "ValidationException");
  EXPECT_EQ(put("/x", std::string(4097, 'x'), {{"Tier", "Intelligent-Tiering"}})["Tier"],
            "Advanced");
  EXPECT_EQ(put("/y", "y", {{"AllowedPattern", "x+"}})["code"],
            "ParameterPatternMismatchException");
  EXPECT_EQ(put("/y", "y", {{"AllowedPattern", "("}})["code"], "InvalidAllowedPatternException");
  EXPECT_EQ(code("PutParameter", {{"Name", "/y"}, {"Value", "y"}}), "ValidationException");
  EXPECT_EQ(put("/y", "y", {{"Type", "Secret"}})["code"], "ValidationException");
  put("/y", "y");
  EXPECT_EQ(put("/y", "y", {{"Type", "StringList"}, {"Overwrite", true}})["code"],
            "HierarchyTypeMismatchException");
  EXPECT_EQ(code("PutParameter", {{"Name", "/y"}, {"Value", "z"}, {"Overwrite", true}}), "done");
}

}  // namespace
}  // namespace aurora_global::services
