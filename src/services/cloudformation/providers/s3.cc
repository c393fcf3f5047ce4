// AWS::S3::Bucket, by the service s3.
#include "services/cloudformation/names.h"
#include "services/cloudformation/providers/all.h"
#include "services/cloudformation/providers/service_call.h"
#include "services/cloudformation/providers/tables.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;
using enum Kind;

constexpr Property kBucketProperties[] = {
    {.name = "BucketName", .kind = text, .replacing = Replacing::always},
    {.name = "VersioningConfiguration", .kind = object},
    {.name = "BucketEncryption", .kind = object, .fate = Fate::recorded},
    loose("AccessControl", text),
    loose("LifecycleConfiguration", object),
    loose("PublicAccessBlockConfiguration", object),
    loose("OwnershipControls", object),
    loose("Tags", list),
    not_here("NotificationConfiguration", "no events come of objects"),
    not_here("WebsiteConfiguration", "there are no web sites"),
    not_here("ReplicationConfiguration", "buckets are not replicated"),
    not_here("ObjectLockEnabled", "objects are not locked"),
};
constexpr Attribute kBucketAttributes[] = {
    {"Arn"}, {"DomainName"}, {"RegionalDomainName"}, {"DualStackDomainName"}};

class Bucket final : public Provider {
 public:
  explicit Bucket(const ProviderContext& context) : services_(context.services) {}

  const TypeTable& table() const override {
    static constexpr TypeTable kTable{.type = "AWS::S3::Bucket",
                                      .properties = kBucketProperties,
                                      .attributes = kBucketAttributes};
    return kTable;
  }

  net::Task<Result<void>> create(const ResourceRequest& request, Made& made) override {
    std::string name = name_or_generated(request, "BucketName",
                                         {.bytes_max = 63, .letter_case = LetterCase::lower});
    const bool is_own = !request.properties.contains("BucketName") || request.claimed == name;
    auto looking = exists(name);
    CO_TRY(const bool is_there, co_await std::move(looking));
    if (is_there && !is_own) {
      co_return make_error(ErrorKind::conflict, name + " already exists", "BucketAlreadyExists");
    }
    if (!is_own) {
      auto claiming = request.claims->claim(name);
      CO_TRY_VOID(co_await std::move(claiming));
    }
    made.physical_id = name;
    if (!is_there) {
      json input = {{"Bucket", name}};
      if (request.region != "us-east-1") {
        input["CreateBucketConfiguration"] = {{"LocationConstraint", request.region}};
      }
      auto creating = call_typed(services_, "s3", "CreateBucket", std::move(input));
      CO_TRY_VOID(co_await std::move(creating));
    }
    auto configuring = configure(request, made);
    co_return co_await std::move(configuring);
  }

  net::Task<Result<void>> update(const ResourceRequest& request, Made& made) override {
    auto configuring = configure(request, made);
    co_return co_await std::move(configuring);
  }

  net::Task<Result<void>> remove(const ResourceRequest& request) override {
    json input = {{"Bucket", request.physical_id}};
    auto removing = call_typed(services_, "s3", "DeleteBucket", std::move(input));
    const auto removed = co_await std::move(removing);
    if (removed.has_error() && removed.error().kind != ErrorKind::not_found) {
      co_return removed.error();
    }
    co_return ok();
  }

  net::Task<Result<void>> read(const ResourceRequest& request, Made& made) override {
    auto looking = exists(request.physical_id);
    CO_TRY(const bool is_there, co_await std::move(looking));
    if (!is_there) co_return make_error(ErrorKind::not_found, "The bucket does not exist");
    made.physical_id = request.physical_id;
    made.attributes = attributes_of(request, made.physical_id);
    co_return ok();
  }

 private:
  static json attributes_of(const ResourceRequest& request, const std::string& name) {
    return {{"Arn", "arn:aws:s3:::" + name},
            {"DomainName", name + ".s3.amazonaws.com"},
            {"RegionalDomainName", name + ".s3." + request.region + ".amazonaws.com"},
            {"DualStackDomainName", name + ".s3.dualstack." + request.region + ".amazonaws.com"}};
  }

  net::Task<Result<bool>> exists(std::string name) {
    json input = {{"Bucket", std::move(name)}};
    auto asking = call_typed(services_, "s3", "HeadBucket", std::move(input));
    const auto answer = co_await std::move(asking);
    if (answer.has_value()) co_return true;
    if (answer.error().kind == ErrorKind::not_found) co_return false;
    co_return answer.error();
  }

  net::Task<Result<void>> configure(const ResourceRequest& request, Made& made) {
    const char* kVersioning = "VersioningConfiguration";
    const json& wanted = core::property_or_null(request.properties, kVersioning);
    const json& before = core::property_or_null(request.former_properties, kVersioning);
    if (wanted != before) {
      const std::string status = wanted.is_object() ? text_of(wanted, "Status") : "Suspended";
      json input = {{"Bucket", made.physical_id}, {kVersioning, {{"Status", status}}}};
      auto putting = call_typed(services_, "s3", "PutBucketVersioning", std::move(input));
      CO_TRY_VOID(co_await std::move(putting));
    }
    made.attributes = attributes_of(request, made.physical_id);
    co_return ok();
  }

  ServiceCaller& services_;
};

}  // namespace

void add_s3(Providers& providers, const ProviderContext& context) {
  providers.add(std::make_unique<Bucket>(context));
}

}  // namespace aurora_global::services::cloudformation
