// Goal: KMS's requests and answers, word for word where clients read them, and never a 500.
#include "services/kms/kms.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "region/key_ring.h"
#include "region/sqlite_store.h"
#include "services/testing/call.h"

namespace aurora_global::services {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using std::chrono::days;

class KmsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char place[] = "/tmp/aurora-global-kms-XXXXXX";
    dir_ = mkdtemp(place);
    store_ = region::SqliteStore::open(dir_ / "state.sqlite").value();
    vault_ = region::Vault::open(dir_ / "root.key").value();
    ring_ = std::make_unique<region::KeyRing>(context_.get_executor(), *store_, *vault_, clock_,
                                              RegionId{"us-east-1"}, "123456789012");
    region_.key_ring = ring_.get();
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  // The answer's members; of a refusal, {"__type", "message"}.
  json call(const std::string& operation, const json& request) {
    return testing::json_call(kms::serve, region_, "TrentService." + operation, request);
  }
  std::string code(const std::string& operation, const json& request) {
    const json answer = call(operation, request);
    EXPECT_TRUE(!answer.contains("__type") || !answer.value("message", "").empty()) << answer;
    return answer.value("__type", "done");
  }
  std::string new_key() {
    return call("CreateKey", json::object()).at("KeyMetadata").at("KeyId").get<std::string>();
  }

  boost::asio::io_context context_{1};
  ManualClock clock_;
  std::filesystem::path dir_;
  std::unique_ptr<region::Store> store_;
  std::optional<region::Vault> vault_;
  std::unique_ptr<region::KeyRing> ring_;
  testing::FakeRegion region_;
};

TEST_F(KmsTest, DescribesAKeyAsAwsDoes) {
  const json made = call("CreateKey", {{"Description", "mine"}}).at("KeyMetadata");
  const std::string id = made.at("KeyId").get<std::string>();
  json expected = {{"AWSAccountId", "123456789012"},
                   {"KeyId", id},
                   {"Arn", "arn:aws:kms:us-east-1:123456789012:key/" + id},
                   {"CreationDate", 1'700'000'000.0},
                   {"Enabled", true},
                   {"Description", "mine"},
                   {"KeyUsage", "ENCRYPT_DECRYPT"},
                   {"KeyState", "Enabled"},
                   {"Origin", "AWS_KMS"},
                   {"KeyManager", "CUSTOMER"},
                   {"CustomerMasterKeySpec", "SYMMETRIC_DEFAULT"},
                   {"KeySpec", "SYMMETRIC_DEFAULT"},
                   {"EncryptionAlgorithms", json::array({"SYMMETRIC_DEFAULT"})},
                   {"MultiRegion", false}};
  EXPECT_EQ(made, expected);
  const json due = call("ScheduleKeyDeletion", {{"KeyId", id}});
  EXPECT_EQ(due, (json{{"KeyId", expected["Arn"]},
                       {"DeletionDate", 1'700'000'000.0 + 30 * 86'400},
                       {"KeyState", "PendingDeletion"},
                       {"PendingWindowInDays", 30}}));
  expected["Enabled"] = false;
  expected["KeyState"] = "PendingDeletion";
  expected["DeletionDate"] = due["DeletionDate"];
  EXPECT_EQ(call("DescribeKey", {{"KeyId", id}}).at("KeyMetadata"), expected);
  clock_.advance(days(30));
  EXPECT_EQ(code("DescribeKey", {{"KeyId", id}}), "NotFoundException");
}

TEST_F(KmsTest, RefusesOtherKindsOfKeys) {
  const std::string unsupported = "UnsupportedOperationException";
  EXPECT_EQ(code("CreateKey", {{"KeySpec", "RSA_2048"}}), unsupported);
  EXPECT_EQ(code("CreateKey", {{"CustomerMasterKeySpec", "HMAC_256"}}), unsupported);
  EXPECT_EQ(code("CreateKey", {{"KeyUsage", "SIGN_VERIFY"}}), unsupported);
  EXPECT_EQ(code("CreateKey", {{"Origin", "EXTERNAL"}}), unsupported);
  EXPECT_EQ(code("CreateKey", {{"MultiRegion", true}}), unsupported);
  EXPECT_EQ(code("CreateKey", {{"Policy", "{}"}}), "MalformedPolicyDocumentException");
  EXPECT_EQ(code("CreateKey", {{"KeySpec", "ROT_13"}}), "ValidationException");
  EXPECT_EQ(code("CreateKey", {{"XksKeyId", "k"}}), "ValidationException");
  EXPECT_EQ(code("CreateKey", {{"Tags", {{{"TagKey", "aws:a"}, {"TagValue", ""}}}}}),
            "TagException");
  EXPECT_EQ(call("ListKeys", json::object()).at("Keys"), json::array());
}

TEST_F(KmsTest, KeepsPolicyAndDescription) {
  const std::string id = new_key();
  const json key = {{"KeyId", id}};
  const std::string policy =
      R"({"Statement":{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"kms:*","Resource":"*"}})";
  EXPECT_NE(call("GetKeyPolicy", key)["Policy"].get<std::string>().find(":root"),
            std::string::npos);
  EXPECT_EQ(code("PutKeyPolicy", {{"KeyId", id}, {"Policy", "x"}}),
            "MalformedPolicyDocumentException");
  EXPECT_EQ(code("PutKeyPolicy", {{"KeyId", id}, {"Policy", policy}, {"PolicyName", "other"}}),
            "NotFoundException");
  EXPECT_EQ(code("PutKeyPolicy", {{"KeyId", id}, {"Policy", policy}}), "done");
  EXPECT_EQ(call("GetKeyPolicy", key)["Policy"], policy);
  EXPECT_EQ(call("ListKeyPolicies", key)["PolicyNames"], json::array({"default"}));
  EXPECT_EQ(code("UpdateKeyDescription", {{"KeyId", id}, {"Description", "new"}}), "done");
  EXPECT_EQ(call("DescribeKey", key)["KeyMetadata"]["Description"], "new");
}

TEST_F(KmsTest, EncryptsUpTo4096BytesAndDecryptsWithoutTheKeysName) {
  const std::string id = new_key();
  const std::string most(4096, '\xff');
  const json context = {{"purpose", "test"}};
  const json sealed =
      call("Encrypt", {{"KeyId", id}, {"Plaintext", base64(most)}, {"EncryptionContext", context}});
  EXPECT_EQ(sealed.at("EncryptionAlgorithm"), "SYMMETRIC_DEFAULT");
  const std::string blob = sealed.at("CiphertextBlob").get<std::string>();
  EXPECT_LE(from_base64(blob)->size(), 6144u);
  const json opened = call("Decrypt", {{"CiphertextBlob", blob}, {"EncryptionContext", context}});
  EXPECT_EQ(opened, (json{{"Plaintext", base64(most)},
                          {"KeyId", ring_->key_arn(id)},
                          {"EncryptionAlgorithm", "SYMMETRIC_DEFAULT"}}));

  EXPECT_EQ(code("Decrypt", {{"CiphertextBlob", blob}}), "InvalidCiphertextException");
  EXPECT_EQ(code("Decrypt", {{"CiphertextBlob", base64("hello")}}), "InvalidCiphertextException");
  EXPECT_EQ(code("Decrypt", {{"CiphertextBlob", "no base64"}}), "SerializationException");
  EXPECT_EQ(code("Decrypt",
                 {{"CiphertextBlob", blob}, {"EncryptionContext", context}, {"KeyId", new_key()}}),
            "IncorrectKeyException");
  EXPECT_EQ(code("Encrypt", {{"KeyId", id}, {"Plaintext", base64(most + "x")}}),
            "ValidationException");
  EXPECT_EQ(code("Encrypt", {{"KeyId", id}, {"Plaintext", ""}}), "ValidationException");
  EXPECT_EQ(code("Encrypt", {{"KeyId", id}, {"Plaintext", 7}}), "SerializationException");
  EXPECT_EQ(code("Encrypt", {{"KeyId", id}, {"Plaintext", "eA=="}, {"EncryptionContext", "a"}}),
            "SerializationException");
  EXPECT_EQ(
      code("Encrypt",
           {{"KeyId", id}, {"Plaintext", "eA=="}, {"EncryptionAlgorithm", "RSAES_OAEP_SHA_256"}}),
      "InvalidKeyUsageException");
  EXPECT_EQ(code("Encrypt", {{"KeyId", "alias/absent"}, {"Plaintext", "eA=="}}),
            "NotFoundException");
}

TEST_F(KmsTest, ReEncryptsUnderAnotherKey) {
  const std::string from = new_key();
  const std::string to = new_key();
  const json sealed = call("Encrypt", {{"KeyId", from}, {"Plaintext", "dGV4dA=="}});
  const json moved = call("ReEncrypt", {{"CiphertextBlob", sealed["CiphertextBlob"]},
                                        {"DestinationKeyId", to},
                                        {"DestinationEncryptionContext", {{"a", "b"}}}});
  EXPECT_EQ(moved["SourceKeyId"], ring_->key_arn(from));
  EXPECT_EQ(moved["KeyId"], ring_->key_arn(to));
  EXPECT_EQ(call("Decrypt", {{"CiphertextBlob", moved["CiphertextBlob"]},
                             {"EncryptionContext", {{"a", "b"}}},
                             {"KeyId", to}})["Plaintext"],
            "dGV4dA==");
}

TEST_F(KmsTest, DataKeysComeSealedToo) {
  const std::string id = new_key();
  const std::pair<json, std::size_t> kSizes[] = {{{{"KeySpec", "AES_256"}}, 32},
                                                 {{{"KeySpec", "AES_128"}}, 16},
                                                 {{{"NumberOfBytes", 1024}}, 1024}};
  for (auto [request, size] : kSizes) {
    request["KeyId"] = id;
    const json made = call("GenerateDataKey", request);
    EXPECT_EQ(from_base64(made["Plaintext"].get<std::string>())->size(), size);
    EXPECT_EQ(call("Decrypt", {{"CiphertextBlob", made["CiphertextBlob"]}})["Plaintext"],
              made["Plaintext"]);
  }
  const json hidden =
      call("GenerateDataKeyWithoutPlaintext", {{"KeyId", id}, {"KeySpec", "AES_256"}});
  EXPECT_FALSE(hidden.contains("Plaintext"));
  EXPECT_TRUE(
      call("Decrypt", {{"CiphertextBlob", hidden["CiphertextBlob"]}}).contains("Plaintext"));
  EXPECT_EQ(code("GenerateDataKey", {{"KeyId", id}}), "ValidationException");
  EXPECT_EQ(code("GenerateDataKey", {{"KeyId", id}, {"NumberOfBytes", 1025}}),
            "ValidationException");
  EXPECT_EQ(code("GenerateDataKey", {{"KeyId", id}, {"NumberOfBytes", 8}, {"KeySpec", "AES_128"}}),
            "ValidationException");
}

TEST_F(KmsTest, DeletionCanBeCalledOffAndLeavesTheKeyDisabled) {
  const std::string id = new_key();
  const json sealed = call("Encrypt", {{"KeyId", id}, {"Plaintext", "eA=="}});
  const json decrypt = {{"CiphertextBlob", sealed["CiphertextBlob"]}};
  for (const int wrong : {6, 31, 0}) {
    EXPECT_EQ(code("ScheduleKeyDeletion", {{"KeyId", id}, {"PendingWindowInDays", wrong}}),
              "ValidationException");
  }
  EXPECT_EQ(code("CancelKeyDeletion", {{"KeyId", id}}), "KMSInvalidStateException");
  EXPECT_EQ(code("ScheduleKeyDeletion", {{"KeyId", id}, {"PendingWindowInDays", 7}}), "done");
  EXPECT_EQ(call("Decrypt", decrypt),
            (json{{"__type", "KMSInvalidStateException"},
                  {"message", ring_->key_arn(id) + " is pending deletion."}}));
  clock_.advance(days(7) - 1s);
  EXPECT_EQ(call("CancelKeyDeletion", {{"KeyId", id}}), (json{{"KeyId", ring_->key_arn(id)}}));
  EXPECT_EQ(call("DescribeKey", {{"KeyId", id}})["KeyMetadata"]["KeyState"], "Disabled");
  EXPECT_EQ(call("Decrypt", decrypt), (json{{"__type", "DisabledException"},
                                            {"message", ring_->key_arn(id) + " is disabled."}}));
  EXPECT_EQ(call("EnableKey", {{"KeyId", id}}), json::object());
  EXPECT_EQ(call("Decrypt", decrypt)["Plaintext"], "eA==");
  EXPECT_EQ(code("DisableKey", {{"KeyId", id}}), "done");
  EXPECT_EQ(code("Decrypt", decrypt), "DisabledException");
}

TEST_F(KmsTest, RotationTellsItsNextDate) {
  const std::string id = new_key();
  EXPECT_EQ(call("GetKeyRotationStatus", {{"KeyId", id}}),
            (json{{"KeyId", ring_->key_arn(id)}, {"KeyRotationEnabled", false}}));
  EXPECT_EQ(code("EnableKeyRotation", {{"KeyId", id}, {"RotationPeriodInDays", 89}}),
            "ValidationException");
  EXPECT_EQ(code("EnableKeyRotation", {{"KeyId", id}}), "done");
  EXPECT_EQ(call("GetKeyRotationStatus", {{"KeyId", id}}),
            (json{{"KeyId", ring_->key_arn(id)},
                  {"KeyRotationEnabled", true},
                  {"RotationPeriodInDays", 365},
                  {"NextRotationDate", 1'700'000'000.0 + 365 * 86'400}}));
  EXPECT_EQ(code("DisableKeyRotation", {{"KeyId", id}}), "done");
  EXPECT_EQ(call("GetKeyRotationStatus", {{"KeyId", id}})["KeyRotationEnabled"], false);
}

TEST_F(KmsTest, ListsInPages) {
  std::set<std::string> made;
  for (int i = 0; i < 5; ++i) {
    const std::string id = new_key();
    made.insert(id);
    EXPECT_EQ(code("CreateAlias", {{"AliasName", "alias/" + id}, {"TargetKeyId", id}}), "done");
  }
  const auto all = [&](const char* operation, const char* list, const char* name) {
    std::set<std::string> seen;
    json request = {{"Limit", 2}};
    for (int pages = 1;; ++pages) {
      const json answer = call(operation, request);
      for (const json& one : answer[list]) seen.insert(one[name].get<std::string>());
      EXPECT_EQ(answer["Truncated"], pages < 3);
      if (!answer["Truncated"].get<bool>()) return seen;
      request["Marker"] = answer["NextMarker"];
    }
  };
  EXPECT_EQ(all("ListKeys", "Keys", "KeyId"), made);
  EXPECT_EQ(all("ListAliases", "Aliases", "TargetKeyId"), made);
  const std::string one = *made.begin();
  const json of_one = call("ListAliases", {{"KeyId", one}})["Aliases"];
  ASSERT_EQ(of_one.size(), 1u);
  EXPECT_EQ(of_one[0]["AliasArn"], "arn:aws:kms:us-east-1:123456789012:alias/" + one);
  EXPECT_EQ(code("ListKeys", {{"Marker", "?"}}), "InvalidMarkerException");
  EXPECT_EQ(code("ListKeys", {{"Limit", 1001}}), "ValidationException");
  EXPECT_EQ(code("ListAliases", {{"Limit", 0}}), "ValidationException");
}

TEST_F(KmsTest, ChecksAliasNames) {
  const std::string id = new_key();
  const auto made = [&](const std::string& name) {
    return code("CreateAlias", {{"AliasName", name}, {"TargetKeyId", id}});
  };
  EXPECT_EQ(made("mine"), "ValidationException");
  EXPECT_EQ(made("alias/a b"), "ValidationException");
  EXPECT_EQ(made("alias/" + std::string(251, 'a')), "ValidationException");
  EXPECT_EQ(made("alias/"), "InvalidAliasNameException");
  EXPECT_EQ(made("alias/aws/mine"), "NotAuthorizedException");
  EXPECT_EQ(made("alias/" + std::string(250, 'a')), "done");
  EXPECT_EQ(made("alias/a/b_c-d"), "done");
  EXPECT_EQ(made("alias/a/b_c-d"), "AlreadyExistsException");
  EXPECT_EQ(code("DeleteAlias", {{"AliasName", "alias/a/b_c-d"}}), "done");
  EXPECT_EQ(code("DeleteAlias", {{"AliasName", "alias/a/b_c-d"}}), "NotFoundException");
}

TEST_F(KmsTest, KeysHaveTags) {
  const json tag = {{"TagKey", "team"}, {"TagValue", "a"}};
  const std::string id =
      call("CreateKey", {{"Tags", {tag}}})["KeyMetadata"]["KeyId"].get<std::string>();
  EXPECT_EQ(call("ListResourceTags", {{"KeyId", id}}),
            (json{{"Tags", {tag}}, {"Truncated", false}}));
  EXPECT_EQ(code("TagResource", {{"KeyId", id}, {"Tags", {{{"TagKey", "x"}, {"TagValue", ""}}}}}),
            "done");
  EXPECT_EQ(code("UntagResource", {{"KeyId", id}, {"TagKeys", {"team"}}}), "done");
  EXPECT_EQ(call("ListResourceTags", {{"KeyId", id}})["Tags"][0]["TagKey"], "x");
  json many = json::array();
  for (int i = 0; i < 50; ++i) {
    many.push_back({{"TagKey", "t" + std::to_string(i)}, {"TagValue", ""}});
  }
  EXPECT_EQ(code("TagResource", {{"KeyId", id}, {"Tags", many}}), "LimitExceededException");
}

TEST_F(KmsTest, AnUnknownOperationIsNoServerError) {
  EXPECT_EQ(code("Sign", json::object()), "UnknownOperationException");
}

}  // namespace
}  // namespace aurora_global::services
