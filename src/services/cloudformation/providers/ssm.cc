// AWS::SSM::Parameter, by the service ssm.
#include "services/cloudformation/names.h"
#include "services/cloudformation/providers/all.h"
#include "services/cloudformation/providers/service_call.h"

namespace aurora_global::services::cloudformation {
namespace {

using nlohmann::json;

constexpr Property kParameterProperties[] = {
    {.name = "Name", .kind = Kind::text, .replacing = Replacing::always},
    {.name = "Type", .kind = Kind::text, .required = true},
    {.name = "Value", .kind = Kind::text, .required = true},
    {.name = "Description", .kind = Kind::text},
    {.name = "AllowedPattern", .kind = Kind::text},
    {.name = "DataType", .kind = Kind::text},
    {.name = "Tier", .kind = Kind::text, .fate = Fate::recorded},
    {.name = "Tags", .kind = Kind::object, .fate = Fate::recorded},
    {.name = "Policies", .kind = Kind::text, .fate = Fate::refused, .note = "nothing expires"},
};
constexpr Attribute kParameterAttributes[] = {{.name = "Type", .stable = false},
                                              {.name = "Value", .stable = false}};

class SsmParameter final : public Provider {
 public:
  explicit SsmParameter(const ProviderContext& context) : services_(context.services) {}

  const TypeTable& table() const override {
    static constexpr TypeTable kTable{.type = "AWS::SSM::Parameter",
                                      .properties = kParameterProperties,
                                      .attributes = kParameterAttributes};
    return kTable;
  }

  Result<void> check(const json& properties) const override {
    const std::string type = text_of(properties, "Type");
    if (type != "SecureString") return ok();
    return make_error(ErrorKind::invalid,
                      "Type SecureString is not supported by CloudFormation: use String or "
                      "StringList");
  }

  net::Task<Result<void>> create(const ResourceRequest& request, Made& made) override {
    const bool is_generated = !request.properties.contains("Name");
    std::string name = name_or_generated(request, "Name", {.bytes_max = 1011});
    const bool is_own = is_generated || request.claimed == name;
    if (!is_own) {
      auto looking = current(name);
      const auto there = co_await std::move(looking);
      if (there.has_value()) {
        co_return make_error(ErrorKind::conflict, name + " already exists",
                             "ParameterAlreadyExists");
      }
      if (there.error().kind != ErrorKind::not_found) co_return there.error();
      auto claiming = request.claims->claim(name);
      CO_TRY_VOID(co_await std::move(claiming));
    }
    made.physical_id = name;
    auto putting = put(request, made);
    co_return co_await std::move(putting);
  }

  net::Task<Result<void>> update(const ResourceRequest& request, Made& made) override {
    auto putting = put(request, made);
    co_return co_await std::move(putting);
  }

  net::Task<Result<void>> remove(const ResourceRequest& request) override {
    json input = {{"Name", request.physical_id}};
    auto removing = call_typed(services_, "ssm", "DeleteParameter", std::move(input));
    const auto removed = co_await std::move(removing);
    if (removed.has_error() && removed.error().kind != ErrorKind::not_found) {
      co_return removed.error();
    }
    co_return ok();
  }

  net::Task<Result<void>> read(const ResourceRequest& request, Made& made) override {
    auto looking = current(request.physical_id);
    CO_TRY(const json parameter, co_await std::move(looking));
    made.physical_id = parameter.at("Name").get<std::string>();
    made.attributes = members_of(parameter, {"Type", "Value"});
    co_return ok();
  }

 private:
  net::Task<Result<json>> current(std::string name) {
    json input = {{"Name", std::move(name)}};
    auto asking = call_typed(services_, "ssm", "GetParameter", std::move(input));
    CO_TRY(const json answer, co_await std::move(asking));
    co_return answer.at("Parameter");
  }

  net::Task<Result<void>> put(const ResourceRequest& request, Made& made) {
    json input = members_of(request.properties,
                            {"Type", "Value", "Description", "AllowedPattern", "DataType"});
    input["Name"] = made.physical_id;
    input["Overwrite"] = true;
    auto putting = call_typed(services_, "ssm", "PutParameter", std::move(input));
    CO_TRY_VOID(co_await std::move(putting));
    made.attributes = members_of(request.properties, {"Type", "Value"});
    co_return ok();
  }

  ServiceCaller& services_;
};

}  // namespace

void add_ssm(Providers& providers, const ProviderContext& context) {
  providers.add(std::make_unique<SsmParameter>(context));
}

}  // namespace aurora_global::services::cloudformation
