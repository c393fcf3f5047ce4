// Goal: who asks is checked before anything else, each call reaches the service and the region it
// is for, and no request of a client ends in a 500 or worse.
#include "services/api_server.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "awsapi/cbor.h"
#include "awsapi/rds_shapes.h"
#include "base/json.h"
#include "services/member_fates.h"
#include "services/testing/call.h"

namespace aurora_global::services {
namespace {

using testing::code_in;
using testing::element_in;
using testing::FakeRegion;
using testing::send;
using testing::signed_request;

net::HttpRequest unsigned_get(std::string target) {
  net::HttpRequest request;
  request.method = "GET";
  request.target = std::move(target);
  return request;
}

TEST(ApiServer, HealthNeedsNoSignature) {
  FakeRegion region;
  const auto answer = send(region, unsigned_get("/-/health"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(nlohmann::json::parse(answer.body).at("region"), "us-east-1");
}

TEST(ApiServer, StatusNeedsOne) {
  FakeRegion region;
  EXPECT_EQ(send(region, unsigned_get("/-/status")).status, 403);
  const auto answer = send(region, signed_request("GET", "/-/status", "", "aurora-global"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(nlohmann::json::parse(answer.body).at("region"), "us-east-1");
  EXPECT_EQ(send(region, signed_request("GET", "/-/status", "", "rds")).status, 400);
}

TEST(ApiServer, AnUnsignedCallHasNoEffect) {
  FakeRegion region;
  net::HttpRequest request;
  request.method = "POST";
  request.target = "/";
  request.body = "Action=DeleteGlobalCluster&Version=2014-10-31&GlobalClusterIdentifier=my-global";
  const auto answer = send(region, request);
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(code_in(answer), "MissingAuthenticationToken");
  EXPECT_TRUE(region.asked.empty());
}

TEST(ApiServer, AChangedBodyIsRefused) {
  FakeRegion region;
  auto request = signed_request("POST", "/", "Action=DescribeGlobalClusters", "rds");
  request.body = "Action=DeleteGlobalCluster&GlobalClusterIdentifier=my-global";
  const auto answer = send(region, request);
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(code_in(answer), "SignatureDoesNotMatch");
  EXPECT_TRUE(region.asked.empty());
}

TEST(ApiServer, ACallForAnotherRegionIsPassedOnAsItIs) {
  FakeRegion region;
  region.answer_from_afar = {418, {{"X-From", "afar"}}, "body"};
  const auto request =
      signed_request("POST", "/?a=b", "Action=DescribeGlobalClusters", "rds", "us-west-2");
  const auto answer = send(region, request);
  EXPECT_EQ(answer.status, 418);
  EXPECT_EQ(net::header_value(answer.headers, "X-From"), "afar");
  EXPECT_EQ(answer.body, "body");
  EXPECT_EQ(region.passed_to.name, "us-west-2");
  ASSERT_TRUE(region.passed_on.has_value());
  EXPECT_EQ(region.passed_on->method, request.method);
  EXPECT_EQ(region.passed_on->target, request.target);
  EXPECT_EQ(region.passed_on->headers, request.headers);
  EXPECT_EQ(region.passed_on->body, request.body);
}

TEST(ApiServer, ARegionThatCannotBeReachedIsUnavailable) {
  FakeRegion region;
  region.refusal = make_error(ErrorKind::timeout, "no answer");
  const auto answer = send(region, signed_request("POST", "/", "Action=X", "rds", "us-west-2"));
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(code_in(answer), "ServiceUnavailable");
}

TEST(ApiServer, OtherServicesAreUnknown) {
  FakeRegion region;
  const auto xml = send(region, signed_request("POST", "/", "Action=ListTopics", "sns"));
  EXPECT_EQ(xml.status, 400);
  EXPECT_EQ(code_in(xml), "InvalidAction");
  auto request = signed_request("POST", "/", "{}", "kms");
  request.headers.emplace_back("Content-Type", "application/x-amz-json-1.1");
  const auto json = send(region, request);
  EXPECT_EQ(json.status, 400);
  EXPECT_EQ(nlohmann::json::parse(json.body).at("__type"), "UnknownOperationException");
}

// What is wrong with a signature has other words and another status in each protocol.
TEST(ApiServer, EachProtocolRefusesInItsOwnWords) {
  FakeRegion region;
  auto query = signed_request("POST", "/", "Action=DescribeGlobalClusters", "rds");
  auto json = signed_request("POST", "/", "{}", "secretsmanager");
  json.headers.emplace_back("X-Amz-Target", "secretsmanager.ListSecrets");
  json.headers.emplace_back("Content-Type", "application/x-amz-json-1.1");
  auto rest = signed_request("GET", "/2015-03-31/functions/", "", "lambda");
  for (auto* request : {&query, &json, &rest}) request->body += " ";
  const auto in_query = send(region, query);
  EXPECT_EQ(in_query.status, 403);
  EXPECT_EQ(code_in(in_query), "SignatureDoesNotMatch");
  const auto in_json = send(region, json);
  EXPECT_EQ(in_json.status, 400);
  EXPECT_EQ(nlohmann::json::parse(in_json.body).at("__type"), "InvalidSignatureException");
  const auto in_rest = send(region, rest);
  EXPECT_EQ(in_rest.status, 403);
  EXPECT_EQ(net::header_value(in_rest.headers, "x-amzn-ErrorType"), "InvalidSignatureException");
  EXPECT_EQ(net::header_value(in_rest.headers, "Content-Type"), "application/json");
}

// To copy or write a document takes a stack as deep as the document: a deep one ends the process.
TEST(ApiServer, DeeplyNestedDocumentsAreRefused) {
  FakeRegion region;
  const std::string deep = std::string(1'000'000, '[') + std::string(1'000'000, ']');
  auto json = signed_request("POST", "/", R"({"MetricData":)" + deep + "}", "monitoring");
  json.headers.emplace_back("X-Amz-Target", "GraniteServiceVersion20100801.PutMetricData");
  json.headers.emplace_back("Content-Type", "application/x-amz-json-1.0");
  const auto answer = send(region, json);
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(nlohmann::json::parse(answer.body).at("__type"), "SerializationException");
  std::string parts = "Action=PutMetricData&Namespace=n&MetricData.member.1";
  for (int i = 0; i < 1'000'000; ++i) parts += ".x";
  const auto in_query = send(region, signed_request("POST", "/", parts + "=", "monitoring"));
  EXPECT_EQ(in_query.status, 400);
  EXPECT_EQ(code_in(in_query), "InvalidParameterValue");
}

// Bytes that no JSON and no XML can carry, in every place a stranger can put them.
TEST(ApiServer, BytesThatAreNoTextAreRefusedEverywhere) {
  FakeRegion region;
  auto in_header = signed_request("GET", "/", "", "rds");
  for (auto& [name, value] : in_header.headers) {
    const auto at = value.find("us-east-1");
    if (at != std::string::npos) value.replace(at, 9, "\xFF\xFE");
  }
  auto in_body = signed_request("POST", "/", "Action=\xFF", "rds", "us-west-2");
  auto in_target = signed_request("GET", "/\xFF", "", "rds");
  auto escaped = signed_request("POST", "/", "Action=CreateDBCluster&Tags.Tag.1.Key=%FF", "rds");
  for (const auto& request : {in_header, in_body, in_target, escaped}) {
    const auto answer = send(region, request);
    EXPECT_EQ(answer.status, 400);
    EXPECT_TRUE(awsapi::is_valid_utf8(answer.body));
  }
  EXPECT_FALSE(region.passed_on.has_value());
}

net::HttpRequest cloudwatch(std::string operation, std::string body, std::string type) {
  const bool cbor = type == "application/cbor";
  const std::string target =
      cbor ? "/service/GraniteServiceVersion20100801/operation/" + operation : "/";
  auto request = signed_request("POST", target, std::move(body), "monitoring");
  request.headers.emplace_back("Content-Type", type);
  if (cbor) {
    request.headers.emplace_back("smithy-protocol", "rpc-v2-cbor");
  } else {
    request.headers.emplace_back("X-Amz-Target", "GraniteServiceVersion20100801." + operation);
  }
  return request;
}

// The default protocol of today's SDKs for CloudWatch.
TEST(ApiServer, CloudWatchSpeaksCbor) {
  FakeRegion region;
  const nlohmann::json put = {{"Namespace", "N"},
                              {"MetricData", {{{"MetricName", "M"}, {"Value", 1.5}}}}};
  const auto answer = send(
      region, cloudwatch("PutMetricData", awsapi::write_cbor(nullptr, put), "application/cbor"));
  EXPECT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(net::header_value(answer.headers, "smithy-protocol"), "rpc-v2-cbor");
  EXPECT_EQ(net::header_value(answer.headers, "Content-Type"), "application/cbor");
  EXPECT_EQ(*awsapi::read_cbor(answer.body), nlohmann::json::object());
  const nlohmann::json bad = {{"Namespace", "N"}, {"MetricData", {{{"MetricName", "M"}}}}};
  const auto refused = send(
      region, cloudwatch("PutMetricData", awsapi::write_cbor(nullptr, bad), "application/cbor"));
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(awsapi::read_cbor(refused.body)->at("__type"), "MissingRequiredParameterException");
  EXPECT_EQ(net::header_value(refused.headers, "x-amzn-query-error"), "MissingParameter;Sender");
  const auto no_cbor = send(region, cloudwatch("PutMetricData", "\xFF\xFE", "application/cbor"));
  EXPECT_EQ(awsapi::read_cbor(no_cbor.body)->at("__type"), "SerializationException");
}

TEST(ApiServer, TooManyValuesAreARefusal) {
  FakeRegion region;
  const nlohmann::json many = {{"Unknown", nlohmann::json(kJsonValuesMax, 0)}};
  const auto json =
      send(region, cloudwatch("ListMetrics", many.dump(), "application/x-amz-json-1.0"));
  EXPECT_EQ(json.status, 400);
  EXPECT_EQ(nlohmann::json::parse(json.body).at("__type"), "SerializationException");
  const auto cbor = send(
      region, cloudwatch("ListMetrics", awsapi::write_cbor(nullptr, many), "application/cbor"));
  EXPECT_EQ(cbor.status, 400);
  EXPECT_EQ(awsapi::read_cbor(cbor.body)->at("__type"), "SerializationException");
  std::string fields = "Action=ListMetrics";
  for (std::size_t i = 0; i < awsapi::kFormFieldsMax; ++i) fields += "&a" + std::to_string(i) + "=";
  const auto form = send(region, signed_request("POST", "/", fields, "monitoring"));
  EXPECT_EQ(form.status, 400);
  EXPECT_EQ(element_in(form, "Message"), "More than 205000 parameters");
}

TEST(ApiServer, AMemberOfAnotherTypeIsARefusal) {
  FakeRegion region;
  const auto answer = send(region, cloudwatch("ListMetrics", R"({"Dimensions":[{"Name":5}]})",
                                              "application/x-amz-json-1.0"));
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(nlohmann::json::parse(answer.body).at("__type"), "SerializationException");
}

TEST(ApiServer, CompressedBodiesAreRead) {
  FakeRegion region;
  // gzip of Action=ListMetrics
  const std::string packed(
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\x73\x4c\x2e\xc9\xcc\xcf\xb3\xf5\xc9\x2c\x2e"
      "\xf1\x4d\x2d\x29\xca\x4c\x2e\x06\x00\x62\xfa\xb5\xe9\x12\x00\x00\x00",
      38);
  for (const char* encoding : {"gzip", "GZIP", "br"}) {
    auto request = signed_request("POST", "/", packed, "monitoring");
    request.headers.emplace_back("Content-Encoding", encoding);
    const auto answer = send(region, request);
    const bool known = std::string(encoding) != "br";
    EXPECT_EQ(answer.status, known ? 200 : 400) << encoding << answer.body;
  }
  auto broken = signed_request("POST", "/", packed.substr(0, 20), "monitoring");
  broken.headers.emplace_back("Content-Encoding", "gzip");
  EXPECT_EQ(send(region, broken).status, 400);
}

TEST(ApiServer, WhoAsksIsTold) {
  FakeRegion region;
  const auto answer = send(
      region, signed_request("POST", "/", "Action=GetCallerIdentity&Version=2011-06-15", "sts"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.body.find("<Account>123456789012</Account>"), std::string::npos) << answer.body;
}

TEST(ApiServer, TheDocumentTellsTheFateOfEachMember) {
  std::ifstream file(AURORA_GLOBAL_SOURCE_DIR "/docs/reference/api-members.md");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_TRUE(text.str().ends_with(member_document()))
      << "docs/reference/api-members.md is not what `aurora-global api --members` prints";
}

// Every member of AWS's models is read by its operation, or stands in the table of fates: none is
// refused that has no row there.
TEST(ApiServer, EveryMemberHasItsFate) {
  using awsapi::ShapeType;
  const std::map<ShapeType, std::string> texts = {
      {ShapeType::string, "x"},  {ShapeType::blob, "eA=="},  {ShapeType::boolean, "true"},
      {ShapeType::integer, "1"}, {ShapeType::floating, "1"}, {ShapeType::timestamp, "1"},
      {ShapeType::list, ""},     {ShapeType::map, ""}};
  // An action and its required members with one more.
  struct Asked {
    std::string service, action, member;
    awsapi::Form form;
  };
  std::vector<Asked> all;
  for (const char* service : {"rds", "monitoring", "cloudformation"}) {
    for (const auto& operation : awsapi::service_model(service)->operations) {
      awsapi::Form least = {{"Action", operation.name}};
      for (const auto& member : operation.input->members) {
        if (member.required && texts.contains(member.shape->type)) {
          least[member.wire] = texts.at(member.shape->type);
        }
      }
      for (const auto& member : operation.input->members) {
        if (!texts.contains(member.shape->type)) continue;
        all.push_back({service, operation.name, member.name, least});
        all.back().form[member.wire] = texts.at(member.shape->type);
      }
    }
  }
  FakeRegion region;
  testing::with_server(region, [&](const net::HttpHandler& handler) -> net::Task<void> {
    for (const Asked& one : all) {
      auto handling =
          handler(signed_request("POST", "/", awsapi::encode_form(one.form), one.service));
      const auto answer = co_await std::move(handling);
      const bool refused = answer.body.find("is not supported here") != std::string::npos;
      const auto fate = fate_of(one.service, one.action, one.member);
      EXPECT_TRUE(!refused || (fate && fate->kind == MemberFate::Kind::refused))
          << one.action << " " << one.member << ": " << answer.body;
    }
  });
}

TEST(ApiServer, CallsBetweenServicesAreCheckedAsThoseOfClients) {
  FakeRegion region;
  testing::with_api_server(region, [](ApiServer& server) -> net::Task<void> {
    const auto code_of = [&](std::string service, std::string operation,
                             nlohmann::json input) -> net::Task<std::string> {
      auto calling = server.call(std::move(service), std::move(operation), std::move(input));
      const auto answer = co_await std::move(calling);
      co_return answer.has_error() ? answer.error().code : "";
    };
    auto identity = server.call("sts", "GetCallerIdentity", nlohmann::json::object());
    const auto who = co_await std::move(identity);
    EXPECT_EQ(who.value().at("Account"), "123456789012") << who->dump();
    struct Refused {
      std::string service, operation;
      nlohmann::json input;
      std::string code;
    };
    const std::vector<Refused> all = {
        {"kms", "CreateAlias", {{"AliasName", "alias/x"}}, "ValidationException"},
        {"kms", "CreateKey", {{"Description", 5}}, "SerializationException"},
        {"logs", "DescribeLogStreams", {{"nextToken", "-1"}}, "InvalidParameterException"},
        {"kms", "NoSuchOperation", nlohmann::json::object(), "UnknownOperationException"},
        {"mars", "CreateKey", nlohmann::json::object(), "UnknownOperationException"},
    };
    for (const Refused& one : all) {
      auto asking = code_of(one.service, one.operation, one.input);
      EXPECT_EQ(co_await std::move(asking), one.code) << one.service << " " << one.operation;
    }
  });
}

}  // namespace
}  // namespace aurora_global::services
