// Goal: whatever protocol a request comes in, its members are read by AWS's models, what is wrong
// with them is told in AWS's words, and bytes that are none of the protocol's end as an error.
#include "awsapi/input.h"

#include <gtest/gtest.h>

#include "awsapi/cbor.h"
#include "awsapi/output.h"
#include "base/json.h"

namespace aurora_global::awsapi {
namespace {

using nlohmann::json;

const OperationModel& operation(std::string_view service, std::string_view name) {
  return *service_model(service)->operation(name);
}

Result<Input> document(std::string_view service, std::string_view name, const char* text) {
  return read_document(*operation(service, name).input, json::parse(text));
}

Input form(std::string_view service, std::string_view name, const char* text) {
  return read_form(*operation(service, name).input, *parse_form(text));
}

TEST(ServiceModel, KnowsWhatIsServed) {
  for (const char* service : {"rds", "lambda", "monitoring", "logs", "secretsmanager", "kms", "sts",
                              "cloudformation", "ssm", "s3", "iam", "ec2"}) {
    const ServiceModel* model = service_model(service);
    ASSERT_NE(model, nullptr) << service;
    EXPECT_FALSE(model->operations.empty()) << service;
  }
  EXPECT_EQ(service_model("mars"), nullptr);
}

TEST(Input, MembersOfADocumentAreRead) {
  const auto read = document("monitoring", "PutMetricData",
                             R"({"Namespace": "n", "Unknown": [[1]], "MetricData": [
                                {"MetricName": "m", "Value": 1, "Timestamp": "2026-01-31T12:00:00Z",
                                 "Dimensions": null}]})");
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_TRUE(read->flaws.empty());
  EXPECT_EQ(read->object, json::parse(R"({"Namespace": "n", "MetricData": [
      {"MetricName": "m", "Value": 1, "Timestamp": 1769860800.0}]})"));
}

TEST(Input, AnotherTypeIsNoDocumentOfTheOperation) {
  for (const char* text :
       {"[]", R"({"Namespace": 5})", R"({"Dimensions": [{"Name": 5}]})", R"({"Dimensions": {}})",
        R"({"Dimensions": ["x"]})", R"({"Dimensions": [null]})", R"({"Namespace": {"a": 1}})"}) {
    const auto read = document("monitoring", "ListMetrics", text);
    ASSERT_TRUE(read.has_error()) << text;
    EXPECT_EQ(read.error().code, "SerializationException");
  }
}

TEST(Input, ConstraintsAreToldInAwsWords) {
  const auto read = document("logs", "GetLogEvents",
                             R"({"logGroupName": "a b", "limit": 10001, "startTime": -1})");
  ASSERT_TRUE(read.has_value());
  ASSERT_EQ(read->flaws.size(), 4u);
  const std::string all = sentence_of(read->flaws);
  EXPECT_EQ(all.rfind("4 validation errors detected: Value ", 0), 0u) << all;
  for (const char* part :
       {"Value 'a b' at 'logGroupName' failed to satisfy constraint: Member must satisfy regular "
        "expression pattern: [\\.\\-_/#A-Za-z0-9]+",
        "Value null at 'logStreamName' failed to satisfy constraint: Member must not be null",
        "Value '10001' at 'limit' failed to satisfy constraint: Member must have value less than "
        "or equal to 10000",
        "Value '-1' at 'startTime' failed to satisfy constraint: Member must have value greater "
        "than or equal to 0"}) {
    EXPECT_NE(all.find(part), std::string::npos) << all;
  }
}

TEST(Input, WhatIsSecretIsNotTold) {
  const std::string secret(70'000, 's');
  const auto read = read_document(*operation("secretsmanager", "CreateSecret").input,
                                  {{"Name", "n"}, {"SecretString", secret}});
  ASSERT_TRUE(read.has_value());
  ASSERT_EQ(read->flaws.size(), 1u);
  EXPECT_EQ(read->flaws[0].sentence.find("sss"), std::string::npos) << read->flaws[0].sentence;
  EXPECT_NE(read->flaws[0].sentence.find("***Sensitive***"), std::string::npos);
}

TEST(Input, AFormIsReadByTheModel) {
  const Input read = form("rds", "DescribeDBClusters",
                          "Filters.Filter.2.Name=b&Filters.Filter.2.Values.Value.1=2&"
                          "Filters.Filter.1.Name=a&Filters.Filter.1.Values.Value.3=1&"
                          "MaxRecords=20&IncludeShared=true");
  EXPECT_TRUE(read.flaws.empty()) << sentence_of(read.flaws);
  EXPECT_EQ(read.object, json::parse(R"({"Filters": [{"Name": "a", "Values": ["1"]},
      {"Name": "b", "Values": ["2"]}], "MaxRecords": 20, "IncludeShared": true})"));
}

TEST(Input, AFormOfAThousandDataIsRead) {
  std::string text = "Namespace=n";
  for (int i = 1; i <= 1000; ++i) {
    const std::string datum = "&MetricData.member." + std::to_string(i);
    text += datum + ".MetricName=m" + datum + ".Value=1.5" + datum + ".Unit=Count" + datum +
            ".Dimensions.member.1.Name=d" + datum + ".Dimensions.member.1.Value=v";
  }
  const Input read = form("monitoring", "PutMetricData", text.c_str());
  EXPECT_TRUE(read.flaws.empty()) << sentence_of(read.flaws);
  EXPECT_EQ(read.object["MetricData"].size(), 1000u);
}

TEST(Input, AFormThatContradictsItselfOrTheModelIsFlawed) {
  for (const char* text :
       {"Filters=x", "Filters.Filter=x", "Filters.Filter.0.Name=a", "Filters.Filter.x.Name=a",
        "Filters.Other.1.Name=a", "MaxRecords=abc", "MaxRecords=1.5", "MaxRecords.a=1",
        "IncludeShared=1", "Nothing=1", "=1", "...=1", "Filters.Filter.1.Values.Value.1.x=1",
        "Filters.Filter.1.Name.a=1&Filters.Filter.1.Name=b",
        "Filters.Filter.99999999999999999999.Name=a"}) {
    EXPECT_FALSE(form("rds", "DescribeDBClusters", text).flaws.empty()) << text;
  }
  std::string deep = "Filters";
  for (int i = 0; i < 100'000; ++i) deep += ".x";
  EXPECT_FALSE(form("rds", "DescribeDBClusters", (deep + "=1").c_str()).flaws.empty());
}

TEST(Input, AnEmptyListMayBeSentAsAnEmptyParameter) {
  const Input read = form("rds", "DescribeDBClusters", "Filters=");
  EXPECT_TRUE(read.flaws.empty());
  EXPECT_EQ(read.object["Filters"], json::array());
}

TEST(Input, RestRequestsAreRoutedByPathAndMethod) {
  const ServiceModel& lambda = *service_model("lambda");
  const FormPairs query = {{"Qualifier", "$LATEST"}, {"Other", "x"}};
  const std::vector<std::pair<std::string, std::string>> headers = {
      {"x-amz-invocation-type", "Event"}};
  const RestRequest invoke{"POST", "/2015-03-31/functions/a%2Db/invocations", &query, &headers};
  const OperationModel* found = route(lambda, invoke);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->name, "Invoke");
  const Input read = *read_rest(*found, invoke, json::object());
  EXPECT_TRUE(read.flaws.empty()) << sentence_of(read.flaws);
  EXPECT_EQ(read.object, json::parse(R"({"FunctionName": "a-b", "InvocationType": "Event",
                                        "Qualifier": "$LATEST"})"));
  EXPECT_EQ(route(lambda, {"GET", "/2015-03-31/functions/", &query, &headers})->name,
            "ListFunctions");
  EXPECT_EQ(route(lambda, {"PUT", "/2015-03-31/functions/", &query, &headers}), nullptr);
  EXPECT_EQ(route(lambda, {"GET", "/2015-03-31/functions//x", &query, &headers}), nullptr);
  EXPECT_EQ(route(lambda, {"GET", "", &query, &headers}), nullptr);
}

TEST(Input, RestMembersComeFromPathQueryAndDocument) {
  const ServiceModel& lambda = *service_model("lambda");
  const std::vector<std::pair<std::string, std::string>> headers;
  const FormPairs keys = {{"tagKeys", "a"}, {"tagKeys", "b c"}};
  const std::string arn = "arn:aws:lambda:us-east-1:123456789012:function:f";
  const RestRequest untag{"DELETE",
                          "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012"
                          "%3Afunction%3Af",
                          &keys, &headers};
  EXPECT_FALSE(has_document(*route(lambda, untag)));
  EXPECT_EQ(read_rest(*route(lambda, untag), untag, json::object())->object,
            (json{{"Resource", arn}, {"TagKeys", {"a", "b c"}}}));

  const RestRequest change{"PUT", "/2015-03-31/functions/f/configuration", &keys, &headers};
  const OperationModel& operation = *route(lambda, change);
  EXPECT_TRUE(has_document(operation));
  const Input read = *read_rest(operation, change, {{"MemorySize", 256}, {"Unknown", 1}});
  EXPECT_TRUE(read.flaws.empty()) << sentence_of(read.flaws);
  EXPECT_EQ(read.object, (json{{"FunctionName", "f"}, {"MemorySize", 256}}));
  EXPECT_EQ(read_rest(operation, change, {{"MemorySize", 1}})->flaws.size(), 1u);
  EXPECT_EQ(read_rest(operation, change, {{"MemorySize", "much"}}).error().code,
            "SerializationException");
  const FormPairs twice = {{"Qualifier", "$LATEST"}, {"Qualifier", "$LATEST"}};
  const RestRequest invoke{"POST", "/2015-03-31/functions/f/invocations", &twice, &headers};
  EXPECT_EQ(read_rest(*route(lambda, invoke), invoke, json::object()).error().code,
            "InvalidParameterCombination");
}

TEST(Cbor, ReadsWhatItWrites) {
  const json value = {
      {"MetricDataResults", {{{"Id", "m"}, {"Timestamps", {1.5, 2}}, {"Values", {1, -2.5, 300}}}}},
      {"NextToken", "x"},
      {"Other", {{"a", -5}, {"b", 70'000}, {"c", nullptr}, {"d", true}}}};
  const std::string bytes = write_cbor(operation("monitoring", "GetMetricData").output, value);
  const auto back = read_cbor(bytes);
  ASSERT_TRUE(back.has_value()) << back.error().message;
  EXPECT_EQ(*back, value);
  // Timestamps have tag 1, values are 64-bit floats.
  EXPECT_NE(bytes.find("\xC1\xFB"), std::string::npos);
}

TEST(Cbor, KnowsTheExamplesOfTheRfc) {
  const std::pair<std::string, json> cases[] = {
      {std::string("\x00", 1), 0},
      {"\x18\x18", 24},
      {"\x1B\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", UINT64_MAX},
      {"\x39\x03\xE7", -1000},
      {std::string("\xF9\x3C\x00", 3), 1.0},
      {std::string("\xF9\x00\x01", 3), 5.960464477539063e-8},
      {std::string("\xFA\x47\xC3\x50\x00", 5), 100000.0},
      {"\xF4", false},
      {"\xF7", nullptr},
      {"\xC1\x1A\x51\x4B\x67\xB0", 1363896240},
      {"\x7F\x65strea\x64ming\xFF", "streaming"},
      {"\x9F\x01\x82\x02\x03\xFF", {1, {2, 3}}},
      {"\xBF\x61"
       "a\x01\xFF",
       {{"a", 1}}}};
  for (const auto& [bytes, value] : cases) {
    const auto read = read_cbor(bytes);
    ASSERT_TRUE(read.has_value()) << value << ": " << read.error().message;
    EXPECT_EQ(*read, value);
  }
}

TEST(Cbor, RefusesWhatIsNone) {
  for (const std::string& bytes :
       {std::string(), std::string("\x1C"), std::string("\x81"), std::string("\x00\x00", 2),
        std::string("\x62\xFF\xFE"), std::string("\xA1\x01\x02"), std::string("\xFF"),
        std::string("\x9B\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), std::string("\x7F\x41x\xFF"),
        std::string("\xA2\x61"
                    "a\x01\x61"
                    "a\x02"),
        std::string("\xF8\x10"), std::string(1'000'000, '\x81'), std::string(1'000'000, '\x9F'),
        std::string(1'000'000, '\xC1'), std::string("\x3B\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF")}) {
    EXPECT_TRUE(read_cbor(bytes).has_error()) << bytes.substr(0, 10);
  }
}

TEST(Output, XmlFollowsTheModel) {
  const OperationModel& statistics = operation("monitoring", "GetMetricStatistics");
  XmlWriter xml("Root", "ns");
  write_xml(xml, "Result", *statistics.output,
            json::parse(R"({"Label": "l", "Datapoints": [{"Timestamp": 1.5, "Average": 2,
                "ExtendedStatistics": {"p99": 3.5}}]})"));
  const std::string text = xml.finish();
  EXPECT_NE(text.find("<Result><Datapoints><member>"), std::string::npos) << text;
  EXPECT_NE(text.find("<Timestamp>1970-01-01T00:00:01.500Z</Timestamp>"), std::string::npos);
  EXPECT_NE(text.find("<entry><key>p99</key><value>3.5</value></entry>"), std::string::npos);
  const OperationError* error = error_of(*service_model("monitoring"), "InvalidParameterValue");
  ASSERT_NE(error, nullptr);
  EXPECT_EQ(error->shape, "InvalidParameterValueException");
  EXPECT_EQ(error_of(*service_model("monitoring"), "Other"), nullptr);
}

// As long as PutMetricData may be, but for texts.
json largest_put(int values, int dimensions) {
  json datum = {{"MetricName", "m"},
                {"Timestamp", 1},
                {"Unit", "None"},
                {"StorageResolution", 60},
                {"Values", json(values, 1)},
                {"Counts", json(values, 1)}};
  for (int i = 0; i < dimensions; ++i) {
    datum["Dimensions"].push_back({{"Name", std::to_string(i)}, {"Value", "v"}});
  }
  return {{"Namespace", "N"}, {"MetricData", json(1000, datum)}};
}

TEST(Limits, TheLargestRequestIsRead) {
  const json put = largest_put(150, 30);
  const Shape& shape = *operation("monitoring", "PutMetricData").input;
  for (const json& sent :
       {parse_json(put.dump(), kJsonValuesMax), *read_cbor(write_cbor(nullptr, put))}) {
    const auto read = read_document(shape, sent);
    ASSERT_TRUE(read.has_value());
    EXPECT_TRUE(read->flaws.empty());
    EXPECT_EQ(read->object["MetricData"][999]["Counts"].size(), 150u);
  }
}

TEST(Limits, TheLargestFormIsRead) {
  std::string text = "Namespace=N";
  for (int datum = 1; datum <= 1000; ++datum) {
    const std::string before = "&MetricData.member." + std::to_string(datum) + ".";
    text += before + "MetricName=m";
    for (const std::string list : {"Values", "Counts"}) {
      for (int i = 1; i <= 100; ++i) {
        text += before + list + ".member." + std::to_string(i) + "=1";
      }
    }
  }
  EXPECT_LT(text.size(), 8u << 20);
  const Input read = form("monitoring", "PutMetricData", text.c_str());
  EXPECT_TRUE(read.flaws.empty());
  EXPECT_EQ(read.object["MetricData"].size(), 1000u);
  EXPECT_EQ(read.object["MetricData"][999]["Counts"].size(), 100u);
}

TEST(Limits, NamesOfManyPartsAreNoForm) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) {
    text += "a" + std::to_string(i);
    for (int part = 0; part < 40; ++part) text += ".b";
    text += "=&";
  }
  const Input read = form("monitoring", "ListMetrics", text.c_str());
  ASSERT_EQ(read.flaws.size(), 1u);  // One for each of them, were they all looked at.
  EXPECT_EQ(read.flaws[0].kind, Flaw::Kind::unknown);
}

}  // namespace
}  // namespace aurora_global::awsapi
