// Goal: defaults are sensible, every wrong field is named, and the pace covers the failover.
#include "functions/crud_operations.h"

#include <gtest/gtest.h>

namespace aurora_global::functions {
namespace {

using nlohmann::json;

TEST(CrudRequest, DefaultsAreSensible) {
  const auto request = parse_crud_request(json::object());
  ASSERT_TRUE(request.has_value());
  EXPECT_FALSE(request->trigger_failover);
  EXPECT_EQ(request->failover_type, "planned");
  EXPECT_EQ(request->operations, 50u);
  EXPECT_EQ(request->concurrency, 5);
  EXPECT_FALSE(pace_of(*request).has_value());
}

TEST(CrudRequest, WrongFieldsAreNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"operations": 0})", "operations"},
      {R"({"operations": -9223372036854775808})", "operations"},
      {R"({"operations": 18446744073709551615})", "operations"},
      {R"({"operations": 1e3})", "operations"},
      {R"({"operations": null})", "operations"},
      {R"({"concurrency": 101})", "concurrency"},
      {R"({"duration_seconds": 841})", "duration_seconds"},
      {R"({"trigger_failover": 1})", "trigger_failover"},
      {R"({"failover_type": "PLANNED"})", "failover_type"},
      {R"({"operation_type": "drop"})", "operation_type"},
      {R"({"Operations": 1})", "Operations"},
      {R"([1])", "object"},
      {R"("text")", "object"},
  };
  for (const auto& [text, named] : cases) {
    const auto request = parse_crud_request(json::parse(text));
    ASSERT_TRUE(request.has_error()) << text;
    EXPECT_EQ(request.error().code, "InvalidPayload");
    EXPECT_NE(request.error().message.find(named), std::string::npos) << request.error().message;
  }
}

TEST(CrudRequest, OperationsAreSpreadOverTheFailover) {
  CrudRequest request;
  request.trigger_failover = true;
  request.operations = 50;
  EXPECT_EQ(pace_of(request), 25);
  request.operations = 1;
  EXPECT_EQ(pace_of(request), 20);
  request.operations = 1'000'000;
  EXPECT_EQ(pace_of(request), 2000);
  request.operations = 600;
  request.operations_given = true;
  request.duration_seconds = 10;
  EXPECT_EQ(pace_of(request), 60);
}

}  // namespace
}  // namespace aurora_global::functions
