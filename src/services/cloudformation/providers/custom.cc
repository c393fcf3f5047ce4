// Custom resources: a function is asked for them, and answers to a URL.
//
// Source: AWS CloudFormation, "Custom resource reference": the request's fields, the answer's, and
// what is wrong with one.
#include "base/base64.h"
#include "base/json.h"
#include "services/cloudformation/providers/all.h"
#include "services/cloudformation/providers/service_call.h"
#include "services/custom_answers.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;

constexpr Property kCustomProperties[] = {
    {.name = "ServiceToken",
     .kind = Kind::text,
     .replacing = Replacing::always,
     .required = true,
     .note = "a function of this region"},
    {.name = "ServiceTimeout", .kind = Kind::number, .note = "seconds, 1 to 3600"},
};

constexpr std::int64_t kTimeoutMaxS = 3600;
constexpr std::size_t kAnswerBytesMax = 4096;
constexpr Duration kAskEvery = std::chrono::milliseconds(500);

// CloudFormation tells functions every number and truth value as text.
json as_texts(const json& value) {
  if (value.is_number() || value.is_boolean()) return value.dump();
  if (!value.is_structured()) return value;
  json all = value;
  for (auto& [key, one] : all.items()) one = as_texts(one);
  return all;
}

std::int64_t timeout_of(const json& properties) {
  const json seconds = parse_json(text_of(properties, "ServiceTimeout"));
  return seconds.is_number_integer() ? seconds.get<std::int64_t>() : kTimeoutMaxS;
}

Error broken(std::string message) { return make_error(ErrorKind::invalid, std::move(message)); }

// The answer of a function, judged.
Result<json> judge(const ResourceRequest& request, const std::string& text) {
  if (text.size() > kAnswerBytesMax) return broken("Response object is too long.");
  const json answer = parse_json(text);
  if (!answer.is_object()) return broken("Response is not valid JSON");
  const auto member = [&](const char* name) {
    const auto found = answer.find(name);
    return found != answer.end() && found->is_string() ? found->get<std::string>() : "";
  };
  const std::string status = member("Status");
  for (const auto& [name, wanted] :
       std::initializer_list<std::pair<const char*, const std::string&>>{
           {"StackId", request.stack_id},
           {"RequestId", request.token},
           {"LogicalResourceId", request.logical_id}}) {
    if (member(name) != wanted) {
      return broken("Invalid " + std::string(name) + " in the custom resource's response");
    }
  }
  if (status == "FAILED") {
    return make_error(ErrorKind::unavailable,
                      "Received response status [FAILED] from custom resource. Message returned: " +
                          member("Reason"));
  }
  if (status != "SUCCESS") {
    return broken("Invalid Status in the custom resource's response: SUCCESS or FAILED");
  }
  if (member("PhysicalResourceId").empty()) return broken("Invalid PhysicalResourceId");
  if (answer.contains("Data") && !answer["Data"].is_object() && !answer["Data"].is_null()) {
    return broken("Data of the custom resource's response is no object");
  }
  return answer;
}

class CustomResource final : public Provider {
 public:
  CustomResource(const ProviderContext& context, std::string_view type)
      : services_(context.services),
        answers_(context.answers),
        table_{.type = type, .properties = kCustomProperties, .attributes = {}, .takes_any = true} {
  }

  const TypeTable& table() const override { return table_; }

  Result<void> check(const json& properties) const override {
    const std::string token = text_of(properties, "ServiceToken");
    if (token.rfind("arn:", 0) == 0 && token.find(":lambda:") == std::string::npos) {
      return broken("ServiceToken: custom resources are asked of functions here, not of " + token);
    }
    const std::int64_t timeout = timeout_of(properties);
    if (timeout >= 1 && timeout <= kTimeoutMaxS) return ok();
    return broken("ServiceTimeout must be from 1 to 3600 seconds");
  }

  net::Task<Result<void>> create(const ResourceRequest& request, Made& made) override {
    std::string text;
    auto asking = ask(request, "Create", &text);
    const auto answer = co_await std::move(asking);
    if (answer.has_error()) {
      // Also a function that fails says what it has made: it is asked to delete that.
      made.physical_id = text_of(object_or_empty(text), "PhysicalResourceId");
      co_return answer.error();
    }
    take(*answer, made);
    co_return ok();
  }

  net::Task<Result<void>> update(const ResourceRequest& request, Made& made) override {
    auto asking = ask(request, "Update");
    CO_TRY(const json answer, co_await std::move(asking));
    take(answer, made);
    co_return ok();
  }

  net::Task<Result<void>> remove(const ResourceRequest& request) override {
    auto asking = ask(request, "Delete");
    CO_TRY_VOID(co_await std::move(asking));
    co_return ok();
  }

  // Nobody can be asked without asking for something.
  net::Task<Result<void>> read(const ResourceRequest& request, Made& made) override {
    made.physical_id = request.physical_id;
    co_return ok();
  }

 private:
  static json object_or_empty(const std::string& text) {
    json value = parse_json(text);
    return value.is_object() ? value : json::object();
  }

  static void take(const json& answer, Made& made) {
    made.physical_id = answer.at("PhysicalResourceId").get<std::string>();
    made.attributes = answer.value("Data", json::object());
    if (made.attributes.is_null()) made.attributes = json::object();
  }

  static json event_of(const ResourceRequest& request, const char* kind, const std::string& url) {
    json event = {{"RequestType", kind},
                  {"ServiceToken", request.properties.value("ServiceToken", json(""))},
                  {"ResponseURL", url},
                  {"StackId", request.stack_id},
                  {"RequestId", request.token},
                  {"LogicalResourceId", request.logical_id},
                  {"ResourceType", request.type},
                  {"ResourceProperties", as_texts(request.properties)}};
    if (!request.physical_id.empty()) event["PhysicalResourceId"] = request.physical_id;
    if (std::string_view(kind) == "Update") {
      event["OldResourceProperties"] = as_texts(request.former_properties);
    }
    return event;
  }

  // `told` becomes the answer as it came.
  net::Task<Result<json>> ask(const ResourceRequest& request, const char* kind,
                              std::string* told = nullptr) {
    if (answers_ == nullptr) co_return broken("Custom resources cannot be asked here");
    CustomAnswers::Address address(*answers_);
    json input = {{"FunctionName", text_of(request.properties, "ServiceToken")},
                  {"InvocationType", "Event"},
                  {"Payload", base64(event_of(request, kind, address.url())
                                         .dump(-1, ' ', false, json::error_handler_t::replace))}};
    auto invoking = services_.call("lambda", "Invoke", std::move(input));
    CO_TRY_VOID(co_await std::move(invoking));
    const Deadline limit = Deadline::in(std::chrono::seconds(timeout_of(request.properties)));
    while (!limit.passed()) {
      auto waiting = address.wait(limit.at_most(kAskEvery));
      const auto text = co_await std::move(waiting);
      if (text && told != nullptr) *told = *text;
      if (text) co_return judge(request, *text);
      if (request.is_called_off()) {
        co_return make_error(ErrorKind::cancelled, "Resource creation cancelled");
      }
    }
    co_return make_error(ErrorKind::timeout,
                         "CloudFormation did not receive a response from your custom resource. "
                         "Please check your logs for requestId [" +
                             request.token + "].");
  }

  ServiceCaller& services_;
  CustomAnswers* answers_;
  TypeTable table_;
};

}  // namespace

void add_custom(Providers& providers, const ProviderContext& context) {
  providers.add(std::make_unique<CustomResource>(context, "Custom::*"));
  providers.add(std::make_unique<CustomResource>(context, "AWS::CloudFormation::CustomResource"));
}

}  // namespace aurora_global::services::cloudformation
