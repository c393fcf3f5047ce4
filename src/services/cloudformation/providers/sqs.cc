// AWS::SQS::Queue, by the service sqs.
#include "services/cloudformation/providers/all.h"
#include "services/cloudformation/providers/service_call.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;

constexpr const char* kNoOrder = "queues have no order";

constexpr Property kQueueProperties[] = {
    {.name = "QueueName", .kind = Kind::text, .replacing = Replacing::always},
    {.name = "DelaySeconds", .kind = Kind::number},
    {.name = "MaximumMessageSize", .kind = Kind::number},
    {.name = "MessageRetentionPeriod", .kind = Kind::number},
    {.name = "ReceiveMessageWaitTimeSeconds", .kind = Kind::number},
    {.name = "VisibilityTimeout", .kind = Kind::number},
    {.name = "RedrivePolicy", .kind = Kind::any},
    {.name = "RedriveAllowPolicy", .kind = Kind::any, .fate = Fate::recorded},
    {.name = "SqsManagedSseEnabled", .kind = Kind::truth, .fate = Fate::recorded},
    {.name = "KmsMasterKeyId", .kind = Kind::text, .fate = Fate::recorded},
    {.name = "KmsDataKeyReusePeriodSeconds", .kind = Kind::number, .fate = Fate::recorded},
    {.name = "Tags", .kind = Kind::list},
    {.name = "FifoQueue", .fate = Fate::refused, .note = kNoOrder},
    {.name = "ContentBasedDeduplication", .fate = Fate::refused, .note = kNoOrder},
    {.name = "DeduplicationScope", .fate = Fate::refused, .note = kNoOrder},
    {.name = "FifoThroughputLimit", .fate = Fate::refused, .note = kNoOrder},
};
constexpr Attribute kQueueAttributes[] = {
    {.name = "Arn"}, {.name = "QueueName"}, {.name = "QueueUrl"}};

// The attributes that a queue is made with, and what each is without a word about it.
constexpr std::pair<const char*, const char*> kQueueDefaults[] = {
    {"DelaySeconds", "0"},
    {"MaximumMessageSize", "1048576"},
    {"MessageRetentionPeriod", "345600"},
    {"ReceiveMessageWaitTimeSeconds", "0"},
    {"VisibilityTimeout", "30"},
    {"RedrivePolicy", ""},
    {"RedriveAllowPolicy", ""},
    {"SqsManagedSseEnabled", ""},
    {"KmsMasterKeyId", ""},
    {"KmsDataKeyReusePeriodSeconds", ""},
};

json attributes_of(const json& properties) {
  json attributes = json::object();
  for (const auto& [name, otherwise] : kQueueDefaults) {
    const json value = properties.value(name, json(otherwise));
    attributes[name] = value.is_string() ? value : json(value.dump());
  }
  return attributes;
}

class Queue final : public Provider {
 public:
  explicit Queue(const ProviderContext& context) : services_(context.services) {}

  const TypeTable& table() const override {
    static constexpr TypeTable kTable{
        .type = "AWS::SQS::Queue", .properties = kQueueProperties, .attributes = kQueueAttributes};
    return kTable;
  }

  net::Task<Result<void>> create(const ResourceRequest& request, Made& made) override {
    const bool is_generated = text_of(request.properties, "QueueName").empty();
    std::string name = name_or_generated(request, "QueueName", {.bytes_max = 80});
    if (!is_generated) {
      auto claiming = claim_name(request, name, ask("GetQueueUrl", {{"QueueName", name}}));
      CO_TRY_VOID(co_await std::move(claiming));
    }
    auto creating = ask("CreateQueue", {{"QueueName", name},
                                        {"Attributes", attributes_of(request.properties)},
                                        {"tags", object_of(tags_of(request.properties))}});
    CO_TRY(const json created, co_await std::move(creating));
    made.physical_id = created.at("QueueUrl").get<std::string>();
    auto showing = show(made);
    co_return co_await std::move(showing);
  }

  net::Task<Result<void>> update(const ResourceRequest& request, Made& made) override {
    const std::string url = request.physical_id;
    auto setting = ask("SetQueueAttributes",
                       {{"QueueUrl", url}, {"Attributes", attributes_of(request.properties)}});
    CO_TRY_VOID(co_await std::move(setting));
    auto asking = ask("ListQueueTags", {{"QueueUrl", url}});
    CO_TRY(const json shown, co_await std::move(asking));
    Tagging of{.service = "sqs",
               .resource = {{"QueueUrl", url}},
               .tag = "TagQueue",
               .untag = "UntagQueue",
               .tags = "Tags",
               .keys = "TagKeys"};
    auto tagging = retag(services_, std::move(of), shown.value("Tags", json::object()),
                         object_of(tags_of(request.properties)));
    CO_TRY_VOID(co_await std::move(tagging));
    auto showing = show(made);
    co_return co_await std::move(showing);
  }

  net::Task<Result<void>> remove(const ResourceRequest& request) override {
    auto removing = ask("DeleteQueue", {{"QueueUrl", request.physical_id}});
    co_return removed(co_await std::move(removing));
  }

  net::Task<Result<void>> read(const ResourceRequest& request, Made& made) override {
    made.physical_id = request.physical_id;
    auto showing = show(made);
    const auto shown = co_await std::move(showing);
    if (shown.has_error()) made.physical_id.clear();
    if (shown.has_error()) co_return shown;
    // A queue has many URLs, and one by which stacks refer to it.
    json named = members_of(made.attributes, {"QueueName"});
    auto asking = ask("GetQueueUrl", std::move(named));
    CO_TRY(const json answer, co_await std::move(asking));
    made.physical_id = answer.at("QueueUrl").get<std::string>();
    made.attributes["QueueUrl"] = made.physical_id;
    co_return ok();
  }

 private:
  net::Task<Result<json>> ask(std::string operation, json input) {
    return call_typed(services_, "sqs", std::move(operation), std::move(input));
  }

  net::Task<Result<void>> show(Made& made) {
    auto asking = ask("GetQueueAttributes",
                      {{"QueueUrl", made.physical_id}, {"AttributeNames", {"QueueArn"}}});
    CO_TRY(const json shown, co_await std::move(asking));
    const std::string arn = shown.at("Attributes").at("QueueArn").get<std::string>();
    made.attributes = {{"Arn", arn},
                       {"QueueName", arn.substr(arn.rfind(':') + 1)},
                       {"QueueUrl", made.physical_id}};
    co_return ok();
  }

  ServiceCaller& services_;
};

}  // namespace

void add_sqs(Providers& providers, const ProviderContext& context) {
  providers.add(std::make_unique<Queue>(context));
}

}  // namespace aurora_global::services::cloudformation
